//! The language and the zone of a customer: mails to them are written so, and Google Contacts hear nothing of it.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::args;
use accord::domain::ids::{BookingId, CustomerId};
use accord::domain::language::Language;
use accord::domain::mail::Letter;
use accord::engine::{mail, notice};
use accord::store::customer_states;
use accord::store::customers::Reader;
use serde_json::{Value, json};
use std::sync::Arc;
use support::people::{People, customer};
use support::postgres::both_databases;
use support::world::{self, hour};

/// Ana's world with contacts, of an English tenant that has a sender, and a mail server that nobody has to reach.
async fn mailing(url: &str) -> People {
    let mut people = People::new(url).await;
    let settings = &mut people.world.engine.mail;
    settings.server = Some(Arc::new("smtp://127.0.0.1:1".parse().unwrap()));
    (settings.rest, settings.settle) = (0, 0);
    people
        .set(json!({"sender": "Acme <mail@acme.example>", "language": "en"}))
        .await;
    people
}

/// A customer of Ana's with these fields besides name and email.
async fn ota(people: &People, more: Value) -> CustomerId {
    let mut fields = customer("Ota", "Kral", "ota@example.com");
    for (field, value) in more.as_object().unwrap() {
        fields[field] = value.clone();
    }
    people.app_adds(fields).await
}

/// A booking at ten in Madrid with a customer, of which mail is wished.
async fn books(people: &People, title: &str, id: CustomerId) -> BookingId {
    let booking = people.app_creates(title, hour("2026-03-04T10:00:00")).await;
    let sql = "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
    world::run(
        &people.engine.db,
        sql,
        args![people.tenant, people.ana.user, booking, id],
    )
    .await;
    people
        .app_sql(
            "UPDATE bookings SET mail_wish = 'propose' WHERE tenant_id = $1 AND id = $2",
            booking,
        )
        .await;
    considered(people).await;
    booking
}

async fn considered(people: &People) {
    while notice::run(&people.engine).await.unwrap() {}
    while mail::consider_waiting(&people.engine).await.unwrap() {}
}

/// Every mail there is or was: its state and its letter.
async fn mails(people: &People) -> Vec<(String, Letter)> {
    let all = mail::list(&people.engine, people.tenant, &mail::Filter::default(), None, 100).await;
    let all = all.unwrap().into_iter();
    all.map(|mail| (mail.row.state.to_string(), mail.letter.unwrap()))
        .collect()
}

/// The letter of the one mail that waits.
async fn the_letter(people: &People) -> Letter {
    let all = mails(people).await.into_iter();
    let mut waiting: Vec<Letter> = all
        .filter_map(|(state, letter)| (state == "proposed").then_some(letter))
        .collect();
    assert_eq!(waiting.len(), 1, "mails that wait");
    waiting.remove(0)
}

async fn pending(people: &People) -> i64 {
    let counted = customer_states::count_pending(&mut people.read().await, people.tenant, people.ana.user).await;
    counted.unwrap()
}

fn reader(language: &str, time_zone: &str) -> Reader {
    Reader {
        language: Some(language.to_owned()),
        time_zone: Some(time_zone.to_owned()),
    }
}

const AT_TEN: &str = "Wednesday, 4 March 2026, 10:00–11:00 (Europe/Madrid, UTC+1)";

both_databases! {
    async fn a_german_in_new_york_of_an_english_tenant_reads_german_and_new_yorks_time(url: String) {
        let people = mailing(&url).await;
        let id = ota(&people, json!({"language": "de-AT", "time_zone": "America/New_York"})).await;
        let booking = books(&people, "", id).await;
        let letter = the_letter(&people).await;
        assert!(letter.text.contains("Mittwoch, 4. März 2026, 04:00–05:00 Uhr (America/New_York, UTC−5)"), "{}", letter.text);
        assert!(letter.html.contains("lang=\"de\"") && !letter.html.contains("Wednesday"), "{}", letter.html);
        assert!(!letter.text.contains("Madrid"), "{}", letter.text);
        let calendar = letter.calendar.unwrap().text;
        assert!(calendar.contains("SUMMARY:Termin") && calendar.contains("DTSTART;TZID=Europe/Madrid:20260304T100000"), "{calendar}");
        // So is the page behind its last link.
        let link = letter.unsubscribe.unwrap().url;
        let (rest, code) = link.rsplit_once('/').unwrap();
        let message = rest.rsplit_once('/').unwrap().1.parse().unwrap();
        let page = mail::look(&people.engine, people.tenant, message, code).await.unwrap();
        assert_eq!(page.language, Language::De);
        // What it says of a change is told in the same way.
        people.app_moves(booking, "2026-03-04T12:00:00", "2026-03-04T13:00:00").await;
        considered(&people).await;
        let moved = the_letter(&people).await;
        assert!(moved.text.contains("06:00–07:00 Uhr (America/New_York, UTC−5)"), "{}", moved.text);
    }

    async fn who_has_neither_reads_the_tenants_language_and_the_bookings_time(url: String) {
        let people = mailing(&url).await;
        let id = ota(&people, json!({})).await;
        books(&people, "", id).await;
        let letter = the_letter(&people).await;
        assert!(letter.text.contains(AT_TEN), "{}", letter.text);
        assert!(letter.calendar.unwrap().text.contains("SUMMARY:Appointment"));
    }

    async fn a_zone_that_does_not_exist_and_a_language_that_is_none_fall_back(url: String) {
        let people = mailing(&url).await;
        let id = ota(&people, json!({"language": "de", "time_zone": "America/New_York"})).await;
        let odd = "UPDATE customers SET time_zone = 'Mars/Olympus Mons', language = 'klingon; q=1' WHERE tenant_id = $1 AND id = $2";
        world::run(&people.engine.db, odd, args![people.tenant, id]).await;
        let booking = books(&people, "Consultation", id).await;
        let letter = the_letter(&people).await;
        assert!(letter.text.contains(AT_TEN), "{}", letter.text);
        // The other of the two still counts.
        world::run(&people.engine.db, "UPDATE customers SET language = 'es' WHERE tenant_id = $1 AND id = $2", args![people.tenant, id]).await;
        people.app_moves(booking, "2026-03-04T12:00:00", "2026-03-04T13:00:00").await;
        considered(&people).await;
        let letter = the_letter(&people).await;
        assert!(letter.text.contains("miércoles, 4 de marzo de 2026, 12:00–13:00 (Europe/Madrid, UTC+1)"), "{}", letter.text);
    }

    async fn another_language_or_zone_alone_proposes_nothing(url: String) {
        let people = mailing(&url).await;
        let id = ota(&people, json!({})).await;
        let booking = books(&people, "Consultation", id).await;
        let before = mails(&people).await;
        assert_eq!(before.len(), 1);
        people.app_edits(id, json!({"language": "de", "time_zone": "America/New_York"})).await;
        considered(&people).await;
        assert_eq!(mails(&people).await, before);
        // Nor when its booking is looked at for another reason.
        people.app_sql("UPDATE bookings SET description = 'Bring the papers' WHERE tenant_id = $1 AND id = $2", booking).await;
        considered(&people).await;
        assert_eq!(mails(&people).await, before);
        // What is proposed from now on is written so.
        people.app_moves(booking, "2026-03-04T12:00:00", "2026-03-04T13:00:00").await;
        considered(&people).await;
        let after = the_letter(&people).await;
        assert!(after.text.contains("06:00–07:00 Uhr (America/New_York, UTC−5)"), "{}", after.text);
    }

    async fn contacts_hear_nothing_of_a_language_or_a_zone(url: String) {
        let people = mailing(&url).await;
        let id = ota(&people, json!({})).await;
        people.settle().await;
        let name = people.link(id).await.unwrap().contact_id;
        let (contact, writes) = (people.contact(&name).await.unwrap(), people.writes().await);
        let version = people.customer(id).await.unwrap().version;
        people.app_edits(id, json!({"language": "de", "time_zone": "America/New_York"})).await;
        assert_eq!((people.customer(id).await.unwrap().version, pending(&people).await), (version + 1, 1));
        people.settle().await;
        assert_eq!((people.writes().await, pending(&people).await), (writes, 0));
        assert_eq!(people.contact(&name).await.unwrap(), contact);
        // An edit on either side leaves both as they are.
        people.person_edits(&name, json!({"names": [{"givenName": "Otakar", "familyName": "Kral"}]})).await;
        people.settle().await;
        let row = people.customer(id).await.unwrap();
        assert_eq!((row.text.given_name.as_str(), row.reader), ("Otakar", reader("de", "America/New_York")));
        people.app_edits(id, json!({"family_name": "Novak"})).await;
        people.settle().await;
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["familyName"], "Novak");
        assert_eq!(people.customer(id).await.unwrap().reader, reader("de", "America/New_York"));
    }

    async fn a_deleted_customer_that_is_restored_keeps_language_and_zone(url: String) {
        let people = mailing(&url).await;
        people.set(json!({"brake_min": 1, "brake_share": 0.0})).await;
        let id = ota(&people, json!({"language": "de", "time_zone": "America/New_York"})).await;
        people.settle().await;
        people.app_drops(id).await;
        assert_eq!(people.sync().await.braked, 1);
        people.answer("reject").await;
        people.settle().await;
        assert_eq!(people.customer(id).await.unwrap().reader, reader("de", "America/New_York"));
    }
}
