//! Any story: which settings and steps are told, and how often.
use super::{Setting, Stage, Step, Tamper, Trouble, Via, Wish};
use proptest::prelude::*;

/// Any story: one or two bookings are made, and then anything happens.
pub fn any_story() -> impl Strategy<Value = (Setting, Vec<Step>)> {
    let all = (
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.35),
    );
    all.prop_flat_map(|(with_ben, tampers, series)| {
        let setting = Setting { with_ben };
        let made = prop::collection::vec(any_beginning(series), 1..=2);
        let rest = prop::collection::vec(any_step(setting, tampers, series), 4..=22);
        let steps = (made, rest).prop_map(|(made, rest)| [made, rest].concat());
        (Just(setting), steps)
    })
}

fn via() -> impl Strategy<Value = Via> {
    prop_oneof![1 => Just(Via::Sql), 2 => Just(Via::Api)]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![7 => Just(Wish::Propose), 1 => Just(Wish::Quietly)]
}

/// Mostly with the first two, now and then with those who share an address or have none.
fn people() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(1), 3 => Just(3), 2 => Just(5), 3 => 0..16u8]
}

fn any_beginning(series: bool) -> BoxedStrategy<Step> {
    let app = (via(), wish(), people());
    if series {
        app.prop_map(|(via, wish, people)| Step::AppCreatesSeries(via, wish, people))
            .boxed()
    } else {
        let app = app.prop_map(|(via, wish, people)| Step::AppCreates(via, wish, people));
        prop_oneof![6 => app, 1 => Just(Step::PersonCreates)].boxed()
    }
}

fn any_fault() -> impl Strategy<Value = Step> {
    let stage = prop::sample::select(vec![Stage::Connect, Stage::Mail, Stage::Rcpt, Stage::Data]);
    let before = prop::sample::select(vec![
        Trouble::Defer,
        Trouble::Defer,
        Trouble::Refuse,
        Trouble::CutBefore,
        Trouble::Nonsense,
        Trouble::StallBefore,
    ]);
    let at_dot = prop::sample::select(vec![
        Trouble::Refuse,
        Trouble::Defer,
        Trouble::StallBefore,
        Trouble::StallAfter,
        Trouble::CutBefore,
        Trouble::CutAfter,
        Trouble::CutInside,
        Trouble::Nonsense,
    ]);
    prop_oneof![
        (stage, before, 1..4u32).prop_map(|(stage, trouble, times)| Step::Fault(stage, trouble, times)),
        (at_dot, 1..3u32).prop_map(|(trouble, times)| Step::Fault(Stage::Body, trouble, times)),
    ]
}

fn any_death() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::DiesSending(Stage::Rcpt, Trouble::StallBefore)),
        Just(Step::DiesSending(Stage::Body, Trouble::StallBefore)),
        Just(Step::DiesSending(Stage::Body, Trouble::StallAfter)),
        (0..6u32).prop_map(Step::DiesWriting),
    ]
}

fn any_step(setting: Setting, tampers: bool, series: bool) -> BoxedStrategy<Step> {
    let item = || 0..2usize;
    let nth = || 0..4usize;
    let just = |step: Step| Just(step).boxed();
    let of = |make: fn(usize) -> Step| nth().prop_map(make).boxed();
    let by = |make: fn(Via, Wish, usize) -> Step| {
        let all = (via(), wish(), item());
        all.prop_map(move |(via, wish, item)| make(via, wish, item)).boxed()
    };
    let new = |make: fn(Via, Wish, u8) -> Step| {
        let all = (via(), wish(), people());
        all.prop_map(move |(via, wish, people)| make(via, wish, people)).boxed()
    };
    let tamper = prop::sample::select(vec![
        Tamper::Mac,
        Tamper::Expiry,
        Tamper::Hash,
        Tamper::Queue,
        Tamper::QueueAgain,
    ]);
    let ben = u32::from(setting.with_ben);
    let recurs = u32::from(series);
    let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (2, new(Step::AppCreates)),
        (3 * ben, new(Step::AppCreatesForBen)),
        (5, by(Step::AppRenames)),
        (1, by(Step::AppUnnames)),
        (2, by(Step::AppDescribes)),
        (6, by(Step::AppMoves)),
        (2, by(Step::AppAssigns)),
        (4, by(Step::AppCancels)),
        (3, by(Step::AppConfirms)),
        (3, by(Step::AppDeletes)),
        (
            5,
            (via(), wish(), item(), people())
                .prop_map(|(via, wish, item, people)| Step::AppSeats(via, wish, item, people))
                .boxed(),
        ),
        (
            4 * ben,
            (wish(), item(), people())
                .prop_map(|(wish, item, people)| Step::AppHandsOver(wish, item, people))
                .boxed(),
        ),
        (
            4 * recurs,
            (wish(), item(), nth())
                .prop_map(|(wish, item, nth)| Step::AppMovesOccurrence(wish, item, nth))
                .boxed(),
        ),
        (
            3 * recurs,
            (wish(), item(), nth(), people())
                .prop_map(|(wish, item, nth, people)| Step::AppSeatsOccurrence(wish, item, nth, people))
                .boxed(),
        ),
        (
            3 * recurs,
            (item(), nth())
                .prop_map(|(item, nth)| Step::AppCancelsOccurrence(item, nth))
                .boxed(),
        ),
        (
            2,
            (via(), nth())
                .prop_map(|(via, who)| Step::CustomerMoves(via, who))
                .boxed(),
        ),
        (
            1,
            (via(), nth())
                .prop_map(|(via, who)| Step::CustomerLosesAddress(via, who))
                .boxed(),
        ),
        (1, just(Step::PersonCreates)),
        (3, of(Step::PersonRenames)),
        (4, of(Step::PersonMoves)),
        (1, of(Step::PersonHides)),
        (1, of(Step::PersonShows)),
        (3, of(Step::PersonDeletes)),
        (
            2 * recurs,
            (item(), nth())
                .prop_map(|(item, nth)| Step::PersonMovesOccurrence(item, nth))
                .boxed(),
        ),
        (
            2 * recurs,
            (item(), nth())
                .prop_map(|(item, nth)| Step::PersonCancelsOccurrence(item, nth))
                .boxed(),
        ),
        (12, just(Step::Sync)),
        (6, just(Step::Consider)),
        (2, just(Step::Remind)),
        (1, just(Step::Expire)),
        (2, just(Step::Prompt)),
        (12, just(Step::Send)),
        (10, just(Step::Work)),
        (3, just(Step::WorkTogether)),
        (6, of(Step::Approves)),
        (14, just(Step::ApprovesAll)),
        (2, just(Step::Looks)),
        (3, of(Step::ApprovesSeen)),
        (1, of(Step::ApprovesOtherHash)),
        (1, of(Step::AnotherUserApproves)),
        (1, of(Step::TheAppApproves)),
        (2, of(Step::Declines)),
        (3, of(Step::Withdraws)),
        (1, (0..ben + 1).prop_map(|who| Step::Pauses(who == 1)).boxed()),
        (1, (0..ben + 1).prop_map(|who| Step::Resumes(who == 1)).boxed()),
        (1, of(Step::Unsubscribes)),
        (1, of(Step::Resubscribes)),
        (6, (1..45i64).prop_map(Step::MinutesPass).boxed()),
        (3, (1..30i64).prop_map(Step::HoursPass).boxed()),
        (9, any_fault().boxed()),
        (3, just(Step::Restart)),
        (5, any_death().boxed()),
    ];
    if tampers {
        steps.push((
            8,
            (tamper, nth())
                .prop_map(|(how, which)| Step::Tampers(how, which))
                .boxed(),
        ));
    }
    steps.retain(|(weight, _)| *weight > 0);
    prop::strategy::Union::new_weighted(steps).boxed()
}
