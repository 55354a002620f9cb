//! Google's person JSON into the domain and back.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use accord::domain::customer::{Address, Birthday, Details, Email, Organization, Phone};
use accord::domain::people::merge::{PersonField, differing};
use accord::domain::people::values::Entry;
use accord::google::people::{Broken, ParsedPerson, Person, Readable, Update, create_body, parse, update_body};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const SOURCE: &str = "47c21a010c6b30c8";
const FIELDS: [&str; 7] = [
    "names",
    "emailAddresses",
    "phoneNumbers",
    "organizations",
    "addresses",
    "birthdays",
    "genders",
];

fn raw(item: &Value) -> Box<RawValue> {
    RawValue::from_string(item.to_string()).unwrap()
}

fn person(item: &Value) -> Person {
    match parse(&raw(item)) {
        ParsedPerson::Person(person) => *person,
        ParsedPerson::Broken(broken) => panic!("{} {}", broken.reason, broken.raw),
    }
}

fn broken(item: &Value) -> Broken {
    match parse(&raw(item)) {
        ParsedPerson::Broken(broken) => *broken,
        ParsedPerson::Person(person) => panic!("was understood: {person:?}"),
    }
}

fn readable(item: &Value) -> Readable {
    Readable::parse(&raw(item), &PersonField::ALL).unwrap()
}

/// A value of the contact's own, as Google shows it.
fn own(mut value: Value, primary: bool) -> Value {
    value["metadata"] = json!({"source": {"type": "CONTACT", "id": SOURCE}});
    if primary {
        value["metadata"]["primary"] = json!(true);
        value["metadata"]["sourcePrimary"] = json!(true);
    }
    value
}

fn with(changes: Value) -> Value {
    let mut item = json!({"resourceName": "people/c5170723913980391624", "etag": "%EigBAgMEBQ==", "metadata": {
        "sources": [{"type": "CONTACT", "id": SOURCE, "etag": "#Zm4YfTizA7M=", "updateTime": "2023-02-24T16:40:20.181599Z"}],
        "objectType": "PERSON"}});
    item.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    item
}

/// The person that was recorded, reduced to what we may see.
fn john() -> Value {
    with(json!({
        "names": [own(json!({"displayName": "Dr. John Jay Doe III", "familyName": "Doe", "givenName": "John",
            "middleName": "Jay", "honorificPrefix": "Dr.", "honorificSuffix": "III",
            "displayNameLastFirst": "Doe, Dr. John Jay, III", "unstructuredName": "Dr. John Jay Doe III"}), true)],
        "birthdays": [own(json!({"date": {"year": 1999, "month": 11, "day": 3}}), true)],
        "phoneNumbers": [own(json!({"value": "666 12 34 90", "canonicalForm": "+34666123490", "type": "mobile",
            "formattedType": "Mobile"}), true)],
        "emailAddresses": [own(json!({"value": "john@kde.exampletest", "type": "work", "formattedType": "Work"}), true)],
        "organizations": [own(json!({"name": "KDE", "department": "PIM", "title": "Developer"}), true)],
        "memberships": [own(json!({"contactGroupMembership": {"contactGroupId": "myContacts",
            "contactGroupResourceName": "contactGroups/myContacts"}}), false)],
    }))
}

fn email(value: &str, label: &str) -> Email {
    Email {
        value: value.into(),
        label: label.into(),
    }
}

fn phone(value: &str, label: &str) -> Phone {
    Phone {
        value: value.into(),
        label: label.into(),
    }
}

fn organization(name: &str, title: &str) -> Organization {
    Organization {
        name: name.into(),
        title: title.into(),
    }
}

/// An update of `fields` after `change` has been made to what was read.
fn update(item: &Value, fields: &[PersonField], change: impl FnOnce(&mut Details)) -> Update {
    let read = readable(item);
    let mut wanted = read.person.details.clone();
    change(&mut wanted);
    update_body(&read.raw, &wanted, fields)
}

#[test]
fn a_recorded_person_is_understood() {
    let expected = Person {
        resource_name: "people/c5170723913980391624".into(),
        source_id: SOURCE.into(),
        etag: "#Zm4YfTizA7M=".into(),
        updated_at: 1_677_256_820_181,
        details: Details {
            given_name: "John".into(),
            family_name: "Doe".into(),
            emails: vec![email("john@kde.exampletest", "work")],
            phones: vec![phone("666 12 34 90", "mobile")],
            organizations: vec![organization("KDE", "Developer")],
            addresses: vec![],
            birthday: Birthday::parse("1999-11-03"),
            gender: String::new(),
        },
        client_keys: vec![],
        groups: vec!["contactGroups/myContacts".into()],
        previous_names: vec![],
        deleted: false,
        is_partial: false,
    };
    assert_eq!(person(&john()), expected);
}

#[test]
fn only_values_of_the_contact_itself_count() {
    let foreign = |kind: &str, id: &str| json!({"value": "a@b.example", "metadata": {"primary": true, "source": {"type": kind, "id": id}}});
    let item = with(
        json!({"emailAddresses": [foreign("PROFILE", "1"), foreign("ACCOUNT", "1"), foreign("CONTACT", "other"),
        own(json!({"value": "own@b.example"}), false), {"value": "bare@b.example"}]}),
    );
    assert_eq!(
        person(&item).details.emails,
        [email("own@b.example", ""), email("bare@b.example", "")]
    );
    let profile =
        json!({"resourceName": "people/1", "metadata": {"sources": [{"type": "PROFILE", "id": "1", "etag": "#x"}]}});
    assert_eq!(broken(&profile).reason, "it has no contact source");
}

#[test]
fn the_primary_value_comes_first_and_the_others_keep_googles_order() {
    let value = |text: &str, mark: &str| {
        let mut value = own(json!({"value": text}), false);
        value["metadata"][mark] = json!(true);
        value
    };
    let item = with(
        json!({"phoneNumbers": [value("1", "x"), value("2", "sourcePrimary"), value("3", "x"), value("4", "primary")]}),
    );
    let phones: Vec<String> = person(&item)
        .details
        .phones
        .into_iter()
        .map(|phone| phone.value)
        .collect();
    assert_eq!(phones, ["4", "2", "1", "3"]);
}

#[test]
fn entries_without_anything_that_we_model_are_no_values() {
    let item = with(json!({
        "names": [own(json!({"middleName": "Jay"}), true)],
        "emailAddresses": [own(json!({"type": "home"}), true), own(json!({"value": " ", "displayName": "x"}), false)],
        "organizations": [own(json!({"department": "PIM"}), true)],
        "addresses": [own(json!({"poBox": "7", "formattedValue": "PO 7", "type": "work"}), true)],
        "genders": [own(json!({"addressMeAs": "they/them"}), true)],
    }));
    assert_eq!(person(&item).details, Details::default());
}

#[test]
fn an_address_is_its_parts_and_neither_its_box_nor_its_whole_text() {
    let item = with(
        json!({"addresses": [own(json!({"type": "home", "formattedType": "Home", "formattedValue": "whatever",
        "streetAddress": "Calle Mayor 1\nPiso 2", "extendedAddress": "Apt 4", "poBox": "7", "city": "Madrid", "region": "M",
        "postalCode": "28013", "country": "Spain", "countryCode": "ES"}), true)]}),
    );
    let expected = Address {
        street: "Calle Mayor 1\nPiso 2".into(),
        city: "Madrid".into(),
        region: "M".into(),
        postal_code: "28013".into(),
        country_code: "ES".into(),
        label: "home".into(),
    };
    assert_eq!(person(&item).details.addresses, [expected]);
}

/// Checklist line 152.
#[test]
fn a_birthday_may_lack_its_year_and_what_is_no_day_is_none() {
    let table = [
        (json!({"date": {"month": 2, "day": 29}}), Some("--02-29")),
        (json!({"date": {"year": 0, "month": 2, "day": 29}}), Some("--02-29")),
        (
            json!({"date": {"year": 1999, "month": 11, "day": 3}, "text": "3.11.99"}),
            Some("1999-11-03"),
        ),
        (json!({"text": "in spring"}), None),
        (json!({"date": {"year": 1999}}), None),
        (json!({"date": {"year": 1999, "month": 11}}), None),
        (json!({"date": {"year": 1999, "month": 2, "day": 29}}), None),
        (json!({"date": {"year": -5, "month": -1, "day": 3}}), None),
    ];
    for (birthday, expected) in table {
        let item = with(json!({"birthdays": [own(birthday.clone(), true)]}));
        assert_eq!(
            person(&item).details.birthday.map(Birthday::to_text).as_deref(),
            expected,
            "{birthday}"
        );
    }
}

#[test]
fn of_client_data_only_our_own_keys_are_read() {
    let item = with(
        json!({"clientData": [own(json!({"key": "other", "value": "secret"}), false),
        own(json!({"key": "accord", "value": "a:1:2"}), false), own(json!({"key": "accord", "value": "a:1:3"}), false)]}),
    );
    assert_eq!(person(&item).client_keys, ["a:1:2", "a:1:3"]);
}

#[test]
fn a_deleted_person_needs_nothing_but_its_name() {
    let gone = person(&json!({"resourceName": "people/c2", "metadata": {"deleted": true}}));
    assert!(gone.deleted);
    assert_eq!((gone.resource_name.as_str(), gone.etag.as_str()), ("people/c2", ""));
    let mut renamed = john();
    renamed["metadata"]["previousResourceNames"] = json!(["people/c1", "people/c2"]);
    assert_eq!(person(&renamed).previous_names, ["people/c1", "people/c2"]);
}

#[test]
fn what_cannot_be_read_is_broken_with_a_reason_that_quotes_nothing() {
    let table = [
        (json!({"names": "John"}), "its names cannot be read"),
        (json!({"names": ["John"]}), "its names cannot be read"),
        (
            json!({"emailAddresses": [{"value": 5}]}),
            "its emailAddresses cannot be read",
        ),
        (
            json!({"phoneNumbers": [{"value": "1", "type": []}]}),
            "its phoneNumbers cannot be read",
        ),
        (json!({"birthdays": [{"date": "1999"}]}), "its birthdays cannot be read"),
        (
            json!({"birthdays": [{"date": {"month": "May"}}]}),
            "its birthdays cannot be read",
        ),
        (
            json!({"memberships": [{"contactGroupMembership": {}}]}),
            "its memberships cannot be read",
        ),
        (json!({"metadata": 1}), "its metadata cannot be read"),
        (json!({"metadata": {}}), "it has no contact source"),
        (
            json!({"metadata": {"sources": [{"type": "CONTACT", "id": "1"}]}}),
            "its contact source has no id or no etag",
        ),
        (
            json!({"metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": "#1", "updateTime": "soon"}]}}),
            "its metadata cannot be read",
        ),
        (json!({"resourceName": null}), "it has no resourceName"),
        (
            json!({"names": [{"givenName": "Jo\0hn"}]}),
            "its given_name must not contain the control character U+0000",
        ),
        (
            json!({"resourceName": "people/c\0"}),
            "its metadata contains the character NUL",
        ),
    ];
    for (changes, reason) in table {
        let mut item = john();
        item.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        assert_eq!(broken(&item).reason, reason, "{changes}");
    }
    assert_eq!(broken(&json!([1])).reason, "it is no JSON object");
}

#[test]
fn a_broken_person_keeps_what_a_human_needs_and_nothing_of_others() {
    let mut item = john();
    item["emailAddresses"][0]["value"] = json!(7);
    item["clientData"] = json!([{"key": "other", "value": "secret"}]);
    item["biographies"] = json!([{"value": "note"}]);
    let broken = broken(&item);
    assert_eq!(broken.resource_name.as_deref(), Some("people/c5170723913980391624"));
    assert_eq!(broken.etag.as_deref(), Some("#Zm4YfTizA7M="));
    assert!(
        broken.raw.contains("\"value\":7") && broken.raw.contains("Doe"),
        "{}",
        broken.raw
    );
    for hidden in ["secret", "note", "myContacts"] {
        assert!(!broken.raw.contains(hidden), "{}", broken.raw);
    }
    assert!(!format!("{broken:?}").contains("Doe"));
    assert!(!format!("{:?} {:?}", person(&john()), readable(&john())).contains("Doe"));
}

#[test]
fn a_create_holds_details_key_and_groups_and_nothing_else() {
    let details = Details {
        given_name: "Ana".into(),
        emails: vec![email("a@example.com", "work"), email("b@example.com", "")],
        birthday: Birthday::parse("--02-29"),
        ..Details::default()
    };
    let expected = json!({
        "names": [{"givenName": "Ana"}],
        "emailAddresses": [{"value": "a@example.com", "type": "work"}, {"value": "b@example.com"}],
        "birthdays": [{"date": {"month": 2, "day": 29}}],
        "clientData": [{"key": "accord", "value": "i:t:c"}],
        "memberships": [
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}},
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/1f"}}],
    });
    assert_eq!(create_body(&details, "i:t:c", Some("contactGroups/1f")), expected);
    assert_eq!(create_body(&details, "i:t:c", None).get("memberships"), None);
    assert_eq!(
        create_body(&Details::default(), "k", None),
        json!({"clientData": [{"key": "accord", "value": "k"}]})
    );
}

#[test]
fn an_update_names_the_touched_fields_and_carries_the_etag_of_the_source() {
    let update = update(&john(), &[PersonField::Phones, PersonField::Emails], |wanted| {
        wanted.phones[0].value = "666 12 34 91".into();
        wanted.emails.clear();
        wanted.given_name = "nobody touched it".into();
    });
    assert_eq!(update.mask, "emailAddresses,phoneNumbers");
    let expected = json!({
        "metadata": {"sources": [{"type": "CONTACT", "id": SOURCE, "etag": "#Zm4YfTizA7M="}]},
        "emailAddresses": [],
        "phoneNumbers": [{"value": "666 12 34 91", "type": "mobile"}],
    });
    assert_eq!(update.body, expected);
}

#[test]
fn a_name_keeps_its_middle_and_the_half_that_nobody_touched() {
    let update = update(&john(), &[PersonField::GivenName], |wanted| {
        wanted.given_name = "Johnny".into();
        wanted.family_name = "stale".into();
    });
    assert_eq!(update.mask, "names");
    let expected = json!([{"givenName": "Johnny", "familyName": "Doe", "middleName": "Jay", "honorificPrefix": "Dr.",
        "honorificSuffix": "III"}]);
    assert_eq!(update.body["names"], expected);
    let cleared = self::update(&john(), &[PersonField::GivenName, PersonField::FamilyName], |wanted| {
        wanted.given_name.clear();
        wanted.family_name.clear();
    });
    assert_eq!(
        cleared.body["names"],
        json!([{"middleName": "Jay", "honorificPrefix": "Dr.", "honorificSuffix": "III"}])
    );
}

#[test]
fn a_name_that_google_holds_as_one_text_stays_until_it_gets_parts() {
    let text = json!({"displayName": "Acme Ltd", "unstructuredName": "Acme Ltd"});
    let item = with(json!({"names": [own(text, true)]}));
    let fields = [PersonField::GivenName, PersonField::FamilyName];
    let same = update(&item, &fields, |_| {});
    assert_eq!(same.body["names"], json!([{"unstructuredName": "Acme Ltd"}]));
    let parts = update(&item, &fields, |wanted| wanted.given_name = "Acme".into());
    assert_eq!(parts.body["names"], json!([{"givenName": "Acme"}]));
}

#[test]
fn a_touched_field_that_was_not_read_is_not_written_blindly() {
    let read = Readable::parse(&raw(&john()), &[PersonField::Phones]).unwrap();
    let update = update_body(
        &read.raw,
        &Details::default(),
        &[PersonField::Phones, PersonField::Organizations],
    );
    assert_eq!(update.mask, "phoneNumbers");
    assert_eq!(update.body.get("organizations"), None);
}

#[test]
fn an_organization_keeps_its_department_until_it_is_another_employer() {
    let organizations = |name: &str, title: &str| {
        let update = update(&john(), &[PersonField::Organizations], |wanted| {
            wanted.organizations = vec![organization("New", ""), organization(name, title)];
        });
        update.body["organizations"][1].clone()
    };
    assert_eq!(organizations("kde", "Boss")["department"], "PIM");
    assert_eq!(organizations("KDE e.V.", "Developer")["department"], "PIM");
    assert_eq!(organizations("Acme", "Boss"), json!({"name": "Acme", "title": "Boss"}));
}

#[test]
fn a_changed_address_loses_its_whole_text_and_an_unchanged_one_keeps_it() {
    let address = json!({"type": "home", "formattedType": "Home", "formattedValue": "As I like it", "streetAddress": "Main St 1",
        "extendedAddress": "Apt 4", "city": "Springfield", "postalCode": "1", "country": "United States", "countryCode": "US"});
    let item = with(json!({"addresses": [own(address, true)]}));
    let written = |change: fn(&mut Address)| {
        let update = update(&item, &[PersonField::Addresses], |wanted| {
            change(&mut wanted.addresses[0])
        });
        update.body["addresses"].clone()
    };
    assert_eq!(
        written(|address| address.label = "work".into()),
        json!([{"type": "work", "formattedValue": "As I like it", "streetAddress": "Main St 1", "extendedAddress": "Apt 4",
            "city": "Springfield", "postalCode": "1", "country": "United States", "countryCode": "US"}])
    );
    assert_eq!(
        written(|address| address.street = "Main St 2".into()),
        json!([{"type": "home", "streetAddress": "Main St 2", "extendedAddress": "Apt 4", "city": "Springfield",
            "postalCode": "1", "country": "United States", "countryCode": "US"}])
    );
    let abroad = written(|address| address.country_code = "CA".into());
    assert_eq!(abroad[0].get("country"), None);
    assert_eq!(abroad[0]["extendedAddress"], "Apt 4");
    let moved = written(|address| {
        address.street = "Elm St 3".into();
        address.city = "Shelbyville".into();
        address.postal_code = "2".into();
    });
    assert_eq!(
        moved,
        json!([{"type": "home", "streetAddress": "Elm St 3", "city": "Shelbyville", "postalCode": "2", "countryCode": "US"}])
    );
}

/// Checklist line 152.
#[test]
fn a_birthday_that_is_only_text_stays_until_the_birthday_is_touched() {
    let item = with(json!({"birthdays": [own(json!({"text": "in spring"}), true)]}));
    let untouched = update(&item, &[PersonField::Gender], |wanted| wanted.gender = "female".into());
    assert_eq!(untouched.body.get("birthdays"), None);
    let set = update(&item, &[PersonField::Birthday], |wanted| {
        wanted.birthday = Birthday::parse("--04-01")
    });
    assert_eq!(set.body["birthdays"], json!([{"date": {"month": 4, "day": 1}}]));
    let cleared = update(&item, &[PersonField::Birthday], |wanted| wanted.birthday = None);
    assert_eq!(
        (cleared.mask.as_str(), &cleared.body["birthdays"]),
        ("birthdays", &json!([]))
    );
}

#[test]
fn values_that_the_app_never_saw_are_not_removed() {
    let item =
        with(json!({"organizations": [own(json!({"department": "PIM"}), true), own(json!({"name": "KDE"}), false)]}));
    let update = update(&item, &[PersonField::Organizations], |wanted| {
        wanted.organizations.clear()
    });
    assert_eq!(update.body["organizations"], json!([{"department": "PIM"}]));
}

/// What Google makes of a body: metadata, derived members, a whole text of addresses.
fn as_shown(fields: &Value) -> Value {
    let mut item = with(json!({}));
    for field in FIELDS {
        let values = fields[field].as_array().cloned().unwrap_or_default();
        let shown = values.into_iter().enumerate().map(|(index, mut value)| {
            if let Some(label) = value.get("type").cloned() {
                value["formattedType"] = label;
            }
            match field {
                "names" => {
                    value["displayName"] = json!("Somebody");
                    value["unstructuredName"] = json!("Somebody");
                }
                "phoneNumbers" => value["canonicalForm"] = json!("+34666123490"),
                "genders" => value["formattedValue"] = json!("Formatted"),
                "addresses" if value.get("formattedValue").is_none() => {
                    value["formattedValue"] = json!("Made of parts")
                }
                _ => {}
            }
            own(value, index == 0)
        });
        let shown: Vec<Value> = shown.collect();
        if !shown.is_empty() {
            item[field] = json!(shown);
        }
    }
    item
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just("home"), Just("work"), Just("Büro am See")].prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-cA-C]{1,2}", "[a-zé ]{0,6}x", Just("Žofie\nII".to_owned())]
}

fn maybe() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), word()]
}

prop_compose! {
    fn address()(street in word(), city in maybe(), region in maybe(), postal_code in maybe(),
        country_code in prop_oneof![Just(""), Just("ES"), Just("DE")], label in label()) -> Address {
        Address { street, city, region, postal_code, country_code: country_code.to_owned(), label }
    }
}

fn birthday() -> impl Strategy<Value = Option<Birthday>> {
    let day = (proptest::option::of(1..=9999i32), 1..=12u32, 1..=31u32);
    proptest::option::of(day).prop_map(|day| {
        let (year, month, day) = day?;
        Some(Birthday { year, month, day }).filter(|birthday| birthday.exists())
    })
}

prop_compose! {
    fn details()(given_name in maybe(), family_name in maybe(),
        emails in proptest::collection::vec((word(), label()).prop_map(|(value, label)| Email { value, label }), 0..4),
        phones in proptest::collection::vec(("[0-9 ]{2,4}1", label()).prop_map(|(value, label)| Phone { value, label }), 0..4),
        organizations in proptest::collection::vec((word(), maybe()).prop_map(|(name, title)| Organization { name, title }), 0..3),
        addresses in proptest::collection::vec(address(), 0..3), birthday in birthday(), gender in maybe()) -> Details {
        Details { given_name, family_name, emails, phones, organizations, addresses, birthday, gender }
    }
}

/// Marks every value with a member that nobody models.
fn marked(mut item: Value) -> Value {
    let mut number = 0;
    for field in FIELDS {
        for value in item.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            number += 1;
            value["unknownOf2031"] = json!({ "number": number });
        }
    }
    item
}

fn marks(fields: &Value, field: &str) -> Vec<i64> {
    let values = fields[field].as_array().cloned().unwrap_or_default();
    let mut marks: Vec<i64> = values
        .iter()
        .filter_map(|value| value["unknownOf2031"]["number"].as_i64())
        .collect();
    marks.sort_unstable();
    marks
}

proptest! {
    #[test]
    fn what_was_created_reads_back_the_same(details in details()) {
        let shown = as_shown(&create_body(&details, "k", None));
        prop_assert_eq!(&person(&shown).details, &details);
    }

    #[test]
    fn touching_nothing_changes_nothing(details in details(), other in details()) {
        let read = readable(&as_shown(&create_body(&details, "k", None)));
        let update = update_body(&read.raw, &other, &[]);
        prop_assert_eq!(update.mask, "");
        prop_assert_eq!(update.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["metadata"]);
    }

    #[test]
    fn writing_what_was_read_keeps_every_value_whole(details in details()) {
        let item = marked(as_shown(&create_body(&details, "k", None)));
        let read = readable(&item);
        let update = update_body(&read.raw, &details, &PersonField::ALL);
        for field in FIELDS {
            prop_assert_eq!(marks(&update.body, field), marks(&item, field));
        }
        prop_assert_eq!(person(&as_shown(&update.body)).details, details);
    }

    #[test]
    fn after_an_update_google_holds_what_was_wanted_and_nothing_untouched_is_sent(
        before in details(), wanted in details(), touched in proptest::sample::subsequence(PersonField::ALL.to_vec(), 0..=8)) {
        let read = readable(&marked(as_shown(&create_body(&before, "k", None))));
        let update = update_body(&read.raw, &wanted, &touched);
        let text = update.body.to_string();
        for derived in ["formattedType", "canonicalForm", "displayName", "unstructuredName", "Formatted"] {
            prop_assert!(!text.contains(derived), "{}", text);
        }
        let after = person(&as_shown(&update.body)).details;
        let differing = differing(&after, &wanted);
        for field in touched {
            prop_assert!(!differing.contains(&field), "{:?}: {:?} for {:?}", field, after, wanted);
        }
    }

    #[test]
    fn a_value_that_stays_keeps_what_we_do_not_know_whatever_happens_around_it(
        before in details(), wanted in details(), label in label()) {
        let item = marked(as_shown(&create_body(&before, "k", None)));
        let read = readable(&item);
        prop_assume!(!before.emails.is_empty());
        // Moved to the end, relabelled, beside values of which some are the same.
        let mut wanted = wanted;
        let mut kept = before.emails[0].clone();
        kept.label = label;
        wanted.emails.retain(|other| other.key() != kept.key());
        wanted.emails.push(kept);
        let update = update_body(&read.raw, &wanted, &PersonField::ALL);
        let last = update.body["emailAddresses"].as_array().unwrap().last().unwrap().clone();
        prop_assert!(last.get("unknownOf2031").is_some(), "{}", update.body);
        // Single values are one value however they change, unless they are cleared.
        if !before.gender.is_empty() {
            prop_assert_eq!(marks(&update.body, "genders"), marks(&item, "genders"));
        }
        if !before.given_name.is_empty() || !before.family_name.is_empty() {
            prop_assert_eq!(marks(&update.body, "names"), marks(&item, "names"));
        }
    }
}
