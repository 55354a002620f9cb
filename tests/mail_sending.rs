//! From a yes to the customer's mailbox: every way in which a mail server can fail, and none in which a mail comes twice or without its
//! yes. On both databases.
mod support;

use accord::domain::ids::ApiKeyId;
use accord::domain::mail::State;
use accord::engine::mail::{Decider, How, MailError, Proposal, approve, decline, give_up_overdue, send_due};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Duration;
use support::google::ANA;
use support::post::{EVA, NOON, Post, TEN, at};
use support::postgres::both_databases;

both_databases! {
    async fn a_booking_is_asked_about_and_then_confirmed_to_its_customer_with_a_calendar_part(url: String) {
        let post = Post::new(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        post.deliver().await;
        assert_eq!(post.told().await, ["confirmation proposed"]);
        let prompts = post.prompts().await;
        assert_eq!(prompts.len(), 1, "{prompts:?}");
        assert!(prompts[0].text.contains("/consents/"), "{}", prompts[0].text);
        assert!(post.mails().await.is_empty(), "nobody said yes yet");
        post.approve_all().await;
        post.deliver().await;
        let mail = post.only_mail().await;
        assert_eq!((mail.to.as_str(), mail.to_name.as_str()), (EVA, "Eva"));
        assert!(mail.text.contains("Fitting"), "{}", mail.text);
        assert_eq!(mail.method.as_deref(), Some("REQUEST"));
        assert_eq!(mail.line("UID").expect("a UID"), format!("{booking}@acme.example"));
        assert_eq!(mail.line("DTSTART"), Some("20260310T100000"));
        assert!(mail.raw.contains("Auto-Submitted: auto-generated"), "{}", mail.raw);
        assert!(mail.raw.contains(ANA), "answers go to Ana");
        let [sent] = post.all().await.try_into().expect("one");
        assert_eq!(post.story(sent.row.id).await, ["proposed", "prompted", "approved", "sending", "result: accepted"]);
        post.end().await;
    }
}

/// A confirmation that its user said yes to; nothing else waits to be sent.
async fn queued(url: &str) -> (Post, Proposal) {
    let post = Post::without_reminders(url).await;
    let eva = post.eva().await;
    post.books("Fitting", TEN, &[eva]).await;
    post.settle().await;
    post.deliver().await;
    let proposal = post.only().await;
    post.try_approve(&proposal).await.expect("a yes");
    (post, proposal)
}

async fn state(post: &Post, proposal: &Proposal) -> State {
    post.one(proposal.row.id).await.row.state
}

both_databases! {
    async fn what_the_server_refuses_for_good_fails_and_is_not_tried_again(url: String) {
        let (post, first) = queued(&url).await;
        let mut proposals = vec![first];
        let eva = post.eva().await;
        for (n, stage) in ["mail", "rcpt", "data", "body"].into_iter().enumerate() {
            if n > 0 {
                post.books(&format!("Fitting {n}"), TEN, &[eva]).await;
                post.deliver().await;
                let waiting = post.only().await;
                post.try_approve(&waiting).await.expect("a yes");
                proposals.push(waiting);
            }
            post.mail_fault(json!({"stage": stage, "action": {"code": 550, "text": "5.1.1 No such mailbox"}})).await;
            post.deliver().await;
            let shown = post.one(proposals[n].row.id).await;
            assert_eq!(shown.row.state, State::Failed, "{stage}");
            assert!(shown.row.answer.expect("why").contains("No such mailbox"), "{stage}");
            assert_eq!(post.story(shown.row.id).await.last().map(String::as_str), Some("result: refused"), "{stage}");
        }
        post.pass(TimeDelta::hours(3)).await;
        post.deliver().await;
        assert!(post.mails().await.is_empty(), "nothing is tried again");
        post.end().await;
    }

    async fn what_the_server_puts_off_is_tried_again_later_and_later_and_sent_once(url: String) {
        let (post, proposal) = queued(&url).await;
        let stages = ["greeting", "ehlo", "mail", "rcpt", "data", "body"];
        let mut due = post.engine.now_ms();
        for (n, stage) in stages.into_iter().enumerate() {
            // A kept connection would skip the greeting.
            post.pass(TimeDelta::milliseconds(due - post.engine.now_ms() + 1000)).await;
            let fresh = post.with_fresh_connections().await;
            post.mail_fault(json!({"stage": stage, "action": {"code": 451, "text": "4.3.0 Later"}})).await;
            send_due(&fresh).await.expect("tried");
            let row = post.one(proposal.row.id).await.row;
            assert_eq!((row.state, row.attempts), (State::Queued, n as i64 + 1), "{stage}: {:?}", row.answer);
            let wait = row.next_attempt_at - post.engine.now_ms();
            assert_eq!(wait, 60_000 << n, "{stage}");
            due = row.next_attempt_at;
            // Not before.
            send_due(&fresh).await.expect("looked");
            assert_eq!(post.one(proposal.row.id).await.row.attempts, n as i64 + 1);
        }
        post.pass(TimeDelta::hours(1)).await;
        post.deliver().await;
        assert_eq!((state(&post, &proposal).await, post.mails().await.len()), (State::Sent, 1));
        post.end().await;
    }

    async fn a_line_that_is_cut_before_the_server_took_it_is_tried_again_and_one_after_is_not(url: String) {
        for (action, expected, mails) in [("before", State::MaybeSent, 0), ("after", State::MaybeSent, 1), ("inside", State::MaybeSent, 1)] {
            let database = support::postgres::fresh_sqlite();
            let (post, proposal) = queued(database.url()).await;
            post.mail_fault(json!({"stage": "body", "action": {"cut": action}})).await;
            post.deliver().await;
            assert_eq!(state(&post, &proposal).await, expected, "{action}");
            post.pass(TimeDelta::hours(3)).await;
            post.deliver().await;
            assert_eq!((post.mails().await.len(), post.attempts_to(EVA).await), (mails, 1), "{action}: the dot was sent, so nobody knows");
            post.end().await;
        }
        let (post, proposal) = queued(&url).await;
        post.mail_fault(json!({"stage": "data", "action": {"cut": "before"}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::Queued, "before the dot it certainly was not taken");
        post.pass(TimeDelta::minutes(2)).await;
        post.deliver().await;
        assert_eq!((state(&post, &proposal).await, post.mails().await.len()), (State::Sent, 1));
        post.end().await;
    }

    async fn nonsense_after_the_letter_is_maybe_sent_and_before_it_is_tried_again(url: String) {
        let (post, proposal) = queued(&url).await;
        post.mail_fault(json!({"stage": "rcpt", "action": {"nonsense": "hello?\r\n"}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::Queued);
        post.pass(TimeDelta::minutes(2)).await;
        post.mail_fault(json!({"stage": "body", "action": {"after": {"nonsense": "%%%\r\n"}}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::MaybeSent);
        post.pass(TimeDelta::hours(3)).await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1);
        post.end().await;
    }

    async fn a_server_that_stalls_is_left_in_time(url: String) {
        let (mut post, proposal) = queued(&url).await;
        let limits = &mut post.world.engine.mail.limits;
        (limits.command, limits.data) = (Duration::from_millis(1500), Duration::from_millis(1500));
        post.mail_fault(json!({"stage": "rcpt", "action": {"stall": "before"}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::Queued);
        post.pass(TimeDelta::minutes(2)).await;
        post.mail_fault(json!({"stage": "body", "action": {"stall": "after"}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::MaybeSent);
        post.pass(TimeDelta::hours(3)).await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1);
        post.end().await;
    }

    async fn a_result_that_comes_after_the_takeover_is_still_noted(url: String) {
        let (post, proposal) = queued(&url).await;
        post.mail_fault(json!({"stage": "body", "action": {"stall": "after"}})).await;
        let (sent, ()) = tokio::join!(Box::pin(send_due(&post.engine)), async {
            while post.mails().await.is_empty() {
                tokio::task::yield_now().await;
            }
            post.sql("UPDATE messages SET lease_until = 0 WHERE tenant_id = $1 AND state = 'sending'").await;
            give_up_overdue(&post.engine).await.expect("given up");
            assert_eq!(state(&post, &proposal).await, State::MaybeSent);
            post.google.switch("mail/release", &Value::Null).await;
        });
        sent.expect("a result");
        assert_eq!(state(&post, &proposal).await, State::Sent, "the server has taken it after all");
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1);
        post.end().await;
    }

    async fn an_old_version_that_was_put_off_is_not_sent_after_a_newer_one(url: String) {
        let (post, first) = queued(&url).await;
        let booking = first.row.booking_id.expect("a booking");
        post.mail_fault(json!({"stage": "rcpt", "action": {"code": 451}})).await;
        post.deliver().await;
        assert_eq!(state(&post, &first).await, State::Queued);
        post.edits(booking, at(NOON)).await;
        post.edits(booking, at("2026-03-10T14:00:00")).await;
        post.settle().await;
        post.approve_all().await;
        post.deliver().await;
        post.pass(TimeDelta::hours(2)).await;
        post.deliver().await;
        assert_eq!(post.only_mail().await.line("DTSTART"), Some("20260310T140000"));
        assert_eq!(state(&post, &first).await, State::Superseded);
        post.end().await;
    }

    async fn an_edit_while_its_mail_is_handed_over_is_an_update_after_it(url: String) {
        let (post, first) = queued(&url).await;
        let booking = first.row.booking_id.expect("a booking");
        post.mail_fault(json!({"stage": "body", "action": {"stall": "after"}})).await;
        let (sent, ()) = tokio::join!(Box::pin(send_due(&post.engine)), async {
            while post.mails().await.is_empty() {
                tokio::task::yield_now().await;
            }
            assert!(post.edits(booking, at(NOON)).await.is_empty(), "it waits for the result");
            post.google.switch("mail/release", &Value::Null).await;
        });
        sent.expect("a result");
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "update sent"]);
        post.end().await;
    }

    async fn a_deletion_while_its_mail_is_handed_over_is_a_cancellation_after_it(url: String) {
        let (post, first) = queued(&url).await;
        let booking = first.row.booking_id.expect("a booking");
        post.mail_fault(json!({"stage": "body", "action": {"stall": "after"}})).await;
        let (sent, ()) = tokio::join!(Box::pin(send_due(&post.engine)), async {
            while post.mails().await.is_empty() {
                tokio::task::yield_now().await;
            }
            post.deletes(booking).await;
            post.google.switch("mail/release", &Value::Null).await;
        });
        sent.expect("a result");
        post.settle().await;
        post.sends_all().await;
        assert_eq!(post.told().await, ["confirmation sent", "cancellation sent"]);
        post.end().await;
    }

    async fn a_mail_that_is_put_off_past_its_use_expires(url: String) {
        let (post, proposal) = queued(&url).await;
        post.mail_fault(json!({"stage": "rcpt", "times": 100, "action": {"code": 451}})).await;
        post.deliver().await;
        post.until("2026-03-10T09:00:01Z").await;
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::Expired);
        assert!(post.mails().await.is_empty());
        post.end().await;
    }

    async fn limits_hold_mails_back_until_there_is_room(url: String) {
        let mut post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        for n in 0..4 {
            post.books(&format!("Fitting {n}"), TEN, &[eva]).await;
        }
        post.settle().await;
        post.deliver().await;
        post.world.engine.mail.per_recipient_per_day = 2;
        post.approve_all().await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 2);
        post.pass(TimeDelta::hours(23)).await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 2);
        post.pass(TimeDelta::hours(2)).await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 4);
        post.world.engine.mail.per_tenant_per_hour = 1;
        let max = post.customer("Max", "max@example.net").await;
        post.books("Max", TEN, &[max]).await;
        post.jobs().await;
        post.approve_all().await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 4, "the hour is full");
        post.pass(TimeDelta::minutes(70)).await;
        post.deliver().await;
        assert!(post.mails().await.len() <= 5);
        post.end().await;
    }

    async fn a_yes_to_what_has_changed_meanwhile_is_refused_and_the_new_version_is_asked(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        let booking = post.books("Fitting", TEN, &[eva]).await;
        let seen = post.only().await;
        // In SQL: nobody has considered it yet.
        post.app_renames(booking, "Trial").await;
        let error = post.try_approve(&seen).await.expect_err("it says something else now");
        assert!(matches!(error, MailError::Changed), "{error}");
        post.settle().await;
        post.jobs().await;
        let new = post.only().await;
        assert!(new.row.id != seen.row.id && new.letter.as_ref().expect("a letter").text.contains("Trial"));
        let error = post.try_approve(&seen).await.expect_err("it is superseded");
        assert!(matches!(error, MailError::Changed), "{error}");
        post.sends_all().await;
        assert!(post.only_mail().await.text.contains("Trial"));
        post.end().await;
    }

    async fn a_change_between_the_yes_and_the_send_sends_nothing_and_asks_again(url: String) {
        let (post, proposal) = queued(&url).await;
        let booking = proposal.row.booking_id.expect("a booking");
        post.app_moves(booking, "2026-03-10T17:00:00", "2026-03-10T18:00:00").await;
        send_due(&post.engine).await.expect("looked");
        assert!(post.mails().await.is_empty());
        post.settle().await;
        post.pass(TimeDelta::minutes(1)).await;
        post.sends_all().await;
        assert_eq!(post.only_mail().await.line("DTSTART"), Some("20260310T170000"));
        assert_eq!(state(&post, &proposal).await, State::Superseded);
        post.end().await;
    }

    async fn a_yes_is_one_yes_however_often_it_is_said(url: String) {
        let (post, proposal) = queued(&url).await;
        post.try_approve(&proposal).await.expect("the same yes");
        let (one, other) = tokio::join!(post.try_approve(&proposal), post.try_approve(&proposal));
        one.expect("the same");
        other.expect("the same");
        post.deliver().await;
        post.only_mail().await;
        let story = post.story(proposal.row.id).await;
        assert_eq!(story.iter().filter(|entry| *entry == "approved").count(), 1, "{story:?}");
        let error = post.try_approve(&proposal).await.expect_err("it is sent");
        assert!(matches!(error, MailError::Closed(State::Sent)), "{error}");
        post.end().await;
    }

    async fn a_no_is_final(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[eva]).await;
        let proposal = post.only().await;
        decline(&post.engine, post.tenant, proposal.row.id, &post.asked()).await.expect("a no");
        decline(&post.engine, post.tenant, proposal.row.id, &post.asked()).await.expect("the same no");
        let error = post.try_approve(&proposal).await.expect_err("it was declined");
        assert!(matches!(error, MailError::Closed(State::Declined)), "{error}");
        post.settle().await;
        post.deliver().await;
        assert!(post.mailbox().await.is_empty());
        post.end().await;
    }

    async fn only_the_user_can_say_yes_and_only_to_what_was_shown(url: String) {
        let post = Post::without_reminders(&url).await;
        let ben = post.ben().await;
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[eva]).await;
        let proposal = post.only().await;
        let key = ApiKeyId(post.engine.fresh_uuid());
        let (id, hash) = (proposal.row.id, proposal.row.content_hash.clone());
        let says = async |user, how, hash: &[u8]| approve(&post.engine, post.tenant, id, hash, &Decider { user, how }).await;
        let error = says(Some(ben.user), How::Mailbox, &hash).await.expect_err("another user");
        assert!(matches!(error, MailError::Missing), "{error}");
        let error = says(Some(post.ana.user), How::TenantKey(key), &hash).await.expect_err("the app");
        assert!(matches!(error, MailError::NotTheUser), "{error}");
        let error = says(Some(post.ana.user), How::AppAsserted(key), &hash).await.expect_err("not allowed");
        assert!(matches!(error, MailError::NotTheUser), "{error}");
        for other in [vec![1; 32], vec![], vec![1; 5]] {
            let error = says(Some(post.ana.user), How::Mailbox, &other).await.expect_err("another content");
            assert!(matches!(error, MailError::OtherContent), "{error}");
        }
        assert_eq!(state(&post, &proposal).await, State::Proposed);
        post.sql("UPDATE tenants SET app_asserted = 1 WHERE id = $1").await;
        says(Some(post.ana.user), How::AppAsserted(key), &hash).await.expect("the operator allows it");
        let entries = post.entries(id).await;
        let approved = entries.iter().find(|entry| entry["event"] == "approved").expect("a yes");
        assert_eq!((&approved["how"], &approved["key"]), (&json!("app_asserted"), &json!(key.to_string())), "{approved}");
        post.settle().await;
        post.deliver().await;
        post.only_mail().await;
        post.end().await;
    }

    async fn two_daemons_send_one_mail(url: String) {
        let (post, proposal) = queued(&url).await;
        let other = post.second_engine().await;
        let (one, two, three) = tokio::join!(Box::pin(send_due(&post.engine)), Box::pin(send_due(&other)), Box::pin(send_due(&post.engine)));
        for sent in [one, two, three] {
            sent.expect("a round");
        }
        post.deliver().await;
        assert_eq!(state(&post, &proposal).await, State::Sent);
        assert_eq!((post.mails().await.len(), post.attempts_to(EVA).await), (1, 1));
        post.end().await;
    }

    async fn a_queued_row_that_nobody_approved_is_not_sent(url: String) {
        let post = Post::without_reminders(&url).await;
        let eva = post.eva().await;
        post.books("Fitting", TEN, &[eva]).await;
        let proposal = post.only().await;
        post.sql_on("UPDATE messages SET state = 'queued' WHERE tenant_id = $1 AND id = $2", proposal.row.id).await;
        post.settle().await;
        post.deliver().await;
        assert!(post.mails().await.is_empty());
        assert_eq!(post.story(proposal.row.id).await, ["proposed", "withdrawn: void"]);
        post.end().await;
    }

    async fn a_message_that_was_sent_and_is_set_back_to_queued_is_not_sent_again(url: String) {
        let (post, proposal) = queued(&url).await;
        post.deliver().await;
        post.sql_on("UPDATE messages SET state = 'queued' WHERE tenant_id = $1 AND id = $2", proposal.row.id).await;
        post.deliver().await;
        assert_eq!(post.mails().await.len(), 1, "its consent was used");
        post.end().await;
    }
}
