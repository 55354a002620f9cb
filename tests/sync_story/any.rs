//! Any story: which settings and steps are told, and how often.
use super::{Method, Moment, Setting, Step, Trouble, Via};
use proptest::prelude::*;

/// Any story: one or two things are made, perhaps seen, and then anything happens.
pub fn any_story() -> impl Strategy<Value = (Setting, Vec<Step>)> {
    let policy = prop_oneof![3 => Just("origin"), 1 => Just("google"), 1 => Just("app"), 1 => Just("ask")];
    let inbound = prop_oneof![4 => Just("apply"), 1 => Just("ask")];
    let guests = prop_oneof![1 => Just("ask"), 1 => Just("push")];
    // Each of these makes stories longer and the rest of them rarer.
    let (two_calendars, with_ben) = (prop::bool::weighted(0.25), prop::bool::weighted(0.2));
    let setting = (policy, inbound, guests, two_calendars, with_ben);
    let setting = setting.prop_map(|(policy, inbound, guests, two_calendars, with_ben)| Setting {
        policy,
        inbound,
        guests,
        two_calendars,
        with_ben,
    });
    setting.prop_flat_map(move |setting| {
        let made = prop::collection::vec(any_beginning(setting), 1..=2);
        let seen = prop::collection::vec(Just(Step::Poll(0)), 0..=1);
        let rest = prop::collection::vec(any_step(setting), 2..=11);
        let steps = (made, seen, rest).prop_map(|(made, seen, rest)| [made, seen, rest].concat());
        (Just(setting), steps)
    })
}

fn any_beginning(setting: Setting) -> BoxedStrategy<Step> {
    let made = prop_oneof![
        4 => Just(Step::PersonCreates),
        2 => Just(Step::PersonCreatesSeries),
        4 => Just(Step::AppCreates(Via::Sql)),
        2 => Just(Step::AppCreatesSeries(Via::Api)),
        1 => Just(Step::BenInvites),
    ];
    if setting.with_ben {
        let met = prop_oneof![2 => Just(Step::BenInvites), 1 => Just(Step::BenInvitesToSeries)];
        prop_oneof![1 => made, 1 => met].boxed()
    } else {
        made.boxed()
    }
}

/// A daemon's death, early enough in the pass to come before its end.
fn any_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        3 => (0..6u32).prop_map(Moment::Write),
        1 => (0..4u32).prop_map(Moment::Request),
        2 => (0..4u32).prop_map(Moment::Answer),
    ]
}

fn any_step(setting: Setting) -> BoxedStrategy<Step> {
    // The weights keep most steps from coming to nothing.
    let item = || 0..2usize;
    let nth = || 0..3usize;
    let scope = || 0..3usize;
    let via = || prop_oneof![2 => Just(Via::Sql), 1 => Just(Via::Api)];
    let of = |make: fn(usize) -> Step| item().prop_map(make).boxed();
    let by = |make: fn(Via, usize) -> Step| (via(), item()).prop_map(move |(via, item)| make(via, item)).boxed();
    let one = |make: fn(usize, usize) -> Step| (item(), nth()).prop_map(move |(item, nth)| make(item, nth)).boxed();
    let one_by = |make: fn(Via, usize, usize) -> Step| {
        (via(), item(), nth())
            .prop_map(move |(via, item, nth)| make(via, item, nth))
            .boxed()
    };
    let trouble = prop::sample::select(vec![
        Trouble::RateLimit403,
        Trouble::Quota403,
        Trouble::Unauthorized401,
        Trouble::TooMany429,
        Trouble::Error500,
        Trouble::Error503,
        Trouble::Done503,
        Trouble::CutBefore,
        Trouble::CutAfter,
        Trouble::CutBody,
        Trouble::Garbage,
    ]);
    let method = prop::sample::select(vec![Method::Get, Method::Post, Method::Patch, Method::Delete]);
    let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (1, Just(Step::PersonCreates).boxed()),
        (5, of(Step::PersonRenames)),
        (2, of(Step::PersonDescribes)),
        (2, of(Step::PersonPlaces)),
        (4, of(Step::PersonMoves)),
        (1, of(Step::PersonMovesFar)),
        (1, of(Step::PersonMakesWeekly)),
        (1, of(Step::PersonShortens)),
        (1, of(Step::PersonEndsSeries)),
        (2, one(Step::PersonSplits)),
        (1, of(Step::PersonMakesAllDay)),
        (4, of(Step::PersonDeletes)),
        (2, of(Step::PersonRestores)),
        (1, of(Step::PersonCopies)),
        (2, one(Step::PersonRenamesOccurrence)),
        (2, one(Step::PersonMovesOccurrence)),
        (2, one(Step::PersonCancelsOccurrence)),
        (1, Just(Step::BenInvites).boxed()),
        (2, of(Step::AnaInvites)),
        (1, of(Step::AnaUninvites)),
        (1, of(Step::GuestAccepts)),
        (1, of(Step::GuestDeclines)),
        (1, of(Step::GuestLeaves)),
        (1, via().prop_map(Step::AppCreates).boxed()),
        (5, by(Step::AppRenames)),
        (2, by(Step::AppDescribes)),
        (4, by(Step::AppMoves)),
        (1, by(Step::AppMovesFar)),
        (1, by(Step::AppMakesWeekly)),
        (1, by(Step::AppShortens)),
        (1, by(Step::AppEndsSeries)),
        (1, by(Step::AppMakesAllDay)),
        (2, by(Step::AppAssigns)),
        (1, by(Step::AppUnassigns)),
        (3, by(Step::AppCancels)),
        (3, by(Step::AppConfirms)),
        (3, by(Step::AppDeletes)),
        (2, of(Step::AppReinserts)),
        (2, one_by(Step::AppRenamesOccurrence)),
        (2, one_by(Step::AppMovesOccurrence)),
        (2, one_by(Step::AppCancelsOccurrence)),
        (24, scope().prop_map(Step::Poll).boxed()),
        (
            12,
            (scope(), any_moment())
                .prop_map(|(scope, moment)| Step::Kill(scope, moment))
                .boxed(),
        ),
        (2, Just(Step::ExpireAccessToken).boxed()),
        (3, Just(Step::ExpireSyncTokens).boxed()),
        (1, Just(Step::ForgetTombstones).boxed()),
        (
            10,
            (method, trouble)
                .prop_map(|(method, trouble)| Step::Fault(method, trouble))
                .boxed(),
        ),
        (1, Just(Step::Fault(Method::Get, Trouble::Gone410)).boxed()),
        (1, Just(Step::Fault(Method::Patch, Trouble::Stale412)).boxed()),
        (1, Just(Step::Fault(Method::Delete, Trouble::Stale412)).boxed()),
        (1, Just(Step::Fault(Method::Token, Trouble::Error503)).boxed()),
        (3, Just(Step::Restart).boxed()),
        (2, (1..30i64).prop_map(Step::HoursPass).boxed()),
    ];
    let asks = [setting.policy, setting.inbound, setting.guests].contains(&"ask");
    if asks {
        let answers = (item(), any::<bool>()).prop_map(|(k, yes)| Step::Answers(k, yes));
        steps.push((8, answers.boxed()));
    }
    if setting.with_ben {
        steps.push((4, of(Step::GuestDeclines)));
        steps.push((2, of(Step::GuestAccepts)));
    }
    if setting.two_calendars {
        steps.push((8, of(Step::PersonChangesCalendar)));
    }
    prop::strategy::Union::new_weighted(steps).boxed()
}
