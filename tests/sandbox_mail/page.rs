//! The mailbox page: boxes, messages, and nothing in them that acts.
use crate::{ANA, BEA, LETTER, Server};
use serde_json::json;

async fn send(server: &Server, to: &[&str], letter: &str) {
    let mut client = server.greeted().await;
    client.envelope(ANA, to).await;
    client.say("DATA", 354).await;
    assert_eq!(client.letter(letter).await.code, 250);
}

#[tokio::test]
async fn every_recipient_has_a_box_and_the_home_page_leads_to_them() {
    let server = Server::start().await;
    let empty = server.open("/mailbox").await.expect(200).text();
    assert!(empty.contains("No mail yet"), "{empty}");
    send(&server, &[BEA, "cy@example.org"], LETTER).await;
    send(&server, &["Cy@example.org"], &LETTER.replace("Hello\r\n", "Second\r\n")).await;
    let home = server.open("/").await.expect(200).text();
    assert!(
        home.contains("href=\"/mailbox\"") && home.contains("2 messages"),
        "{home}"
    );
    let all = server.open("/mailbox").await.expect(200).text();
    for part in [
        "All (2)",
        "bea@example.org (1)",
        "cy@example.org (2)",
        "Ana &lt;ana@example.com&gt;",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(all.find("Second") < all.find("Hello"), "newest first: {all}");
    let box_of_bea = server.open("/mailbox?to=bea%40example%2Eorg").await.expect(200).text();
    assert!(
        box_of_bea.contains("Hello") && !box_of_bea.contains("Second"),
        "{box_of_bea}"
    );
}

#[tokio::test]
async fn a_message_is_shown_as_html_text_calendar_header_and_source_and_all_of_it_is_escaped() {
    let server = Server::start().await;
    let letter = "From: \"<b>Ana</b>\" <ana@example.com>\r\nTo: bea@example.org\r\nSubject: <script>alert(1)</script>\r\n\
        Date: Mon, 02 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nSay yes at https://app.example/c?a=1&b=2.\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<!doctype html><p onclick=\"x()\">Hi<script>evil()</script></p>\r\n\
        --b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nX:<i>\r\n--b--\r\n";
    send(&server, &[BEA], letter).await;
    let page = server.open("/mailbox/1").await.expect(200).text();
    for part in [
        "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;",
        "href=\"https:&#x2f;&#x2f;app.example&#x2f;c?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\"",
        "Calendar part (REQUEST)",
        "X:&lt;i&gt;",
        "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"",
        "<dt>Message-ID</dt>",
        "--b--",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for part in ["<script", "<b>Ana", "<i>", "onclick=\"x()\""] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    let html = server.open("/mailbox/1/html").await.expect(200);
    assert!(
        html.text()
            .starts_with("<!doctype html><base target=\"_blank\"><p onclick")
    );
    let policy = html.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("; sandbox allow-popups "));
    assert!(!policy.contains("allow-scripts") && !policy.contains("script-src"));
}

#[tokio::test]
async fn a_mail_whose_sender_never_heard_is_marked() {
    let server = Server::start().await;
    server.fault("body", json!({"cut": "after"})).await;
    let mut client = server.at_data().await;
    client.send(format!("{LETTER}.\r\n")).await;
    client.rest().await;
    for path in ["/mailbox", "/mailbox/1"] {
        let page = server.open(path).await.expect(200).text();
        assert!(page.contains("the sender never got the answer"), "{page}");
    }
}

#[tokio::test]
async fn the_mailbox_can_be_emptied_and_what_is_gone_answers_404() {
    let server = Server::start().await;
    send(&server, &[BEA], LETTER).await;
    server.open("/mailbox/1/html").await.expect(404);
    server
        .http
        .post_form(&server.url("/mailbox"), &[], &[])
        .await
        .expect(303);
    assert_eq!(server.messages().await.len(), 0);
    for path in ["/mailbox/1", "/mailbox/1/html", "/mailbox/x", "/mailbox/1/other"] {
        server.open(path).await.expect(404);
    }
}
