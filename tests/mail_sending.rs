//! From a yes to the customer's mailbox: every way in which a mail server can fail, and none in which a mail comes twice or without its
//! yes. On both databases.
mod support;

use support::google::ANA;
use support::post::{EVA, Post, TEN};
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
