//! The contacts page: everything a person does there works with forms alone.
use crate::support::google::{ANA, Google, text};
use serde_json::{Value, json};

const PAGES: &str = "/people/ana%40example%2Ecom";

/// Ana's contacts as the API shows them to her.
async fn contacts(google: &Google) -> Vec<Value> {
    let url = google.url(
        "/v1/people/me/connections?personFields=names,emailAddresses,phoneNumbers,addresses,organizations,birthdays,genders,biographies",
    );
    let bearer = format!("Bearer person:{ANA}");
    let page = google
        .http
        .get(&url, &[("authorization", &bearer)])
        .await
        .expect(200)
        .json();
    page["connections"].as_array().cloned().unwrap_or_default()
}

async fn plant(google: &Google, person: Value) -> String {
    let planted = google
        .switch("people/raw_contact", &json!({"user": ANA, "person": person}))
        .await;
    text(&planted, "resourceName")
}

async fn page(google: &Google, name: &str) -> String {
    let name = name.replace('/', "%2F");
    let url = google.url(&format!("{PAGES}/contact?name={name}"));
    google.http.get(&url, &[]).await.expect(200).text()
}

/// The value of the page's hidden etag.
fn etag(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"etag\" value=\"").expect("an etag");
    let (etag, _) = rest.split_once('"').expect("an end");
    etag.replace("&#x2f;", "/")
}

#[tokio::test]
async fn a_person_makes_changes_and_deletes_a_contact() {
    let google = Google::start().await;
    let list = google.url(&format!("{PAGES}/contacts"));
    let week = google.http.get(&google.url(PAGES), &[]).await.expect(200).text();
    assert!(week.contains("contacts\">Contacts</a>"), "{week}");
    assert!(
        google
            .http
            .get(&list, &[])
            .await
            .expect(200)
            .text()
            .contains("No contacts yet.")
    );
    let form = [
        ("what", "create"),
        ("given", "Eva & <b>co</b>"),
        ("family", "Ruiz"),
        ("email_value", "eva@x.org"),
        ("email_type", "work"),
        ("email_value", ""),
        ("email_type", "home"),
        ("phone_value", "666 12 34 90"),
        ("phone_type", "My boat"),
        ("month", "2"),
        ("day", "29"),
        ("gender", "female"),
        ("notes", "Likes tea"),
    ];
    let made = google.http.post_form(&list, &[], &form).await.expect(303);
    let shown = google
        .http
        .get(&google.url(made.header("location").unwrap()), &[])
        .await
        .expect(200)
        .text();
    assert!(
        shown.contains("value=\"eva@x.org\"") && shown.contains("value=\"My boat\""),
        "{shown}"
    );
    assert!(shown.contains("Eva &amp; &lt;b&gt;co&lt;&#x2f;b&gt; Ruiz"), "{shown}");
    let person = &contacts(&google).await[0];
    assert_eq!(person["emailAddresses"].as_array().unwrap().len(), 1);
    assert_eq!(person["phoneNumbers"][0]["canonicalForm"], "+34666123490");
    assert_eq!(person["birthdays"][0]["date"], json!({"month": 2, "day": 29}));
    assert_eq!(person["biographies"][0]["value"], "Likes tea");

    let name = text(person, "resourceName");
    let change = google.url(&format!("{PAGES}/contact"));
    let stamp = etag(&shown);
    let mut form = vec![
        ("what", "save"),
        ("name", &name),
        ("etag", &stamp),
        ("given", "Eva"),
        ("email_value", "eva@x.org"),
        ("email_type", "home"),
        ("email_value", "second@x.org"),
        ("email_type", ""),
    ];
    google.http.post_form(&change, &[], &form).await.expect(303);
    let person = &contacts(&google).await[0];
    assert_eq!(person["names"][0]["displayName"], "Eva");
    assert_eq!(person["emailAddresses"][0]["formattedType"], "Home");
    assert_eq!(person["emailAddresses"][1]["value"], "second@x.org");
    for gone in ["phoneNumbers", "birthdays", "genders", "biographies"] {
        assert_eq!(person.get(gone), None, "an empty input removes {gone}");
    }
    // The same page once more: the contact has changed since it was opened.
    let stale = google.http.post_form(&change, &[], &form).await.expect(400).text();
    assert!(stale.contains("Somebody changed this contact"), "{stale}");
    form[0].1 = "dance";
    google.http.post_form(&change, &[], &form).await.expect(400);
    form[0].1 = "delete";
    google.http.post_form(&change, &[], &form).await.expect(303);
    assert_eq!(contacts(&google).await.len(), 0);
    google.http.post_form(&change, &[], &form).await.expect(400);
}

#[tokio::test]
async fn an_edit_keeps_what_the_form_does_not_show() {
    let google = Google::start().await;
    let name = plant(
        &google,
        json!({
            "names": [{"givenName": "Ana", "middleName": "María", "familyName": "Ruiz", "displayName": "Ana María Ruiz", "unstructuredName": "Ana María Ruiz"}],
            "organizations": [{"name": "Acme", "department": "Sales"}],
            "addresses": [{"city": "Madrid", "poBox": "7", "formattedValue": "Madrid"}],
            "birthdays": [{"text": "in spring"}]}),
    )
    .await;
    let stamp = etag(&page(&google, &name).await);
    let form = [
        ("what", "save"),
        ("name", &*name),
        ("etag", &stamp),
        ("given", "Eva"),
        ("family", "Ruiz"),
        ("organization_name", "Acme"),
        ("organization_title", "Head"),
        ("address_city", "Toledo"),
    ];
    let url = google.url(&format!("{PAGES}/contact"));
    google.http.post_form(&url, &[], &form).await.expect(303);
    let person = &contacts(&google).await[0];
    assert_eq!(person["names"][0]["displayName"], "Eva María Ruiz");
    assert_eq!(
        (
            &person["organizations"][0]["department"],
            &person["organizations"][0]["title"]
        ),
        (&json!("Sales"), &json!("Head"))
    );
    assert_eq!(person["addresses"][0]["poBox"], "7");
    assert_eq!(person["addresses"][0]["formattedValue"], "7\nToledo");
    assert_eq!(person["birthdays"][0]["text"], "in spring");
}

#[tokio::test]
async fn ticked_contacts_are_merged_into_the_first() {
    let google = Google::start().await;
    let first = plant(&google, json!({"emailAddresses": [{"value": "a@x.org"}]})).await;
    let second = plant(&google, json!({"emailAddresses": [{"value": "b@x.org"}]})).await;
    let url = google.url(&format!("{PAGES}/contacts"));
    for too_few in [&[("what", "merge")][..], &[("what", "merge"), ("contact", &first)]] {
        google.http.post_form(&url, &[], too_few).await.expect(400);
    }
    let both = [("what", "merge"), ("contact", &*first), ("contact", &second)];
    google.http.post_form(&url, &[], &both).await.expect(303);
    let left = contacts(&google).await;
    assert_eq!(left.len(), 1);
    assert_eq!(text(&left[0], "resourceName"), first);
    assert_eq!(left[0]["emailAddresses"].as_array().unwrap().len(), 2);
}
