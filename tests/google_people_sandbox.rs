//! The People methods against the sandbox's contacts: both were written from Google's papers, neither from the other.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::domain::customer::{Address, Birthday, Details, Email, Organization, Phone};
use accord::domain::failure::{Denied, FailureClass};
use accord::domain::people::merge::PersonField;
use accord::google::GoogleError;
use accord::google::people::{PageEnd, ParsedPerson, PeopleApi, PeoplePage, Person, Readable, update_body};
use accord::google::transport::Transport;
use secrecy::SecretString;
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::time::Duration;
use support::google::{ANA, Google, text};

const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
const READ_ONLY: &str = "https://www.googleapis.com/auth/contacts.readonly";
const SLOW: FailureClass = FailureClass::RateLimited { retry_after: None };

fn api(address: &str) -> PeopleApi {
    let transport = Arc::new(Transport::new(Duration::from_secs(30)).unwrap());
    PeopleApi::new(transport, &format!("{address}/v1/"))
}

/// The sandbox, with Ana's token.
struct World {
    google: Google,
    api: PeopleApi,
    access: SecretString,
}

async fn world(scope: &str) -> World {
    let google = Google::start().await;
    let tokens = google.connect(ANA, &[("scope", scope)]).await;
    let access = text(&tokens, "access_token").into();
    let api = api(&google.sandbox.base_url());
    World { google, api, access }
}

impl World {
    async fn command(&self, command: &str, body: Value) {
        let mut body = body;
        body["user"] = value!(ANA);
        self.google.switch(&format!("people/{command}"), &body).await;
    }

    async fn page(&self, token: Option<&str>, page: Option<&str>, size: u16) -> Result<PeoplePage, GoogleError> {
        self.api.list_page(&self.access, token, page, size).await
    }

    /// A whole listing, page by page, with the token at its end.
    async fn list(&self, token: Option<&str>, size: u16) -> (Vec<Person>, String) {
        let mut people = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = self.page(token, next.as_deref(), size).await.unwrap();
            people.extend(page.people.into_iter().map(understood));
            match page.next {
                PageEnd::More(more) => next = Some(more),
                PageEnd::Done(token) => return (people, token),
            }
        }
    }

    async fn create(&self, details: &Details, key: &str) -> Person {
        understood(self.api.create(&self.access, details, key, None).await.unwrap())
    }

    async fn get(&self, name: &str) -> Result<Person, GoogleError> {
        self.api.get(&self.access, name).await.map(understood)
    }

    async fn readable(&self, name: &str, fields: &[PersonField]) -> Readable {
        self.api
            .read_for_update(&self.access, name, fields)
            .await
            .unwrap()
            .unwrap()
    }

    /// Plants a contact with fields that Accord does not model; its resource name.
    async fn plant(&self, person: Value) -> String {
        let url = self.google.url("/v1/people:createContact");
        let bearer = format!("Bearer person:{ANA}");
        let made = self
            .google
            .http
            .post(&url, &[("authorization", &bearer)], &person)
            .await;
        text(&made.expect(200).json(), "resourceName")
    }

    /// All that Google holds of a contact.
    async fn whole(&self, name: &str, field: &str) -> Value {
        let url = self.google.url(&format!("/v1/{name}?personFields={field}"));
        let bearer = format!("Bearer person:{ANA}");
        let found = self.google.http.get(&url, &[("authorization", &bearer)]).await;
        found.expect(200).json()[field].clone()
    }
}

fn understood(parsed: ParsedPerson) -> Person {
    match parsed {
        ParsedPerson::Person(person) => *person,
        ParsedPerson::Broken(broken) => panic!("{} {}", broken.reason, broken.raw),
    }
}

fn named(given: &str) -> Details {
    Details {
        given_name: given.into(),
        ..Details::default()
    }
}

fn eva() -> Details {
    Details {
        given_name: "Eva".into(),
        family_name: "Nováková".into(),
        emails: vec![
            Email {
                value: "eva@example.com".into(),
                label: "work".into(),
            },
            Email {
                value: "e@example.org".into(),
                label: "od babičky".into(),
            },
        ],
        phones: vec![Phone {
            value: "+34 666 12 34 90".into(),
            label: "mobile".into(),
        }],
        organizations: vec![Organization {
            name: "ACME".into(),
            title: "Boss".into(),
        }],
        addresses: vec![Address {
            street: "Calle Mayor 1\nPiso 2".into(),
            city: "Madrid".into(),
            region: "M".into(),
            postal_code: "28013".into(),
            country_code: "ES".into(),
            label: "home".into(),
        }],
        birthday: Birthday::parse("--02-29"),
        gender: "female".into(),
    }
}

fn names(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.details.given_name.as_str()).collect()
}

/// Checklist lines 140, 143 and 149.
#[tokio::test]
async fn a_contact_is_created_read_changed_and_deleted() {
    let world = world(CONTACTS).await;
    let group = world.api.create_group(&world.access, "Accord").await.unwrap();
    let created = world
        .api
        .create(&world.access, &eva(), "accord:i:t:c", Some(&group.resource_name))
        .await;
    let created = understood(created.unwrap());
    assert_eq!(created.details, eva());
    assert_eq!(created.client_keys, ["accord:i:t:c"]);
    assert_eq!(
        created.groups,
        ["contactGroups/myContacts".to_owned(), group.resource_name]
    );
    assert!(created.etag.starts_with('#') && !created.source_id.is_empty() && created.updated_at > 0);
    assert_eq!(world.get(&created.resource_name).await.unwrap(), created);

    let fields = [PersonField::Phones, PersonField::Birthday];
    let read = world.readable(&created.resource_name, &fields).await;
    assert_eq!(read.person.etag, created.etag);
    let mut wanted = eva();
    wanted.phones.insert(
        0,
        Phone {
            value: "112".into(),
            label: String::new(),
        },
    );
    wanted.birthday = None;
    wanted.given_name = "not touched".into();
    let update = update_body(&read.raw, &wanted, &fields);
    let changed = understood(
        world
            .api
            .update(&world.access, &created.resource_name, &update)
            .await
            .unwrap(),
    );
    let expected = Details {
        given_name: "Eva".into(),
        ..wanted
    };
    assert_eq!(changed.details, expected);
    assert_ne!(changed.etag, created.etag);

    // The etag of the first reading is stale now; that of the answer is not needed, the next reading has it.
    let stale = world
        .api
        .update(&world.access, &created.resource_name, &update)
        .await
        .unwrap_err();
    assert_eq!((stale.class(), stale.unsure), (FailureClass::Conflict412, false));
    assert_eq!(
        world.readable(&created.resource_name, &fields).await.person.etag,
        changed.etag
    );

    world.api.delete(&world.access, &created.resource_name).await.unwrap();
    for error in [
        world
            .api
            .delete(&world.access, &created.resource_name)
            .await
            .unwrap_err(),
        world.get(&created.resource_name).await.unwrap_err(),
        world
            .api
            .update(&world.access, &created.resource_name, &update)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.class(), FailureClass::Gone);
    }
}

#[tokio::test]
async fn what_accord_does_not_model_survives_an_update() {
    let world = world(CONTACTS).await;
    let name = world
        .plant(value!({
            "names": [{"givenName": "John", "middleName": "Jay", "familyName": "Doe", "honorificPrefix": "Dr."}],
            "organizations": [{"name": "KDE", "department": "PIM", "title": "Developer"}, {"department": "alone"}],
            "addresses": [{"streetAddress": "Main St 1", "city": "Springfield", "poBox": "7", "type": "home"}],
            "emailAddresses": [{"value": "j@example.com", "displayName": "Johnny", "type": "work"}],
            "birthdays": [{"text": "in spring"}], "genders": [{"value": "male", "addressMeAs": "him"}],
            "biographies": [{"value": "a note"}], "nicknames": [{"value": "Jonny"}]}))
        .await;
    let read = world.readable(&name, &PersonField::ALL).await;
    let mut wanted = read.person.details.clone();
    wanted.family_name = "Dough".into();
    wanted.organizations[0].title = "Boss".into();
    wanted.addresses[0].street = "Main St 2".into();
    wanted.emails[0].label = "home".into();
    wanted.gender = "other".into();
    let touched = PersonField::ALL.map(|field| {
        if field == PersonField::Birthday {
            PersonField::Emails
        } else {
            field
        }
    });
    let update = update_body(&read.raw, &wanted, &touched);
    let changed = understood(world.api.update(&world.access, &name, &update).await.unwrap());
    assert_eq!(changed.details, wanted);
    let names = world.whole(&name, "names").await;
    assert_eq!(
        (&names[0]["displayName"], &names[0]["middleName"]),
        (&value!("Dr. John Jay Dough"), &value!("Jay"))
    );
    let organizations = world.whole(&name, "organizations").await;
    assert_eq!(
        (&organizations[0]["department"], &organizations[1]["department"]),
        (&value!("PIM"), &value!("alone"))
    );
    let addresses = world.whole(&name, "addresses").await;
    assert_eq!(addresses[0]["poBox"], "7");
    assert_eq!(addresses[0]["formattedValue"], "Main St 2\n7\nSpringfield");
    assert_eq!(world.whole(&name, "emailAddresses").await[0]["displayName"], "Johnny");
    assert_eq!(world.whole(&name, "genders").await[0]["addressMeAs"], "him");
    assert_eq!(world.whole(&name, "birthdays").await[0]["text"], "in spring");
    assert_eq!(world.whole(&name, "biographies").await[0]["value"], "a note");
    assert_eq!(world.whole(&name, "nicknames").await[0]["value"], "Jonny");
}

/// Checklist lines 130, 134, 136 and 144.
#[tokio::test]
async fn listings_come_in_pages_and_deltas_tell_changes_deletions_and_new_names() {
    let world = world(CONTACTS).await;
    let mut made = Vec::new();
    for given in ["A", "B", "C", "D", "E"] {
        made.push(world.create(&named(given), given).await);
    }
    world.command("paging", value!({"empty_page_every": 2})).await;
    let (people, token) = world.list(None, 2).await;
    assert_eq!(people, made, "a person is the same whichever way it is read");
    let (nothing, token) = world.list(Some(&token), 2).await;
    assert_eq!(nothing, []);

    world.api.delete(&world.access, &made[0].resource_name).await.unwrap();
    world
        .command(
            "link_profile",
            value!({"contact": made[1].resource_name, "person": {"names": [{"givenName": "Profile"}]}}),
        )
        .await;
    world.command("touch", value!({"contact": made[2].resource_name})).await;
    let (mut changed, token) = world.list(Some(&token), 2).await;
    changed.sort_by_key(|person| person.details.given_name.clone());
    assert_eq!(names(&changed), ["", "B", "C"], "the profile's name is none of ours");
    assert!(changed[0].deleted && changed[0].resource_name == made[0].resource_name);
    assert_eq!(changed[1].previous_names, [made[1].resource_name.clone()]);
    assert_eq!(changed[1].source_id, made[1].source_id);
    assert!(changed[2].previous_names.is_empty() && changed[2].etag != made[2].etag);
    let (nothing, _) = world.list(Some(&token), 2).await;
    assert_eq!(nothing, []);
    assert_eq!(world.list(None, 2).await.0.len(), 4);
}

/// Checklist lines 131, 132 and 133.
#[tokio::test]
async fn an_expired_token_is_known_in_every_form_and_so_is_a_garbled_one() {
    let world = world(CONTACTS).await;
    for form in ["failed_precondition", "invalid_argument", "gone", "without_details"] {
        let (_, token) = world.list(None, 10).await;
        world.command("expire_sync_tokens", value!({})).await;
        world.google.switch("people/expiry_form", &value!({"form": form})).await;
        let error = world.page(Some(&token), None, 10).await.unwrap_err();
        assert_eq!(error.class(), FailureClass::TokenExpired, "{form}: {error}");
    }
    let error = world.page(Some("garbage"), None, 10).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::TokenExpired);
    let (_, token) = world.list(None, 10).await;
    let error = world.page(Some(&token), None, 11).await.unwrap_err();
    assert_eq!(
        error.class(),
        FailureClass::TokenExpired,
        "another page size is another question"
    );
}

/// Checklist line 158.
#[tokio::test]
async fn quotas_rights_and_a_switched_off_api_are_told_apart() {
    let world = world(READ_ONLY).await;
    let error = world.api.create(&world.access, &eva(), "k", None).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Permission(Denied::ScopeMissing));
    assert_eq!(
        world.api.groups(&"ya29.wrong".into()).await.unwrap_err().class(),
        FailureClass::Unauthorized
    );
    let quota = async |limits: Value| {
        world
            .google
            .switch("switches", &value!({ "people_quota": limits }))
            .await
    };
    quota(value!({"critical_reads": 0})).await;
    assert_eq!(world.get("people/c1").await.unwrap_err().class(), SLOW);
    quota(value!({"full_syncs": 0})).await;
    assert_eq!(world.page(None, None, 10).await.unwrap_err().class(), SLOW);
    world
        .google
        .switch("switches", &value!({"people_api_disabled": true}))
        .await;
    assert_eq!(
        world.get("people/c1").await.unwrap_err().class(),
        FailureClass::OperatorAlarm
    );

    let world = self::world(CONTACTS).await;
    world
        .google
        .switch("switches", &value!({"people_quota": {"daily_writes": 0}}))
        .await;
    let error = world.api.create(&world.access, &eva(), "k", None).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::QuotaExhausted);
    world.google.switch("switches", &value!({"people_quota": {}})).await;
    world.google.switch("people/contact_limit", &value!({"limit": 0})).await;
    let error = world.api.create(&world.access, &eva(), "k", None).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::QuotaExhausted);
}

/// Checklist lines 145 to 147.
#[tokio::test]
async fn batches_answer_item_by_item_and_are_refused_as_a_whole() {
    let world = world(CONTACTS).await;
    let contacts: Vec<(Details, String)> = ["A", "B", "C"]
        .map(|given| (named(given), format!("key {given}")))
        .into();
    let created = world.api.batch_create(&world.access, &contacts, None).await.unwrap();
    let created: Vec<Person> = created.into_iter().map(|answer| understood(answer.unwrap())).collect();
    assert_eq!(names(&created), ["A", "B", "C"]);
    assert_eq!(created[2].client_keys, ["key C"]);

    let mut bad = contacts.clone();
    bad[1].0.birthday = Some(Birthday {
        year: None,
        month: 2,
        day: 30,
    });
    let error = world.api.batch_create(&world.access, &bad, None).await.unwrap_err();
    assert_eq!((error.class(), error.unsure), (FailureClass::BadData, true));
    let items: Vec<_> = error
        .refusal()
        .unwrap()
        .items
        .iter()
        .map(|item| (item.key.as_str(), item.class))
        .collect();
    assert_eq!(items, [("1", FailureClass::BadData)]);

    let resource_names: Vec<&str> = created.iter().map(|person| person.resource_name.as_str()).collect();
    let fields = [PersonField::FamilyName];
    let mut updates = Vec::new();
    for name in &resource_names {
        let read = world.readable(name, &fields).await;
        let wanted = Details {
            family_name: "Z".into(),
            ..Details::default()
        };
        updates.push((*name, update_body(&read.raw, &wanted, &fields)));
    }
    let updated = world.api.batch_update(&world.access, &updates[..2]).await.unwrap();
    let updated: Vec<_> = updated
        .into_iter()
        .map(|(name, answer)| (name, understood(answer.unwrap())))
        .collect();
    assert_eq!(updated[1].0, resource_names[1]);
    assert_eq!(updated[1].1, world.get(resource_names[1]).await.unwrap());
    assert_eq!(
        updated[1].1.details,
        Details {
            family_name: "Z".into(),
            ..named("B")
        }
    );
    // The first two are stale now; so the third is not changed either.
    let error = world.api.batch_update(&world.access, &updates).await.unwrap_err();
    assert_eq!((error.class(), error.unsure), (FailureClass::Conflict412, false));
    let mut items: Vec<_> = error
        .refusal()
        .unwrap()
        .items
        .iter()
        .map(|item| (item.key.clone(), item.class))
        .collect();
    items.sort_by_key(|(key, _)| key.clone());
    let stale = resource_names[..2]
        .iter()
        .map(|name| (name.to_string(), FailureClass::Conflict412));
    let mut stale: Vec<_> = stale.collect();
    stale.sort_by_key(|(key, _)| key.clone());
    assert_eq!(items, stale);
    assert_eq!(world.get(resource_names[2]).await.unwrap().details, named("C"));
    let mut other = updates[1].clone();
    other.1.mask = "names,genders".into();
    assert!(
        world
            .api
            .batch_update(&world.access, &[updates[0].clone(), other])
            .await
            .is_err()
    );

    let got = world
        .api
        .batch_get(&world.access, &[resource_names[2], "people/c404"])
        .await
        .unwrap();
    assert_eq!(understood(got[0].1.clone().unwrap()), created[2]);
    assert_eq!(got[1], ("people/c404".to_owned(), Err(FailureClass::Gone)));

    world
        .api
        .batch_delete(&world.access, &resource_names[..2])
        .await
        .unwrap();
    let error = world
        .api
        .batch_delete(&world.access, &resource_names)
        .await
        .unwrap_err();
    assert_eq!(error.class(), FailureClass::Gone);
    assert_eq!(names(&world.list(None, 10).await.0), ["C"]);
}

/// Checklist line 150: a create whose answer is lost says so, and its key is in the list.
#[tokio::test]
async fn a_create_whose_answer_is_lost_is_unsure_and_found_by_its_key() {
    let world = world(CONTACTS).await;
    let fault = value!({"path": "/v1/people:createContact", "action": {"cut": "after"}});
    world.google.switch("faults", &fault).await;
    let error = world
        .api
        .create(&world.access, &eva(), "accord:i:t:c", None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.unsure),
        (FailureClass::Transient { retry_after: None }, true)
    );
    let (people, _) = world.list(None, 10).await;
    assert_eq!(people[0].client_keys, ["accord:i:t:c"]);
}

/// Checklist line 142.
#[tokio::test]
async fn groups_are_found_made_filled_and_missed() {
    let world = world(CONTACTS).await;
    let ours = world.api.create_group(&world.access, "Accord").await.unwrap();
    assert!(!ours.is_system && ours.name == "Accord" && ours.members.is_empty());
    let taken = world.api.create_group(&world.access, "Accord").await.unwrap_err();
    assert_eq!(taken.class(), FailureClass::Duplicate409);
    let groups = world.api.groups(&world.access).await.unwrap();
    assert!(groups.contains(&ours));
    let mine = groups
        .iter()
        .find(|group| group.resource_name == "contactGroups/myContacts")
        .unwrap();
    assert!(mine.is_system);

    let (eva, ben) = (world.create(&eva(), "1").await, world.create(&named("Ben"), "2").await);
    let (eva, ben) = (eva.resource_name.as_str(), ben.resource_name.as_str());
    let modify = async |group: &str, add: &[&str], remove: &[&str]| {
        world.api.modify_group(&world.access, group, add, remove).await.unwrap()
    };
    let added = modify(&ours.resource_name, &[eva, "people/c404"], &[]).await;
    assert_eq!(
        (added.not_found, added.in_last_group),
        (vec!["people/c404".to_owned()], vec![])
    );
    let filled = world
        .api
        .get_group(&world.access, &ours.resource_name, 10)
        .await
        .unwrap();
    assert_eq!(filled.members, [eva]);
    assert_eq!(
        world.get(eva).await.unwrap().groups,
        ["contactGroups/myContacts".to_owned(), ours.resource_name.clone()]
    );
    let removed = modify("contactGroups/myContacts", &[], &[eva, ben]).await;
    assert_eq!(removed.in_last_group, [ben]);

    let url = world.google.url(&format!("/v1/{}", ours.resource_name));
    let bearer = format!("Bearer person:{ANA}");
    world
        .google
        .http
        .delete(&url, &[("authorization", &bearer)])
        .await
        .expect(200);
    let gone = world
        .api
        .get_group(&world.access, &ours.resource_name, 0)
        .await
        .unwrap_err();
    assert_eq!(gone.class(), FailureClass::Gone);
    assert!(!world.api.groups(&world.access).await.unwrap().contains(&ours));
}
