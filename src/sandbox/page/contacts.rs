//! A person's contacts as a list, and one of them with all that a person can change: seen, made, edited, merged, deleted.
//!
//! An edit lays the form over the contact as it was read, so that what the form does not show (a middle name, a department)
//! stays, and it carries the etag of that read: who changed the contact meanwhile is not overwritten.
use super::{Hand, clock_text, person_view, see_other, templates::render};
use crate::sandbox::{answer::Answer, request::Request, request::first};
use axum::http::Method;
use minijinja::{Value as View, context};
use serde_json::{Map, Value, json};

type Form = [(String, String)];

const SHOWN: &str =
    "addresses,biographies,birthdays,emailAddresses,genders,memberships,metadata,names,organizations,phoneNumbers";
const EDITED: &str = "addresses,biographies,birthdays,emailAddresses,genders,names,organizations,phoneNumbers";

/// The fields with several values: their name in a Person, and the parts that the form shows, which begin the inputs' names.
const LISTS: [(&str, &str, &[&str]); 4] = [
    ("emailAddresses", "email", &["value", "type"]),
    ("phoneNumbers", "phone", &["value", "type"]),
    ("organizations", "organization", &["name", "title"]),
    (
        "addresses",
        "address",
        &["streetAddress", "postalCode", "city", "region", "country", "type"],
    ),
];

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    first(form, name).map(str::trim).unwrap_or_default()
}

/// `GET /people/{email}/contacts`.
pub fn list(hand: &mut Hand<'_>) -> Result<Answer, String> {
    let mut contacts = Vec::new();
    let mut token = None::<String>;
    loop {
        let mut query = vec![
            ("personFields", SHOWN),
            ("pageSize", "1000"),
            ("sortOrder", "FIRST_NAME_ASCENDING"),
        ];
        if let Some(token) = &token {
            query.push(("pageToken", token));
        }
        let page = hand.people(Method::GET, &["people", "me", "connections"], &query, None)?;
        contacts.extend(page["connections"].as_array().into_iter().flatten().map(|contact| {
            let name = contact["resourceName"].as_str().unwrap_or_default();
            context! {
                name, title => title(contact),
                email => text(&contact["emailAddresses"][0]["value"]),
                phone => text(&contact["phoneNumbers"][0]["value"]),
                link => hand.link("/contact", &[("name", name)]),
            }
        }));
        token = page["nextPageToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let page = render(
        "contacts.html",
        context! {
            person => person_view(&hand.person),
            clock => clock_text(hand.world),
            action => hand.link("/contacts", &[]),
            contacts,
            empty => form_view(&json!({})),
        },
    );
    Ok(Answer::html(200, page))
}

/// `POST /people/{email}/contacts`: a new contact, or the ticked ones merged into the first of them.
pub fn create(hand: &mut Hand<'_>, form: &Form) -> Result<Answer, String> {
    let name = match field(form, "what") {
        "merge" => merge(hand, form)?,
        _ => {
            let query = [("personFields", "names")];
            let made = hand.people(
                Method::POST,
                &["people:createContact"],
                &query,
                Some(&laid_over(json!({}), form)?),
            )?;
            text(&made["resourceName"])
        }
    };
    Ok(see_other(&hand.link("/contact", &[("name", &name)])))
}

fn merge(hand: &mut Hand<'_>, form: &Form) -> Result<String, String> {
    let ticked: Vec<&str> = form
        .iter()
        .filter(|(key, _)| key == "contact")
        .map(|(_, name)| name.as_str())
        .collect();
    let [keep, others @ ..] = ticked.as_slice() else {
        return Err("Tick the contacts to merge.".into());
    };
    if others.is_empty() {
        return Err("Tick at least two contacts to merge.".into());
    }
    let now_us = hand.world.clock.now_us();
    let order = json!({"user": hand.person.email, "keep": keep, "others": others});
    hand.world.people.control("merge", &order, now_us)?;
    Ok((*keep).to_owned())
}

/// `GET /people/{email}/contact?name=`.
pub fn show(hand: &mut Hand<'_>, request: &Request) -> Result<Answer, String> {
    let name = request.parameter("name").unwrap_or_default();
    let contact = read(hand, name)?;
    let groups: Vec<String> = contact["memberships"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|membership| text(&membership["contactGroupMembership"]["contactGroupId"]))
        .collect();
    let page = render(
        "contact.html",
        context! {
            person => person_view(&hand.person),
            clock => clock_text(hand.world),
            action => hand.link("/contact", &[]),
            title => title(&contact),
            name => text(&contact["resourceName"]),
            etag => source_etag(&contact),
            groups => groups.join(", "),
            contact => form_view(&contact),
        },
    );
    Ok(Answer::html(200, page))
}

/// `POST /people/{email}/contact`: `what` is save or delete.
pub fn change(hand: &mut Hand<'_>, form: &Form) -> Result<Answer, String> {
    let name = field(form, "name").to_owned();
    match field(form, "what") {
        "delete" => {
            hand.people(Method::DELETE, &resource(&name, "deleteContact"), &[], None)?;
            Ok(see_other(&hand.link("/contacts", &[])))
        }
        "save" => {
            let contact = read(hand, &name)?;
            if source_etag(&contact) != field(form, "etag") {
                return Err("Somebody changed this contact since you opened it. Open it again, then change it.".into());
            }
            let changed = laid_over(contact, form)?;
            let query = [("updatePersonFields", EDITED), ("personFields", "names")];
            hand.people(Method::PATCH, &resource(&name, "updateContact"), &query, Some(&changed))?;
            Ok(see_other(&hand.link("/contact", &[("name", &name)])))
        }
        what => Err(format!("`{what}` cannot be done with a contact.")),
    }
}

fn read(hand: &mut Hand<'_>, name: &str) -> Result<Value, String> {
    let path: Vec<&str> = name.split('/').collect();
    let query = [("personFields", SHOWN), ("sources", "READ_SOURCE_TYPE_CONTACT")];
    hand.people(Method::GET, &path, &query, None)
}

/// `people/c1` with a verb, as path segments.
fn resource(name: &str, verb: &str) -> [String; 2] {
    let (collection, id) = name.split_once('/').unwrap_or((name, ""));
    [collection.to_owned(), format!("{id}:{verb}")]
}

fn source_etag(contact: &Value) -> String {
    text(&contact["metadata"]["sources"][0]["etag"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What the contact is called: its name, or what else it has.
fn title(contact: &Value) -> String {
    let candidates = [
        &contact["names"][0]["displayName"],
        &contact["organizations"][0]["name"],
        &contact["emailAddresses"][0]["value"],
        &contact["phoneNumbers"][0]["value"],
    ];
    let found = candidates.into_iter().find_map(Value::as_str);
    found.unwrap_or("(No name)").to_owned()
}

/// A contact as the inputs of its form: every value and one row to add another.
fn form_view(contact: &Value) -> View {
    let name = &contact["names"][0];
    let date = &contact["birthdays"][0]["date"];
    let number = |key: &str| date[key].as_i64().map(|number| number.to_string()).unwrap_or_default();
    let mut inputs = vec![
        ("given", View::from(text(&name["givenName"]))),
        ("family", View::from(text(&name["familyName"]))),
        ("year", View::from(number("year"))),
        ("month", View::from(number("month"))),
        ("day", View::from(number("day"))),
        ("gender", View::from(text(&contact["genders"][0]["value"]))),
        ("notes", View::from(text(&contact["biographies"][0]["value"]))),
    ];
    for (key, short, parts) in LISTS {
        let row = |value: &Value| View::from_pairs(parts.iter().map(|part| (*part, text(&value[*part]))));
        let mut rows: Vec<View> = contact[key].as_array().into_iter().flatten().map(row).collect();
        rows.push(row(&json!({})));
        inputs.push((short, View::from(rows)));
    }
    View::from_pairs(inputs)
}

/// The contact with the form's inputs in their places. A row of a list whose inputs are all empty, its label aside, is removed.
fn laid_over(mut contact: Value, form: &Form) -> Result<Value, String> {
    let name = json!({"givenName": field(form, "given"), "familyName": field(form, "family")});
    overlay(
        &mut contact,
        "names",
        &name,
        &["displayName", "displayNameLastFirst", "unstructuredName"],
    );
    overlay(
        &mut contact,
        "biographies",
        &json!({"value": field(form, "notes")}),
        &[],
    );
    overlay(
        &mut contact,
        "genders",
        &json!({"value": field(form, "gender")}),
        &["formattedValue"],
    );
    let mut date = Map::new();
    for key in ["year", "month", "day"] {
        let text = field(form, key);
        if !text.is_empty() {
            let number: u16 = text.parse().map_err(|_| format!("`{text}` is no {key}."))?;
            date.insert(key.to_owned(), json!(number));
        }
    }
    // A birthday that is only text has nothing in the form and stays.
    if !date.is_empty() || contact["birthdays"][0].get("date").is_some() {
        overlay(&mut contact, "birthdays", &json!({"date": date}), &["text"]);
    }
    for (key, short, parts) in LISTS {
        let old = contact[key].as_array().cloned().unwrap_or_default();
        contact[key] = json!(rows(form, short, parts, &old));
    }
    Ok(contact)
}

/// Lays values over the only value of a field; what follows from them is left to the server again if they changed.
fn overlay(contact: &mut Value, key: &str, values: &Value, derived: &[&str]) {
    let mut item = contact[key][0].as_object().cloned().unwrap_or_default();
    let empty = |value: &Value| value == "" || value.as_object().is_some_and(Map::is_empty);
    let mut changed = false;
    for (name, value) in values.as_object().into_iter().flatten() {
        if empty(value) {
            changed |= item.remove(name).is_some();
        } else {
            changed |= item.insert(name.clone(), value.clone()).as_ref() != Some(value);
        }
    }
    if changed {
        item.retain(|name, _| !derived.contains(&name.as_str()));
    }
    contact[key] = match item.keys().all(|name| name == "metadata" || name == "contentType") {
        true => json!([]),
        false => json!([item]),
    };
}

fn rows(form: &Form, short: &str, parts: &[&str], old: &[Value]) -> Vec<Value> {
    let column = |part: &str| -> Vec<&str> {
        let name = format!("{short}_{part}");
        let cells = form.iter().filter(|(key, _)| *key == name);
        cells.map(|(_, value)| value.trim()).collect()
    };
    let columns: Vec<(&str, Vec<&str>)> = parts.iter().map(|part| (*part, column(part))).collect();
    let count = columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let row = |index: usize| {
        let mut item = old.get(index).and_then(Value::as_object).cloned().unwrap_or_default();
        let (mut filled, mut changed) = (false, false);
        for (part, cells) in &columns {
            let cell = cells.get(index).copied().unwrap_or_default();
            filled |= !cell.is_empty() && *part != "type";
            let before = item.get(*part).and_then(Value::as_str).unwrap_or_default();
            changed |= cell != before && *part != "type";
            item.insert((*part).to_owned(), json!(cell));
        }
        if changed {
            item.remove("formattedValue");
        }
        filled.then_some(Value::Object(item))
    };
    (0..count).filter_map(row).collect()
}
