//! Customers and contacts: values survive edits of both sides, order and labels are kept, and only certain matches are matches.
use accord::domain::booking::Side;
use accord::domain::customer::{Address, Birthday, Details, Email, Organization, Phone};
use accord::domain::people::check;
use accord::domain::people::meeting::{Traits, meet};
use accord::domain::people::merge::{
    PersonBase, PersonDecision, PersonField, PersonOutcome, PersonRules, differing, reconcile,
};
use accord::domain::people::values::Entry;
use accord::domain::policy::ConflictPolicy;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeSet;

const RULES: PersonRules = PersonRules {
    policy: ConflictPolicy::Origin,
    origin: Side::App,
    answer: None,
    is_first: false,
};

fn phone(value: &str, label: &str) -> Phone {
    Phone {
        value: value.to_owned(),
        label: label.to_owned(),
    }
}

fn email(value: &str, label: &str) -> Email {
    Email {
        value: value.to_owned(),
        label: label.to_owned(),
    }
}

fn phones(list: &[(&str, &str)]) -> Details {
    Details {
        phones: list.iter().map(|(value, label)| phone(value, label)).collect(),
        ..Details::default()
    }
}

fn both(details: &Details) -> PersonBase {
    PersonBase {
        local: details.clone(),
        remote: details.clone(),
    }
}

fn act(base: &PersonBase, local: &Details, remote: &Details, rules: &PersonRules) -> PersonOutcome {
    match reconcile(base, local, remote, rules) {
        PersonDecision::Act(outcome) => *outcome,
        PersonDecision::Wait(conflicts) => panic!("it waits: {conflicts:?}"),
    }
}

#[test]
fn an_email_added_in_google_and_a_phone_added_in_the_app_both_survive() {
    let base = phones(&[("+420601000001", "mobile")]);
    let mut local = base.clone();
    local.phones.push(phone("+420601000002", "work"));
    let mut remote = base.clone();
    remote.emails.push(email("eva@example.com", "home"));
    let merged = act(&both(&base), &local, &remote, &RULES);
    assert_eq!(merged.local, merged.remote);
    assert_eq!((merged.local.phones.len(), merged.local.emails.len()), (2, 1));
    assert_eq!(differing(&merged.base.local, &merged.local), [PersonField::Phones]);
    assert_eq!(merged.conflicts, []);
}

#[test]
fn a_label_changed_on_one_side_and_the_number_on_the_other_both_survive() {
    let base = phones(&[("601 000 001", "mobile"), ("601 000 009", "home")]);
    let local = phones(&[("601 000 002", "mobile"), ("601 000 009", "home")]);
    let remote = phones(&[("601 000 001", "Work fax"), ("601 000 009", "home")]);
    let merged = act(&both(&base), &local, &remote, &RULES);
    assert_eq!(
        merged.local,
        phones(&[("601 000 002", "Work fax"), ("601 000 009", "home")])
    );
    assert_eq!(merged.remote, merged.local);
    assert_eq!(merged.conflicts, []);
}

#[test]
fn what_google_normalises_is_no_edit_and_is_not_pushed_back() {
    let local = phones(&[("601 000 001 ", "mobile")]);
    let remote = phones(&[("+420601000001", "mobile")]);
    let base = PersonBase {
        local: local.clone(),
        remote: remote.clone(),
    };
    let merged = act(&base, &local, &remote, &RULES);
    assert_eq!((merged.local, merged.remote), (local.clone(), remote));
    assert_eq!(differing(&merged.base.local, &local), []);
}

#[test]
fn two_equal_numbers_under_different_labels_stay_two() {
    let two = phones(&[("601000001", "work"), ("601000001", "home")]);
    let merged = act(&both(&two), &two, &two, &RULES);
    assert_eq!(merged.local, two);
    let fewer = phones(&[("601000001", "home")]);
    let merged = act(&both(&two), &two, &fewer, &RULES);
    assert_eq!(merged.local, fewer);
}

#[test]
fn the_same_number_in_two_writings_is_added_once() {
    let first = PersonRules {
        is_first: true,
        ..RULES
    };
    let local = phones(&[("+420 601 000 001", "")]);
    let remote = phones(&[("+420601000001", "mobile")]);
    let merged = act(&PersonBase::default(), &local, &remote, &first);
    assert_eq!(merged.local, phones(&[("+420 601 000 001", "mobile")]));
    assert_eq!(merged.remote, remote);
    assert_eq!(differing(&merged.base.local, &merged.local), []);
}

#[test]
fn a_number_under_several_labels_meets_itself_under_each_of_them() {
    let local = phones(&[("+420601000001", ""), ("+420601000001", "work")]);
    let remote = phones(&[("+420601000001", "work"), ("+420601000001", "home")]);
    let rules = PersonRules {
        is_first: true,
        ..RULES
    };
    let merged = act(&PersonBase::default(), &local, &remote, &rules);
    let united = phones(&[("+420601000001", "home"), ("+420601000001", "work")]);
    assert_eq!((&merged.local, &merged.remote), (&united, &united));
    // A second look before the push wants the same.
    let again = act(&merged.base, &merged.local, &remote, &RULES);
    assert_eq!((&again.local, &again.remote), (&united, &united));

    let base = both(&phones(&[("601000003", "home")]));
    let local = phones(&[("+420601000001", "home"), ("+420601000001", "work")]);
    let remote = phones(&[("+420601000002", "home"), ("+420601000001", "")]);
    let merged = act(&base, &local, &remote, &RULES);
    assert_eq!((&merged.local, &merged.remote), (&local, &local));
    let again = act(&merged.base, &merged.local, &remote, &RULES);
    assert_eq!((&again.local, &again.remote), (&local, &local));
}

#[test]
fn the_first_meeting_fills_what_is_empty_unites_lists_and_changes_no_differing_value() {
    let first = PersonRules {
        is_first: true,
        ..RULES
    };
    let local = Details {
        given_name: "Eva".into(),
        gender: "female".into(),
        emails: vec![email("eva@example.com", "")],
        birthday: Birthday::parse("--03-05"),
        ..Details::default()
    };
    let remote = Details {
        given_name: "Eva".into(),
        family_name: "Malá".into(),
        emails: vec![email("EVA@example.com", "home"), email("mala@example.com", "work")],
        birthday: Birthday::parse("1990-03-05"),
        ..Details::default()
    };
    let merged = act(&PersonBase::default(), &local, &remote, &first);
    assert_eq!(merged.local.family_name, "Malá");
    assert_eq!(merged.local.birthday, local.birthday);
    assert_eq!(merged.remote.birthday, remote.birthday);
    assert_eq!(merged.remote.gender, "female");
    assert_eq!(
        merged.local.emails,
        [email("eva@example.com", "home"), email("mala@example.com", "work")]
    );
    assert_eq!(differing(&merged.base.local, &merged.local), [PersonField::Gender]);
    let [conflict] = merged.conflicts.as_slice() else {
        panic!("{:?}", merged.conflicts)
    };
    assert_eq!(
        (conflict.field, conflict.winner, conflict.rule),
        (PersonField::Birthday, None, "first_link")
    );
    // Looked at once more, nothing happens.
    let again = act(&merged.base, &merged.local, &remote, &RULES);
    assert_eq!((again.local, again.conflicts), (merged.local, Vec::new()));
}

#[test]
fn a_value_changed_differently_on_both_sides_goes_by_the_policy_and_is_recorded() {
    let base = phones(&[("+420601000001", "mobile")]);
    let local = phones(&[("+420601000002", "mobile")]);
    let remote = phones(&[("+420601000003", "mobile")]);
    let app = act(&both(&base), &local, &remote, &RULES);
    assert_eq!((&app.local, &app.remote), (&local, &local));
    assert_eq!(differing(&app.base.local, &app.local), [PersonField::Phones]);
    let google = act(
        &both(&base),
        &local,
        &remote,
        &PersonRules {
            policy: ConflictPolicy::Google,
            ..RULES
        },
    );
    assert_eq!((&google.local, &google.remote), (&remote, &remote));
    let conflict = &google.conflicts[0];
    assert_eq!(conflict.app["value"], "+420601000002");
    assert_eq!(conflict.google["value"], "+420601000003");
    assert_eq!(conflict.base["value"], "+420601000001");
    let asked = PersonRules {
        policy: ConflictPolicy::Ask,
        ..RULES
    };
    let PersonDecision::Wait(conflicts) = reconcile(&both(&base), &local, &remote, &asked) else {
        panic!("it was decided")
    };
    assert_eq!(conflicts[0].winner, None);
    let answered = act(
        &both(&base),
        &local,
        &remote,
        &PersonRules {
            answer: Some(Side::Google),
            ..asked
        },
    );
    assert_eq!(answered.local, remote);
}

#[test]
fn an_extension_is_part_of_a_number() {
    let at = |extension: &str| phones(&[(&format!("+420 601 234 567 ext. {extension}"), "work")]);
    let merged = act(&both(&at("1")), &at("3"), &at("2"), &RULES);
    assert_eq!((merged.local, merged.conflicts.len()), (at("3"), 1));
}

#[test]
fn a_deleted_value_stays_deleted_unless_the_other_side_edited_it() {
    let base = phones(&[("+420601000001", "mobile"), ("+420601000009", "home")]);
    let without = phones(&[("+420601000009", "home")]);
    assert_eq!(act(&both(&base), &without, &base, &RULES).remote, without);
    assert_eq!(act(&both(&base), &base, &without, &RULES).local, without);
    let relabelled = phones(&[("+420601000001", "work"), ("+420601000009", "home")]);
    let merged = act(
        &both(&base),
        &without,
        &relabelled,
        &PersonRules {
            origin: Side::Google,
            ..RULES
        },
    );
    assert_eq!((merged.local, merged.conflicts.len()), (relabelled.clone(), 1));
    let merged = act(&both(&base), &without, &relabelled, &RULES);
    assert_eq!((&merged.local, &merged.remote), (&without, &without));
    assert_eq!(
        differing(&merged.base.local, &merged.local),
        [PersonField::Phones],
        "the deletion is pushed"
    );
}

#[test]
fn a_number_replaced_while_the_other_side_deleted_the_old_one_is_not_lost() {
    let base = phones(&[("+420601000001", "mobile")]);
    let replaced = phones(&[("+420601000002", "mobile")]);
    let none = Details::default();
    assert_eq!(act(&both(&base), &replaced, &none, &RULES).remote, replaced);
    assert_eq!(act(&both(&base), &none, &replaced, &RULES).local, replaced);
}

#[test]
fn the_order_of_the_side_that_changed_it_is_kept() {
    let base = phones(&[("+420601000001", "a"), ("+420601000002", "b"), ("+420601000003", "c")]);
    let turned = phones(&[("+420601000003", "c"), ("+420601000001", "a"), ("+420601000002", "b")]);
    assert_eq!(act(&both(&base), &base, &turned, &RULES).local, turned);
    let pushed = act(&both(&base), &turned, &base, &RULES);
    assert_eq!(pushed.remote, turned);
    assert_eq!(differing(&pushed.base.local, &pushed.local), [PersonField::Phones]);
    let in_front = phones(&[
        ("+420601000004", "d"),
        ("+420601000001", "a"),
        ("+420601000002", "b"),
        ("+420601000003", "c"),
    ]);
    assert_eq!(act(&both(&base), &base, &in_front, &RULES).local, in_front);
}

#[test]
fn certain_is_one_email_on_each_side_under_names_that_do_not_contradict() {
    let person = |given: &str, email_address: &str, number: &str| {
        let mut details = Details {
            given_name: given.into(),
            ..Details::default()
        };
        if !email_address.is_empty() {
            details.emails.push(email(email_address, ""));
        }
        if !number.is_empty() {
            details.phones.push(phone(number, ""));
        }
        Traits::of(&details, Some("CZ"))
    };
    let customers = [
        (1, person("Eva", "eva@example.com", "")),
        (2, person("Jan", "rodina@example.com", "")),
        (3, person("Petr", "", "601 000 001")),
        (4, person("Ota", "info@example.com", "")),
        (5, person("Ida", "info@example.com", "")),
        (6, person("Zoe", "", "call me")),
    ];
    let contacts = [
        ("eva", person("", "Eva@Example.com", "")),
        ("jana", person("Jana", "rodina@example.com", "")),
        ("petr", person("Petr", "", "+420 601 000 001")),
        ("info", person("", "info@example.com", "")),
        ("zoe", person("Zoe", "", "call me")),
    ];
    let meeting = meet(&customers, &contacts);
    assert_eq!(meeting.certain, [(1, "eva")]);
    let ambiguous: Vec<_> = meeting.ambiguous.into_iter().collect();
    assert_eq!(
        ambiguous,
        [
            ("info", BTreeSet::from([4, 5])),
            ("jana", BTreeSet::from([2])),
            ("petr", BTreeSet::from([3])),
        ]
    );
}

#[test]
fn everything_the_app_must_not_write_is_named_at_once() {
    let details = Details {
        given_name: "Eva\0".into(),
        emails: vec![email("no address", ""), email("ok@example.com", "")],
        phones: vec![phone(" ", "home")],
        organizations: vec![Organization::default()],
        addresses: vec![Address {
            country_code: "cz".into(),
            ..Address::default()
        }],
        birthday: Some(Birthday {
            year: Some(2001),
            month: 2,
            day: 29,
        }),
        ..Details::default()
    };
    let mut fields: Vec<_> = check::app_problems(&details)
        .into_iter()
        .map(|problem| problem.field)
        .collect();
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(
        fields,
        [
            "addresses",
            "birthday",
            "emails",
            "given_name",
            "organizations",
            "phones"
        ]
    );
    let many = phones(&(0..1000).map(|_| ("1", "")).collect::<Vec<_>>());
    assert_eq!(check::app_problems(&many)[0].field, "phones");
    assert_eq!(check::google_problems(&many), []);
    for name in ["مرحبا", "👩‍👩‍👧", "\u{202e}abc\u{202c}", "Nguyễn", ""] {
        assert_eq!(
            check::app_problems(&Details {
                given_name: name.into(),
                ..Details::default()
            }),
            [],
            "{name}"
        );
    }
}

fn some_phone() -> impl Strategy<Value = Phone> {
    let numbers = prop::sample::select(vec![
        "+420601000001",
        "+420 601 000 001",
        "+420601000002",
        "601000003",
        "call me",
    ]);
    let labels = prop::sample::select(vec!["", "home", "work"]);
    (numbers, labels).prop_map(|(number, label)| phone(number, label))
}

fn some_person() -> impl Strategy<Value = Details> {
    let names = prop::sample::select(vec!["", "Eva", "Jana"]);
    let birthdays = prop::sample::select(vec!["", "--03-05", "1990-03-05"]);
    (names, prop::collection::vec(some_phone(), 0..4), birthdays).prop_map(|(name, mut phones, birthday)| {
        // One value twice under one label is one value to everybody; in what order two such are shown is nobody's edit.
        let mut seen = BTreeSet::new();
        phones.retain(|phone| seen.insert((phone.key(), phone.label.clone())));
        Details {
            given_name: name.to_owned(),
            phones,
            birthday: Birthday::parse(birthday),
            ..Details::default()
        }
    })
}

fn some_policy() -> impl Strategy<Value = PersonRules> {
    let policies = vec![ConflictPolicy::Origin, ConflictPolicy::Google, ConflictPolicy::App];
    (prop::sample::select(policies), any::<bool>()).prop_map(|(policy, is_first)| PersonRules {
        policy,
        is_first,
        ..RULES
    })
}

/// Every number somewhere in the details, as the number it means.
fn numbers(details: &Details) -> BTreeSet<String> {
    let meaning = |value: &str| value.replace(' ', "");
    details.phones.iter().map(|phone| meaning(&phone.value)).collect()
}

fn meanings(details: &Details) -> Vec<(String, String)> {
    details
        .phones
        .iter()
        .map(|phone| (phone.key(), phone.label.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_of_one_side_alone_arrives_whole_on_the_other(base in some_person(), edited in some_person(), rules in some_policy()) {
        let rules = PersonRules { is_first: false, ..rules };
        let pulled = act(&both(&base), &base, &edited, &rules);
        prop_assert_eq!(differing(&pulled.local, &edited), []);
        prop_assert_eq!(differing(&pulled.base.local, &pulled.local), []);
        let pushed = act(&both(&base), &edited, &base, &rules);
        prop_assert_eq!(differing(&pushed.remote, &edited), []);
        prop_assert_eq!(differing(&pushed.local, &edited), []);
        prop_assert_eq!(differing(&pushed.base.local, &base), []);
        prop_assert!(pulled.conflicts.is_empty() && pushed.conflicts.is_empty());
    }

    #[test]
    fn no_number_is_lost_and_none_is_doubled(base in some_person(), local in some_person(), remote in some_person(), rules in some_policy()) {
        let base = if rules.is_first { PersonBase::default() } else { both(&base) };
        let merged = act(&base, &local, &remote, &rules);
        let mut recorded = BTreeSet::new();
        for conflict in &merged.conflicts {
            for side in [&conflict.app, &conflict.google] {
                recorded.extend(side["value"].as_str().map(|value| value.replace(' ', "")));
            }
        }
        let kept: BTreeSet<String> = numbers(&merged.local).union(&numbers(&merged.remote)).chain(&recorded).cloned().collect();
        let old = numbers(&base.local);
        for added in numbers(&local).union(&numbers(&remote)) {
            prop_assert!(old.contains(added) || kept.contains(added), "{added} is lost: {merged:?}");
        }
        let most = local.phones.len() + remote.phones.len();
        prop_assert!(merged.local.phones.len() <= most && merged.remote.phones.len() <= most);
    }

    #[test]
    fn once_pushed_both_sides_agree_and_a_second_look_changes_nothing(
        base in some_person(), local in some_person(), remote in some_person(), rules in some_policy(),
    ) {
        let base = if rules.is_first { PersonBase::default() } else { both(&base) };
        let merged = act(&base, &local, &remote, &rules);
        // Before the push: a crash here loses nothing, the same is wanted again.
        let later = PersonRules { is_first: false, ..rules };
        let again = act(&merged.base, &merged.local, &remote, &later);
        prop_assert_eq!(&again.local, &merged.local);
        prop_assert_eq!(meanings(&again.remote), meanings(&merged.remote));
        prop_assert!(again.conflicts.is_empty(), "{:?}", again.conflicts);
        // After it.
        let pushed = PersonBase { local: merged.local.clone(), remote: merged.remote.clone() };
        let quiet = act(&pushed, &merged.local, &merged.remote, &later);
        prop_assert_eq!(&quiet.local, &merged.local);
        prop_assert_eq!(differing(&quiet.remote, &merged.remote), []);
        prop_assert_eq!(differing(&quiet.base.local, &merged.local), []);
        if !rules.is_first {
            // Each side keeps its own writing of a number that both have added.
            prop_assert_eq!(meanings(&merged.local), meanings(&merged.remote));
            prop_assert_eq!((merged.local.given_name, merged.local.birthday), (merged.remote.given_name, merged.remote.birthday));
        }
    }
}
