//! What is proposed to whom, and what is not: from the app's API, its SQL and Google's side, on both databases.
mod support;

use accord::args;
use accord::domain::ids::{BookingId, CustomerId, MessageId};
use accord::domain::mail::State;
use accord::engine::bookings::BookingEdit;
use accord::engine::mail;
use accord::engine::mail::{MailError, Proposal};
use chrono::TimeDelta;
use serde_json::json;
use support::google::ANA;
use support::post::{EVA, NOON, Post, TEN, at, status, titled, with};
use support::postgres::both_databases;
use support::world::{BEN, Connected, event, hour, run as sql};

const MAX: &str = "max@example.net";

/// The newest message in words.
async fn newest(post: &Post) -> String {
    post.told().await.pop().unwrap_or_default()
}

/// A booking as the app writes it in SQL: the row and each customer in statements of their own.
async fn in_sql(post: &Post, wish: &str, customers: &[CustomerId]) -> BookingId {
    let booking = BookingId(post.engine.fresh_uuid());
    let insert = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, mail_wish) \
        VALUES ($1, $2, $3, 'Fitting', '2026-03-10T10:00:00', '2026-03-10T11:00:00', 'Europe/Madrid', $4)";
    sql(
        &post.engine.db,
        insert,
        args![post.tenant, booking, post.ana.user, wish],
    )
    .await;
    for customer in customers {
        post.jobs().await;
        joins(post, booking, *customer).await;
    }
    booking
}

async fn joins(post: &Post, booking: BookingId, customer: CustomerId) {
    let insert = "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
    sql(
        &post.engine.db,
        insert,
        args![post.tenant, post.ana.user, booking, customer],
    )
    .await;
}

/// Passes over both users' calendars until nothing moves.
async fn both_settle(post: &Post, ben: &Connected) {
    for _ in 0..6 {
        let ana = post.world.sync().await.is_quiet();
        if post.sync_scope(ben, BEN).await.is_quiet() && ana {
            return;
        }
    }
    panic!("it does not get quiet");
}

/// A series that Eva knows of.
async fn a_confirmed_series(url: &str) -> (Post, BookingId, CustomerId) {
    let post = Post::without_reminders(url).await;
    let eva = post.eva().await;
    let series = post.books_series(&[eva]).await;
    post.settle().await;
    post.sends_all().await;
    assert_eq!(post.told().await, ["confirmation sent"]);
    (post, series, eva)
}

const SECOND: &str = "2026-03-17T09:00:00Z";
const THIRD: &str = "2026-03-24T09:00:00Z";

both_databases! {
    async fn the_answer_of_the_api_names_the_proposals_and_their_kinds_follow_from_what_was_told(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let edit = BookingEdit { title: Some("Fitting".into()), customer_ids: with(&[eva]).customer_ids, ..at(TEN) };
        let (booking, made) = post.makes(edit).await;
        assert_eq!(made.len(), 1);
        let moved = post.edits(booking, at(NOON)).await;
        assert_eq!(moved.len(), 1);
        assert_eq!(post.told().await, ["confirmation superseded (changed)", "confirmation proposed"], "nothing was told yet");
        post.settle().await;
        post.sends_all().await;
        post.edits(booking, titled("Trial")).await;
        assert_eq!(newest(&post).await, "update proposed");
        post.sends_all().await;
        post.edits(booking, status("cancelled")).await;
        post.settle().await;
        post.sends_all().await;
        post.edits(booking, status("confirmed")).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation superseded (changed)", "confirmation sent", "update sent", "cancellation sent", "update sent"]);
        let mails = post.mails().await;
        let sequences: Vec<i64> = mails.iter().map(support::post::Mail::sequence).collect();
        assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
        let methods: Vec<&str> = mails.iter().filter_map(|mail| mail.method.as_deref()).collect();
        assert_eq!(methods, ["REQUEST", "REQUEST", "CANCEL", "REQUEST"]);
        post.end().await;
    }

    async fn a_cancelled_booking_that_nobody_was_told_of_proposes_nothing(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.deletes(booking).await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation withdrawn (cancelled)"]);
        post.end().await;
    }

    async fn an_edit_of_the_description_only_touches_no_proposal(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        let before = post.only().await;
        let note = || BookingEdit { description: Some("Bring the other dress".into()), ..BookingEdit::default() };
        assert!(post.edits(booking, note()).await.is_empty());
        assert_eq!(post.only().await.row.id, before.row.id);
        post.settle().await;
        post.sends_all().await;
        assert!(post.edits(booking, BookingEdit { description: Some("x".into()), ..BookingEdit::default() }).await.is_empty());
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation sent"]);
    }

    async fn a_change_that_is_taken_back_before_it_was_told_proposes_nothing(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        post.edits(booking, at(NOON)).await;
        assert!(post.edits(booking, at(TEN)).await.is_empty());
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation sent", "update superseded (changed)"]);
    }

    /// Complaint 3.
    async fn echoes_and_a_full_resync_propose_nothing(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let changes = post.count("SELECT COUNT(*) AS n FROM messages WHERE tenant_id = $1").await;
        post.google.switch("calendar/expire_sync_tokens", &json!({})).await;
        post.settle().await;
        post.person_edits(&post.event_of(booking).await, json!({"colorId": "5"})).await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.count("SELECT COUNT(*) AS n FROM messages WHERE tenant_id = $1").await, changes);
        assert!(post.waiting().await.is_empty());
    }

    async fn mail_none_proposes_nothing_and_the_next_wish_tells_everything(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let edit = BookingEdit { title: Some("Fitting".into()), customer_ids: with(&[eva]).customer_ids, mail: Some("none".into()),
            ..at("2026-03-03T13:30:00") };
        let (booking, made) = post.makes(edit).await;
        assert!(made.is_empty());
        post.settle().await;
        post.jobs().await;
        assert!(post.all().await.is_empty(), "nor is anybody reminded: {:?}", post.told().await);
        let quiet = BookingEdit { mail: Some("none".into()), ..titled("Trial") };
        assert!(post.edits(booking, quiet).await.is_empty());
        let made = post.edits(booking, at("2026-03-03T14:00:00")).await;
        assert_eq!(post.one(made[0]).await.row.kind, "confirmation");
        assert!(post.one(made[0]).await.letter.expect("a letter").text.contains("Trial"));
    }

    async fn a_quiet_edit_supersedes_what_waits_and_asks_about_nothing_new(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.approve_all().await;
        post.edits(booking, BookingEdit { mail: Some("none".into()), ..at(NOON) }).await;
        post.settle().await;
        post.deliver().await;
        assert_eq!(post.told().await, ["confirmation superseded (changed)"]);
        assert!(post.mailbox().await.is_empty());
        post.end().await;
    }

    async fn sql_proposes_nothing_unless_it_says_so(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = in_sql(&post, "none", &[eva]).await;
        post.settle().await;
        post.jobs().await;
        post.app_renames(booking, "Trial").await;
        post.settle().await;
        post.jobs().await;
        assert!(post.all().await.is_empty(), "{:?}", post.told().await);
    }

    async fn sql_that_wishes_for_mail_gets_a_proposal_for_every_customer_whenever_they_are_inserted(url: String) {
        let post = Post::without_reminders(&url).await;
        let customers = [post.eva().await, post.customer("Max", MAX).await];
        let booking = in_sql(&post, "propose", &customers[..1]).await;
        post.jobs().await;
        assert_eq!(post.recipients().await, [EVA]);
        // The wish was for one version.
        joins(&post, booking, customers[1]).await;
        post.jobs().await;
        assert_eq!(post.recipients().await, [EVA], "{:?}", post.told().await);
        post.app_sql("UPDATE bookings SET title = 'Trial', mail_wish = 'propose' WHERE tenant_id = $1 AND id = $2", booking).await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.recipients().await, [EVA, MAX]);
        post.sends_all().await;
        assert_eq!(post.mails().await.len(), 2);
        post.end().await;
    }

    /// A reconsideration for another reason does not make a wish of what was none.
    async fn a_quiet_edit_in_sql_right_after_a_mail_was_sent_stays_quiet(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        mail::send_due(&post.engine).await.expect("sent");
        post.app_renames(booking, "Trial").await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation sent"], "SQL without a wish");
    }

    async fn a_customer_who_is_added_is_told_and_one_who_is_taken_off_hears_that_it_is_off(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, eva) = post.confirmed("Fitting", TEN).await;
        let max = post.customer("Max", MAX).await;
        post.edits(booking, with(&[eva, max])).await;
        assert_eq!((newest(&post).await, post.recipients().await), ("confirmation proposed".into(), vec![MAX.to_owned()]));
        post.settle().await;
        post.sends_all().await;
        post.edits(booking, with(&[max])).await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.last_mail().await;
        assert_eq!((mail.to.as_str(), mail.method.as_deref()), (EVA, Some("CANCEL")));
        assert!(!mail.raw.contains(MAX), "nobody hears of other customers");
        assert_eq!(post.mails().await.len(), 3);
        // And comes back.
        post.edits(booking, with(&[eva, max])).await;
        post.settle().await;
        post.sends_all().await;
        let back = post.last_mail().await;
        assert_eq!((back.to.as_str(), back.method.as_deref()), (EVA, Some("REQUEST")));
        assert!(back.sequence() > mail.sequence());
        post.end().await;
    }

    async fn two_customers_with_one_address_get_one_mail(url: String) {
        let post = Post::without_reminders(&url).await;
        let customers = [post.eva().await, post.customer("Eva at work", "EVA@Example.net").await];
        let booking = post.books("Fitting", TEN, &customers).await;
        post.settle().await;
        post.sends_all().await;
        post.only_mail().await;
        // Whichever of them leaves, the recipient stays.
        post.edits(booking, with(&customers[1..])).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "{:?}", post.told().await);
        post.edits(booking, at(NOON)).await;
        post.settle().await;
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), 2);
        assert!(mails[1].sequence() > mails[0].sequence());
        post.end().await;
    }

    async fn a_new_address_supersedes_what_waits_and_is_told_from_the_start(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        post.customer_edits(eva, json!({"emails": [{"value": "eva@new.example"}]})).await;
        post.deliver().await;
        assert!(post.mails().await.is_empty(), "the yes was for another address");
        assert_eq!(post.recipients().await, ["eva@new.example"]);
        post.sends_all().await;
        assert_eq!(post.only_mail().await.to, "eva@new.example");
        post.customer_edits(eva, json!({"emails": [{"value": "eva@newest.example"}]})).await;
        post.jobs().await;
        post.edits(booking, at(NOON)).await;
        assert_eq!((newest(&post).await, post.recipients().await), ("confirmation proposed".into(), vec!["eva@newest.example".to_owned()]));
        post.end().await;
    }

    async fn an_address_that_is_taken_away_is_no_cancellation(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, eva) = post.confirmed("Fitting", TEN).await;
        post.customer_edits(eva, json!({"emails": []})).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "it still takes place: {:?}", post.told().await);
        post.edits(booking, at(NOON)).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "and nobody can be told: {:?}", post.told().await);
        post.customer_edits(eva, json!({"emails": [{"value": EVA}]})).await;
        post.edits(booking, at("2026-03-10T15:00:00")).await;
        post.jobs().await;
        assert_eq!(newest(&post).await, "update proposed");
    }

    async fn a_customer_without_an_address_and_a_booking_that_is_over_propose_nothing(url: String) {
        let post = Post::new(&url).await;
        let nobody = post.customer("Nobody", "").await;
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[nobody]).await;
        let over = post.books("Over", "2026-03-01T10:00:00", &[eva]).await;
        post.edits(over, titled("Still over")).await;
        post.deletes(over).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.all().await.is_empty(), "{:?}", post.told().await);
    }

    async fn without_a_server_or_a_sender_nothing_is_proposed(url: String) {
        let mut post = Post::new(&url).await;
        post.set(json!({"sender": null})).await;
        let eva = post.eva().await;
        post.books("No sender", TEN, &[eva]).await;
        post.set(json!({})).await;
        let server = post.world.engine.mail.server.take();
        post.books("No server", TEN, &[eva]).await;
        post.jobs().await;
        assert!(post.all().await.is_empty());
        post.world.engine.mail.server = server;
        post.settle().await;
        post.jobs().await;
        assert!(post.all().await.is_empty(), "what was made while mail was off is history");
        let booking = post.books("Both", TEN, &[eva]).await;
        assert_eq!(post.only().await.row.booking_id, Some(booking));
    }

    async fn a_move_in_google_proposes_an_update(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let new = event("Fitting", NOON);
        post.person_edits(&post.event_of(booking).await, json!({"start": new["start"], "end": new["end"]})).await;
        post.settle().await;
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), 2, "{:?}", post.told().await);
        assert_eq!(mails[1].line("DTSTART"), Some("20260310T120000"));
        assert!(mails[1].text.contains("10:00") && mails[1].text.contains("12:00"), "before and now: {}", mails[1].text);
        post.end().await;
    }

    /// Complaint 8.
    async fn a_deletion_in_google_proposes_a_cancellation(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        post.person_deletes(&post.event_of(booking).await).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "cancellation sent"]);
        assert_eq!(post.last_mail().await.method.as_deref(), Some("CANCEL"));
        post.end().await;
    }

    async fn a_cancellation_by_the_app_is_not_certain_before_google_knows(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        post.deletes(booking).await;
        let prompts = post.prompts().await.len();
        post.deliver().await;
        let waiting = post.only().await;
        let error = post.try_approve(&waiting).await.expect_err("too early");
        assert!(matches!(error, MailError::NotCertain), "{error}");
        assert_eq!(post.prompts().await.len(), prompts, "nor is its user asked");
        post.settle().await;
        post.deliver().await;
        assert_eq!(post.prompts().await.len(), prompts + 1);
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "cancellation sent"]);
        post.end().await;
    }

    async fn a_cancellation_of_a_series_is_not_certain_either_for_who_had_one_occurrence_of_it(url: String) {
        for deletes in [true, false] {
            let (post, series, _) = a_confirmed_series(&url).await;
            let ada = post.customer("Ada", "ada@example.com").await;
            post.edits_occurrence(series, SECOND, with(&[ada])).await;
            post.settle().await;
            post.sends_all().await;
            match deletes {
                true => post.deletes(series).await,
                false => drop(post.edits(series, status("cancelled")).await),
            }
            post.jobs().await;
            let asked = |all: Vec<Proposal>| all.into_iter().find(|one| one.letter.as_ref().unwrap().to.address == "ada@example.com");
            let theirs = asked(post.waiting().await).expect("a cancellation");
            assert_eq!(theirs.row.kind, "cancellation");
            let error = post.try_approve(&theirs).await.expect_err("too early");
            assert!(matches!(error, MailError::NotCertain), "{error}");
            post.settle().await;
            post.sends_all().await;
            assert!(post.one(theirs.row.id).await.row.state.to_string() == "sent", "{:?}", post.told().await);
        }
    }

    async fn a_calendar_that_is_fed_by_an_old_and_a_new_address_sees_a_rising_sequence(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, eva) = post.confirmed("Fitting", TEN).await;
        post.edits(booking, at(NOON)).await;
        post.settle().await;
        post.sends_all().await;
        post.customer_edits(eva, json!({"emails": [{"value": "eva.new@example.com"}]})).await;
        post.settle().await;
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), 3, "{:?}", post.told().await);
        assert!(mails[2].sequence() > mails[1].sequence(), "{}", mails[2].calendar);
    }

    async fn an_occurrence_that_is_changed_in_sql_without_a_wish_is_not_told(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        post.edits_occurrence(series, SECOND, BookingEdit { mail: Some("none".into()), ..at("2026-03-17T15:00:00") }).await;
        sql(&post.engine.db, "UPDATE bookings SET title = 'Quiet' WHERE tenant_id = $1 AND series_id IS NOT NULL", args![post.tenant]).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "{:?}", post.told().await);
    }

    async fn a_reminder_that_waits_is_no_wish_that_a_quiet_change_is_told(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", "2026-03-03T09:00:00", &[eva]).await;
        post.settle().await;
        let confirmation = post.waiting().await.into_iter().find(|one| one.row.kind == "confirmation").expect("one");
        post.try_approve(&confirmation).await.expect("a yes");
        post.deliver().await;
        assert_eq!(post.only().await.row.kind, "reminder");
        sql(&post.engine.db, "UPDATE bookings SET title = 'Quiet' WHERE tenant_id = $1 AND id = $2", args![post.tenant, booking]).await;
        post.settle().await;
        post.jobs().await;
        let asked = post.only().await;
        assert_eq!(asked.row.kind, "reminder", "{:?}", post.told().await);
        assert!(asked.letter.expect("a letter").text.contains("Quiet"));
    }

    async fn a_cancelled_booking_that_is_revived_before_anybody_heard_of_it_tells_nothing(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        post.edits(booking, status("cancelled")).await;
        post.settle().await;
        post.edits(booking, status("confirmed")).await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation sent", "cancellation superseded (changed)"]);
    }

    /// Scenario 33.
    async fn a_hand_over_to_another_user_is_one_update_that_the_new_user_is_asked_about(url: String) {
        let post = Post::without_reminders(&url).await;
        let ben = post.ben().await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let same = post.customer_of(&ben, "Eva", EVA).await;
        post.edits(booking, BookingEdit { user_id: Some(ben.user.to_string()), ..with(&[same]) }).await;
        both_settle(&post, &ben).await;
        post.jobs().await;
        let asked = post.only().await;
        assert_eq!((asked.row.kind.as_str(), asked.row.user_id), ("update", Some(ben.user)), "{:?}", post.told().await);
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), 2);
        assert!(mails[1].raw.contains(BEN) && mails[1].sequence() > mails[0].sequence());
        assert_eq!(mails[1].line("UID"), mails[0].line("UID"));
        post.end().await;
    }

    async fn the_old_users_yes_does_not_send_what_was_handed_over(url: String) {
        let post = Post::without_reminders(&url).await;
        let ben = post.ben().await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        let same = post.customer_of(&ben, "Eva", EVA).await;
        post.edits(booking, BookingEdit { user_id: Some(ben.user.to_string()), ..with(&[same]) }).await;
        both_settle(&post, &ben).await;
        post.deliver().await;
        assert!(post.mails().await.is_empty());
        let asked = post.only().await;
        assert_eq!((asked.row.kind.as_str(), asked.row.user_id), ("confirmation", Some(ben.user)));
    }

    async fn a_series_that_is_handed_over_cancels_no_occurrence(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        let ben = post.ben().await;
        post.edits_occurrence(series, SECOND, at("2026-03-17T15:00:00")).await;
        post.settle().await;
        post.sends_all().await;
        let same = post.customer_of(&ben, "Eva", EVA).await;
        post.edits(series, BookingEdit { user_id: Some(ben.user.to_string()), ..with(&[same]) }).await;
        both_settle(&post, &ben).await;
        post.jobs().await;
        let kinds: Vec<String> = post.waiting().await.iter().map(|one| one.row.kind.clone()).collect();
        assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "update"), "{:?}", post.told().await);
        assert!(post.waiting().await.iter().all(|one| one.row.user_id == Some(ben.user)));
    }

    async fn a_series_is_confirmed_once_with_its_rule(url: String) {
        let (post, _, _) = a_confirmed_series(&url).await;
        let mail = post.only_mail().await;
        assert_eq!(mail.line("RRULE"), Some("FREQ=WEEKLY;COUNT=4"));
        assert_eq!(mail.line("RECURRENCE-ID"), None);
        post.end().await;
    }

    async fn an_occurrence_that_moves_is_told_of_alone(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        let made = post.edits_occurrence(series, SECOND, at("2026-03-17T15:00:00")).await;
        assert_eq!(made.len(), 1, "{:?}", post.told().await);
        post.settle().await;
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[1].line("RECURRENCE-ID"), Some("20260317T100000"), "{}", mails[1].calendar);
        assert_eq!(mails[1].line("DTSTART"), Some("20260317T150000"));
        assert_eq!((mails[1].line("RRULE"), mails[1].line("UID")), (None, mails[0].line("UID")));
        assert!(mails[1].sequence() > mails[0].sequence());
        post.end().await;
    }

    async fn an_occurrence_that_is_cancelled_is_told_of_alone_and_its_return_too(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        post.cancels_occurrence(series, SECOND).await;
        post.settle().await;
        post.sends_all().await;
        let cancelled = post.last_mail().await;
        assert_eq!((cancelled.method.as_deref(), cancelled.line("RECURRENCE-ID")), (Some("CANCEL"), Some("20260317T100000")));
        assert_eq!(post.told().await, ["confirmation sent", "cancellation sent"]);
        post.edits_occurrence(series, SECOND, status("confirmed")).await;
        post.settle().await;
        post.sends_all().await;
        let back = post.last_mail().await;
        assert_eq!((back.method.as_deref(), back.line("RECURRENCE-ID")), (Some("REQUEST"), Some("20260317T100000")));
        assert!(back.sequence() > cancelled.sequence());
        assert_eq!(post.mails().await.len(), 3);
        post.end().await;
    }

    async fn an_occurrence_that_google_moves_and_one_that_it_deletes_are_told_of(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        let event_id = post.event_of(series).await;
        let new = event("Course", "2026-03-17T15:00:00");
        post.person_edits(&post.instance_id(&event_id, SECOND).await, json!({"start": new["start"], "end": new["end"]})).await;
        post.person_deletes(&post.instance_id(&event_id, THIRD).await).await;
        post.settle().await;
        post.sends_all().await;
        let mut told = post.told().await;
        told.sort();
        assert_eq!(told, ["cancellation sent", "confirmation sent", "update sent"]);
        let mut about: Vec<String> = post.mails().await.iter().filter_map(|mail| mail.line("RECURRENCE-ID").map(str::to_owned)).collect();
        about.sort();
        assert_eq!(about, ["20260317T100000", "20260324T100000"]);
        post.end().await;
    }

    async fn an_occurrence_that_was_cancelled_before_the_series_was_told_is_told_after_it(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let series = post.books_series(&[eva]).await;
        post.cancels_occurrence(series, SECOND).await;
        post.settle().await;
        post.sends_all().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "cancellation sent"]);
        assert_eq!(post.last_mail().await.line("RECURRENCE-ID"), Some("20260317T100000"));
        post.end().await;
    }

    async fn a_series_that_is_cancelled_is_one_cancellation(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        post.edits_occurrence(series, SECOND, at("2026-03-17T15:00:00")).await;
        post.settle().await;
        post.sends_all().await;
        post.deletes(series).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "update sent", "cancellation sent"]);
        let mail = post.last_mail().await;
        assert_eq!((mail.method.as_deref(), mail.line("RECURRENCE-ID")), (Some("CANCEL"), None));
        post.end().await;
    }

    async fn a_series_that_is_cancelled_while_an_occurrences_update_waits_tells_only_the_cancellation(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        post.edits_occurrence(series, SECOND, at("2026-03-17T15:00:00")).await;
        post.settle().await;
        post.approve_all().await;
        post.edits(series, status("cancelled")).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "update withdrawn (cancelled)", "cancellation sent"]);
        post.end().await;
    }

    async fn an_override_that_says_what_its_series_says_again_is_told_once(url: String) {
        let (post, series, _) = a_confirmed_series(&url).await;
        post.edits_occurrence(series, SECOND, at("2026-03-17T15:00:00")).await;
        post.settle().await;
        post.sends_all().await;
        post.edits_occurrence(series, SECOND, at("2026-03-17T10:00:00")).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "update sent", "update sent"]);
        assert_eq!(post.last_mail().await.line("DTSTART"), Some("20260317T100000"));
        post.end().await;
    }

    async fn occurrences_are_reminded_of_one_by_one(url: String) {
        let post = Post::new(&url).await;
        post.set(json!({"reminders": "24h"})).await;
        let eva = post.eva().await;
        let series = post.books_series(&[eva]).await;
        post.cancels_occurrence(series, THIRD).await;
        post.settle().await;
        post.sends_all().await;
        for day in 2..32 {
            post.until(&format!("2026-03-{day:02}T12:30:00Z")).await;
            post.sends_all().await;
        }
        let mails = post.mails().await;
        let mut reminders: Vec<(String, String)> = mails.iter().filter(|mail| mail.text.contains("remind"))
            .map(|mail| (mail.line("RECURRENCE-ID").unwrap_or_default().to_owned(), mail.line("DTSTART").unwrap_or_default().to_owned())).collect();
        reminders.sort();
        let starts: Vec<&str> = reminders.iter().map(|(_, start)| start.as_str()).collect();
        assert_eq!(starts, ["20260310T100000", "20260317T100000", "20260331T100000"], "{:?}", post.told().await);
        post.end().await;
    }

    /// Promise 5.
    async fn a_mass_of_cancellations_that_the_brake_holds_asks_nobody_and_a_rejection_withdraws_them(url: String) {
        let post = Post::without_reminders(&url).await;
        post.set(json!({"reminders": "", "brake_min": 4})).await;
        let eva = post.eva().await;
        let mut bookings = Vec::new();
        for day in 10..16 {
            bookings.push(post.books("Fitting", &format!("2026-03-{day}T10:00:00"), &[eva]).await);
        }
        post.settle().await;
        post.sends_all().await;
        for booking in &bookings {
            post.deletes(*booking).await;
        }
        let prompts = post.prompts().await.len();
        post.world.sync().await;
        post.deliver().await;
        assert_eq!(post.waiting().await.len(), 6);
        for waiting in post.waiting().await {
            let error = post.try_approve(&waiting).await.expect_err("it is held");
            assert!(matches!(error, MailError::NotCertain), "{error}");
        }
        assert_eq!(post.prompts().await.len(), prompts, "nobody is asked while it is held");
        post.answer("reject").await;
        post.settle().await;
        post.deliver().await;
        assert!(post.waiting().await.is_empty(), "{:?}", post.told().await);
        assert_eq!(post.mails().await.len(), 6);
        post.end().await;
    }

    async fn a_mass_of_cancellations_that_the_admin_approves_is_told(url: String) {
        let post = Post::without_reminders(&url).await;
        post.set(json!({"reminders": "", "brake_min": 4})).await;
        let eva = post.eva().await;
        let mut events = Vec::new();
        for day in 10..16 {
            let booking = post.books("Fitting", &format!("2026-03-{day}T10:00:00"), &[eva]).await;
            post.settle().await;
            events.push(post.event_of(booking).await);
        }
        post.sends_all().await;
        for event in &events {
            post.person_deletes(event).await;
        }
        post.world.sync().await;
        post.deliver().await;
        assert!(post.waiting().await.is_empty(), "Google's deletions are held: nothing has changed");
        post.answer("approve").await;
        post.settle().await;
        post.sends_all().await;
        let told = post.told().await;
        assert_eq!(told.iter().filter(|one| *one == "cancellation sent").count(), 6, "{told:?}");
        post.end().await;
    }

    async fn a_booking_with_an_open_conflict_is_not_certain(url: String) {
        let post = Post::without_reminders(&url).await;
        post.set(json!({"reminders": "", "conflict": "ask"})).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let prompts = post.prompts().await.len();
        post.person_edits(&post.event_of(booking).await, json!({"summary": "Hers"})).await;
        post.edits(booking, titled("Ours")).await;
        post.settle().await;
        post.deliver().await;
        for waiting in post.waiting().await {
            let error = post.try_approve(&waiting).await.expect_err("it may still be undone");
            assert!(matches!(error, MailError::NotCertain), "{error}");
        }
        assert_eq!(post.prompts().await.len(), prompts);
        post.answer("google").await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.last_mail().await;
        assert_eq!(post.mails().await.len(), 2, "{:?}", post.told().await);
        assert!(mail.text.contains("Hers") && !mail.text.contains("Ours"), "{}", mail.text);
        post.end().await;
    }

    async fn a_pause_withdraws_what_waits_and_what_was_approved_and_proposes_nothing_until_it_ends(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.approve_all().await;
        post.books("Other", NOON, &[eva]).await;
        post.settle().await;
        mail::pause(&post.engine, post.tenant, post.ana.account).await.expect("paused");
        post.deliver().await;
        post.edits(booking, titled("Trial")).await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation withdrawn (paused)", "confirmation withdrawn (paused)"]);
        assert!(post.mailbox().await.is_empty());
        mail::resume(&post.engine, post.tenant, post.ana.account).await.expect("resumed");
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "what was withdrawn stays so");
        post.edits(booking, at(NOON)).await;
        assert_eq!(newest(&post).await, "confirmation proposed");
        post.end().await;
    }

    async fn a_renamed_resource_is_no_change_and_another_one_is(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let rooms = [post.app_adds_resource("Room 1").await, post.app_adds_resource("Room 2").await];
        post.edits(booking, BookingEdit { resource_id: Some(Some(rooms[0].clone())), ..BookingEdit::default() }).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.last_mail().await.line("LOCATION"), Some("Room 1"));
        sql(&post.engine.db, "UPDATE resources SET name = 'Blue room' WHERE tenant_id = $1 AND id = $2", args![post.tenant, rooms[0].clone()]).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty());
        post.edits(booking, BookingEdit { resource_id: Some(Some(rooms[1].clone())), ..BookingEdit::default() }).await;
        assert_eq!(newest(&post).await, "update proposed");
    }

    async fn a_prompt_gathers_what_waits_and_comes_no_oftener_than_its_interval(url: String) {
        let mut post = Post::without_reminders(&url).await;
        post.world.engine.mail.prompt_interval = 15 * 60_000;
        let eva = post.eva().await;
        for title in ["One", "Two", "Three"] {
            post.books(title, TEN, &[eva]).await;
        }
        post.deliver().await;
        let prompts = post.prompts().await;
        assert_eq!(prompts.len(), 1);
        assert!(["One", "Two", "Three"].iter().all(|title| prompts[0].text.contains(title)), "{}", prompts[0].text);
        post.books("Four", TEN, &[eva]).await;
        post.pass(TimeDelta::minutes(5)).await;
        post.deliver().await;
        assert_eq!(post.prompts().await.len(), 1);
        post.pass(TimeDelta::minutes(11)).await;
        post.deliver().await;
        let prompts = post.prompts().await;
        assert_eq!(prompts.len(), 2);
        assert!(prompts[1].text.contains("Four"));
        post.pass(TimeDelta::hours(5)).await;
        post.deliver().await;
        assert_eq!(post.prompts().await.len(), 2, "nothing new waits");
        assert!(prompts.iter().all(|prompt| prompt.to == ANA && prompt.method.is_none()));
        post.end().await;
    }

    async fn a_proposal_that_nobody_answers_expires_at_its_start(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[eva]).await;
        post.settle().await;
        let waiting = post.only().await;
        post.until("2026-03-10T09:00:00Z").await;
        post.deliver().await;
        assert_eq!(post.told().await, ["confirmation expired (past)"]);
        let error = post.try_approve(&waiting).await.expect_err("too late");
        assert!(matches!(error, MailError::Closed(State::Expired)), "{error}");
        post.end().await;
    }

    /// Complaint 3: a change from Google of a booking that mail never looked at is history.
    async fn an_imported_booking_that_gets_customers_in_sql_is_told_only_when_it_changes(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let id = post.person_creates(event("From Google", TEN)).await;
        post.settle().await;
        let booking = post.booking_of(&id).await.id;
        joins(&post, booking, eva).await;
        post.settle().await;
        post.jobs().await;
        assert!(post.all().await.is_empty(), "{:?}", post.told().await);
        let new = event("From Google", NOON);
        post.person_edits(&id, json!({"start": new["start"], "end": new["end"]})).await;
        post.settle().await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation proposed"]);
    }

    async fn an_update_that_was_declined_is_not_asked_again_and_the_next_change_tells_all_of_it(url: String) {
        let post = Post::without_reminders(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let made: Vec<MessageId> = post.edits(booking, at(NOON)).await;
        mail::decline(&post.engine, post.tenant, made[0], &post.asked()).await.expect("a no");
        post.settle().await;
        post.deliver().await;
        assert!(post.waiting().await.is_empty());
        post.edits(booking, titled("Trial")).await;
        let text = post.only().await.letter.expect("a letter").text;
        assert!(text.contains("Trial") && text.contains("10:00") && text.contains("12:00"), "since what she was told: {text}");
        post.end().await;
    }
}

#[tokio::test]
async fn a_row_of_sql_that_cannot_be_understood_stops_no_other() {
    let database = support::postgres::fresh_sqlite();
    let post = Post::without_reminders(database.url()).await;
    let eva = post.eva().await;
    let broken = in_sql(&post, "propose", &[eva]).await;
    post.app_sql("UPDATE bookings SET time_zone = 'Mars/Olympus', title = 'Broken', mail_wish = 'propose' WHERE tenant_id = $1 AND id = $2", broken).await;
    in_sql(&post, "propose", &[eva]).await;
    post.jobs().await;
    let waiting = post.waiting().await;
    assert!(
        waiting
            .iter()
            .all(|one| one.row.booking_id != Some(broken) || !one.letter.as_ref().unwrap().text.contains("Broken"))
    );
    assert!(waiting.iter().any(|one| one.row.booking_id != Some(broken)));
    let _ = hour(TEN);
}
