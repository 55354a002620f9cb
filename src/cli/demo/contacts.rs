//! The forty contacts that the demo's first user has in the pretend Google.
//!
//! They look like a grown address book: several scripts, people of whom only the organization is known, many addresses and
//! numbers, birthdays without a year. Two are customers of the app too, with the same address.
use super::browser::{Browser, Request};
use super::seed::Person;
use crate::cli::out::Failure;
use serde_json::{Value, json};

/// Given name, family name, email and phone; each may be empty.
const PLAIN: [[&str; 4]; 26] = [
    ["Eva", "Svobodová", "eva.svobodova@customer.example", "+420 601 111 001"],
    ["Ada", "King", "ada@king.example", ""],
    ["Petr", "Dvořák", "petr.dvorak@tovarna.example", "+420 601 111 002"],
    ["Lenka", "Černá", "lenka@cerna.example", "601 111 003"],
    ["Łukasz", "Wiśniewski", "lukasz@wisniewski.example", "+48 601 000 104"],
    ["Zoë", "Müller-Lüdenscheidt", "zoe@mueller.example", "+49 30 000105"],
    ["Siobhán", "Ní Bhriain", "siobhan@bhriain.example", "+353 1 000 0106"],
    ["Søren", "Ærø", "soren@aero.example", ""],
    ["Jānis", "Bērziņš", "janis@berzins.example", ""],
    [
        "Γιώργος",
        "Παπαδόπουλος",
        "giorgos@papadopoulos.example",
        "+30 21 0000 0109",
    ],
    ["Олена", "Шевченко", "olena@shevchenko.example", "+380 44 000 0110"],
    ["Иван", "Иванов", "ivan@ivanov.example", ""],
    ["დავით", "ბერიძე", "davit@beridze.example", ""],
    ["فاطمة", "الزهراء", "fatima@zahra.example", "+971 4 000 0113"],
    ["שרה", "כהן", "sara@cohen.example", "+972 3 000 0114"],
    ["अनिता", "शर्मा", "anita@sharma.example", "+91 11 0000 0115"],
    ["கவிதா", "", "kavitha@tamil.example", ""],
    ["สมชาย", "ใจดี", "somchai@jaidee.example", "+66 2 000 0117"],
    ["小龍", "李", "li@xiaolong.example", "+852 0000 0118"],
    ["花子", "山田", "hanako@yamada.example", "+81 3 0000 0119"],
    ["서연", "김", "seoyeon@kim.example", "+82 2 0000 0120"],
    ["Nguyễn", "Thị Minh Khai", "khai@nguyen.example", ""],
    ["Madonna", "", "madonna@single.example", ""],
    ["", "Novák", "", "+420 601 111 024"],
    ["Mum", "", "", "+420 601 111 025"],
    [
        "José María",
        "de la Cruz y Ortega",
        "josemaria@cruz.example",
        "+34 910 000 126",
    ],
];

/// Of these nothing but the organization is known, and perhaps a number.
const ORGANIZATIONS: [[&str; 2]; 5] = [
    ["Kaval Print Shop", "+420 222 000 131"],
    ["Café Savoy", "+420 222 000 132"],
    ["Taxi Praha", "+420 222 000 133"],
    ["株式会社サンプル", ""],
    ["Stadtwerke Beispielstadt", "+49 89 000135"],
];

/// Those of whom more is known.
fn rich() -> Vec<Value> {
    let named = |given: &str, family: &str| json!([{ "givenName": given, "familyName": family }]);
    vec![
        json!({ "names": named("Alena", "Krátká"), "birthdays": [{ "date": { "month": 2, "day": 29 } }],
            "emailAddresses": [{ "value": "alena@kratka.example", "type": "home" }] }),
        json!({ "names": named("Bohumil", "Veselý"), "birthdays": [{ "date": { "year": 1957, "month": 5, "day": 1 } }],
            "genders": [{ "value": "male" }], "phoneNumbers": [{ "value": "+420 601 111 042", "type": "mobile" }] }),
        json!({ "names": named("Carla", "Bianchi"),
            "emailAddresses": [{ "value": "carla@bianchi.example", "type": "work" },
                { "value": "carla.bianchi@home.example", "type": "home" }, { "value": "cb@third.example", "type": "other" }],
            "phoneNumbers": [{ "value": "+39 06 0000 0143", "type": "work" }, { "value": "+39 320 000 0143", "type": "mobile" }],
            "organizations": [{ "name": "Bianchi S.r.l.", "title": "Owner" }] }),
        json!({ "names": named("Dimitra", "Alexiou"), "birthdays": [{ "date": { "month": 12, "day": 24 } }],
            "emailAddresses": [{ "value": "dimitra@alexiou.example" }], "genders": [{ "value": "female" }] }),
        json!({ "names": named("Émile", "Żółć"),
            "addresses": [{ "streetAddress": "12 rue de l'Exemple\nBâtiment C", "postalCode": "75001", "city": "Paris",
                "countryCode": "FR", "type": "home" }, { "streetAddress": "ul. Przykładowa 5", "postalCode": "00-001",
                "city": "Warszawa", "countryCode": "PL", "type": "work" }] }),
        json!({ "names": named("Farid", "Haddad"), "organizations": [{ "name": "Haddad & Sons", "title": "Purchasing" },
                { "name": "Chamber of Commerce", "title": "Member" }],
            "phoneNumbers": [{ "value": "+961 1 000 146", "type": "work" }, { "value": "+961 3 000 146", "type": "mobile" },
                { "value": "+961 1 000 147", "type": "homeFax" }] }),
        json!({ "names": named("Grace", "O'Neill"), "birthdays": [{ "date": { "month": 7, "day": 4 } }],
            "addresses": [{ "streetAddress": "1 Example Street", "city": "Springfield", "region": "IL", "postalCode": "62701",
                "countryCode": "US", "type": "home" }], "genders": [{ "value": "non-binary" }] }),
        json!({ "names": named("Hüseyin", "Yılmaz"), "emailAddresses": [{ "value": "huseyin@yilmaz.example", "type": "work" },
                { "value": "HUSEYIN@OLD.example", "type": "other" }],
            "organizations": [{ "name": "Örnek A.Ş.", "title": "Müdür" }] }),
        json!({ "names": named("Ingrid", "Bergström"), "phoneNumbers": [{ "value": "08-000 01 49" }],
            "organizations": [{ "title": "Consultant" }] }),
    ]
}

fn all() -> Vec<Value> {
    let plain = PLAIN.iter().map(|[given, family, email, phone]| {
        let mut contact = json!({ "names": [{ "givenName": given, "familyName": family }] });
        if !email.is_empty() {
            contact["emailAddresses"] = json!([{ "value": email, "type": "work" }]);
        }
        if !phone.is_empty() {
            contact["phoneNumbers"] = json!([{ "value": phone, "type": "mobile" }]);
        }
        contact
    });
    let organizations = ORGANIZATIONS.iter().map(|[name, phone]| {
        let mut contact = json!({ "organizations": [{ "name": name }] });
        if !phone.is_empty() {
            contact["phoneNumbers"] = json!([{ "value": phone, "type": "work" }]);
        }
        contact
    });
    plain.chain(organizations).chain(rich()).collect()
}

/// Puts them into a person's contacts, as if by the person's own hand; returns how many they are.
pub(super) async fn make(google: &str, person: &Person) -> Result<usize, Failure> {
    let bearer = format!("Bearer person:{}", person.email);
    let contacts: Vec<Value> = all()
        .into_iter()
        .map(|contact| json!({ "contactPerson": contact }))
        .collect();
    let made = contacts.len();
    let request = Request {
        method: "POST",
        address: &format!("{google}/v1/people:batchCreateContacts"),
        headers: &[("authorization", bearer.as_str()), ("content-type", "application/json")],
        body: json!({ "contacts": contacts, "readMask": "names" }).to_string(),
    };
    Browser::default().send(request).await?.expect_good()?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_forty_and_every_address_and_number_is_an_example() {
        let all = all();
        assert_eq!(all.len(), 40);
        let mut emails = std::collections::HashSet::new();
        for email in all
            .iter()
            .flat_map(|contact| contact["emailAddresses"].as_array().into_iter().flatten())
        {
            let value = email["value"].as_str().unwrap_or_default();
            assert!(value.ends_with(".example"), "{value}");
            assert!(emails.insert(value), "{value} is there twice");
        }
    }
}
