//! Creates, updates, deletions.
use crate::world::*;
use serde_json::{Value, json};

/// google.md 6.3 and 6.4: no id of the client's, `myContacts` when no group is named, an empty contact is legal.
#[test]
fn a_created_contact_is_named_by_google_and_lands_in_my_contacts() {
    let mut world = World::new();
    let sent = json!({"resourceName": "people/mine", "names": [{"givenName": "Ana"}],
        "clientData": [{"key": "accord", "value": "1"}, {"key": "accord", "value": "1"}]});
    let made = world.post("people:createContact", sent).q("personFields", FIELDS).ok();
    assert!(name(&made).starts_with("people/c"), "{made}");
    assert_eq!(
        values(&made, "memberships")[0]["contactGroupMembership"]["contactGroupId"],
        "myContacts"
    );
    assert_eq!(values(&made, "clientData").len(), 2, "duplicates are legal");
    let narrow = world
        .post("people:createContact", json!({}))
        .q("personFields", "names")
        .ok();
    assert_eq!(narrow.as_object().unwrap().len(), 2, "{narrow}");
    world
        .post("people:createContact", json!({}))
        .q("personFields", "etag")
        .refused(400, "INVALID_ARGUMENT");
    assert_eq!(world.full().0.len(), 2);
}

/// Checklist line 138.
#[test]
fn an_update_with_a_stale_etag_is_a_failed_precondition() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let old = world.person(&contact);
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Eva"}]}))
        .ok();
    for stale in [json!({"metadata": old["metadata"]}), json!({"etag": old["etag"]})] {
        let error = world
            .update_as_sent(&contact, "names", stale)
            .refused(400, "FAILED_PRECONDITION");
        assert_eq!(
            error["message"],
            "Request person.etag is different than the current person.etag. Clear local cache and get the latest person."
        );
    }
    assert_eq!(world.person(&contact)["names"][0]["givenName"], "Eva");
}

/// Checklist line 139, and the other ways to have no good etag.
#[test]
fn an_update_without_an_etag_or_with_one_in_the_wrong_place_is_refused() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let etag = source_etag(&world.person(&contact));
    let error = world
        .update_as_sent(&contact, "names", json!({"names": []}))
        .refused(400, "INVALID_ARGUMENT");
    assert_eq!(
        error["message"],
        "Request must set person.etag or person.metadata.sources.etag for the source that is being updated."
    );
    for body in [
        json!({"etag": etag}),
        json!({"metadata": {"sources": [{"type": "PROFILE", "id": "1", "etag": etag}]}}),
        json!({"metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": etag}]}}),
        json!({"metadata": {"sources": [{"type": "CONTACT"}]}}),
    ] {
        world
            .update_as_sent(&contact, "names", body)
            .refused(400, "INVALID_ARGUMENT");
    }
    for mask in ["", "metadata", "photos", "etag", "names,nonsense"] {
        world.update(&contact, mask, json!({})).refused(400, "INVALID_ARGUMENT");
    }
    world
        .update_as_sent("people/me", "names", json!({"etag": etag}))
        .refused(400, "INVALID_ARGUMENT");
    world
        .update_as_sent("people/c1", "names", json!({"etag": etag}))
        .refused(404, "NOT_FOUND");
    assert_eq!(world.person(&contact)["names"][0]["givenName"], "Ana");
}

/// Checklist line 140.
#[test]
fn a_masked_field_is_replaced_whole_and_an_unmasked_one_is_ignored() {
    let mut world = World::new();
    let contact = name(&world.create(json!({
        "names": [{"givenName": "Ana", "familyName": "Ruiz"}],
        "emailAddresses": [{"value": "a@x.org"}, {"value": "b@x.org"}],
        "phoneNumbers": [{"value": "+34 600 000 001"}]})));
    let body = json!({"emailAddresses": [{"value": "c@x.org"}], "names": [{"givenName": "Not masked"}]});
    world.update(&contact, "emailAddresses,phoneNumbers", body).ok();
    let person = world.person(&contact);
    assert_eq!(values(&person, "emailAddresses"), [json!({"value": "c@x.org"})]);
    assert_eq!(person.get("phoneNumbers"), None);
    assert_eq!(person["names"][0]["displayName"], "Ana Ruiz");
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Eva"}]}))
        .ok();
    assert_eq!(world.person(&contact)["names"][0].get("familyName"), None);
    let made = world
        .update(&contact, "names", json!({"names": []}))
        .q("personFields", "names")
        .ok();
    assert_eq!(made.get("names"), None);
}

/// Checklist line 141.
#[test]
fn what_a_contact_has_once_cannot_be_given_twice() {
    let mut world = World::new();
    let contact = world.named("Ana");
    for (field, two) in [
        ("names", json!([{"givenName": "A"}, {"givenName": "B"}])),
        (
            "birthdays",
            json!([{"date": {"month": 1, "day": 1}}, {"text": "later"}]),
        ),
        ("genders", json!([{"value": "male"}, {"value": "female"}])),
        ("biographies", json!([{"value": "one"}, {"value": "two"}])),
    ] {
        let body = json!({field: two});
        let error = world
            .post("people:createContact", body.clone())
            .refused(400, "INVALID_ARGUMENT");
        assert_eq!(
            error["message"],
            format!("Cannot have more than one person.{field} per source.")
        );
        world.update(&contact, field, body).refused(400, "INVALID_ARGUMENT");
    }
    let gender = world.create(json!({"genders": [{"value": "female"}]}));
    assert_eq!(
        values(&gender, "genders"),
        [json!({"value": "female", "formattedValue": "Female"})]
    );
}

/// Checklist line 142, its part about updates.
#[test]
fn a_contact_cannot_be_left_without_a_group() {
    let mut world = World::new();
    let contact = world.named("Ana");
    world
        .update(&contact, "memberships", json!({"memberships": []}))
        .refused(400, "INVALID_ARGUMENT");
    world
        .update(&contact, "memberships", json!({}))
        .refused(400, "INVALID_ARGUMENT");
    let member = |group: &str| json!({"memberships": [{"contactGroupMembership": {"contactGroupResourceName": format!("contactGroups/{group}")}}]});
    for group in ["nonsense", "friends", "all"] {
        world
            .update(&contact, "memberships", member(group))
            .refused(400, "INVALID_ARGUMENT");
        world
            .post("people:createContact", member(group))
            .refused(400, "INVALID_ARGUMENT");
    }
    world.update(&contact, "memberships", member("starred")).ok();
    assert_eq!(
        values(&world.person(&contact), "memberships")[0]["contactGroupMembership"]["contactGroupId"],
        "starred"
    );
}

/// Checklist line 143.
#[test]
fn each_write_returns_a_new_etag_that_the_next_update_needs() {
    let mut world = World::new();
    let made = world.create(json!({"names": [{"givenName": "0"}]}));
    let contact = name(&made);
    let (mut etag, mut source) = (made["etag"].clone(), made["metadata"].clone());
    for (round, by_person) in [(1, false), (2, true), (3, false)] {
        let own = if by_person {
            json!({"etag": etag})
        } else {
            json!({"metadata": source})
        };
        let mut body = own.clone();
        body["names"] = json!([{"givenName": round.to_string()}]);
        let updated = world.update_as_sent(&contact, "names", body.clone()).ok();
        assert_ne!(updated["metadata"]["sources"][0]["etag"], source["sources"][0]["etag"]);
        world
            .update_as_sent(&contact, "names", body)
            .refused(400, "FAILED_PRECONDITION");
        (etag, source) = (updated["etag"].clone(), updated["metadata"].clone());
    }
    assert_eq!(world.person(&contact)["names"][0]["givenName"], "3");
    // The same content again is a write too.
    let again = world
        .update(&contact, "names", json!({"names": [{"givenName": "3"}]}))
        .ok();
    assert_ne!(again["metadata"]["sources"][0]["etag"], source["sources"][0]["etag"]);
}

/// Scenario 53: Google refuses even the fresh etag for a while.
#[test]
fn a_fresh_etag_can_be_refused_for_a_minute() {
    let mut world = World::new();
    let contact = world.named("Ana");
    world.control("stale_etags", json!({"user": ANNA, "for_ms": 60_000}));
    world
        .update(&contact, "names", json!({}))
        .refused(400, "FAILED_PRECONDITION");
    world.pass(60);
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Eva"}]}))
        .ok();
    let before = source_etag(&world.person(&contact));
    world.control("touch", json!({"user": ANNA, "contact": contact}));
    assert_ne!(
        source_etag(&world.person(&contact)),
        before,
        "a touched contact has a new etag and nothing else"
    );
}

/// Checklist line 149.
#[test]
fn a_deletion_answers_an_empty_object_and_the_second_404() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let path = format!("{contact}:deleteContact");
    assert_eq!(world.delete(&path).ok(), json!({}));
    world.delete(&path).refused(404, "NOT_FOUND");
    world.get(&contact).q("personFields", "names").refused(404, "NOT_FOUND");
    world.delete("people/me:deleteContact").refused(400, "INVALID_ARGUMENT");
}

/// Bodies: what no message has, and values of the wrong kind, in the words of Google's JSON front.
#[test]
fn a_body_that_is_no_person_is_refused() {
    let mut world = World::new();
    for (body, words) in [
        (
            json!({"name": "Ana"}),
            "Invalid JSON payload received. Unknown name \"name\" at 'person': Cannot find field.",
        ),
        (
            json!({"names": [{"givenName": "A", "first": "B"}]}),
            "Invalid JSON payload received. Unknown name \"first\" at 'person.names[0]': Cannot find field.",
        ),
        (
            json!({"names": [{"givenName": 5}]}),
            "Invalid value at 'person.names[0].given_name' (TYPE_STRING), 5",
        ),
        (
            json!({"birthdays": [{"date": {"year": 1.5}}]}),
            "Invalid value at 'person.birthdays[0].date.year' (TYPE_INT32), 1.5",
        ),
        (
            json!({"etag": ["x"]}),
            "Invalid JSON payload received. Unknown name \"etag\" at 'person': Proto field is not repeating, cannot start list.",
        ),
    ] {
        let error = world
            .post("people:createContact", body)
            .refused(400, "INVALID_ARGUMENT");
        assert_eq!(error["message"], words);
        assert_eq!(error["details"][0]["fieldViolations"][0]["description"], words);
    }
    for body in [
        json!({"names": {"givenName": "A"}}),
        json!({"organizations": [{"current": "true"}]}),
        json!({"biographies": [{"value": "x", "contentType": "MARKDOWN"}]}),
        json!({"events": [{"type": "anniversary", "formattedType": "x", "date": {"day": 3}}]}),
        json!("Ana"),
    ] {
        world
            .post("people:createContact", body)
            .refused(400, "INVALID_ARGUMENT");
    }
    assert_eq!(world.full().0.len(), 0);
}

/// google.md 6.5: addresses, labels, empty values.
#[test]
fn values_are_normalised_as_google_does() {
    let mut world = World::new();
    let made = world.create(json!({
        "addresses": [
            {"streetAddress": "Calle Mayor 1", "city": "Madrid", "postalCode": "28001", "country": "Spain", "type": "home"},
            {"city": "Prague", "formattedValue": "As I wrote it"}],
        "emailAddresses": [{"value": ""}, {"type": "home"}, {"value": "a@x.org", "type": "work", "displayName": "Ana"}],
        "organizations": [{"title": "Developer", "current": false}],
        "userDefined": [{"key": "k", "value": "v"}]}));
    assert_eq!(
        made["addresses"][0]["formattedValue"],
        "Calle Mayor 1\nMadrid, 28001\nSpain"
    );
    assert_eq!(made["addresses"][0]["formattedType"], "Home");
    assert_eq!(made["addresses"][1]["formattedValue"], "As I wrote it");
    assert_eq!(
        values(&made, "emailAddresses"),
        [json!({"value": "a@x.org", "type": "work", "formattedType": "Work", "displayName": "Ana"})]
    );
    assert_eq!(values(&made, "organizations"), [json!({"title": "Developer"})]);
    assert_eq!(made["photos"][0]["default"], true);
    assert_eq!(values(&made, "names"), Vec::<Value>::new());
}

/// google.md 6.3: an account has an end.
#[test]
fn a_full_account_takes_no_more_contacts() {
    let mut world = World::new();
    world.control("contact_limit", json!({"limit": 1}));
    world.named("Ana");
    let error = world
        .post("people:createContact", json!({}))
        .refused(400, "FAILED_PRECONDITION");
    assert_eq!(error["message"], "MY_CONTACTS_OVERFLOW_COUNT");
    let two = json!({"contacts": [{"contactPerson": {}}, {"contactPerson": {}}]});
    world.control("contact_limit", json!({"limit": 2}));
    world
        .post("people:batchCreateContacts", two)
        .refused(400, "FAILED_PRECONDITION");
    assert_eq!(world.full().0.len(), 1);
}

/// Poison: what no API call can make, a test can.
#[test]
fn a_test_can_plant_a_contact_that_no_call_could_make() {
    let mut world = World::new();
    let poison = json!({"names": [{"givenName": "A"}, {"givenName": "B"}], "birthdays": [{"date": {"month": 13}}]});
    let planted = name(&world.control("raw_contact", json!({"user": ANNA, "person": poison})));
    let person = world.get(&planted).q("personFields", "names,birthdays").ok();
    assert_eq!(values(&person, "names").len(), 2);
    assert_eq!(values(&person, "birthdays"), [json!({"date": {"month": 13}})]);
}
