//! Any story: which settings and steps are told, and how often.
use super::{Method, Moment, Setting, Step, Trouble, Via};
use proptest::prelude::*;

/// What a story is about. What it is not about rarely comes to anything, and would only make it longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theme {
    Single,
    Series,
    Meetings,
}

/// Any story: one or two things are made, perhaps seen, and then anything happens.
pub fn any_story() -> impl Strategy<Value = (Setting, Vec<Step>)> {
    let policy = prop_oneof![3 => Just("origin"), 1 => Just("google"), 1 => Just("app"), 1 => Just("ask")];
    let theme = prop_oneof![3 => Just(Theme::Single), 4 => Just(Theme::Series), 3 => Just(Theme::Meetings)];
    let (inbound, guests) = (prop::bool::weighted(0.3), prop::bool::weighted(0.5));
    let (two_calendars, with_ben) = (prop::bool::weighted(0.25), prop::bool::weighted(0.6));
    let all = (theme, policy, inbound, guests, two_calendars, with_ben);
    all.prop_flat_map(|(theme, policy, inbound, guests, two_calendars, with_ben)| {
        let word = |asks| if asks { "ask" } else { "apply" };
        let setting = Setting {
            policy,
            inbound: word(inbound),
            guests: if guests { "ask" } else { "push" },
            two_calendars,
            with_ben: with_ben && theme == Theme::Meetings,
        };
        let made = prop::collection::vec(any_beginning(theme), 1..=2);
        let seen = prop::collection::vec((0..3usize).prop_map(Step::Poll), 0..=2);
        let rest = prop::collection::vec(any_step(setting, theme), 3..=16);
        let steps = (made, seen, rest).prop_map(|(made, seen, rest)| [made, seen, rest].concat());
        (Just(setting), steps)
    })
}

fn any_beginning(theme: Theme) -> BoxedStrategy<Step> {
    let single = prop_oneof![Just(Step::PersonCreates), Just(Step::AppCreates(Via::Sql))];
    let series = prop_oneof![Just(Step::PersonCreatesSeries), Just(Step::AppCreatesSeries(Via::Api)),];
    match theme {
        Theme::Single => single.boxed(),
        Theme::Series => prop_oneof![1 => single, 4 => series].boxed(),
        Theme::Meetings => prop_oneof![
            2 => single,
            1 => series,
            3 => Just(Step::BenInvites),
            2 => Just(Step::BenInvitesToSeries),
        ]
        .boxed(),
    }
}

/// A daemon's death, early enough in the pass to come before its end.
fn any_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        3 => (0..5u32).prop_map(Moment::Write),
        1 => (0..3u32).prop_map(Moment::Request),
        2 => (0..3u32).prop_map(Moment::Answer),
    ]
}

fn any_step(setting: Setting, theme: Theme) -> BoxedStrategy<Step> {
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
    let meets = u32::from(theme == Theme::Meetings);
    let recurs = u32::from(theme == Theme::Series) + u32::from(theme != Theme::Single);
    let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (1, Just(Step::PersonCreates).boxed()),
        (5, of(Step::PersonRenames)),
        (2, of(Step::PersonDescribes)),
        (2, of(Step::PersonPlaces)),
        (4, of(Step::PersonMoves)),
        (1, of(Step::PersonMovesFar)),
        (1, of(Step::PersonMakesWeekly)),
        (1, of(Step::PersonMakesAllDay)),
        (4, of(Step::PersonDeletes)),
        (3, of(Step::PersonRestores)),
        (1, of(Step::PersonCopies)),
        (recurs, of(Step::PersonShortens)),
        (recurs, of(Step::PersonEndsSeries)),
        (recurs, one(Step::PersonSplits)),
        (2 * recurs, one(Step::PersonRenamesOccurrence)),
        (2 * recurs, one(Step::PersonMovesOccurrence)),
        (2 * recurs, one(Step::PersonCancelsOccurrence)),
        (2 * meets, Just(Step::BenInvites).boxed()),
        (4 * meets, of(Step::AnaInvites)),
        (2 * meets, of(Step::AnaUninvites)),
        (3 * meets, of(Step::GuestAccepts)),
        (5 * meets, of(Step::GuestDeclines)),
        (2 * meets, of(Step::GuestLeaves)),
        (1, via().prop_map(Step::AppCreates).boxed()),
        (5, by(Step::AppRenames)),
        (2, by(Step::AppDescribes)),
        (4, by(Step::AppMoves)),
        (1, by(Step::AppMovesFar)),
        (1, by(Step::AppMakesWeekly)),
        (1, by(Step::AppMakesAllDay)),
        (2, by(Step::AppAssigns)),
        (1, by(Step::AppUnassigns)),
        (4, by(Step::AppCancels)),
        (3, by(Step::AppConfirms)),
        (3, by(Step::AppDeletes)),
        (2, of(Step::AppReinserts)),
        (recurs, by(Step::AppShortens)),
        (recurs, by(Step::AppEndsSeries)),
        (2 * recurs, one_by(Step::AppRenamesOccurrence)),
        (2 * recurs, one_by(Step::AppMovesOccurrence)),
        (2 * recurs, one_by(Step::AppCancelsOccurrence)),
        (24, scope().prop_map(Step::Poll).boxed()),
        (
            14,
            (scope(), any_moment())
                .prop_map(|(scope, moment)| Step::Kill(scope, moment))
                .boxed(),
        ),
        (1, Just(Step::ExpireAccessToken).boxed()),
        (3, Just(Step::ExpireSyncTokens).boxed()),
        (1, Just(Step::ForgetTombstones).boxed()),
        (
            8,
            (method, trouble)
                .prop_map(|(method, trouble)| Step::Fault(method, trouble))
                .boxed(),
        ),
        (1, Just(Step::Fault(Method::Get, Trouble::Gone410)).boxed()),
        (1, Just(Step::Fault(Method::Patch, Trouble::Stale412)).boxed()),
        (1, Just(Step::Fault(Method::Delete, Trouble::Stale412)).boxed()),
        (1, Just(Step::Fault(Method::Token, Trouble::Error503)).boxed()),
        (2, Just(Step::Restart).boxed()),
        (2, (1..30i64).prop_map(Step::HoursPass).boxed()),
    ];
    if [setting.policy, setting.inbound].contains(&"ask") || (setting.guests == "ask" && theme == Theme::Meetings) {
        let answers = (item(), any::<bool>()).prop_map(|(k, yes)| Step::Answers(k, yes));
        steps.push((10, answers.boxed()));
    }
    if setting.two_calendars {
        steps.push((8, of(Step::PersonChangesCalendar)));
    }
    steps.retain(|(weight, _)| *weight > 0);
    prop::strategy::Union::new_weighted(steps).boxed()
}
