//! Full lists, deltas, pages, tokens, delays, merged and renamed people.
use crate::world::*;
use serde_json::{Value, json};

const DAY: i64 = 24 * 3_600;

/// Checklist line 130.
#[test]
fn a_sync_token_comes_only_when_asked_for_and_only_on_the_last_page() {
    let mut world = World::new();
    for given in ["A", "B", "C"] {
        world.named(given);
    }
    let page = world.get(CONNECTIONS).q("personFields", "names").ok();
    assert_eq!((page.get("nextSyncToken"), page.get("nextPageToken")), (None, None));
    assert_eq!((&page["totalItems"], &page["totalPeople"]), (&json!(3), &json!(3)));
    let first = world.list().q("pageSize", "2").ok();
    assert_eq!((people(&first).len(), first.get("nextSyncToken")), (2, None));
    let next = first["nextPageToken"].as_str().unwrap();
    let last = world.list().q("pageSize", "2").q("pageToken", next).ok();
    assert_eq!((people(&last).len(), last.get("nextPageToken")), (1, None));
    assert!(last["nextSyncToken"].as_str().unwrap().len() > 100);
    let nobody = world.list().by(BEN).ok();
    assert_eq!(
        nobody.as_object().unwrap().len(),
        1,
        "an empty list has no members but the token: {nobody}"
    );
}

/// Checklist line 131.
#[test]
fn a_token_with_other_parameters_than_the_first_call_is_refused() {
    let mut world = World::new();
    for given in ["A", "B"] {
        world.named(given);
    }
    let (_, since) = world.full();
    let first = world.list().q("pageSize", "1").ok();
    let next = first["nextPageToken"].as_str().unwrap().to_owned();
    let base = [("personFields", FIELDS), ("requestSyncToken", "true")];
    let ask = |world: &mut World, token: (&str, &str), changes: &[(&str, &str)]| {
        let mut query: Vec<(&str, &str)> = base.to_vec();
        query.push(token);
        for change in changes {
            query.retain(|(name, _)| *name != change.0);
            query.push(*change);
        }
        query.retain(|(_, value)| !value.is_empty());
        query
            .into_iter()
            .fold(world.get(CONNECTIONS), |call, (name, value)| call.q(name, value))
            .send()
    };
    for changes in [
        &[("personFields", "names")][..],
        &[("pageSize", "7")],
        &[("sources", "READ_SOURCE_TYPE_CONTACT")],
        &[("sortOrder", "FIRST_NAME_ASCENDING")],
        &[("requestSyncToken", "")],
    ] {
        assert_eq!(
            ask(&mut world, ("syncToken", &since), changes).status,
            400,
            "{changes:?}"
        );
        let paged: Vec<_> = [("pageSize", "1")].iter().chain(changes).copied().collect();
        assert_eq!(ask(&mut world, ("pageToken", &next), &paged).status, 400, "{changes:?}");
    }
    // The same in another order and with the default spelt out is the same.
    let reordered: Vec<&str> = FIELDS.rsplit(',').collect();
    let same = [
        ("personFields", &*reordered.join(",")),
        ("pageSize", "100"),
        ("sortOrder", "LAST_MODIFIED_ASCENDING"),
    ];
    assert_eq!(ask(&mut world, ("syncToken", &since), &same).status, 200);
    // A page of a delta repeats the delta's token, and other users' tokens are no tokens.
    assert_eq!(
        ask(
            &mut world,
            ("pageToken", &next),
            &[("pageSize", "1"), ("syncToken", &since)]
        )
        .status,
        400
    );
    world
        .list()
        .q("syncToken", &since)
        .by(BEN)
        .refused(400, "INVALID_ARGUMENT");
}

/// Checklist line 131: sync tokens and descending order do not go together.
#[test]
fn a_sync_in_descending_order_is_refused_and_the_orders_are_kept() {
    let mut world = World::new();
    for (given, family) in [("Carl", "Alm"), ("Ana", "Ruiz"), ("Bea", "Moe")] {
        world.create(json!({"names": [{"givenName": given, "familyName": family}]}));
        world.pass(1);
    }
    world
        .list()
        .q("sortOrder", "LAST_MODIFIED_DESCENDING")
        .refused(400, "INVALID_ARGUMENT");
    for (order, expected) in [
        ("LAST_MODIFIED_ASCENDING", ["Carl", "Ana", "Bea"]),
        ("LAST_MODIFIED_DESCENDING", ["Bea", "Ana", "Carl"]),
        ("FIRST_NAME_ASCENDING", ["Ana", "Bea", "Carl"]),
        ("LAST_NAME_ASCENDING", ["Carl", "Bea", "Ana"]),
    ] {
        let page = world
            .get(CONNECTIONS)
            .q("personFields", "names")
            .q("sortOrder", order)
            .ok();
        let given: Vec<Value> = people(&page)
            .iter()
            .map(|person| person["names"][0]["givenName"].clone())
            .collect();
        assert_eq!(given, expected, "{order}");
    }
}

/// Checklist line 132: seven days from the full sync, however many deltas lie between, and all forms of the refusal.
#[test]
fn a_sync_token_ends_seven_days_after_the_full_sync() {
    let mut world = World::new();
    let (_, mut since) = world.full();
    for _ in 0..6 {
        world.pass(DAY);
        since = world.delta(&since).1;
    }
    world.pass(DAY - 1);
    world.delta(&since);
    world.pass(1);
    let error = world.list().q("syncToken", &since).refused(400, "FAILED_PRECONDITION");
    assert_eq!(
        error["message"],
        "Sync token is expired. Clear local cache and retry call without the sync token."
    );
    assert_eq!(
        error["details"],
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "EXPIRED_SYNC_TOKEN", "domain": "people.googleapis.com"}])
    );
    for (form, http, status, details) in [
        ("invalid_argument", 400, "INVALID_ARGUMENT", true),
        ("gone", 410, "FAILED_PRECONDITION", true),
        ("without_details", 400, "FAILED_PRECONDITION", false),
    ] {
        world.control("expiry_form", json!({"form": form}));
        let error = world.list().q("syncToken", &since).refused(http, status);
        assert_eq!(error.get("details").is_some(), details, "{form}");
    }
    let (_, fresh) = world.full();
    world.control("expire_sync_tokens", json!({"user": ANNA}));
    assert_eq!(world.list().q("syncToken", &fresh).send().status, 400);
    let (_, fresh) = world.full();
    world.delta(&fresh);
}

/// Checklist line 133.
#[test]
fn a_corrupt_token_is_an_invalid_argument() {
    let mut world = World::new();
    world.named("A");
    let (_, since) = world.full();
    let broken = since.replace(&since[20..24], "AAAA");
    for (name, value) in [
        ("syncToken", "nonsense"),
        ("syncToken", &broken),
        ("pageToken", "nonsense"),
        ("pageToken", &since),
    ] {
        let error = world.list().q(name, value).refused(400, "INVALID_ARGUMENT");
        assert_eq!(error["message"], "Request contains an invalid argument.");
        assert_eq!(error.get("details"), None);
    }
    // An empty text is no token.
    world.list().q("syncToken", "").q("pageToken", "").ok();
    let groups = token(&world.get("contactGroups").ok());
    world.list().q("syncToken", &groups).refused(400, "INVALID_ARGUMENT");
}

/// Checklist lines 134 and 137.
#[test]
fn a_deleted_contact_is_told_in_one_delta_and_absent_from_full_lists() {
    let mut world = World::new();
    let (gone, stays) = (world.named("Gone"), world.named("Stays"));
    let (_, since) = world.full();
    let bare = world
        .get(CONNECTIONS)
        .q("personFields", "names")
        .q("requestSyncToken", "true")
        .ok();
    world.delete(&format!("{gone}:deleteContact")).ok();
    let (changed, after) = world.delta(&since);
    assert_eq!(names(&changed), [gone.as_str()]);
    assert_eq!(changed[0]["metadata"], json!({"deleted": true}));
    assert_eq!(changed[0].get("names"), None);
    assert_eq!(names(&world.full().0), [stays]);
    assert_eq!(world.delta(&after).0, Vec::<Value>::new());
    let page = world.list().q("syncToken", &after).ok();
    assert_eq!(page.get("connections"), None);
    // Without metadata in the mask nothing says that it is deleted.
    let delta = world
        .get(CONNECTIONS)
        .q("personFields", "names")
        .q("requestSyncToken", "true")
        .q("syncToken", &token(&bare))
        .ok();
    assert_eq!(people(&delta)[0].get("metadata"), None);
    // Once forgotten, a token that has not seen it is of no use.
    world.control("purge_tombstones", json!({"user": ANNA}));
    assert_eq!(world.list().q("syncToken", &since).send().status, 400);
    world.delta(&after);
}

/// Checklist line 135: `people.get` shows a write at once, lists and deltas later, and none of it is lost.
#[test]
fn a_write_reaches_lists_and_deltas_only_after_a_delay() {
    let mut world = World::new();
    let contact = world.named("Before");
    let (_, since) = world.full();
    world.control("propagation", json!({"min_ms": 300_000}));
    world
        .update(&contact, "names", json!({"names": [{"givenName": "After"}]}))
        .ok();
    let late = world.named("Late");
    assert_eq!(world.person(&contact)["names"][0]["givenName"], "After");
    let (changed, since) = world.delta(&since);
    assert_eq!(changed, Vec::<Value>::new());
    let (listed, full) = world.full();
    assert_eq!(
        (listed.len(), &listed[0]["names"][0]["givenName"]),
        (1, &json!("Before"))
    );
    world.pass(299);
    assert_eq!(world.delta(&since).0, Vec::<Value>::new());
    world.pass(1);
    for since in [&since, &full] {
        let (changed, next) = world.delta(since);
        assert_eq!(names(&changed), [contact.as_str(), late.as_str()]);
        assert_eq!(changed[0]["names"][0]["givenName"], "After");
        assert_eq!(world.delta(&next).0, Vec::<Value>::new());
    }
}

/// Checklist line 135: writes may overtake each other on the way to the lists, and the last one wins.
#[test]
fn a_quick_write_overtakes_a_slow_one_and_is_not_undone_by_it() {
    let mut world = World::new();
    let contact = world.named("First");
    let (_, since) = world.full();
    world.control("propagation", json!({"min_ms": 300_000}));
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Slow"}]}))
        .ok();
    world.control("propagation", json!({"min_ms": 0}));
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Quick"}]}))
        .ok();
    let (changed, since) = world.delta(&since);
    assert_eq!(changed[0]["names"][0]["givenName"], "Quick");
    world.pass(300);
    assert_eq!(world.delta(&since).0, Vec::<Value>::new());
    assert_eq!(world.full().0[0]["names"][0]["givenName"], "Quick");
    // A delay between two bounds stays between them.
    world.control("propagation", json!({"min_ms": 1_000, "max_ms": 9_000}));
    world
        .update(&contact, "names", json!({"names": [{"givenName": "Between"}]}))
        .ok();
    assert_eq!(world.delta(&since).0, Vec::<Value>::new());
    world.pass(9);
    assert_eq!(world.delta(&since).0.len(), 1);
}

/// Checklist line 136.
#[test]
fn a_renamed_person_carries_its_former_name_in_the_delta_and_answers_to_both() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let (_, since) = world.full();
    let linked = name(&world.control(
        "link_profile",
        json!({"user": ANNA, "contact": contact, "account": "117"}),
    ));
    assert_eq!(linked, "people/117");
    let (changed, after) = world.delta(&since);
    assert_eq!(names(&changed), ["people/117"]);
    assert_eq!(changed[0]["metadata"]["previousResourceNames"], json!([contact]));
    assert_eq!(changed[0]["metadata"].get("deleted"), None);
    // Only a delta that goes over the renaming tells it.
    assert_eq!(world.full().0[0]["metadata"].get("previousResourceNames"), None);
    world
        .update(&linked, "names", json!({"names": [{"givenName": "Eva"}]}))
        .ok();
    assert_eq!(world.delta(&after).0[0]["metadata"].get("previousResourceNames"), None);
    // The old name leads to the person under its present one, in reads and in writes.
    assert_eq!(world.person(&contact)["resourceName"], "people/117");
    let batch = world
        .get("people:batchGet")
        .q("personFields", "names")
        .q("resourceNames", &contact)
        .ok();
    assert_eq!(batch["responses"][0]["requestedResourceName"], contact);
    assert_eq!(batch["responses"][0]["person"]["resourceName"], "people/117");
    let updated = world
        .update(&contact, "names", json!({"names": [{"givenName": "Old name"}]}))
        .ok();
    assert_eq!(updated["resourceName"], "people/117");
    let back = world.control("unlink_profile", json!({"user": ANNA, "contact": "people/117"}));
    assert_eq!(name(&back), contact);
    assert_eq!(
        world.delta(&after).0[0]["metadata"]["previousResourceNames"],
        json!(["people/117"])
    );
}

/// Checklist line 136, scenario 55: merged in Google's own screens.
#[test]
fn merged_contacts_leave_one_with_all_values_and_the_others_deleted_or_forwarded() {
    let mut world = World::new();
    let keep = name(&world.create(json!({"names": [{"givenName": "Ana"}], "emailAddresses": [{"value": "a@x.org"}]})));
    let other = name(&world.create(
        json!({"names": [{"givenName": "A."}], "emailAddresses": [{"value": "a@x.org"}, {"value": "b@x.org"}]}),
    ));
    let third = name(&world.create(json!({"phoneNumbers": [{"value": "+34 600 000 001"}]})));
    let (_, since) = world.full();
    world.control("merge", json!({"user": ANNA, "keep": keep, "others": [other]}));
    let (changed, after) = world.delta(&since);
    let gone = changed.iter().find(|person| name(person) == other).unwrap();
    assert_eq!(gone["metadata"]["deleted"], true);
    let kept = changed.iter().find(|person| name(person) == keep).unwrap();
    assert_eq!(values(kept, "emailAddresses").len(), 2);
    assert_eq!(values(kept, "names")[0]["givenName"], "Ana");
    world.get(&other).q("personFields", "names").refused(404, "NOT_FOUND");

    world.control(
        "merge",
        json!({"user": ANNA, "keep": keep, "others": [third], "forward": true}),
    );
    let (changed, _) = world.delta(&after);
    assert_eq!(
        names(&changed),
        [keep.as_str()],
        "the merged one is not told as deleted"
    );
    assert_eq!(changed[0]["metadata"]["previousResourceNames"], json!([third]));
    assert_eq!(world.person(&third)["resourceName"], keep);
    assert_eq!(world.full().0.len(), 1);
}

/// What tests can do to lists: small, empty and doubled pages, and a list that is empty for no reason.
#[test]
fn pages_can_be_small_empty_or_doubled_and_a_full_list_can_lie() {
    let mut world = World::new();
    let first = world.named("A");
    world.control("copy_contact", json!({"user": ANNA, "contact": first, "times": 4}));
    world.control("paging", json!({"page_size": 2, "empty_page_every": 2}));
    let (mut found, mut sizes, mut next) = (Vec::new(), Vec::new(), None::<String>);
    let since = loop {
        let page = match &next {
            None => world.list().ok(),
            Some(next) => world.list().q("pageToken", next).ok(),
        };
        sizes.push(people(&page).len());
        found.extend(names(&people(&page)));
        match page["nextPageToken"].as_str() {
            Some(token) => next = Some(token.to_owned()),
            None => break page["nextSyncToken"].as_str().unwrap().to_owned(),
        }
    };
    assert_eq!((sizes, found.len()), (vec![2, 0, 2, 0, 1], 5));
    world.control("paging", json!({"duplicate_items": true}));
    assert_eq!(world.full().0.len(), 10);
    world.control("paging", json!({}));
    world.control("list_empty", json!({"user": ANNA, "times": 1}));
    assert_eq!(world.full().0.len(), 0);
    assert_eq!(world.full().0.len(), 5);
    assert_eq!(world.delta(&since).0.len(), 0);
}

/// What changes while somebody pages comes again in the next delta.
#[test]
fn a_change_between_two_pages_is_in_the_next_delta() {
    let mut world = World::new();
    let (a, b) = (world.named("A"), world.named("B"));
    let first = world.list().q("pageSize", "1").ok();
    world.update(&a, "names", json!({"names": [{"givenName": "A2"}]})).ok();
    world.delete(&format!("{b}:deleteContact")).ok();
    let next = first["nextPageToken"].as_str().unwrap();
    let last = world.list().q("pageSize", "1").q("pageToken", next).ok();
    assert_eq!(people(&last).len(), 0, "who is gone is not shown on a later page");
    let delta = world.list().q("pageSize", "1").q("syncToken", &token(&last)).ok();
    assert!(delta.get("nextPageToken").is_some());
    assert_eq!(delta["totalItems"], 2);
}
