//! Scenarios 58 to 64: what a user and a customer would expect of mail, on both databases, with the auditor looking on.
mod support;

use accord::args;
use accord::domain::mail::State;
use accord::engine::bookings::BookingEdit;
use accord::engine::mail;
use accord::engine::mail::{MailError, give_up_overdue, look, send_due};
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use support::google::ANA;
use support::post::{EVA, NOON, Post, TEN, at, in_zone, status, titled, with};
use support::postgres::both_databases;
use support::world::{event, run as sql};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Drops what runs as soon as `look` says so, as a kill would.
async fn kill_when<F: Future>(mut look: impl AsyncFnMut() -> bool, future: F) {
    let mut future = pin!(future);
    let mut ended = false;
    while !ended && !look().await {
        ended = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    }
    assert!(!ended, "it ended before it could be killed");
}

/// The tenant's mail, with nothing that the user decided yet.
async fn a_waiting_confirmation(url: &str) -> (Post, mail::Proposal) {
    let post = Post::new(url).await;
    let eva = post.eva().await;
    post.books("Fitting", TEN, &[eva]).await;
    post.jobs().await;
    let proposal = post.only().await;
    (post, proposal)
}

/// A booking of Eva's on the next day, with a reminder an hour before.
async fn a_booking_with_one_reminder(url: &str) -> Post {
    let post = Post::new(url).await;
    post.set(json!({"reminders": "1h"})).await;
    let eva = post.eva().await;
    post.books("Fitting", "2026-03-03T09:00:00", &[eva]).await;
    post.settle().await;
    post
}

/// The same, and its user said yes.
async fn a_queued_confirmation(url: &str) -> (Post, mail::Proposal) {
    let (post, proposal) = a_waiting_confirmation(url).await;
    post.try_approve(&proposal).await.expect("a yes");
    (post, proposal)
}

/// Nothing was or will be sent for this message, and the ledger says `why` last.
async fn never_sent(post: &Post, proposal: &mail::Proposal, why: &str) {
    for _ in 0..3 {
        post.deliver().await;
        post.pass(TimeDelta::hours(2)).await;
    }
    assert!(post.mails().await.is_empty(), "{:?}", post.told().await);
    assert_eq!(post.attempts_to(EVA).await, 0);
    let story = post.story(proposal.row.id).await;
    assert_eq!(story.last().map(String::as_str), Some(why), "{story:?}");
    post.end().await;
}

both_databases! {
    /// Scenario 58.
    async fn a_first_import_of_5000_events_proposes_and_sends_nothing(url: String) {
        let post = Post::new(&url).await;
        post.eva().await;
        for n in 0..5000u32 {
            // From three weeks ago to half a year ahead.
            let day = chrono::NaiveDate::from_ymd_opt(2026, 2, 10).expect("a day") + TimeDelta::days(i64::from(n % 200));
            let (hour, minute) = (8 + n / 200 % 12, n / 2400 * 10);
            let mut event = event(&format!("Event {n}"), &format!("{day}T{hour:02}:{minute:02}:00"));
            if n % 10 == 0 {
                event["attendees"] = json!([{"email": EVA}]);
            }
            post.person_creates(event).await;
        }
        while !post.world.sync().await.is_quiet() {}
        assert_eq!(post.count("SELECT COUNT(*) AS n FROM bookings WHERE tenant_id = $1").await, 5000);
        post.google.switch("calendar/expire_sync_tokens", &json!({})).await;
        while !post.world.sync().await.is_quiet() {}
        post.deliver().await;
        for table in ["SELECT COUNT(*) AS n FROM messages WHERE tenant_id = $1", "SELECT COUNT(*) AS n FROM mail_subjects WHERE tenant_id = $1",
            "SELECT COUNT(*) AS n FROM ledger WHERE tenant_id = $1"] {
            assert_eq!(post.count(table).await, 0, "{table}");
        }
        let counts = post.google.look("mail/counts").await;
        assert_eq!((&counts["sessions"], &counts["attempts"]), (&json!(0), &json!(0)));
        assert_eq!(post.google_writes().await, 0, "nothing that Google could notify anybody about");
    }

    /// Scenario 58, the other way: history that has customers already is pushed and told nobody.
    async fn history_with_customers_is_pushed_without_a_mail(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let mut bookings = Vec::new();
        for day in ["2026-02-20", "2026-02-27", "2026-03-10", "2026-03-17"] {
            let booking = post.app_creates("Old customer", support::world::hour(&format!("{day}T10:00:00"))).await;
            sql(&post.engine.db, "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)",
                args![post.tenant, post.ana.user, booking, eva]).await;
            bookings.push(booking);
        }
        post.settle().await;
        post.deliver().await;
        assert!(post.all().await.is_empty());
        for request in post.requests().await.iter().filter(|request| request["method"] != "GET") {
            assert!(request["query"].to_string().contains("none"), "{request}");
        }
        assert!(post.mailbox().await.is_empty());
    }

    /// Scenario 59.
    async fn create_move_move_cancel_within_the_settle_window_asks_nobody(url: String) {
        let mut post = Post::new(&url).await;
        post.world.engine.mail.settle = 60_000;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.deliver().await;
        for starts in ["2026-03-10T12:00:00", "2026-03-11T12:00:00"] {
            post.pass(TimeDelta::seconds(10)).await;
            post.edits(booking, at(starts)).await;
            post.deliver().await;
            assert_eq!(post.waiting().await.len(), 1, "one at a time");
        }
        post.pass(TimeDelta::seconds(10)).await;
        post.edits(booking, status("cancelled")).await;
        post.pass(MINUTE * 3).await;
        post.settle().await;
        post.deliver().await;
        assert!(post.waiting().await.is_empty(), "{:?}", post.told().await);
        assert!(post.mailbox().await.is_empty(), "not even Ana was asked");
        post.end().await;
    }

    /// Scenario 59.
    async fn create_move_move_within_the_settle_window_is_one_mail_and_a_later_cancellation_has_a_higher_sequence(url: String) {
        let mut post = Post::new(&url).await;
        post.world.engine.mail.settle = 60_000;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        for starts in ["2026-03-10T12:00:00", "2026-03-11T12:00:00"] {
            post.pass(TimeDelta::seconds(20)).await;
            post.edits(booking, at(starts)).await;
        }
        post.pass(TimeDelta::seconds(50)).await;
        post.deliver().await;
        assert!(post.prompts().await.is_empty(), "the last edit is fifty seconds ago");
        post.pass(TimeDelta::seconds(15)).await;
        post.deliver().await;
        assert_eq!(post.prompts().await.len(), 1);
        post.settle().await;
        post.sends_all().await;
        let first = post.only_mail().await;
        assert_eq!(first.line("DTSTART"), Some("20260311T120000"));
        assert_eq!(post.told().await, ["confirmation superseded (changed)", "confirmation superseded (changed)", "confirmation sent"]);
        post.edits(booking, status("cancelled")).await;
        post.settle().await;
        post.sends_all().await;
        let last = post.last_mail().await;
        assert_eq!(last.method.as_deref(), Some("CANCEL"));
        assert!(last.sequence() > first.sequence());
        assert_eq!(last.line("UID"), first.line("UID"));
        assert_eq!(post.mails().await.len(), 2);
        post.end().await;
    }

    /// Scenario 60.
    async fn a_crash_between_250_and_the_mark_is_maybe_sent_and_never_sent_again(url: String) {
        let (mut post, proposal) = a_queued_confirmation(&url).await;
        // Stored and answered late: the answer meets a daemon that is dead.
        post.deliver_prompts().await;
        post.mail_fault(json!({"stage": "body", "to": EVA, "action": {"stall": "after"}})).await;
        kill_when(async || !post.mails().await.is_empty(), send_due(&post.engine)).await;
        post.google.switch("mail/release", &Value::Null).await;
        post.restart().await;
        assert_eq!(post.one(proposal.row.id).await.row.state, State::Sending);
        post.deliver().await;
        assert_eq!(post.one(proposal.row.id).await.row.state, State::Sending, "whoever has it in hand may still know");
        post.sql("UPDATE messages SET lease_until = 0 WHERE tenant_id = $1 AND state = 'sending'").await;
        give_up_overdue(&post.engine).await.expect("given up");
        let shown = post.one(proposal.row.id).await;
        assert_eq!(shown.row.state, State::MaybeSent);
        assert!(shown.row.answer.expect("why").contains("ended before it knew"));
        for _ in 0..4 {
            post.pass(TimeDelta::hours(20)).await;
            post.deliver().await;
        }
        assert_eq!((post.mails().await.len(), post.attempts_to(EVA).await), (1, 1));
        let story = post.story(proposal.row.id).await;
        assert_eq!(story.last().map(String::as_str), Some("overtaken"), "{story:?}");
        // It counts as told: what comes next is an update.
        let booking = proposal.row.booking_id.expect("a booking");
        post.edits(booking, at("2026-03-20T09:00:00")).await;
        assert_eq!(post.told().await.last().map(String::as_str), Some("update proposed"));
        post.end().await;
    }

    /// Scenario 60, a crash before the first byte: also unknown, because nobody can tell the two apart.
    async fn a_crash_after_the_attempt_was_noted_and_before_the_first_byte_is_maybe_sent_too(url: String) {
        let (mut post, proposal) = a_queued_confirmation(&url).await;
        post.deliver_prompts().await;
        post.mail_fault(json!({"stage": "mail", "action": {"stall": "before"}})).await;
        let id = proposal.row.id;
        kill_when(async || post.one(id).await.row.state == State::Sending, send_due(&post.engine)).await;
        post.restart().await;
        post.sql("UPDATE messages SET lease_until = 0 WHERE tenant_id = $1 AND state = 'sending'").await;
        post.deliver().await;
        post.pass(TimeDelta::hours(20)).await;
        post.deliver().await;
        assert_eq!(post.one(id).await.row.state, State::MaybeSent);
        assert!(post.mails().await.is_empty());
        post.end().await;
    }

    /// Scenario 61.
    async fn a_yes_that_is_taken_back_between_queue_and_send_sends_nothing(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        post.withdraw(proposal.row.id).await.expect("it is not sent yet");
        never_sent(&post, &proposal, "withdrawn: user").await;
        let error = post.withdraw(proposal.row.id).await.expect_err("it is over");
        assert!(matches!(error, MailError::Closed(State::Withdrawn)), "{error}");
    }

    /// Scenario 61.
    async fn a_yes_to_the_confirmation_is_none_to_the_reminders(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        // In 24 hours and a half: both reminders are asked about with the confirmation.
        let booking = post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.jobs().await;
        let waiting = post.waiting().await;
        assert_eq!(waiting.len(), 3, "{:?}", post.told().await);
        let confirmation = waiting.iter().find(|one| one.row.kind == "confirmation").expect("one");
        post.try_approve(confirmation).await.expect("a yes");
        for _ in 0..30 {
            post.deliver().await;
            post.pass(TimeDelta::hours(1)).await;
        }
        post.deliver().await;
        let mail = post.only_mail().await;
        assert!(mail.subject.contains("Fitting"), "{}", mail.subject);
        let told = post.told().await;
        assert_eq!(told, ["confirmation sent", "reminder expired (past)", "reminder expired (past)"]);
        assert!(post.booking(booking).await.is_some());
        post.end().await;
    }

    async fn reminders_that_a_tenant_does_not_want_any_more_end_and_new_ones_are_asked_about(url: String) {
        let post = a_booking_with_one_reminder(&url).await;
        post.approve_all().await;
        post.deliver().await;
        assert_eq!(post.told().await, ["confirmation sent", "reminder queued"]);
        post.set(json!({"reminders": "2h"})).await;
        // What the settings of a tenant do when they change over the API.
        sql(&post.engine.db, "UPDATE mail_subjects SET remind_at = 0 WHERE tenant_id = $1", args![post.tenant]).await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation sent", "reminder superseded (changed)", "reminder proposed"]);
        assert_eq!(post.only().await.row.offset_minutes, 120);
        // It was a mistake.
        post.set(json!({"reminders": "1h"})).await;
        sql(&post.engine.db, "UPDATE mail_subjects SET remind_at = 0 WHERE tenant_id = $1", args![post.tenant]).await;
        post.jobs().await;
        assert_eq!(post.only().await.row.offset_minutes, 60);
        post.end().await;
    }

    async fn reminders_come_back_when_mail_goes_on_after_a_pause(url: String) {
        let post = a_booking_with_one_reminder(&url).await;
        post.approve_all().await;
        post.deliver().await;
        for _ in 0..2 {
            mail::pause(&post.engine, post.tenant, post.ana.account).await.expect("paused");
            post.jobs().await;
            assert!(post.waiting().await.is_empty(), "{:?}", post.told().await);
            mail::resume(&post.engine, post.tenant, post.ana.account).await.expect("resumed");
            post.jobs().await;
            assert_eq!(post.only().await.row.kind, "reminder", "{:?}", post.told().await);
        }
        post.approve_all().await;
        post.until("2026-03-03T07:00:30Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 2, "{:?}", post.told().await);
        post.end().await;
    }

    async fn a_reminder_that_was_declined_is_not_asked_about_again_after_a_pause(url: String) {
        let post = a_booking_with_one_reminder(&url).await;
        post.jobs().await;
        for asked in post.waiting().await {
            let decider = mail::Decider { user: asked.row.user_id, how: mail::How::Mailbox };
            mail::decline(&post.engine, post.tenant, asked.row.id, &decider).await.expect("a no");
        }
        mail::pause(&post.engine, post.tenant, post.ana.account).await.expect("paused");
        mail::resume(&post.engine, post.tenant, post.ana.account).await.expect("resumed");
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation declined", "reminder declined"]);
    }

    async fn a_test_mail_to_the_admin_is_no_riddle_to_the_auditor(url: String) {
        let post = Post::new(&url).await;
        mail::test_letter(&post.engine, post.tenant).await.expect("an answer");
        post.mail_fault(json!({"stage": "rcpt", "times": 1, "action": {"code": 550, "text": "5.7.1 never"}})).await;
        mail::test_letter(&post.engine, post.tenant).await.expect("an answer");
        let events = post.export().await.matches("\\\"event\\\":\\\"result\\\"").count();
        assert_eq!((post.mailbox().await.len(), events), (1, 2));
        post.end().await;
    }

    /// Scenario 61, "unknown consent": its row is gone.
    async fn a_consent_that_is_gone_sends_nothing(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        post.sql_on("DELETE FROM consents WHERE tenant_id = $1 AND message_id = $2", proposal.row.id).await;
        never_sent(&post, &proposal, "withdrawn: void").await;
    }

    /// Scenario 61, "unknown consent": its code is another one.
    async fn a_consent_whose_code_was_changed_sends_nothing(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        sql(&post.engine.db, "UPDATE consents SET mac = $3 WHERE tenant_id = $1 AND message_id = $2",
            args![post.tenant, proposal.row.id, vec![7u8; 36]]).await;
        never_sent(&post, &proposal, "withdrawn: void").await;
    }

    /// Scenario 61, "unknown consent": it is for another content.
    async fn a_consent_to_another_content_sends_nothing(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        sql(&post.engine.db, "UPDATE consents SET content_hash = $3 WHERE tenant_id = $1 AND message_id = $2",
            args![post.tenant, proposal.row.id, vec![9u8; 32]]).await;
        never_sent(&post, &proposal, "withdrawn: void").await;
    }

    /// Scenario 61, "unknown consent": somebody else's name, or a longer life, was written into it.
    async fn a_consent_whose_rows_were_edited_sends_nothing(url: String) {
        for edit in ["UPDATE consents SET expires_at = expires_at + 1 WHERE tenant_id = $1 AND message_id = $2",
            "UPDATE consents SET how = 'sign_in' WHERE tenant_id = $1 AND message_id = $2",
            "UPDATE consents SET decided_at = decided_at - 1 WHERE tenant_id = $1 AND message_id = $2",
            "UPDATE consents SET used_at = 1 WHERE tenant_id = $1 AND message_id = $2",
            "UPDATE consents SET withdrawn_at = 1 WHERE tenant_id = $1 AND message_id = $2"] {
            let database = support::postgres::fresh_sqlite();
            let (post, proposal) = a_queued_confirmation(database.url()).await;
            assert_eq!(post.sql_on(edit, proposal.row.id).await, 1);
            never_sent(&post, &proposal, "withdrawn: void").await;
        }
        drop(url);
    }

    /// Scenario 61, "unknown consent": the consent of one message moved to another.
    async fn a_consent_that_was_copied_to_another_message_sends_nothing(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        post.books("Approved", TEN, &[eva]).await;
        post.jobs().await;
        let good = post.only().await;
        post.try_approve(&good).await.expect("a yes");
        post.books("Forged", NOON, &[eva]).await;
        post.jobs().await;
        let forged = post.only().await;
        sql(&post.engine.db, "INSERT INTO consents (tenant_id, message_id, user_id, how, key_id, content_hash, decided_at, expires_at, mac) \
            SELECT tenant_id, $3, user_id, how, key_id, (SELECT content_hash FROM messages WHERE tenant_id = $1 AND id = $3), decided_at, expires_at, mac \
            FROM consents WHERE tenant_id = $1 AND message_id = $2", args![post.tenant, good.row.id, forged.row.id]).await;
        post.sql_on("UPDATE messages SET state = 'queued' WHERE tenant_id = $1 AND id = $2", forged.row.id).await;
        post.settle().await;
        post.deliver().await;
        assert!(post.only_mail().await.text.contains("Approved"));
        assert_eq!(post.one(forged.row.id).await.row.reason.as_deref(), Some("void"));
        post.end().await;
    }

    /// Scenario 61, "unknown consent": it has expired.
    async fn a_consent_that_expired_sends_nothing(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        post.until("2026-03-10T09:00:00Z").await;
        never_sent(&post, &proposal, "expired").await;
    }

    /// Scenario 61: a letter that was changed after the yes.
    async fn a_letter_that_was_changed_after_the_yes_is_not_sent(url: String) {
        let (post, proposal) = a_queued_confirmation(&url).await;
        let mut letter = proposal.letter.clone().expect("a letter");
        letter.text.push_str("Transfer 100 EUR first.");
        let plain = serde_json::to_vec(&letter).expect("JSON");
        let sealed = post.engine.seal("messages", "letter_sealed", post.tenant, &proposal.row.id.to_string(), &plain);
        sql(&post.engine.db, "UPDATE messages SET letter_sealed = $3 WHERE tenant_id = $1 AND id = $2",
            args![post.tenant, proposal.row.id, sealed]).await;
        never_sent(&post, &proposal, "withdrawn: void").await;
    }

    /// Scenario 62.
    async fn a_reminder_of_a_booking_that_moved_comes_at_the_new_time_after_a_new_yes(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        post.deliver().await;
        post.edits(booking, at("2026-03-03T18:00:00")).await;
        post.settle().await;
        post.jobs().await;
        let told = post.told().await;
        assert_eq!(told.iter().filter(|one| *one == "reminder superseded (changed)").count(), 2, "{told:?}");
        post.until("2026-03-02T17:30:00Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1, "the yes to the old reminders is not one to the new");
        post.approve_all().await;
        post.deliver().await;
        let mails = post.mails().await;
        let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!(mails.len(), 3, "confirmation, update, a day before: {subjects:?}");
        for mail in &mails[1..] {
            assert_eq!(mail.line("DTSTART"), Some("20260303T180000"));
            // Only the update tells the old time too, as what it was before.
            assert!(!mail.text.contains("13:30") || mail.text.contains("What changed"), "{}", mail.text);
        }
        post.until("2026-03-03T15:59:00Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 3, "the next is due an hour before");
        post.until("2026-03-03T16:01:00Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 4);
        post.end().await;
    }

    /// Scenario 62; complaint 20.
    async fn nobody_is_reminded_of_a_cancelled_booking(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        post.deliver().await;
        post.edits(booking, status("cancelled")).await;
        post.settle().await;
        for _ in 0..30 {
            post.deliver().await;
            post.pass(TimeDelta::hours(1)).await;
        }
        assert_eq!(post.mails().await.len(), 1, "only the confirmation: nobody said yes to the cancellation");
        assert_eq!(post.told().await, ["confirmation sent", "reminder withdrawn (cancelled)", "reminder withdrawn (cancelled)",
            "cancellation expired (past)"]);
        post.end().await;
    }

    /// Scenario 62; complaint 20: cancelled in Google, and the daemon has not read it when the reminder is due.
    async fn nobody_is_reminded_of_a_booking_that_was_deleted_in_google(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        post.deliver().await;
        post.person_deletes(&post.event_of(booking).await).await;
        post.settle().await;
        post.until("2026-03-03T13:30:00Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1);
        post.end().await;
    }

    /// Scenario 62.
    async fn a_reminder_of_a_booking_in_a_new_zone_names_that_zone(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.edits(booking, in_zone("2026-03-03T15:00:00", Tz::America__New_York)).await;
        post.settle().await;
        post.sends_all().await;
        post.until("2026-03-02T20:01:00Z").await;
        post.sends_all().await;
        post.until("2026-03-03T19:01:00Z").await;
        post.deliver().await;
        let mails = post.mails().await;
        let reminder = mails.last().expect("a reminder");
        assert_eq!(mails.len(), 3, "confirmation and both reminders");
        assert!(reminder.text.contains("America/New_York, UTC−5"), "{}", reminder.text);
        assert!(!reminder.text.contains("Madrid"), "{}", reminder.text);
        assert!(reminder.calendar.contains("DTSTART;TZID=America/New_York:20260303T150000"), "{}", reminder.calendar);
        post.end().await;
    }

    /// Scenario 62.
    async fn reminders_that_became_past_while_the_daemon_was_down_are_not_sent(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        post.books("Fitting", "2026-03-03T13:30:00", &[eva]).await;
        post.settle().await;
        post.approve_all().await;
        post.deliver().await;
        post.until("2026-03-03T14:30:00Z").await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1, "it has begun half an hour ago");
        assert_eq!(post.told().await, ["confirmation sent", "reminder expired (past)", "reminder expired (past)"]);
        post.end().await;
    }

    /// Scenario 62: nothing is asked about reminders whose time had come before anybody could decide.
    async fn reminders_whose_time_has_passed_are_not_proposed(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        post.books("Soon", "2026-03-02T13:30:00", &[eva]).await;
        post.books("Over", "2026-03-02T09:00:00", &[eva]).await;
        post.jobs().await;
        assert_eq!(post.told().await, ["confirmation proposed"], "half an hour ahead, and nothing of what is over");
    }

    /// Scenario 63.
    async fn a_name_that_pretends_to_be_an_address_stays_a_name(url: String) {
        let post = Post::new(&url).await;
        let names = ["Boss <boss@bank.example>", "eva@bank.example", "\"Eva\" <a@b.example>, Max <c@d.example>", "Eva\u{202e}moc.knab"];
        for name in names {
            let customer = post.customer("X", EVA).await;
            // The API refuses some of these; Google's contacts and SQL bring them all.
            sql(&post.engine.db, "UPDATE customers SET given_name = $3 WHERE tenant_id = $1 AND id = $2", args![post.tenant, customer, name]).await;
            post.books("Fitting", TEN, &[customer]).await;
        }
        post.settle().await;
        post.sends_all().await;
        let mails = post.mails().await;
        assert_eq!(mails.len(), names.len());
        for mail in &mails {
            assert_eq!(mail.to, EVA, "the envelope");
            let to = mail.raw.replace("\r\n ", " ").lines().find(|line| line.starts_with("To:")).expect("To").to_owned();
            assert!(to.trim_end().ends_with(&format!("<{EVA}>")), "{to}");
            assert_eq!(to.matches('@').count() - usize::from(mail.to_name.contains('@')), 1 + to.matches("@d.example").count(), "{to}");
            assert!(!mail.raw.contains('\u{202e}') && !mail.text.contains('\u{202e}'));
        }
        post.end().await;
    }

    /// Scenario 63.
    async fn addresses_that_are_more_than_an_address_get_no_mail(url: String) {
        let post = Post::new(&url).await;
        for address in ["eva@example.net, max@example.net", "Eva <eva@example.net>", "eva@example.net\r\nBcc: max@example.net", "eva@@example.net"] {
            let customer = post.customer("Eva", EVA).await;
            let emails = json!([{"value": address}]).to_string();
            sql(&post.engine.db, "UPDATE customers SET emails = $3 WHERE tenant_id = $1 AND id = $2", args![post.tenant, customer, emails]).await;
            post.books("Fitting", TEN, &[customer]).await;
        }
        post.settle().await;
        post.sends_all().await;
        assert!(post.mailbox().await.is_empty(), "{:?}", post.told().await);
    }

    /// Scenario 63.
    async fn line_ends_in_a_title_make_no_header_and_no_calendar_line(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        let evil = "Fitting\r\nBcc: max@example.net\r\n\r\nATTENDEE:mailto:max@example.net";
        post.app_renames(booking, evil).await;
        post.jobs().await;
        post.approve_all().await;
        post.deliver().await;
        let mails = post.mails().await;
        for mail in &mails {
            let (head, _) = mail.raw.split_once("\r\n\r\n").expect("a head");
            assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
            assert!(!mail.calendar.lines().any(|line| line.starts_with("ATTENDEE:mailto:max")), "{}", mail.calendar);
            assert_eq!(mail.calendar.matches("\nATTENDEE").count(), 1);
            assert!(!mail.subject.contains(['\r', '\n']));
        }
        assert_eq!(post.attempts_to("max@example.net").await, 0);
        post.end().await;
    }

    /// Scenario 63.
    async fn html_in_a_title_is_text(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let evil = "<script>alert(1)</script> & <img src=x onerror=alert(2)> {{ tenant }}";
        post.books(evil, TEN, &[eva]).await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.only_mail().await;
        assert!(!mail.html.contains("<script") && !mail.html.contains("<img src=x"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
        assert!(mail.text.contains("<script>alert(1)</script>") && mail.text.contains("{{ tenant }}"), "{}", mail.text);
        post.end().await;
    }

    /// Scenario 63.
    async fn a_template_with_an_unknown_variable_is_refused_and_the_built_in_one_stays(url: String) {
        let mut post = Post::new(&url).await;
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join(post.tenant.to_string()).join("booking_confirmed/en");
        std::fs::create_dir_all(&own).expect("a folder");
        std::fs::write(own.join("body.txt"), "Hello {{ costumer }}\n{{ unsubscribe_url }}\n").expect("written");
        post.world.engine.mail.overrides = Some(folder.path().to_path_buf());
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[eva]).await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.only_mail().await;
        assert!(mail.text.contains("Fitting") && mail.text.contains("Eva"), "{}", mail.text);
        assert!(!mail.text.contains("costumer"), "{}", mail.text);
        post.end().await;
    }

    /// Scenario 63: a description is in no built-in mail, whatever it says.
    async fn notes_are_in_no_mail(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let edit = BookingEdit {
            description: Some("<b>She owes 500</b>".into()),
            customer_ids: with(&[eva]).customer_ids,
            title: Some("Fitting".into()),
            ..at(TEN)
        };
        post.makes(edit).await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.only_mail().await;
        for part in [&mail.text, &mail.html, &mail.calendar, &mail.raw] {
            assert!(!part.contains("She owes"), "{part}");
        }
        post.end().await;
    }

    /// Scenario 64.
    async fn the_words_of_a_private_event_from_google_are_in_no_mail(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let mut secret = event("Divorce lawyer", TEN);
        secret["visibility"] = json!("private");
        secret["location"] = json!("Court 5");
        secret["description"] = json!("Bring the file");
        let id = post.person_creates(secret).await;
        post.settle().await;
        let booking = post.booking_of(&id).await.id;
        post.edits(booking, with(&[eva])).await;
        post.settle().await;
        post.sends_all().await;
        let mail = post.only_mail().await;
        for part in [&mail.text, &mail.html, &mail.calendar, &mail.raw, &mail.subject] {
            for word in ["Divorce", "Court 5", "Bring the file"] {
                assert!(!part.contains(word), "{word}: {part}");
            }
        }
        assert_eq!(mail.line("DTSTART"), Some("20260310T100000"), "when is no secret");
        post.end().await;
    }

    /// Scenario 64.
    async fn an_event_that_turns_private_while_its_mail_waits_is_told_without_words(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let id = post.person_creates(event("Divorce lawyer", TEN)).await;
        post.settle().await;
        let booking = post.booking_of(&id).await.id;
        post.edits(booking, with(&[eva])).await;
        post.settle().await;
        post.jobs().await;
        let shown = post.only().await;
        assert!(shown.letter.as_ref().expect("a letter").text.contains("Divorce"));
        post.try_approve(&shown).await.expect("a yes");
        post.person_edits(&id, json!({"visibility": "private"})).await;
        post.settle().await;
        post.deliver().await;
        assert!(post.mails().await.is_empty(), "that yes was to other words");
        post.sends_all().await;
        let mail = post.only_mail().await;
        assert!(!mail.raw.contains("Divorce") && !mail.text.contains("Divorce"), "{}", mail.text);
        let erased = post.one(shown.row.id).await;
        assert!(erased.letter.is_none(), "the words are nowhere any more");
        post.end().await;
    }

    /// Scenario 64: a booking of the app's whose event its user made private keeps its words and tells them nobody.
    async fn a_booking_of_the_apps_whose_event_turned_private_is_told_without_words(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Divorce lawyer", TEN, &[eva]).await;
        post.settle().await;
        post.jobs().await;
        let shown = post.only().await;
        post.try_approve(&shown).await.expect("a yes");
        post.person_edits(&post.event_of(booking).await, json!({"visibility": "private"})).await;
        post.settle().await;
        post.deliver().await;
        assert!(post.mails().await.is_empty(), "that yes was to other words: {:?}", post.told().await);
        post.pass(MINUTE).await;
        post.sends_all().await;
        let mail = post.only_mail().await;
        assert!(!mail.text.contains("Divorce") && !mail.calendar.contains("Divorce"), "{}", mail.text);
        assert_eq!(post.text(booking).await.title, "Divorce lawyer");
        post.end().await;
    }

    /// Scenario 61: the customer ended all mail.
    async fn a_customer_who_unsubscribed_gets_nothing_more_until_they_lift_it(url: String) {
        let post = Post::new(&url).await;
        let (booking, _) = post.confirmed("Fitting", TEN).await;
        let [sent] = post.all().await.try_into().expect("one");
        let page = sent.letter.expect("a letter").unsubscribe.expect("a link").url;
        let code = page.rsplit('/').next().expect("a code").to_owned();
        post.edits(booking, titled("Trial")).await;
        post.settle().await;
        post.approve_all().await;
        assert!(!look(&post.engine, post.tenant, sent.row.id, &code).await.expect("the page").is_suppressed);
        mail::suppress(&post.engine, post.tenant, sent.row.id, "AAAAAAAAAAAAAAAAAAAAAA").await.expect_err("a guess");
        mail::suppress(&post.engine, post.tenant, sent.row.id, &code).await.expect("ended");
        post.deliver().await;
        assert_eq!(post.told().await, ["confirmation sent", "update withdrawn (suppressed)"]);
        post.edits(booking, at(NOON)).await;
        post.jobs().await;
        assert!(post.waiting().await.is_empty(), "nothing is proposed to somebody who wants nothing");
        mail::lift(&post.engine, post.tenant, sent.row.id, &code).await.expect("lifted");
        post.edits(booking, at("2026-03-10T14:00:00")).await;
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.mails().await.len(), 2);
        assert_eq!(post.prompts().await.iter().filter(|prompt| prompt.to == ANA).count(), post.prompts().await.len());
        post.end().await;
    }
}
