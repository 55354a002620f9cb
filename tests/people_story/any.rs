//! Any story of people: which settings and steps are told, and how often.
use super::{Change, Form, Method, Moment, Setting, Step, Trouble, Via};
use proptest::prelude::*;

/// Any story: one to three people are made, perhaps seen, and then anything happens.
pub fn any_story() -> impl Strategy<Value = (Setting, Vec<Step>)> {
    let policy = prop_oneof![3 => Just("origin"), 1 => Just("google"), 1 => Just("app"), 2 => Just("ask")];
    let all = (policy, prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    all.prop_flat_map(|(policy, by_label, brakes)| {
        let setting = Setting {
            policy,
            by_label,
            brakes,
        };
        let beginning = prop_oneof![Just(Step::PersonCreates), any_via().prop_map(Step::AppCreates)];
        let made = prop::collection::vec(beginning, 1..=3);
        let seen = prop::collection::vec(Just(Step::Poll), 0..=1);
        let rest = prop::collection::vec(any_step(setting), 3..=16);
        let steps = (made, seen, rest).prop_map(|(made, seen, rest)| [made, seen, rest].concat());
        (Just(setting), steps)
    })
}

fn any_via() -> impl Strategy<Value = Via> {
    prop_oneof![Just(Via::Sql), Just(Via::Api)]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop::sample::select(vec![
        Change::GivenName,
        Change::GivenName,
        Change::FamilyName,
        Change::Birthday,
        Change::NoBirthday,
        Change::AddEmail,
        Change::SwapEmail,
        Change::SwapEmail,
        Change::DropEmail,
        Change::LabelEmail,
        Change::AddPhone,
        Change::SwapPhone,
        Change::DropPhone,
        Change::LabelPhone,
        Change::AddJob,
        Change::Promote,
        Change::DropJob,
    ])
}

/// A daemon's death, early enough in the pass to come before its end.
fn any_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        3 => (0..8u32).prop_map(Moment::Write),
        1 => (0..5u32).prop_map(Moment::Request),
        2 => (0..5u32).prop_map(Moment::Answer),
    ]
}

fn any_fault() -> impl Strategy<Value = Step> {
    let trouble = prop::sample::select(vec![
        Trouble::Quota429,
        Trouble::Unauthorized401,
        Trouble::Aborted409,
        Trouble::Error500,
        Trouble::Error503,
        Trouble::Done503,
        Trouble::CutBefore,
        Trouble::CutAfter,
        Trouble::CutBody,
        Trouble::Garbage,
    ]);
    let method = prop::sample::select(vec![
        Method::List,
        Method::Get,
        Method::Create,
        Method::Create,
        Method::Create,
        Method::Update,
        Method::Delete,
        Method::Groups,
    ]);
    (method, trouble).prop_map(|(method, trouble)| Step::Fault(method, trouble))
}

fn any_step(setting: Setting) -> BoxedStrategy<Step> {
    // The weights keep most steps from coming to nothing.
    let item = || 0..2usize;
    let of = |make: fn(usize) -> Step| item().prop_map(make).boxed();
    let forms = vec![
        Form::FailedPrecondition,
        Form::InvalidArgument,
        Form::Gone,
        Form::WithoutDetails,
    ];
    let minutes = prop_oneof![
        3 => 1..10i64,
        4 => 31..40i64,
        1 => Just(26 * 60),
        2 => Just(6 * 24 * 60 + 60),
    ];
    let person_edits = (item(), any_change()).prop_map(|(k, change)| Step::PersonEdits(k, change));
    let app_edits = (any_via(), item(), any_change()).prop_map(|(via, k, change)| Step::AppEdits(via, k, change));
    let merges = (item(), 0..3usize, any::<bool>()).prop_map(|(k, other, with)| Step::PersonMerges(k, other, with));
    let removal = 4 + 3 * u32::from(setting.brakes);
    let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![
        (2, Just(Step::PersonCreates).boxed()),
        (2, of(Step::PersonAddsNamesake)),
        (2, of(Step::PersonAddsHousemate)),
        (14, person_edits.boxed()),
        (removal, of(Step::PersonDeletes)),
        (1, of(Step::PersonTouches)),
        (3, merges.boxed()),
        (2, of(Step::LinkProfile)),
        (1, of(Step::UnlinkProfile)),
        (3, any_via().prop_map(Step::AppCreates).boxed()),
        (2, of(Step::AppAddsNamesake)),
        (2, of(Step::AppAddsHousemate)),
        (14, app_edits.boxed()),
        (
            removal,
            (any_via(), item())
                .prop_map(|(via, k)| Step::AppDeletes(via, k))
                .boxed(),
        ),
        (1, of(Step::AppBooks)),
        (
            5,
            (item(), 0..3usize)
                .prop_map(|(k, choice)| Step::Answers(k, choice))
                .boxed(),
        ),
        (24, Just(Step::Poll).boxed()),
        (14, any_moment().prop_map(Step::Kill).boxed()),
        (2, Just(Step::Restart).boxed()),
        (1, Just(Step::ExpireAccessToken).boxed()),
        (3, prop::sample::select(forms).prop_map(Step::ExpireSyncTokens).boxed()),
        (1, Just(Step::ForgetTombstones).boxed()),
        (1, (1..3u32).prop_map(Step::EmptyLists).boxed()),
        (3, prop::sample::select(vec![0, 1, 5, 20]).prop_map(Step::Delay).boxed()),
        (8, any_fault().boxed()),
        (1, Just(Step::Fault(Method::Update, Trouble::Stale)).boxed()),
        (1, Just(Step::Fault(Method::Token, Trouble::Error503)).boxed()),
        (7, minutes.prop_map(Step::MinutesPass).boxed()),
    ];
    if setting.by_label {
        steps.push((4, of(Step::PersonLabels)));
        steps.push((5, of(Step::PersonUnlabels)));
    }
    prop::strategy::Union::new_weighted(steps).boxed()
}
