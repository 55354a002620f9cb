//! Contact groups, their members, and other contacts.
use crate::world::*;
use axum::http::Method;
use serde_json::{Value, json};

fn group(world: &mut World, title: &str) -> Value {
    world
        .post("contactGroups", json!({"contactGroup": {"name": title}}))
        .ok()
}

/// Checklist line 155.
#[test]
fn group_names_are_unique_and_a_deleted_group_leaves_its_members() {
    let mut world = World::new();
    let team = group(&mut world, "Team");
    assert_eq!(
        (&team["groupType"], &team["formattedName"]),
        (&json!("USER_CONTACT_GROUP"), &json!("Team"))
    );
    for taken in ["Team", "myContacts"] {
        world
            .post("contactGroups", json!({"contactGroup": {"name": taken}}))
            .refused(409, "ALREADY_EXISTS");
    }
    let other = group(&mut world, "Other");
    let rename = |etag: &Value, title: &str| json!({"contactGroup": {"name": title, "etag": etag}});
    let put = |world: &mut World, body: Value| world.call(Method::PUT, &name(&other)).body(body).send();
    assert_eq!(put(&mut world, rename(&other["etag"], "Team")).status, 409);
    assert_eq!(put(&mut world, json!({"contactGroup": {"name": "New"}})).status, 400);
    assert_eq!(put(&mut world, rename(&team["etag"], "New")).status, 400);
    assert_eq!(put(&mut world, rename(&other["etag"], "New")).status, 200);

    let (stays, goes) = (world.named("Stays"), world.named("Goes"));
    let path = |group: &Value| format!("{}/members:modify", name(group));
    world.post(&path(&team), json!({"resourceNamesToAdd": [stays]})).ok();
    world.post(&path(&other), json!({"resourceNamesToAdd": [goes]})).ok();
    assert_eq!(world.delete(&name(&team)).ok(), json!({}));
    let groups = values(&world.person(&stays), "memberships");
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["contactGroupMembership"]["contactGroupId"], "myContacts");
    world.delete(&name(&other)).q("deleteContacts", "true").ok();
    world.get(&goes).q("personFields", "names").refused(404, "NOT_FOUND");
    world.get(&name(&team)).refused(404, "NOT_FOUND");
    group(&mut world, "Team");
    world.delete("contactGroups/starred").refused(400, "INVALID_ARGUMENT");
}

/// Checklist line 156.
#[test]
fn a_group_shows_members_only_when_asked_for_some() {
    let mut world = World::new();
    let contact = world.named("A");
    world.named("B");
    let bare = world.get("contactGroups/myContacts").ok();
    assert_eq!(
        (&bare["memberCount"], bare.get("memberResourceNames")),
        (&json!(2), None)
    );
    let one = world.get("contactGroups/myContacts").q("maxMembers", "1").ok();
    assert_eq!(one["memberResourceNames"].as_array().unwrap().len(), 1);
    let starred = world.get("contactGroups/starred").q("maxMembers", "5").ok();
    assert_eq!(
        (starred.get("memberCount"), starred.get("memberResourceNames")),
        (None, None)
    );
    let batch = world
        .get("contactGroups:batchGet")
        .q("resourceNames", "contactGroups/all")
        .q("resourceNames", "contactGroups/none")
        .q("maxMembers", "9")
        .ok();
    assert!(
        batch["responses"][0]["contactGroup"]["memberResourceNames"]
            .to_string()
            .contains(&contact)
    );
    assert_eq!(batch["responses"][1]["status"]["code"], 5);
}

/// Checklist line 142, its part about groups.
#[test]
fn the_last_group_of_a_contact_cannot_be_taken_away() {
    let mut world = World::new();
    let contact = world.named("Ana");
    let modify = |group: &str| format!("contactGroups/{group}/members:modify");
    let refused = world
        .post(
            &modify("myContacts"),
            json!({"resourceNamesToRemove": [contact, "people/c1"]}),
        )
        .ok();
    assert_eq!(
        refused,
        json!({"canNotRemoveLastContactGroupResourceNames": [contact], "notFoundResourceNames": ["people/c1"]})
    );
    assert_eq!(
        world
            .post(&modify("starred"), json!({"resourceNamesToAdd": [contact]}))
            .ok(),
        json!({})
    );
    assert_eq!(
        world
            .post(&modify("myContacts"), json!({"resourceNamesToRemove": [contact]}))
            .ok(),
        json!({})
    );
    assert_eq!(values(&world.person(&contact), "memberships").len(), 1);
    world
        .post(&modify("friends"), json!({"resourceNamesToAdd": [contact]}))
        .refused(400, "INVALID_ARGUMENT");
    world.post(&modify("none"), json!({})).refused(404, "NOT_FOUND");
    let many: Vec<String> = (0..1001).map(|number| format!("people/c{number}")).collect();
    world
        .post(&modify("starred"), json!({"resourceNamesToAdd": many}))
        .refused(400, "INVALID_ARGUMENT");
}

/// google.md 6.4: groups have deltas of their own, and give a token unasked.
#[test]
fn group_lists_page_and_tell_changes_since_a_token() {
    let mut world = World::new();
    let all = world.get("contactGroups").ok();
    assert_eq!(all["totalItems"], 8);
    assert!(all["contactGroups"].to_string().contains("SYSTEM_CONTACT_GROUP"));
    let since = token(&all);
    let (kept, gone) = (group(&mut world, "Kept"), group(&mut world, "Gone"));
    world.delete(&name(&gone)).ok();
    let delta = world.get("contactGroups").q("syncToken", &since).ok();
    let groups = delta["contactGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    let find = |wanted: &Value| groups.iter().find(|group| name(group) == name(wanted)).unwrap();
    assert_eq!(find(&gone)["metadata"]["deleted"], true);
    assert_eq!(find(&kept)["name"], "Kept");
    let first = world.get("contactGroups").q("pageSize", "5").ok();
    assert_eq!(first["contactGroups"].as_array().unwrap().len(), 5);
    assert_eq!(first.get("nextSyncToken"), None);
    world
        .get("contactGroups")
        .q("pageSize", "5")
        .q("syncToken", &since)
        .refused(400, "INVALID_ARGUMENT");
    world
        .get("contactGroups")
        .q("groupFields", "members")
        .refused(400, "INVALID_ARGUMENT");
}

/// Checklist line 157.
#[test]
fn other_contacts_need_their_own_right_and_a_narrow_mask_and_cannot_be_changed() {
    let mut world = World::new();
    let person = json!({"emailAddresses": [{"value": "met@x.org"}], "names": [{"givenName": "Met"}]});
    let other = name(&world.control("other_contact", json!({"user": ANNA, "person": person})));
    assert!(other.starts_with("otherContacts/c"));
    let own = ["contacts.other.readonly"];
    let list = |world: &mut World, mask: &str, scopes: &[&str]| {
        world.get("otherContacts").q("readMask", mask).scoped(scopes).send()
    };
    assert_eq!(list(&mut world, "names", &["contacts"]).status, 403);
    assert_eq!(list(&mut world, "organizations", &own).status, 400);
    assert_eq!(list(&mut world, "", &own).status, 400);
    let found = list(&mut world, "names,emailAddresses,metadata", &own).body.unwrap();
    assert_eq!(
        (names(&people(&found)), &found["totalSize"]),
        (vec![other.clone()], &json!(1))
    );
    assert_eq!(people(&found)[0]["metadata"]["sources"][0]["type"], "OTHER_CONTACT");
    let profile = world
        .get("otherContacts")
        .q("readMask", "names")
        .q("sources", "READ_SOURCE_TYPE_PROFILE");
    profile.scoped(&own).refused(400, "INVALID_ARGUMENT");
    assert_eq!(world.full().0.len(), 0, "they are no connections");
    world
        .update_as_sent(&other, "names", json!({}))
        .refused(404, "NOT_FOUND");

    let path = format!("{other}:copyOtherContactToMyContactsGroup");
    let both = ["contacts", "contacts.other.readonly"];
    world
        .post(&path, json!({"copyMask": "names"}))
        .scoped(&["contacts"])
        .refused(403, "PERMISSION_DENIED");
    let copied = world.post(&path, json!({"copyMask": "names"})).scoped(&both).ok();
    assert!(name(&copied).starts_with("people/c"));
    assert_eq!(
        (copied["names"][0]["givenName"].as_str(), copied.get("emailAddresses")),
        (Some("Met"), None)
    );
    assert_eq!(list(&mut world, "names", &own).body.unwrap(), json!({}));
    world
        .post(&path, json!({"copyMask": "names"}))
        .scoped(&both)
        .refused(404, "NOT_FOUND");
}
