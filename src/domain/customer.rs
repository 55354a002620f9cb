//! A customer as the app sees it: a person bookings are made with.
//!
//! The part that two sides may edit is its [`Details`]; they are exactly the fields that Accord may mirror, and nothing else of a
//! person is known here. Lists keep the order they were given in, and the first of several values is the primary one.
use super::booking::Side;
use super::ids::{CustomerId, TenantId, UserId};
use super::people::merge::PersonField;
use serde::{Deserialize, Serialize};

/// The mirrored fields of a customer. Empty texts and lists mean that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Details {
    /// First names, as one text.
    pub given_name: String,
    /// Family names, as one text.
    pub family_name: String,
    /// Kept as typed; the first is the primary one.
    #[serde(with = "primary_first")]
    pub emails: Vec<Email>,
    /// Kept as typed; the first is the primary one.
    #[serde(with = "primary_first")]
    pub phones: Vec<Phone>,
    /// Employers and the like.
    pub organizations: Vec<Organization>,
    /// Postal addresses.
    pub addresses: Vec<Address>,
    /// May lack its year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<Birthday>,
    /// `male`, `female`, `unspecified` or a text of the person's own.
    pub gender: String,
}

impl Details {
    /// Replaces these fields by those of `other`.
    pub fn take(&mut self, other: &Details, fields: &[PersonField]) {
        for field in fields {
            match field {
                PersonField::GivenName => self.given_name.clone_from(&other.given_name),
                PersonField::FamilyName => self.family_name.clone_from(&other.family_name),
                PersonField::Emails => self.emails.clone_from(&other.emails),
                PersonField::Phones => self.phones.clone_from(&other.phones),
                PersonField::Organizations => self.organizations.clone_from(&other.organizations),
                PersonField::Addresses => self.addresses.clone_from(&other.addresses),
                PersonField::Birthday => self.birthday = other.birthday,
                PersonField::Gender => self.gender.clone_from(&other.gender),
            }
        }
    }
}

/// An email address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// As typed.
    pub value: String,
    /// `home`, `work`, `other`, or a text of one's own; empty when not labelled.
    #[serde(rename = "type", default)]
    pub label: String,
}

/// A telephone number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// As typed.
    pub value: String,
    /// `home`, `work`, `mobile`, `workFax` and so on, or a text of one's own; empty when not labelled.
    #[serde(rename = "type", default)]
    pub label: String,
}

/// Where somebody works, and as what. One value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// The person's job title there.
    pub title: String,
}

/// A postal address. One value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// Street and number; may have several lines.
    pub street: String,
    /// Town.
    pub city: String,
    /// State, province or county.
    pub region: String,
    /// Postal or ZIP code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country_code: String,
    /// `home`, `work`, `other`, or a text of one's own; empty when not labelled.
    #[serde(rename = "type")]
    pub label: String,
}

/// A day of birth. In SQL `1999-11-03`, or `--11-03` without a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Birthday {
    /// Not known for many people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Birthday {
    /// Whether there is such a day; 29 February counts when the year is not known.
    pub fn exists(self) -> bool {
        let year = self.year.unwrap_or(2000);
        (1..=9999).contains(&year) && chrono::NaiveDate::from_ymd_opt(year, self.month, self.day).is_some()
    }

    /// The form in SQL.
    pub fn to_text(self) -> String {
        match self.year {
            Some(year) => format!("{year:04}-{:02}-{:02}", self.month, self.day),
            None => format!("--{:02}-{:02}", self.month, self.day),
        }
    }

    /// Reads the form in SQL; `None` when the text is not of that form, or names a day that there is not.
    pub fn parse(text: &str) -> Option<Birthday> {
        let (year, month_day) = match text.strip_prefix("--") {
            Some(rest) => (None, rest),
            None => {
                let (year, rest) = text.split_once('-')?;
                (Some(digits(year, 4)?), rest)
            }
        };
        let (month, day) = month_day.split_once('-')?;
        let birthday = Birthday {
            year: year.map(i32::try_from).transpose().ok()?,
            month: digits(month, 2)?,
            day: digits(day, 2)?,
        };
        birthday.exists().then_some(birthday)
    }
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A stored customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its id, which also rides in the contact's `clientData`.
    pub id: CustomerId,
    /// The user whose customer this is, and in whose Google Contacts it appears.
    pub user_id: UserId,
    /// The mirrored fields.
    pub details: Details,
    /// Who created it.
    pub origin: Side,
    /// Grows with every change of what the app may write; set by triggers only.
    pub version: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

/// Lists whose first value is the primary one: written with `"primary": true` on the first, read with the mark on any.
pub mod primary_first {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::{Map, Value};

    /// Writes every value with its mark.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        let mut marked = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let mut value = serde_json::to_value(value).map_err(S::Error::custom)?;
            if let Value::Object(members) = &mut value {
                members.insert("primary".to_owned(), Value::Bool(index == 0));
            }
            marked.push(value);
        }
        marked.serialize(serializer)
    }

    /// Reads the values and moves the marked one to the front.
    ///
    /// # Errors
    /// Two marks, a mark that is no boolean, or a value that cannot be read.
    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let marked = Vec::<Map<String, Value>>::deserialize(deserializer)?;
        let mut values = Vec::with_capacity(marked.len());
        let mut primary = None;
        for (index, mut members) in marked.into_iter().enumerate() {
            match members.remove("primary") {
                None | Some(Value::Bool(false)) => {}
                Some(Value::Bool(true)) if primary.is_none() => primary = Some(index),
                Some(Value::Bool(true)) => return Err(D::Error::custom("only one value can be `primary`")),
                Some(_) => return Err(D::Error::custom("`primary` must be true or false")),
            }
            values.push(serde_json::from_value(Value::Object(members)).map_err(D::Error::custom)?);
        }
        if let Some(index) = primary {
            values[..=index].rotate_right(1);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_marked_value_comes_first_and_the_first_is_marked() {
        let given = json!({"emails": [{"value": "a@example.com"}, {"value": "b@example.com", "type": "work"},
            {"value": "c@example.com", "primary": true}]});
        let details: Details = serde_json::from_value(given).unwrap();
        let values: Vec<_> = details.emails.iter().map(|email| email.value.as_str()).collect();
        assert_eq!(values, ["c@example.com", "a@example.com", "b@example.com"]);
        let written = serde_json::to_value(&details).unwrap();
        assert_eq!(
            written["emails"][0],
            json!({"value": "c@example.com", "type": "", "primary": true})
        );
        assert_eq!(written["emails"][1]["primary"], json!(false));
        assert_eq!(serde_json::from_value::<Details>(written).unwrap(), details);
    }

    #[test]
    fn two_primary_values_and_unknown_members_are_refused() {
        let two = json!({"phones": [{"value": "1", "primary": true}, {"value": "2", "primary": true}]});
        let error = serde_json::from_value::<Details>(two).unwrap_err().to_string();
        assert!(error.contains("only one value can be `primary`"), "{error}");
        for bad in [
            json!({"phones": [{"value": "1", "colour": 1}]}),
            json!({"notes": "x"}),
            json!({"emails": [{"type": "home"}]}),
        ] {
            assert!(serde_json::from_value::<Details>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_birthday_may_lack_its_year_and_must_be_a_day() {
        for text in ["1999-11-03", "--02-29", "2000-02-29", "0001-01-01"] {
            assert_eq!(Birthday::parse(text).map(Birthday::to_text).as_deref(), Some(text));
        }
        for text in [
            "",
            "1999-02-29",
            "--13-01",
            "1999-11",
            "99-11-03",
            "+999-11-03",
            "0000-01-01",
            "1999-11-03x",
        ] {
            assert_eq!(Birthday::parse(text), None, "{text}");
        }
    }
}
