//! Masks, shapes, single reads, scopes.
use crate::world::*;
use serde_json::{Value, json};

/// Checklist line 128.
#[test]
fn a_read_without_a_mask_or_with_a_wrong_path_is_refused_in_googles_words() {
    let mut world = World::new();
    let contact = world.named("Ana");
    for path in [CONNECTIONS, contact.as_str(), "people:batchGet"] {
        let error = world.get(path).refused(400, "INVALID_ARGUMENT");
        assert_eq!(
            error["message"],
            "personFields mask is required. Please specify one or more valid paths. Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/get."
        );
    }
    let error = world
        .get(CONNECTIONS)
        .q("personFields", "names,metadfafads")
        .refused(400, "INVALID_ARGUMENT");
    assert_eq!(
        error["message"],
        "Invalid personFields mask path: \"metadfafads\". Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/get."
    );
    world
        .get(&contact)
        .q("personFields", "names.givenName")
        .refused(400, "INVALID_ARGUMENT");
    let old = world.get(&contact).q("requestMask.includeField", "person.names").ok();
    assert!(old.get("names").is_some());
    world
        .get(&contact)
        .q("requestMask.includeField", "names")
        .refused(400, "INVALID_ARGUMENT");
}

/// Checklist line 129.
#[test]
fn etag_and_resource_name_are_no_mask_paths_and_always_come() {
    let mut world = World::new();
    let contact = world.named("Ana");
    for path in ["etag", "resourceName", "fileAses"] {
        world
            .get(&contact)
            .q("personFields", path)
            .refused(400, "INVALID_ARGUMENT");
    }
    let person = world.get(&contact).q("personFields", "names").ok();
    assert!(person["etag"].as_str().unwrap().starts_with('%'));
    assert_eq!(person["resourceName"], contact);
}

/// Checklist line 137: without `metadata` there is no source etag.
#[test]
fn the_sources_come_only_when_metadata_is_asked_for() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let person = world.get(&contact).q("personFields", "names").ok();
    assert_eq!(person.get("metadata"), None);
    let person = world.get(&contact).q("personFields", "metadata").ok();
    let source = &person["metadata"]["sources"][0];
    assert_eq!(
        (&source["type"], &person["metadata"]["objectType"]),
        (&json!("CONTACT"), &json!("PERSON"))
    );
    let etag = source["etag"].as_str().unwrap();
    assert!(
        etag.starts_with('#') && etag.ends_with('=') && etag.len() == 13,
        "{etag}"
    );
    assert_eq!(source["updateTime"], "2026-03-02T08:00:00.000000Z");
    // The resource name is the source id in decimal.
    let id = u64::from_str_radix(source["id"].as_str().unwrap(), 16).unwrap();
    assert_eq!(contact, format!("people/c{id}"));
    assert_eq!(person.get("names"), None);
}

/// Checklist line 144.
#[test]
fn the_persons_etag_differs_by_mask_while_the_sources_etag_is_equal() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let narrow = world.get(&contact).q("personFields", "metadata").ok();
    let wide = world.get(&contact).q("personFields", "metadata,names").ok();
    assert_ne!(narrow["etag"], wide["etag"]);
    assert_eq!(source_etag(&narrow), source_etag(&wide));
}

/// Checklist line 151.
#[test]
fn a_phone_has_a_canonical_form_only_if_it_can_be_read_and_derived_fields_are_ignored_on_write() {
    let mut world = World::new();
    let sent = json!({"phoneNumbers": [
        {"value": "666 12 34 90", "type": "mobile", "canonicalForm": "+1", "formattedType": "Wrong"},
        {"value": "extension 12", "type": "Work fax"},
        {"value": "+44 20 7946 0018", "type": "workFax"}]});
    let made = world.create(sent);
    assert_eq!(
        values(&made, "phoneNumbers"),
        [
            json!({"value": "666 12 34 90", "type": "mobile", "canonicalForm": "+34666123490", "formattedType": "Mobile"}),
            json!({"value": "extension 12", "type": "Work fax", "formattedType": "Work fax"}),
            json!({"value": "+44 20 7946 0018", "type": "workFax", "canonicalForm": "+442079460018", "formattedType": "Work Fax"}),
        ]
    );
    let national = world
        .post(
            "people:createContact",
            json!({"phoneNumbers": [{"value": "666 12 34 90"}]}),
        )
        .by(BEN)
        .ok();
    assert_eq!(values(&national, "phoneNumbers"), [json!({"value": "666 12 34 90"})]);
}

/// Checklist line 152.
#[test]
fn a_birthday_may_lack_its_year_or_be_text_alone_but_not_be_impossible() {
    let mut world = World::new();
    let made = world.create(json!({"birthdays": [{"date": {"year": 0, "month": 2, "day": 29}}]}));
    assert_eq!(values(&made, "birthdays"), [json!({"date": {"month": 2, "day": 29}})]);
    let text = world.create(json!({"birthdays": [{"text": "in spring"}]}));
    assert_eq!(values(&text, "birthdays"), [json!({"text": "in spring"})]);
    for date in [
        json!({"year": 2025, "month": 2, "day": 29}),
        json!({"month": 13, "day": 1}),
        json!({"year": 2025, "day": 1}),
        json!({"day": 4}),
    ] {
        world
            .post("people:createContact", json!({"birthdays": [{"date": date}]}))
            .refused(400, "INVALID_ARGUMENT");
    }
}

/// Checklist line 153.
#[test]
fn the_display_names_are_made_by_the_server() {
    let mut world = World::new();
    let sent = json!({"names": [{"givenName": "John", "familyName": "Doe", "displayName": "Nobody", "displayNameLastFirst": "No"}]});
    let made = world.create(sent);
    assert_eq!(
        values(&made, "names"),
        [
            json!({"givenName": "John", "familyName": "Doe", "displayName": "John Doe", "displayNameLastFirst": "Doe, John", "unstructuredName": "John Doe"})
        ]
    );
    let whole = world.create(json!({"names": [{"unstructuredName": "Ana María Ruiz"}]}));
    let name = &values(&whole, "names")[0];
    assert_eq!(
        (&name["givenName"], &name["middleName"], &name["familyName"]),
        (&json!("Ana"), &json!("María"), &json!("Ruiz"))
    );
    let both = json!({"names": [{"givenName": "Eva", "unstructuredName": "Old Name"}]});
    assert_eq!(values(&world.create(both.clone()), "names")[0]["displayName"], "Eva");
    world.control("unstructured_name", json!({"wins": true}));
    assert_eq!(values(&world.create(both), "names")[0]["displayName"], "Old Name");
}

/// Checklist line 154.
#[test]
fn each_field_has_exactly_one_primary_value_whatever_their_order() {
    let mut world = World::new();
    let sent = json!({
        "emailAddresses": [{"value": "a@x.org"}, {"value": "b@x.org", "metadata": {"sourcePrimary": true}}, {"value": "c@x.org"}],
        "names": [{"givenName": "Ana"}]});
    let contact = name(&world.create(sent));
    let mut orders = std::collections::BTreeSet::new();
    for seed in [Value::Null, json!(1), json!(2), json!(3), json!(4), json!(5), json!(6)] {
        world.control("shuffle_fields", json!({"seed": seed}));
        let person = world.person(&contact);
        for field in ["emailAddresses", "names"] {
            let items = person[field].as_array().unwrap();
            let primary: Vec<&Value> = items
                .iter()
                .filter(|item| item["metadata"]["primary"] == true)
                .collect();
            assert_eq!(primary.len(), 1, "{person}");
            assert_eq!(primary[0]["metadata"]["source"]["type"], "CONTACT");
            if field == "emailAddresses" {
                assert_eq!(primary[0]["value"], "b@x.org");
            }
        }
        let order: Vec<String> = values(&person, "emailAddresses")
            .iter()
            .map(|item| item["value"].to_string())
            .collect();
        orders.insert(order);
        assert_eq!(person["memberships"][0]["metadata"].get("primary"), None);
    }
    assert!(orders.len() > 1, "the order is stable: {orders:?}");
    let two = json!({"emailAddresses": [{"value": "a", "metadata": {"sourcePrimary": true}}, {"value": "b", "metadata": {"sourcePrimary": true}}]});
    world.post("people:createContact", two).refused(400, "INVALID_ARGUMENT");
}

/// Checklist line 159.
#[test]
fn a_list_shows_a_hundred_addresses_of_a_person_and_a_get_all_of_them() {
    let mut world = World::new();
    let emails: Vec<Value> = (0..130)
        .map(|number| json!({"value": format!("{number}@x.org")}))
        .collect();
    let phones: Vec<Value> = (0..101)
        .map(|number| json!({"value": format!("+34 600 000 {number:03}")}))
        .collect();
    let contact = name(&world.create(json!({"emailAddresses": emails, "phoneNumbers": phones})));
    let listed = &world.full().0[0];
    assert_eq!(
        (
            values(listed, "emailAddresses").len(),
            values(listed, "phoneNumbers").len()
        ),
        (100, 100)
    );
    let person = world.person(&contact);
    assert_eq!(
        (
            values(&person, "emailAddresses").len(),
            values(&person, "phoneNumbers").len()
        ),
        (130, 101)
    );
}

/// Checklist line 160: the sandbox's part is that profile data is told apart, and left out when only contacts are asked for.
#[test]
fn profile_data_has_its_own_source_and_stays_away_when_only_contacts_are_wanted() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let profile = json!({"names": [{"displayName": "Ana Profile"}], "emailAddresses": [{"value": "ana@gmail.com", "metadata": {"verified": true}}]});
    let linked = world.control(
        "link_profile",
        json!({"user": ANNA, "contact": contact, "person": profile}),
    );
    let linked = name(&linked);
    let both = world.person(&linked);
    let sources: Vec<&Value> = both["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| &name["metadata"]["source"]["type"])
        .collect();
    assert_eq!(sources, ["CONTACT", "PROFILE"]);
    assert_eq!(both["names"][1]["metadata"].get("primary"), None);
    assert_eq!(both["emailAddresses"][0]["metadata"]["verified"], true);
    assert_eq!(both["emailAddresses"][0]["metadata"]["primary"], true);
    let only = world
        .get(&linked)
        .q("personFields", FIELDS)
        .q("sources", "READ_SOURCE_TYPE_CONTACT")
        .ok();
    assert_eq!(only["names"].as_array().unwrap().len(), 1);
    assert_eq!(only.get("emailAddresses"), None);
    assert_eq!(only["metadata"]["sources"].as_array().unwrap().len(), 1);
    // Profile values that come back with an update are ignored.
    let body = json!({"names": both["names"], "metadata": both["metadata"]});
    let updated = world.update_as_sent(&linked, "names", body).ok();
    assert_eq!(values(&updated, "names").len(), 2);
    assert_eq!(updated["names"][0]["givenName"], "Ana");
}

/// google.md 6.2: `people/me`, unknown people, and many at once.
#[test]
fn people_are_read_one_by_one_and_in_batches_with_a_status_each() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let me = world
        .get("people/me")
        .q("personFields", "names,emailAddresses,metadata")
        .ok();
    assert_eq!(me["names"][0]["displayName"], "Anna Vega");
    assert_eq!(me["metadata"]["sources"][0]["type"], "PROFILE");
    assert_eq!(me["emailAddresses"][0]["value"], ANNA);
    let error = world
        .get("people/c1")
        .q("personFields", "names")
        .refused(404, "NOT_FOUND");
    assert_eq!(error["message"], "Requested entity was not found.");
    // Contacts of others are not there.
    world
        .get(&contact)
        .q("personFields", "names")
        .by(BEN)
        .refused(404, "NOT_FOUND");

    let batch = world
        .get("people:batchGet")
        .q("personFields", "names")
        .q("resourceNames", &contact)
        .q("resourceNames", "people/c1")
        .ok();
    let responses = batch["responses"].as_array().unwrap();
    assert_eq!(responses[0]["person"]["resourceName"], contact);
    assert_eq!(
        (&responses[0]["httpStatusCode"], &responses[0]["status"]),
        (&json!(200), &json!({}))
    );
    assert_eq!(
        (&responses[1]["status"]["code"], &responses[1]["requestedResourceName"]),
        (&json!(5), &json!("people/c1"))
    );
    let mut many = world.get("people:batchGet").q("personFields", "names");
    for number in 0..201 {
        many = many.q("resourceNames", &format!("people/c{number}"));
    }
    many.refused(400, "INVALID_ARGUMENT");
    world
        .get("people:batchGet")
        .q("personFields", "names")
        .refused(400, "INVALID_ARGUMENT");
}

/// google.md 2.7: who may only read may not write, and calendar rights open nothing here.
#[test]
fn reading_rights_do_not_write_and_other_rights_do_not_read() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let read_only = ["contacts.readonly"];
    world
        .get(CONNECTIONS)
        .q("personFields", "names")
        .scoped(&read_only)
        .ok();
    world.get(&contact).q("personFields", "names").scoped(&read_only).ok();
    world.get("contactGroups").scoped(&read_only).ok();
    let error = world
        .post("people:createContact", json!({}))
        .scoped(&read_only)
        .refused(403, "PERMISSION_DENIED");
    assert_eq!(error["message"], "Request had insufficient authentication scopes.");
    let info = &error["details"][0];
    assert_eq!(info["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(
        info["metadata"],
        json!({"service": "people.googleapis.com", "method": "google.people.v1.PeopleService.CreateContact"})
    );
    for path in ["people:batchDeleteContacts", "contactGroups"] {
        world
            .post(path, json!({}))
            .scoped(&read_only)
            .refused(403, "PERMISSION_DENIED");
    }
    world
        .delete(&format!("{contact}:deleteContact"))
        .scoped(&read_only)
        .refused(403, "PERMISSION_DENIED");
    world
        .get(CONNECTIONS)
        .q("personFields", "names")
        .scoped(&["calendar", "contacts.other.readonly"])
        .refused(403, "PERMISSION_DENIED");
}

/// Unknown parameters and wrong values of known ones, in the words of Google's JSON front.
#[test]
fn unknown_parameters_and_values_are_refused() {
    let mut world = World::new();
    let list = |world: &mut World, name: &str, value: &str| {
        world
            .get(CONNECTIONS)
            .q("personFields", "names")
            .q(name, value)
            .refused(400, "INVALID_ARGUMENT")
    };
    let error = list(&mut world, "maxResults", "3");
    assert_eq!(
        error["message"],
        "Invalid JSON payload received. Unknown name \"maxResults\": Cannot bind query parameter. Field 'maxResults' could not be found in request message."
    );
    assert_eq!(
        error["details"][0]["@type"],
        "type.googleapis.com/google.rpc.BadRequest"
    );
    let error = list(&mut world, "pageSize", "ten");
    assert_eq!(error["message"], "Invalid value at 'page_size' (TYPE_INT32), \"ten\"");
    for (name, value) in [
        ("pageSize", "1001"),
        ("pageSize", "-1"),
        ("requestSyncToken", "yes"),
        ("sortOrder", "NEWEST"),
        ("sources", "CONTACT"),
        ("personFields", "emailAddresses"),
    ] {
        list(&mut world, name, value);
    }
    world
        .get(CONNECTIONS)
        .q("personFields", "names")
        .q("pageSize", "0")
        .ok();
    world
        .get("people/c1/connections")
        .q("personFields", "names")
        .refused(400, "INVALID_ARGUMENT");
}
