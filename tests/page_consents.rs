//! The consent page over HTTP, by the link in the mail to its user and after a sign-in.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod mail_page_support;
mod support;

use accord::args;
use accord::domain::time::OriginalStart;
use accord::engine::bookings::BookingEdit;
use accord::engine::disconnect::{self, Ending, ReadData, WrittenItems};
use connect_support::BEA;
use http::Method;
use mail_page_support::{Office, at, boxes, decides, form_to};
use serde_json::json;
use support::google::ANA;
use support::postgres::both_databases;

const FORM: &str = "application/x-www-form-urlencoded";

both_databases! {
    async fn opening_the_link_any_number_of_times_changes_nothing_and_shows_the_mail_as_it_would_arrive(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("Fitting <b>", "Eva & Co", "eva@example.com").await;
        let link = office.link().await;
        let before = office.everything().await;
        let letter = office.message(id).await.letter.unwrap();
        let code = letter.unsubscribe.as_ref().unwrap().url.rsplit('/').next().unwrap().to_owned();
        for _ in 0..3 {
            let page = office.bed.browser().get(&link).await.expect(200);
            for words in [
                "Confirmation", "<bdi>Eva &amp; Co</bdi>", "eva@example.com", "Fitting &lt;b&gt;", "Acme", "mail@acme.example",
                "Answers go to", ANA, "Wednesday, 4 March 2026, 10:00–11:00 (Europe&#x2f;Madrid, UTC+1)",
                "There was none: this is the first about this booking.", "BEGIN:VCALENDAR",
                "brings the booking into the customer&#x27;s calendar", "Can be decided until",
            ] {
                page.says(words);
            }
            assert_eq!(boxes(&page).len(), 1);
            assert!(!page.body.contains(&code), "the customer's own code is shown");
            assert!(!page.body.contains("description of the booking"), "our templates show none");
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.ends_with("frame-ancestors 'none'; base-uri 'none'; frame-src 'self'"), "{policy}");
        }
        let frame = office.raw(Method::GET, &format!("{link}/{id}/html"), FORM, "").await;
        assert_eq!(frame.status, 200);
        assert_eq!(frame.body, letter.html.replace(&code, "…"));
        let policy = frame.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("sandbox; default-src 'none'; style-src 'unsafe-inline';"), "{policy}");
        assert_eq!(frame.headers["cache-control"], "no-store");
        assert_eq!(frame.headers["referrer-policy"], "no-referrer");
        assert_eq!(office.raw(Method::HEAD, &link, FORM, "").await.status, 200);
        assert_eq!(office.everything().await, before);
        assert_eq!(office.state(id).await, "proposed");
    }

    async fn ticked_mails_are_approved_one_by_one_and_the_others_wait(url: String) {
        let office = Office::new(&url).await;
        let (_, first) = office.proposal("One", "Eva", "eva@example.com").await;
        let (_, second) = office.proposal("Two", "Filip", "filip@example.com").await;
        let (_, third) = office.proposal("Three", "Gita", "gita@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let values = boxes(&page);
        assert_eq!(values.len(), 3);
        let ticked = [&*values[0], &*values[2]];
        let next = decides(&mut browser, &page, &link, &ticked, "send").await;
        next.says("What you decided");
        next.says("Confirmation to <bdi>Eva</bdi>, “<bdi>One</bdi>”: will be sent within a minute or so.");
        next.says("Approved, not sent yet");
        assert_eq!(boxes(&next), [values[1].clone()], "nothing of the others is ticked");
        assert_eq!([office.state(first).await, office.state(second).await, office.state(third).await], ["queued", "proposed", "queued"]);
        let how = "SELECT COUNT(*) AS n FROM consents WHERE how = 'mailbox' AND key_id IS NULL";
        assert_eq!(office.bed.count(how).await, 2);

        // A second click, and the same page loaded again.
        let before = office.everything().await;
        let again = decides(&mut browser, &page, &link, &ticked, "send").await;
        again.says("will be sent within a minute or so");
        assert_eq!(office.everything().await, before);

        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 1);
        assert_eq!(office.inbox("filip@example.com").await.len(), 0);
        // The back button's form, after the mail went out.
        let before = office.everything().await;
        let late = decides(&mut browser, &page, &link, &ticked, "send").await;
        late.says("Confirmation to <bdi>Eva</bdi>, “<bdi>One</bdi>”: sent.");
        let undone = decides(&mut browser, &page, &link, &ticked, "decline").await;
        undone.says("Confirmation to <bdi>Eva</bdi>, “<bdi>One</bdi>”: sent.");
        assert_eq!(office.everything().await, before);
        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 1);
    }

    async fn declined_mails_are_never_sent_and_no_tick_does_nothing(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        for word in ["send", "decline"] {
            let next = decides(&mut browser, &page, &link, &[], word).await;
            next.says("Nothing is ticked, so nothing was done.");
            assert_eq!(office.state(id).await, "proposed");
        }
        let value = boxes(&page).pop().unwrap();
        let odd = decides(&mut browser, &page, &link, &[&value], "burn").await;
        odd.says("It was not clear what to do");
        let next = decides(&mut browser, &page, &link, &[&value], "decline").await;
        next.says("Confirmation to <bdi>Eva</bdi>, “<bdi>One</bdi>”: not sent: you declined it.");
        next.says("Nothing waits.");
        let late = decides(&mut browser, &page, &link, &[&value], "send").await;
        late.says("not sent: you declined it");
        office.daemon().await;
        assert_eq!(office.state(id).await, "declined");
        assert_eq!(office.inbox("eva@example.com").await.len(), 0);
    }

    async fn a_form_that_was_not_given_to_this_browser_decides_nothing(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let page = office.bed.browser().get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        let form = form_to(&page, &link);
        let mut stranger = office.bed.browser();
        for end in ["", "/take-back", "/pause", "/resume"] {
            let fields = [("do", "send"), ("mail", &*value), ("form", "")];
            let refused = stranger.post(&format!("{link}{end}"), &fields).await.expect(403);
            refused.says("This form cannot be used");
            refused.says("Go to your page");
        }
        stranger.get(&link).await.expect(200);
        stranger.submit(&page, form, &[("do", "send"), ("mail", &value)]).await.expect(403);
        assert_eq!(office.state(id).await, "proposed");
        assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM accounts WHERE mail_paused_at IS NOT NULL").await, 0);
    }

    async fn a_link_opens_nothing_when_it_is_wrong_expired_or_its_account_is_disconnected(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let me = format!("/me/{}/consents", office.bed.tenant).replace('/', "&#x2f;");
        let page = office.bed.browser().get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        let (front, secret) = link.rsplit_once('/').unwrap();
        let flipped = if secret.starts_with('A') { "B" } else { "A" };
        for wrong in [format!("{front}/{flipped}{}", &secret[1..]), format!("{front}/x"), format!("/consents/{}/{}/{secret}", office.bed.tenant, id), format!("/consents/{}/x/{secret}", office.bed.tenant)] {
            let seen = office.bed.browser().get(&wrong).await.expect(404);
            seen.says("This link is not known");
            seen.says(&me);
        }
        office.bed.browser().get(&format!("/consents/x/y/{secret}")).await.expect(404).says("This link is not known");
        assert_eq!(office.raw(Method::GET, &format!("{front}/x/{id}/html"), FORM, "").await.status, 404);

        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        office.bed.pass(72 * 3600 + 1).await;
        let expired = browser.get(&link).await.expect(410);
        expired.says("This link has expired");
        expired.says(&me);
        let form = form_to(&page, &link);
        browser.submit(&page, form, &[("do", "send"), ("mail", &value)]).await.expect(410);
        assert_eq!(office.raw(Method::GET, &format!("{link}/{id}/html"), FORM, "").await.status, 410);
        assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM consents").await, 0);
    }

    async fn a_link_ends_with_the_account_that_it_was_sent_to(url: String) {
        let office = Office::new(&url).await;
        office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let account = office.bed.account(office.bed.ana).await.unwrap().id;
        let ending = Ending { read: ReadData::Keep, written: WrittenItems::Keep };
        disconnect::disconnect(&office.bed.engine, office.bed.tenant, account, ending).await.unwrap();
        office.bed.browser().get(&link).await.expect(410).says("This Google account is not connected any more");
        // Somebody else's now: still not a way in.
        let sql = "UPDATE accounts SET state = 'active', user_id = $2 WHERE tenant_id = $1";
        office.bed.sql(sql, args![office.bed.tenant, office.bed.bea]).await;
        office.bed.browser().get(&link).await.expect(410);
    }

    async fn what_has_changed_since_is_not_sent_and_is_shown_again_with_nothing_ticked(url: String) {
        let office = Office::new(&url).await;
        let (booking, old) = office.proposal("Fitting", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        let changed = office.change(booking.row.id, BookingEdit { title: Some("Trial".to_owned()), mail: Some("propose".to_owned()), ..BookingEdit::default() }).await;
        let next = decides(&mut browser, &page, &link, &[&value], "send").await;
        next.says("has changed since you saw it and was not sent");
        next.says("<bdi>Trial</bdi>");
        let fresh = boxes(&next);
        assert_eq!(fresh.len(), 1);
        assert!(fresh[0].starts_with(&changed.proposals[0].to_string()), "{fresh:?}");
        assert_eq!(office.state(old).await, "superseded");

        // In SQL: noticed at the click, proposed anew a moment later.
        let sql = "UPDATE bookings SET title = 'Final fitting' WHERE tenant_id = $1 AND id = $2";
        office.bed.sql(sql, args![office.bed.tenant, booking.row.id]).await;
        let between = decides(&mut browser, &next, &link, &[&fresh[0]], "send").await;
        between.says("the booking has changed since you saw it, so nothing was sent");
        between.says("The booking has just changed.");
        assert!(boxes(&between).is_empty(), "what is stale cannot be ticked");
        office.daemon().await;
        let page = browser.get(&link).await.expect(200);
        page.says("<bdi>Final fitting</bdi>");
        assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM consents").await, 0);
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await.says("will be sent");
        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 1);
    }

    async fn a_hash_of_something_else_is_no_yes(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let (_, other) = office.proposal("Two", "Filip", "filip@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let values = boxes(&page);
        let (_, hash) = values[1].split_once('.').unwrap();
        let crossed = format!("{id}.{hash}");
        for value in [crossed, format!("{id}."), format!("{id}"), "x.y".to_owned()] {
            let next = decides(&mut browser, &page, &link, &[&value], "send").await;
            assert_eq!(boxes(&next).len(), 2);
        }
        assert_eq!([office.state(id).await, office.state(other).await], ["proposed", "proposed"]);
    }

    async fn an_update_shows_what_the_customer_was_told_and_what_holds_now(url: String) {
        let office = Office::new(&url).await;
        let (booking, _) = office.proposal("Fitting", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await;
        office.daemon().await;
        let moved = BookingEdit { title: Some("Trial".to_owned()), mail: Some("propose".to_owned()), ..at("2026-03-05T08:30:00") };
        office.change(booking.row.id, moved).await;
        let page = browser.get(&link).await.expect(200);
        for words in [
            "<legend>Change</legend>", "before: <bdi>Fitting</bdi>", "now: <bdi>Trial</bdi>",
            "before: <bdi>Wednesday, 4 March 2026, 10:00–11:00 (Europe&#x2f;Madrid, UTC+1)</bdi>",
            "now: <bdi>Thursday, 5 March 2026, 08:30–09:30 (Europe&#x2f;Madrid, UTC+1)</bdi>",
            "<h2>Recently</h2>", "<span>sent</span>",
        ] {
            page.says(words);
        }
    }

    async fn a_yes_is_taken_back_until_the_mail_is_handed_over(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        let approved = decides(&mut browser, &page, &link, &[&value], "send").await;
        let form = form_to(&approved, "/take-back");
        let back = browser.submit(&approved, form, &[]).await.expect(303);
        let seen = browser.get(back.location()).await.expect(200);
        seen.says("not sent: you took it back");
        assert_eq!(office.state(id).await, "withdrawn");
        browser.submit(&approved, form, &[]).await.expect(303);
        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 0);

        // Too late: it went out.
        office.proposal("Two", "Filip", "filip@example.com").await;
        let page = browser.get(&link).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        let approved = decides(&mut browser, &page, &link, &[&value], "send").await;
        office.daemon().await;
        let late = browser.submit(&approved, form_to(&approved, "/take-back"), &[]).await.expect(303);
        browser.get(late.location()).await.expect(200).says("“<bdi>Two</bdi>”: sent.");
    }

    async fn all_mails_are_paused_and_go_on_again(url: String) {
        let office = Office::new(&url).await;
        let (_, approved) = office.proposal("One", "Eva", "eva@example.com").await;
        let (_, waits) = office.proposal("Two", "Filip", "filip@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let values = boxes(&page);
        let page = decides(&mut browser, &page, &link, &[&values[0]], "send").await;
        let paused = browser.submit(&page, form_to(&page, "/pause"), &[]).await.expect(303);
        let seen = browser.get(paused.location()).await.expect(200);
        seen.says("All mails to your customers are paused");
        seen.says("not sent: mails were paused");
        assert_eq!([office.state(approved).await, office.state(waits).await], ["withdrawn", "withdrawn"]);
        browser.submit(&page, form_to(&page, "/pause"), &[]).await.expect(303);
        let customer = office.customer("Gita", "gita@example.com").await;
        assert!(office.book("Three", "2026-03-04T15:00:00", &customer).await.proposals.is_empty());
        let resumed = browser.submit(&seen, form_to(&seen, "/resume"), &[]).await.expect(303);
        let seen = browser.get(resumed.location()).await.expect(200);
        seen.says("Mails go on");
        form_to(&seen, "/pause");
        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 0);
        assert_eq!(office.book("Four", "2026-03-04T16:00:00", &customer).await.proposals.len(), 1);
    }

    async fn after_a_sign_in_the_same_page_decides_and_the_yes_says_so(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let path = format!("/me/{}/consents", office.bed.tenant);
        let mut browser = office.bed.browser();
        browser.get(&path).await.expect(200).says("Sign in with Google");
        assert_eq!(office.raw(Method::GET, &format!("{path}/{id}/html"), FORM, "").await.status, 401);
        let mut browser = office.bed.browser();
        let home = office.bed.sign_in(&mut browser, ANA).await.expect(200);
        home.says("1 mail waits for your decision.");
        home.says(&path.replace('/', "&#x2f;").replace("&#x2f;consents", "/consents"));
        let page = browser.get(&path).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        browser.post(&path, &[("do", "send"), ("mail", &value), ("form", "no")]).await.expect(403);
        let next = decides(&mut browser, &page, &path, &[&value], "send").await;
        next.says("will be sent within a minute or so");
        next.says("Back to your account");
        assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM consents WHERE how = 'sign_in'").await, 1);
        let home = browser.get(&format!("/me/{}", office.bed.tenant)).await.expect(200);
        home.says("No mail waits for your decision.");
    }

    async fn nobody_sees_or_decides_about_the_mails_of_another_user(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("Secret fitting", "Eva", "eva@example.com").await;
        let ana = office.link().await;
        let page = office.bed.browser().get(&ana).await.expect(200);
        let value = boxes(&page).pop().unwrap();
        office.bed.connect(office.bed.bea, BEA).await;
        let mut browser = office.bed.browser();
        office.bed.sign_in(&mut browser, BEA).await.expect(200);
        let path = format!("/me/{}/consents", office.bed.tenant);
        let page = browser.get(&path).await.expect(200);
        assert!(!page.body.contains("Secret fitting") && boxes(&page).is_empty());
        page.says("Nothing waits.");
        let token = page.body.split("name=\"form\" value=\"").nth(1).unwrap();
        let token = token[..token.find('"').unwrap()].to_owned();
        for word in ["send", "decline"] {
            let answer = browser.post(&path, &[("form", &token), ("do", word), ("mail", &value)]).await.expect(303);
            let seen = browser.get(answer.location()).await.expect(200);
            assert!(!seen.body.contains("Secret fitting"));
        }
        browser.post(&format!("{path}/take-back"), &[("form", &token), ("mail", &id.to_string())]).await.expect(303);
        let frame = browser.get(&format!("{path}/{id}/html")).await.expect(404);
        frame.says("This mail does not wait any more");
        assert_eq!(office.state(id).await, "proposed");
    }

    async fn what_expired_unanswered_and_what_waits_for_its_time_is_told(url: String) {
        let office = Office::new(&url).await;
        office.set(json!({"reminders": "1h"})).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        office.bed.pass(24 * 3600).await;
        office.daemon().await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        page.says("<legend>Reminder, 1 hour before</legend>");
        page.says("<dt>Goes out</dt><dd>Wednesday, 4 March 2026, 09:00 (Europe&#x2f;Madrid, UTC+1)</dd>");
        let values = boxes(&page);
        assert_eq!(values.len(), 2);
        let reminder = values.iter().find(|value| !value.starts_with(&id.to_string())).unwrap().clone();
        let next = decides(&mut browser, &page, &link, &[&reminder], "send").await;
        next.says("will be sent on Wednesday, 4 March 2026, 09:00 (Europe&#x2f;Madrid, UTC+1)");
        office.bed.pass(24 * 3600).await;
        office.daemon().await;
        let page = browser.get(&link).await.expect(200);
        page.says("expired without an answer; not sent");
    }

    async fn a_tenants_own_template_that_shows_the_description_is_marked(url: String) {
        let folder = tempfile::tempdir().unwrap();
        let mut office = Office::new(&url).await;
        let own = folder.path().join(office.bed.tenant.to_string()).join("booking_confirmed/en");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("body.txt"), "Hello {{ customer }}\nYour notes: {{ description }}\n{{ unsubscribe_url }}\n").unwrap();
        office.bed.engine.mail.overrides = Some(folder.path().to_owned());
        office.serve();
        office.proposal("One", "Eva", "eva@example.com").await;
        let page = office.bed.browser().get(&office.link().await).await.expect(200);
        page.says("This mail shows the description of the booking");
        page.says("Your notes: <mark>Bring the old shoes and patience.</mark>");
    }

    async fn at_most_fifty_are_shown_and_the_others_are_counted(url: String) {
        let office = Office::new(&url).await;
        let customer = office.customer("Eva", "eva@example.com").await;
        for number in 0..52 {
            office.book(&format!("Booking {number}"), "2026-03-04T10:00:00", &customer).await;
        }
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        let values = boxes(&page);
        assert_eq!(values.len(), 50);
        page.says("There are 2 more; they are shown when you have decided about some of these.");
        assert!(!page.body.contains("<details open>"), "many mails are folded");
        let all: Vec<&str> = values.iter().map(String::as_str).collect();
        let next = decides(&mut browser, &page, &link, &all, "decline").await;
        assert_eq!(boxes(&next).len(), 2);
        assert_eq!(next.body.matches("not sent: you declined it.").count(), 50);
    }

    async fn a_customer_ends_all_mails_by_the_button_or_by_one_click_and_lets_them_come_again(url: String) {
        let office = Office::new(&url).await;
        let (_, first) = office.proposal("One", "Eva", "eva@example.com").await;
        let (_, second) = office.proposal("Two", "Eva", "EVA@example.com").await;
        let address = office.message(first).await.letter.unwrap().unsubscribe.unwrap().url;
        let address = address.strip_prefix(connect_support::PUBLIC).unwrap().to_owned();
        let before = office.everything().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&address).await.expect(200);
        page.says("No more mails from Acme &amp; Sons?");
        assert!(browser.cookies.is_empty(), "no cookie for customers");
        assert_eq!(office.raw(Method::HEAD, &address, FORM, "").await.status, 200);
        assert_eq!(office.everything().await, before);

        let wrong = format!("{}x", &address[..address.len() - 1]);
        for method in [Method::GET, Method::POST] {
            assert_eq!(office.raw(method, &wrong, FORM, "List-Unsubscribe=One-Click").await.status, 404);
        }
        assert_eq!(office.raw(Method::POST, &format!("{wrong}/lift"), FORM, "").await.status, 404);
        assert_eq!(office.raw(Method::GET, "/unsubscribe/a/b/c", FORM, "").await.status, 404);
        assert_eq!(office.everything().await, before);

        let clicked = office.raw(Method::POST, &address, FORM, "List-Unsubscribe=One-Click").await;
        assert_eq!(clicked.status, 200, "mail programs follow no redirect");
        assert_eq!([office.state(first).await, office.state(second).await], ["withdrawn", "withdrawn"]);
        let ended = browser.get(&address).await.expect(200);
        ended.says("You get no more mails from Acme &amp; Sons");
        let lifted = browser.submit(&ended, 0, &[]).await.expect(200);
        lifted.says("Mails from Acme &amp; Sons come again");
        assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM suppressions").await, 0);

        let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for _ in 0..2 {
            let clicked = office.raw(Method::POST, &address, "multipart/form-data; boundary=b", multipart).await;
            assert_eq!(clicked.status, 200);
            assert_eq!(office.bed.count("SELECT COUNT(*) AS n FROM suppressions").await, 1);
        }
        let page = browser.submit(&lifted, 0, &[]).await.expect(200);
        page.says("You get no more mails");
        for (language, words) in [("de", "Sie erhalten keine E-Mails mehr von Acme &amp; Sons"), ("es", "Ya no recibirá correos de Acme &amp; Sons")] {
            office.set(json!({"language": language})).await;
            let page = browser.get(&address).await.expect(200);
            page.says(words);
            page.says(&format!("<html lang=\"{language}\">"));
        }
    }

    async fn a_suppressed_customer_and_a_lost_answer_are_told_to_the_user(url: String) {
        let office = Office::new(&url).await;
        let (_, id) = office.proposal("One", "Eva", "eva@example.com").await;
        office.proposal("Two", "Filip", "filip@example.com").await;
        let link = office.link().await;
        let address = office.message(id).await.letter.unwrap().unsubscribe.unwrap().url;
        let address = address.strip_prefix(connect_support::PUBLIC).unwrap().to_owned();
        office.raw(Method::POST, &address, FORM, "").await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        page.says("not sent: the customer wants no more mail");
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await;
        office.bed.google.switch("mail/faults", &json!({"stage": "body", "action": {"cut": "after"}})).await;
        office.daemon().await;
        let page = browser.get(&link).await.expect(200);
        page.says("maybe sent: the mail server&#x27;s answer was lost. It is not sent again");
    }

    async fn the_cancellation_of_a_booking_without_a_title_can_be_sent(url: String) {
        let office = Office::new(&url).await;
        let (booking, _) = office.proposal("", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        page.says("<dd><bdi>An appointment</bdi></dd>");
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await;
        office.daemon().await;
        let cancelled = BookingEdit { status: Some("cancelled".to_owned()), mail: Some("propose".to_owned()), ..BookingEdit::default() };
        office.change(booking.row.id, cancelled).await;
        let page = browser.get(&link).await.expect(200);
        page.says("<legend>Cancellation</legend>");
        page.says("takes the booking out of the customer&#x27;s calendar");
        page.says("<b>Takes place</b><span>before: <bdi>yes</bdi></span><span>now: <bdi>no</bdi></span>");
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await.says("will be sent within a minute or so");
        office.daemon().await;
        assert_eq!(office.inbox("eva@example.com").await.len(), 2);
    }

    async fn an_occurrence_that_is_moved_shows_what_the_series_told(url: String) {
        let office = Office::new(&url).await;
        let customer = office.customer("Eva", "eva@example.com").await;
        let weekly = BookingEdit {
            title: Some("Lesson".to_owned()),
            recurrence: Some(vec!["RRULE:FREQ=WEEKLY;COUNT=4".to_owned()]),
            customer_ids: Some(vec![customer]),
            mail: Some("propose".to_owned()),
            ..at("2026-03-04T10:00:00")
        };
        let series = office.create(office.bed.ana, &weekly).await;
        let link = office.link().await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        page.says("every week on Wednesday");
        let value = boxes(&page).pop().unwrap();
        decides(&mut browser, &page, &link, &[&value], "send").await;
        office.daemon().await;
        let moved = BookingEdit { mail: Some("propose".to_owned()), ..at("2026-03-12T10:00:00") };
        let start = OriginalStart::At("2026-03-11T09:00:00Z".parse().unwrap());
        let (engine, tenant) = (&office.bed.engine, office.bed.tenant);
        let one = engine.occurrence(tenant, series.row.id, start).await.unwrap();
        engine.patch_occurrence(tenant, series.row.id, start, one.version(), &moved).await.unwrap();
        let page = browser.get(&link).await.expect(200);
        page.says("<legend>Change</legend>");
        page.says("before: <bdi>Wednesday, 11 March 2026, 10:00–11:00 (Europe&#x2f;Madrid, UTC+1)</bdi>");
        page.says("now: <bdi>Thursday, 12 March 2026, 10:00–11:00 (Europe&#x2f;Madrid, UTC+1)</bdi>");
    }

    async fn a_change_that_is_not_certain_is_shown_as_such_and_not_sent(url: String) {
        let office = Office::new(&url).await;
        let (booking, id) = office.proposal("One", "Eva", "eva@example.com").await;
        let link = office.link().await;
        let account = office.bed.account(office.bed.ana).await.unwrap().id;
        let sql = "INSERT INTO placements (tenant_id, calendar_id, event_id, account_id, booking_id, is_lead, state, waiting) \
             VALUES ($1, $2, 'event1', $3, $4, 1, 'live', 'move')";
        office.bed.sql(sql, args![office.bed.tenant, ANA, account, booking.row.id]).await;
        let mut browser = office.bed.browser();
        let page = browser.get(&link).await.expect(200);
        page.says("This cannot be sent yet");
        let value = boxes(&page).pop().unwrap();
        let next = decides(&mut browser, &page, &link, &[&value], "send").await;
        next.says("not sent yet: the change is not certain");
        assert_eq!(office.state(id).await, "proposed");
        let next = decides(&mut browser, &next, &link, &[&value], "decline").await;
        next.says("you declined it");
    }
}
