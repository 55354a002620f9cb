//! batchCreateContacts, batchUpdateContacts, batchDeleteContacts.
use crate::world::*;
use serde_json::{Map, Value, json};

fn create(world: &mut World, count: usize, mask: &str) -> Value {
    let contacts: Vec<Value> = (0..count)
        .map(|number| json!({"contactPerson": {"names": [{"givenName": format!("N{number}")}]}}))
        .collect();
    let body = json!({"contacts": contacts, "readMask": mask});
    world.post("people:batchCreateContacts", body).ok()
}

/// Three contacts with their persons.
fn three(world: &mut World) -> Vec<Value> {
    let made = create(world, 3, FIELDS);
    let created = made["createdPeople"].as_array().unwrap();
    created.iter().map(|response| response["person"].clone()).collect()
}

/// Checklist line 145.
#[test]
fn a_batch_over_its_limit_is_refused_and_one_at_its_limit_is_done() {
    let mut world = World::new();
    let contacts = vec![json!({"contactPerson": {}}); 201];
    world
        .post(
            "people:batchCreateContacts",
            json!({"contacts": contacts, "readMask": "names"}),
        )
        .refused(400, "INVALID_ARGUMENT");
    assert_eq!(world.full().0.len(), 0);
    create(&mut world, 200, "");
    create(&mut world, 200, "");
    create(&mut world, 101, "");
    let page = world
        .get(CONNECTIONS)
        .q("personFields", "metadata")
        .q("pageSize", "1000")
        .ok();
    let all = people(&page);
    assert_eq!(all.len(), 501);
    let body = |count: usize| {
        let map: Map<String, Value> = all
            .iter()
            .take(count)
            .map(|person| {
                (
                    name(person),
                    json!({"metadata": person["metadata"], "nicknames": [{"value": "x"}]}),
                )
            })
            .collect();
        json!({"contacts": map, "updateMask": "nicknames", "readMask": "metadata"})
    };
    world
        .post("people:batchUpdateContacts", body(201))
        .refused(400, "INVALID_ARGUMENT");
    let done = world.post("people:batchUpdateContacts", body(200)).ok();
    assert_eq!(done["updateResult"].as_object().unwrap().len(), 200);
    let mut doomed = names(&all);
    world
        .post("people:batchDeleteContacts", json!({"resourceNames": doomed}))
        .refused(400, "INVALID_ARGUMENT");
    doomed.truncate(500);
    assert_eq!(
        world
            .post("people:batchDeleteContacts", json!({"resourceNames": doomed}))
            .ok(),
        json!({})
    );
    assert_eq!(world.full().0.len(), 1);
    for path in ["batchCreateContacts", "batchDeleteContacts"] {
        world
            .post(&format!("people:{path}"), json!({}))
            .refused(400, "INVALID_ARGUMENT");
    }
}

/// Checklist line 146.
#[test]
fn one_stale_etag_spoils_a_batch_and_the_details_name_it() {
    let mut world = World::new();
    let three = three(&mut world);
    let stale = name(&three[1]);
    world
        .update(&stale, "names", json!({"names": [{"givenName": "Changed"}]}))
        .ok();
    let contacts: Map<String, Value> = three
        .iter()
        .map(|person| {
            (
                name(person),
                json!({"etag": person["etag"], "names": [{"givenName": "Batch"}]}),
            )
        })
        .collect();
    let body = json!({"contacts": contacts, "updateMask": "names", "readMask": "names"});
    let error = world
        .post("people:batchUpdateContacts", body)
        .refused(400, "FAILED_PRECONDITION");
    let details = &error["details"][0];
    assert_eq!(
        details["@type"],
        "type.googleapis.com/google.people.v1.BatchUpdateContactsErrorDetails"
    );
    let errors = details["contactErrors"].as_object().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[&stale]["code"], 9);
    assert!(
        errors[&stale]["message"]
            .as_str()
            .unwrap()
            .starts_with("Request person.etag is different")
    );
    for person in &three {
        assert_ne!(
            world.person(&name(person))["names"][0]["givenName"],
            "Batch",
            "nothing was done"
        );
    }
}

/// Checklist line 146, its sibling: what is wrong with a contact to be created is named by its index.
#[test]
fn one_bad_contact_spoils_a_batch_that_creates() {
    let mut world = World::new();
    let two = json!({"names": [{"givenName": "A"}, {"givenName": "B"}]});
    let body = json!({"contacts": [{"contactPerson": {}}, {"contactPerson": two}, {}], "readMask": ""});
    let error = world
        .post("people:batchCreateContacts", body)
        .refused(400, "INVALID_ARGUMENT");
    assert_eq!(
        error["details"][0]["@type"],
        "type.googleapis.com/google.people.v1.BatchCreateContactsErrorDetails"
    );
    let errors = error["details"][0]["contactErrors"].as_object().unwrap();
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(errors["1"]["code"], 3);
    assert_eq!(world.full().0.len(), 0);
}

/// Checklist line 147.
#[test]
fn an_empty_read_mask_brings_no_people_back() {
    let mut world = World::new();
    assert_eq!(create(&mut world, 2, ""), json!({}));
    let person = world.full().0[0].clone();
    let contacts = json!({name(&person): {"metadata": person["metadata"], "names": [{"givenName": "New"}]}});
    let body = json!({"contacts": contacts, "updateMask": "names"});
    assert_eq!(world.post("people:batchUpdateContacts", body).ok(), json!({}));
    assert_eq!(world.person(&name(&person))["names"][0]["givenName"], "New");
}

/// google.md 6.3: what a batch answers when all is well, and that one mask rules all its contacts.
#[test]
fn a_batch_answers_a_response_for_each_contact() {
    let mut world = World::new();
    let three = three(&mut world);
    let (first, second) = (&three[0], &three[1]);
    let contacts = json!({
        name(first): {"metadata": first["metadata"], "names": [{"givenName": "One"}]},
        name(second): {"metadata": second["metadata"]}});
    let body = json!({"contacts": contacts, "updateMask": "names", "readMask": "names,metadata", "sources": ["READ_SOURCE_TYPE_CONTACT"]});
    let done = world.post("people:batchUpdateContacts", body).ok();
    let result = &done["updateResult"][name(first)];
    assert_eq!(
        (&result["httpStatusCode"], &result["requestedResourceName"]),
        (&json!(200), &json!(name(first)))
    );
    assert_eq!(result["person"]["names"][0]["givenName"], "One");
    assert_ne!(source_etag(&result["person"]), source_etag(first));
    assert_eq!(
        done["updateResult"][name(second)]["person"].get("names"),
        None,
        "masked and absent is cleared"
    );
    let body = json!({"contacts": {name(first): {}}, "readMask": "names"});
    world
        .post("people:batchUpdateContacts", body)
        .refused(400, "INVALID_ARGUMENT");
    let some = json!({"resourceNames": [name(first), "people/c1"]});
    world.post("people:batchDeleteContacts", some).refused(404, "NOT_FOUND");
    assert_eq!(world.full().0.len(), 3, "nothing was deleted");
}
