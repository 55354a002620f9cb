//! The auditor (`tests/auditor/`): it says nothing of honest mail, and finds every kind of fraud.
mod ledger_support;
mod support;

use accord::domain::ids::MessageId;
use accord::domain::mail::{CalendarPart, Letter, Mailbox, Method, Unsubscribe};
use accord::engine::ledger::{Event, erase, message_owner, recipient_owner};
use accord::mail::compose::compose;
use ledger_support::office::{ADA, EVA, Office, eml, key};
use ledger_support::{HOUR_MS, letter, message, user};
use proptest::option;
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use support::postgres::both_databases;

both_databases! {
    async fn nothing_is_found_in_honest_mail(url: String) {
        let mut office = Office::new(&url).await;
        for last in 1..=3 {
            office.consent(last, EVA).await;
            office.send(last, EVA).await;
        }
        // Deferred and sent again; unknown and not sent again; a worker that died, whose mail came; never sent.
        office.consent(4, ADA).await;
        office.sending(4, "customer", 1, ADA).await;
        office.result(4, 1, "deferred").await;
        office.sending(4, "customer", 2, ADA).await;
        office.take(&letter(4, ADA), ADA);
        office.result(4, 2, "unknown").await;
        office.consent(5, ADA).await;
        office.sending(5, "customer", 1, ADA).await;
        office.take(&letter(5, ADA), ADA);
        office.book.note(Event::Overtaken { message: message(5), attempt: 1 }).await;
        office.propose(6, ADA).await;
        office.book.note(Event::Declined { message: message(6), user: user(1), how: "sign_in", key_id: None }).await;
        // What stops later mail does not touch earlier mail, and ends.
        office.book.note(Event::Suppressed { recipient_key: &key(EVA), address: Some(EVA), message: message(1) }).await;
        office.book.note(Event::Paused { user: user(1) }).await;
        office.book.note(Event::SuppressionLifted { recipient_key: &key(EVA), address: None, message: message(1) }).await;
        office.book.note(Event::Resumed { user: user(1) }).await;
        office.consent(7, EVA).await;
        office.send(7, EVA).await;
        // A notice needs no yes.
        let content_hash = letter(8, ADA).hash();
        office.book.note(Event::Notice { message: message(8), kind: "consent_request", recipient_key: &key(ADA), address: ADA, content_hash }).await;
        office.sending(8, "notice", 1, ADA).await;
        office.take(&letter(8, ADA), ADA);
        office.finds(&[]);
    }

    async fn mail_without_a_consent_of_its_own_is_found(url: String) {
        let mut office = Office::new(&url).await;
        // Nobody ever heard of it.
        office.take(&letter(1, EVA), EVA);
        office.finds(&["no_consent"]);
        // Proposed, and sent without an answer.
        let mut office = office.with_no_mails();
        office.propose(2, EVA).await;
        office.send(2, EVA).await;
        office.finds(&["no_consent", "sending_without_consent"]);
    }
}

/// Honest mail up to `before`, then what somebody does; and what is found.
macro_rules! frauds {
    ($(async fn $name:ident($office:ident) $act:block finds $expected:expr;)+) => {$(
        both_databases! {
            async fn $name(url: String) {
                let mut $office = Office::new(&url).await;
                $office.consent(1, ADA).await;
                $office.send(1, ADA).await;
                $office.consent(2, EVA).await;
                $act
                $office.finds(&$expected);
            }
        }
    )+};
}

async fn note(office: &Office, event: Event<'_>) {
    office.book.note(event).await;
}

fn withdrawn(message: MessageId) -> Event<'static> {
    Event::Withdrawn {
        message,
        by: "user",
        reason: "changed_mind",
    }
}

frauds! {
    async fn another_recipient_in_the_envelope_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take(&letter(2, EVA), "mallory@example.com");
    } finds ["other_recipient"];

    async fn another_recipient_in_letter_and_envelope_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take(&letter(2, "mallory@example.com"), "mallory@example.com");
    } finds ["content_changed", "other_recipient"];

    async fn another_recipient_in_the_ledger_is_found(office) {
        office.sending(2, "customer", 1, "mallory@example.com").await;
        office.take(&letter(2, "mallory@example.com"), "mallory@example.com");
    } finds ["other_recipient", "sending_differs"];

    async fn a_changed_text_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        let mut changed = letter(2, EVA);
        changed.text = changed.text.replace("10:00", "11:00");
        office.take(&changed, EVA);
    } finds ["content_changed"];

    async fn a_changed_sender_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        let mut changed = letter(2, EVA);
        changed.reply_to = None;
        office.take(&changed, EVA);
    } finds ["content_changed"];

    async fn an_attachment_that_nobody_saw_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        let more = "--=_outer\r\nContent-Type: text/plain\r\n\r\nand buy this\r\n--=_outer--\r\n";
        office.take_raw(&eml(&letter(2, EVA)).replace("--=_outer--\r\n", more), EVA);
    } finds ["more_than_the_letter"];

    async fn a_copy_to_somebody_else_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take_raw(&format!("Cc: mallory@example.com\r\n{}", eml(&letter(2, EVA))), EVA);
    } finds ["more_than_the_letter"];

    async fn a_second_subject_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take_raw(&format!("Subject: Haircut\r\n{}", eml(&letter(2, EVA))), EVA);
    } finds ["more_than_the_letter"];

    async fn a_consent_used_twice_is_found(office) {
        office.send(2, EVA).await;
        office.take(&letter(2, EVA), EVA);
    } finds ["used_twice"];

    async fn a_second_attempt_after_a_success_is_found(office) {
        office.send(2, EVA).await;
        office.sending(2, "customer", 2, EVA).await;
    } finds ["sent_again"];

    async fn a_second_attempt_after_an_unknown_end_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.result(2, 1, "unknown").await;
        office.sending(2, "customer", 2, EVA).await;
        office.take(&letter(2, EVA), EVA);
    } finds ["sent_again"];

    async fn a_second_attempt_while_one_is_in_hand_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.sending(2, "customer", 2, EVA).await;
    } finds ["sent_again"];

    async fn mail_of_attempts_that_delivered_nothing_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take(&letter(2, EVA), EVA);
        office.result(2, 1, "deferred").await;
    } finds ["mail_of_a_failed_attempt"];

    async fn mail_that_was_never_noted_is_found(office) {
        office.take(&letter(2, EVA), EVA);
    } finds ["mail_without_sending"];

    async fn mail_before_its_attempt_was_noted_is_found(office) {
        office.take(&letter(2, EVA), EVA);
        office.book.pass(10_000);
        office.sending(2, "customer", 1, EVA).await;
    } finds ["mail_before_sending"];

    async fn mail_after_its_attempt_ended_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.result(2, 1, "unknown").await;
        office.book.pass(10_000);
        office.take(&letter(2, EVA), EVA);
    } finds ["mail_after_result"];

    async fn a_consent_that_came_too_late_is_found(office) {
        office.propose(3, EVA).await;
        office.sending(3, "customer", 1, EVA).await;
        office.take(&letter(3, EVA), EVA);
        office.approve(3, EVA).await;
    } finds ["sending_without_consent"];

    async fn mail_after_a_withdrawal_is_found(office) {
        note(&office, withdrawn(message(2))).await;
        office.book.pass(10_000);
        office.send(2, EVA).await;
    } finds ["mail_after_withdrawn", "sending_after_withdrawn"];

    async fn mail_in_hand_when_it_was_withdrawn_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        note(&office, withdrawn(message(2))).await;
        office.book.pass(10_000);
        office.take(&letter(2, EVA), EVA);
    } finds ["mail_after_withdrawn"];

    async fn mail_of_a_declined_message_is_found(office) {
        note(&office, Event::Declined { message: message(2), user: user(1), how: "mailbox", key_id: None }).await;
        office.send(2, EVA).await;
    } finds ["sending_after_declined"];

    async fn mail_of_a_superseded_message_is_found(office) {
        note(&office, Event::Superseded { message: message(2) }).await;
        office.send(2, EVA).await;
    } finds ["sending_after_superseded"];

    async fn mail_of_an_expired_message_is_found(office) {
        note(&office, Event::Expired { message: message(2) }).await;
        office.send(2, EVA).await;
    } finds ["sending_after_expired"];

    async fn mail_after_the_consent_ended_is_found(office) {
        office.book.pass(HOUR_MS);
        office.book.pass(10_000);
        office.send(2, EVA).await;
    } finds ["mail_after_expiry", "sending_after_expiry"];

    async fn mail_to_a_suppressed_address_is_found(office) {
        note(&office, Event::Suppressed { recipient_key: &key(EVA), address: Some(EVA), message: message(1) }).await;
        office.send(2, EVA).await;
    } finds ["sending_while_suppressed"];

    async fn mail_of_a_paused_user_is_found(office) {
        note(&office, Event::Paused { user: user(1) }).await;
        office.send(2, EVA).await;
    } finds ["sending_while_paused"];

    async fn an_approval_of_what_was_closed_is_found(office) {
        office.propose(3, EVA).await;
        note(&office, Event::Expired { message: message(3) }).await;
        office.approve(3, EVA).await;
    } finds ["approved_closed"];

    async fn a_second_approval_is_found(office) {
        office.approve(2, EVA).await;
    } finds ["approved_twice"];

    async fn an_approval_of_another_content_is_found(office) {
        office.propose(3, EVA).await;
        office.approve(3, ADA).await;
    } finds ["consent_to_other_content"];

    async fn a_yes_of_somebody_else_is_found(office) {
        office.propose(3, EVA).await;
        let (content_hash, expires_at) = (letter(3, EVA).hash(), office.book.at() + HOUR_MS);
        note(&office, Event::Approved { message: message(3), user: user(2), how: "mailbox", key_id: None, content_hash, expires_at }).await;
    } finds ["consent_of_another_user"];

    async fn a_yes_by_a_tenants_key_alone_is_found(office) {
        office.propose(3, EVA).await;
        let (content_hash, expires_at) = (letter(3, EVA).hash(), office.book.at() + HOUR_MS);
        note(&office, Event::Approved { message: message(3), user: user(1), how: "tenant_key", key_id: None, content_hash, expires_at }).await;
    } finds ["unknown_way"];

    async fn mail_to_a_customer_that_calls_itself_a_notice_is_found(office) {
        office.sending(2, "notice", 1, EVA).await;
        office.take(&letter(2, EVA), EVA);
    } finds ["sending_without_consent"];

    async fn an_unknown_kind_of_notice_is_found(office) {
        let content_hash = letter(3, EVA).hash();
        note(&office, Event::Notice { message: message(3), kind: "newsletter", recipient_key: &key(EVA), address: EVA, content_hash }).await;
        office.sending(3, "notice", 1, EVA).await;
        office.take(&letter(3, EVA), EVA);
    } finds ["unknown_notice"];

    async fn a_mail_that_cannot_be_read_is_found(office) {
        office.sending(2, "customer", 1, EVA).await;
        office.take_raw(&eml(&letter(2, EVA)).replace("charset=utf-8", "charset=utf-7"), EVA);
    } finds ["unreadable_mail"];
}

both_databases! {
    async fn a_result_that_comes_late_is_no_fraud_and_allows_no_second_attempt(url: String) {
        let mut office = Office::new(&url).await;
        office.consent(1, EVA).await;
        office.sending(1, "customer", 1, EVA).await;
        note(&office, Event::Overtaken { message: message(1), attempt: 1 }).await;
        office.book.pass(10_000);
        office.take(&letter(1, EVA), EVA);
        office.result(1, 1, "deferred").await;
        office.finds(&[]);
        office.sending(1, "customer", 2, EVA).await;
        office.finds(&["sent_again"]);
        office.result(1, 1, "accepted").await;
        office.finds(&["result_without_sending", "sent_again"]);
    }

    async fn what_accord_composes_is_read_back_as_it_was_approved(url: String) {
        let mut office = Office::new(&url).await;
        let mut runner = TestRunner::deterministic();
        for last in 0..60 {
            let letter = any_letter(last).new_tree(&mut runner).unwrap().current();
            let (address, content_hash) = (letter.to.address.clone(), letter.hash());
            let recipient_key = &key(&address);
            let (message, kind) = (message(last), "consent_request");
            note(&office, Event::Notice { message, kind, recipient_key, address: &address, content_hash }).await;
            let (class, attempt) = ("notice", 1);
            note(&office, Event::Sending { message, class, attempt, recipient_key, address: &address, content_hash }).await;
            let composed = compose(&letter, office.book.engine.clock.now()).unwrap();
            office.take_raw(std::str::from_utf8(composed.bytes()).unwrap(), composed.recipient());
        }
        office.finds(&[]);
    }
}

/// Any letter that can be sent.
fn any_letter(last: u8) -> impl Strategy<Value = Letter> {
    let name = "|[ -~]{1,90}|[a-zA-Z \"\\\\<>@,;=?ěščřž日本]{1,60}| *[éñ_]{1,9} *|=\\?utf-8\\?q\\?x\\?=";
    let body = "([ -~éß日本\t]{0,90}(\r\n|\n)){0,9}[ -~é=]{0,20}|From me\n\\.\n\\.\\.\n\n\n| {80}x \n";
    let part = (any::<bool>(), body).prop_map(|(is_request, text)| {
        let method = if is_request { Method::Request } else { Method::Cancel };
        let text = format!(
            "BEGIN:VCALENDAR\r\nMETHOD:{}\r\n{text}\r\nEND:VCALENDAR\r\n",
            method.as_str()
        );
        CalendarPart { method, text }
    });
    let unsubscribe = ("https://a\\.example/u/[a-z0-9%?&=/-]{0,200}", any::<bool>());
    let unsubscribe = unsubscribe.prop_map(|(url, one_click)| Unsubscribe { url, one_click });
    let all = (name, name, name, "[!-~é].{0,100}|[a-z =?]{0,90}[a-z]", body, body);
    let all = all.prop_filter("no control characters", |(_, _, _, subject, ..)| {
        !subject
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
            && !subject.trim().is_empty()
    });
    let rest = (
        option::of(part),
        option::of(unsubscribe),
        any::<bool>(),
        "[a-z.+ü]{0,9}[a-z]",
    );
    (all, rest).prop_map(
        move |((from, to, reply_to, subject, text, html), (calendar, unsubscribe, has_reply_to, local))| {
            let mailbox = |name: String, address: &str| Mailbox {
                name,
                address: address.to_owned(),
            };
            let local = local.replace('.', "_");
            Letter {
                from: mailbox(from, "post@kaval.example"),
                reply_to: has_reply_to.then(|| mailbox(reply_to, "ana@kaval.example")),
                to: mailbox(to, &format!("{local}@example.com")),
                subject,
                text,
                html,
                calendar,
                unsubscribe,
                ..letter(last, "")
            }
        },
    )
}

both_databases! {
    async fn edited_moved_removed_and_added_rows_are_found(url: String) {
        let mut office = Office::new(&url).await;
        office.consent(1, EVA).await;
        office.send(1, EVA).await;
        let export = office.book.export();
        let lines: Vec<&str> = export.lines().collect();
        assert!(office.audit().is_empty());
        let without = |gone: usize| [&lines[..gone], &lines[gone + 1..]].concat().join("\n");
        // The consent itself; the last row; the order; the same row once more; the head; the tenant.
        let frauds = [
            without(2),
            without(4),
            [&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat().join("\n"),
            [&lines[..3], &lines[2..]].concat().join("\n"),
            export.replace("mailbox", "sign_in"),
            lines[0].replace("\"seq\":4", "\"seq\":5") + &export[lines[0].len()..],
            export.replace("-000000000001\",\"from\"", "-000000000002\",\"from\""),
            export.replacen("{\"seq\":1,\"at\":", "{\"seq\":1,\"at\":1", 1),
            export.replacen("\\\"event\\\":", "\\\"event\\\":\\\"paused\\\",\\\"event\\\":", 1),
        ];
        for (number, fraud) in frauds.iter().enumerate() {
            assert_ne!(*fraud, export, "{number}");
            let found = office.audit_of(fraud);
            assert!(found.contains("chain"), "{number}: {found:?}");
        }
    }

    async fn what_was_erased_cannot_be_told_and_everything_else_still_can(url: String) {
        let mut office = Office::new(&url).await;
        office.consent(1, EVA).await;
        office.send(1, EVA).await;
        office.consent(2, ADA).await;
        office.send(2, ADA).await;
        let erased = [recipient_owner(&key(EVA)), message_owner(message(1))];
        let mut tx = office.book.engine.db.begin().await.unwrap();
        erase(&mut tx, office.book.tenant, &erased).await.unwrap();
        tx.commit().await.unwrap();
        office.finds(&["cannot_be_told: content", "cannot_be_told: recipient"]);
        // A mail that names no message may be the erased one, if that one was not seen otherwise; two cannot be.
        let mut office = office.with_no_mails();
        let mut nameless = letter(1, EVA);
        nameless.message_id = "x@kaval.example".to_owned();
        office.take(&nameless, EVA);
        office.finds(&["cannot_be_told: no_consent"]);
        nameless.message_id = "y@kaval.example".to_owned();
        office.take(&nameless, EVA);
        office.finds(&["cannot_be_told: no_consent", "no_consent"]);
    }
}
