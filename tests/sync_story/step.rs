//! What can happen in a story. Its `Debug` form is Rust: a failing story is pasted as a test.
use super::Setting;
use proptest::prelude::*;
use serde_json::{Value, json};

/// How the app does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Sql,
    Api,
}

/// The requests that a trouble hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
    /// The refresh of the access token.
    Token,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    RateLimit403,
    Quota403,
    Unauthorized401,
    /// Only a listing with a sync token can be told this.
    Gone410,
    Stale412,
    TooMany429,
    Error500,
    Error503,
    /// The work is done, the answer is 503.
    Done503,
    /// Cut before the work.
    CutBefore,
    /// The work is done, no answer comes.
    CutAfter,
    /// The work is done, half of the answer comes.
    CutBody,
    /// The work is done, the answer is no JSON.
    Garbage,
}

/// One thing that happens. Numbers name items in the order in which they were created (modulo how many there are), and
/// occurrences of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    PersonCreates,
    PersonCreatesSeries,
    PersonRenames(usize),
    PersonDescribes(usize),
    PersonPlaces(usize),
    PersonMoves(usize),
    PersonMakesWeekly(usize),
    PersonMakesAllDay(usize),
    PersonDeletes(usize),
    PersonRestores(usize),
    PersonCopies(usize),
    PersonChangesCalendar(usize),
    PersonRenamesOccurrence(usize, usize),
    PersonMovesOccurrence(usize, usize),
    PersonCancelsOccurrence(usize, usize),
    AppCreates(Via),
    AppCreatesSeries(Via),
    AppRenames(Via, usize),
    AppDescribes(Via, usize),
    AppMoves(Via, usize),
    AppMakesWeekly(Via, usize),
    AppMakesAllDay(Via, usize),
    AppAssigns(Via, usize),
    AppUnassigns(Via, usize),
    AppCancels(Via, usize),
    AppConfirms(Via, usize),
    AppDeletes(Via, usize),
    AppReinserts(usize),
    AppRenamesOccurrence(Via, usize, usize),
    AppMovesOccurrence(Via, usize, usize),
    AppCancelsOccurrence(Via, usize, usize),
    Poll(usize),
    ExpireAccessToken,
    ExpireSyncTokens,
    ForgetTombstones,
    Fault(Method, Trouble),
    Restart,
    HoursPass(i64),
}

impl Method {
    /// The rule of the sandbox for the next such request.
    pub fn rule(self, trouble: Trouble) -> Value {
        let (method, path) = match self {
            Method::Get => ("GET", "/calendar/v3"),
            Method::Post => ("POST", "/events"),
            Method::Patch => ("PATCH", "/events"),
            Method::Delete => ("DELETE", "/events"),
            Method::Token => ("POST", "/token"),
        };
        let mut rule = json!({"method": method, "path": path, "times": 1, "action": trouble.action()});
        if trouble == Trouble::Gone410 {
            rule["query"] = json!("syncToken=");
        }
        rule
    }
}

impl Trouble {
    fn action(self) -> Value {
        let error = |code: u16, domain: &str, reason: &str| {
            json!({"status": code, "body": {"error": {"code": code, "message": reason,
                "errors": [{"domain": domain, "reason": reason, "message": reason}]}}})
        };
        match self {
            Trouble::RateLimit403 => json!({"refuse": "rateLimitExceeded"}),
            Trouble::Quota403 => json!({"refuse": "quotaExceeded"}),
            Trouble::Unauthorized401 => json!({"refuse": "authError"}),
            Trouble::Gone410 => error(410, "calendar", "fullSyncRequired"),
            Trouble::Stale412 => error(412, "global", "conditionNotMet"),
            Trouble::TooMany429 => json!({"refuse": "429"}),
            Trouble::Error500 => json!({"status": 500}),
            Trouble::Error503 => json!({"refuse": "backendError"}),
            Trouble::Done503 => json!({"after": {"refuse": "backendError"}}),
            Trouble::CutBefore => json!({"cut": "before"}),
            Trouble::CutAfter => json!({"cut": "after"}),
            Trouble::CutBody => json!({"cut": "body"}),
            Trouble::Garbage => json!({"garbage": true}),
        }
    }
}

/// Any story: one or two things are made, perhaps seen, and then anything happens.
pub fn any_story() -> impl Strategy<Value = (Setting, Vec<Step>)> {
    let policy = prop_oneof![3 => Just("origin"), 1 => Just("google"), 1 => Just("app")];
    let setting =
        (policy, prop::bool::weighted(0.3)).prop_map(|(policy, two_calendars)| Setting { policy, two_calendars });
    let made = || {
        prop_oneof![
            2 => Just(Step::PersonCreates),
            1 => Just(Step::PersonCreatesSeries),
            2 => Just(Step::AppCreates(Via::Sql)),
            1 => Just(Step::AppCreatesSeries(Via::Api)),
        ]
    };
    setting.prop_flat_map(move |setting| {
        let made = prop::collection::vec(made(), 1..=2);
        let seen = prop::collection::vec(Just(Step::Poll(0)), 0..=1);
        let rest = prop::collection::vec(any_step(setting), 2..=11);
        let steps = (made, seen, rest).prop_map(|(made, seen, rest)| [made, seen, rest].concat());
        (Just(setting), steps)
    })
}

fn any_step(setting: Setting) -> BoxedStrategy<Step> {
    // The weights keep most steps from coming to nothing.
    let item = || 0..2usize;
    let nth = || 0..3usize;
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
        (1, of(Step::PersonMakesWeekly)),
        (1, of(Step::PersonMakesAllDay)),
        (4, of(Step::PersonDeletes)),
        (2, of(Step::PersonRestores)),
        (1, of(Step::PersonCopies)),
        (2, one(Step::PersonRenamesOccurrence)),
        (2, one(Step::PersonMovesOccurrence)),
        (2, one(Step::PersonCancelsOccurrence)),
        (1, via().prop_map(Step::AppCreates).boxed()),
        (5, by(Step::AppRenames)),
        (2, by(Step::AppDescribes)),
        (4, by(Step::AppMoves)),
        (1, by(Step::AppMakesWeekly)),
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
        (24, (0..2usize).prop_map(Step::Poll).boxed()),
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
    if setting.two_calendars {
        steps.push((8, of(Step::PersonChangesCalendar)));
    }
    prop::strategy::Union::new_weighted(steps).boxed()
}
