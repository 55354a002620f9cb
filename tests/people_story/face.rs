//! What a customer or a contact shows, in the same words for both, and how an edit changes it.
//!
//! Each value that a hand writes bears the number of its step, so that it is never written twice: an atom, by which it is
//! known wherever it turns up.
use super::step::Change;
use accord::domain::customer::{Birthday, Details};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A value under a label, or an organization and a title.
type Pair = (String, String);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Face {
    pub given_name: String,
    pub family_name: String,
    pub birthday: String,
    pub emails: Vec<Pair>,
    pub phones: Vec<Pair>,
    pub organizations: Vec<Pair>,
}

/// The fields, under their names in conflict records.
pub const FIELDS: [&str; 6] = [
    "given_name",
    "family_name",
    "birthday",
    "emails",
    "phones",
    "organizations",
];

pub fn email(n: usize) -> String {
    format!("mail{n}@example.com")
}

pub fn phone(n: usize) -> String {
    format!("+420601{n:06}")
}

impl Face {
    /// Somebody new.
    pub fn new(n: usize) -> Face {
        Face {
            given_name: format!("Given{n}"),
            family_name: format!("Family{n}"),
            emails: vec![(email(n), String::new())],
            phones: vec![(phone(n), "mobile".into())],
            ..Face::default()
        }
    }

    /// Somebody without a name, who can be told from others by an employer.
    pub fn nameless(n: usize) -> Face {
        Face {
            organizations: vec![(format!("Org{n}"), format!("Title{n}"))],
            ..Face::default()
        }
    }

    pub fn of_details(details: &Details) -> Face {
        let organizations = details.organizations.iter();
        Face {
            given_name: details.given_name.clone(),
            family_name: details.family_name.clone(),
            birthday: details.birthday.map(Birthday::to_text).unwrap_or_default(),
            emails: details
                .emails
                .iter()
                .map(|e| (e.value.clone(), e.label.clone()))
                .collect(),
            phones: details
                .phones
                .iter()
                .map(|p| (p.value.clone(), p.label.clone()))
                .collect(),
            organizations: organizations.map(|o| (o.name.clone(), o.title.clone())).collect(),
        }
    }

    /// Of the fields of a Person.
    pub fn of_fields(fields: &Value) -> Face {
        let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let pairs = |field: &str, first: &str, second: &str| -> Vec<Pair> {
            let values = fields[field].as_array().into_iter().flatten();
            values.map(|value| (word(value, first), word(value, second))).collect()
        };
        let birthday = &fields["birthdays"][0]["date"];
        let number = |part: &str| birthday[part].as_i64();
        Face {
            given_name: word(&fields["names"][0], "givenName"),
            family_name: word(&fields["names"][0], "familyName"),
            birthday: match (number("year"), number("month"), number("day")) {
                (Some(year), Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
                _ => String::new(),
            },
            emails: pairs("emailAddresses", "value", "type"),
            phones: pairs("phoneNumbers", "value", "type"),
            organizations: pairs("organizations", "name", "title"),
        }
    }

    /// After an edit; `None` where there is nothing to be edited.
    pub fn after(&self, change: Change, n: usize) -> Option<Face> {
        let mut face = self.clone();
        let label = format!("label{n}");
        match change {
            Change::GivenName => face.given_name = format!("Given{n}"),
            Change::FamilyName => face.family_name = format!("Family{n}"),
            Change::Birthday => face.birthday = format!("{}-05-06", 1900 + n),
            Change::NoBirthday => face.birthday.clear(),
            Change::AddEmail => face.emails.push((email(n), String::new())),
            Change::SwapEmail => face.emails.first_mut()?.0 = email(n),
            Change::DropEmail => drop(face.emails.pop()),
            Change::LabelEmail => face.emails.first_mut()?.1 = label,
            Change::AddPhone => face.phones.push((phone(n), "work".into())),
            Change::SwapPhone => face.phones.first_mut()?.0 = phone(n),
            Change::DropPhone => drop(face.phones.pop()),
            Change::LabelPhone => face.phones.first_mut()?.1 = label,
            Change::AddJob => face.organizations.push((format!("Org{n}"), format!("Title{n}"))),
            Change::Promote => face.organizations.first_mut()?.1 = format!("Title{n}"),
            Change::DropJob => drop(face.organizations.pop()),
        }
        (face != *self).then_some(face)
    }

    /// Everything in it that was written only once.
    pub fn atoms(&self) -> BTreeSet<String> {
        let single = [&self.given_name, &self.family_name, &self.birthday];
        let pairs = self.emails.iter().chain(&self.phones).chain(&self.organizations);
        let words = single
            .into_iter()
            .chain(pairs.flat_map(|(value, label)| [value, label]));
        words.filter(|word| is_atom(word)).cloned().collect()
    }

    /// One field, in a form that is equal for equal fields. The order counts: the first value is the primary one.
    pub fn field(&self, name: &str) -> Value {
        match name {
            "given_name" => json!(self.given_name),
            "family_name" => json!(self.family_name),
            "birthday" => json!(self.birthday),
            "emails" => json!(self.emails),
            "phones" => json!(self.phones),
            "organizations" => json!(self.organizations),
            other => panic!("no field {other}"),
        }
    }

    /// The fields in which it differs from another, as the People API writes them.
    pub fn person_body(&self, before: &Face) -> Value {
        let mut body = json!({});
        let pairs = |pairs: &[Pair], first: &str, second: &str| {
            let values = pairs.iter().map(|(value, label)| match label.as_str() {
                "" => json!({first: value}),
                label => json!({first: value, second: label}),
            });
            Value::Array(values.collect())
        };
        if (&self.given_name, &self.family_name) != (&before.given_name, &before.family_name) {
            body["names"] = json!([{"givenName": self.given_name, "familyName": self.family_name}]);
        }
        if self.birthday != before.birthday {
            body["birthdays"] = match Birthday::parse(&self.birthday) {
                None => json!([]),
                Some(day) => json!([{"date": {"year": day.year, "month": day.month, "day": day.day}}]),
            };
        }
        if self.emails != before.emails {
            body["emailAddresses"] = pairs(&self.emails, "value", "type");
        }
        if self.phones != before.phones {
            body["phoneNumbers"] = pairs(&self.phones, "value", "type");
        }
        if self.organizations != before.organizations {
            body["organizations"] = pairs(&self.organizations, "name", "title");
        }
        body
    }

    /// The fields in which it differs from another, as our API writes them.
    pub fn customer_body(&self, before: &Face) -> Value {
        let mut body = json!({});
        let pairs = |pairs: &[Pair], first: &str, second: &str| {
            let values = pairs.iter().map(|(value, label)| json!({first: value, second: label}));
            Value::Array(values.collect())
        };
        for name in FIELDS.into_iter().filter(|name| self.field(name) != before.field(name)) {
            body[name] = match name {
                "birthday" => json!(Birthday::parse(&self.birthday)),
                "emails" => pairs(&self.emails, "value", "type"),
                "phones" => pairs(&self.phones, "value", "type"),
                "organizations" => pairs(&self.organizations, "name", "title"),
                name => self.field(name),
            };
        }
        body
    }
}

/// Whether somebody wrote it in a story: it bears the number of a step.
fn is_atom(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit())
}

/// The atoms anywhere in a JSON value.
pub fn atoms_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| atoms_in(value, found)),
        Value::Object(members) => {
            if let Ok(day) = serde_json::from_value::<Birthday>(value.clone()) {
                found.insert(day.to_text());
            }
            members.values().for_each(|value| atoms_in(value, found));
        }
        _ => {}
    }
}
