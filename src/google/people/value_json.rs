//! The values of a person as Google writes them, one kind at a time. Pure.
//!
//! Google's objects stay JSON instead of becoming typed structs: what Accord does not model (a middle name, a department, what
//! Google adds next year) must survive when the rest is written back, and a type would drop it. So each kind says how it is read
//! from an object, and how it is written into one without touching the members that it does not know.
use crate::domain::customer::{Address, Birthday, Email, Organization, Phone};
use crate::domain::people::values::Entry;
use serde_json::{Map, Value, json};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// A member has another JSON type than Google documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// One kind of value.
pub(super) trait Kind: Sized {
    /// Google's name of the field.
    const FIELD: &'static str;
    /// The members that we read, for masks.
    const MEMBERS: &'static str;
    /// Members that Google derives and ignores in writes, or that would contradict what is written.
    const DERIVED: &'static [&'static str];
    /// The value of an object; `None` when it has none of the members that we know.
    fn read(object: &Object) -> Result<Option<Self>, Unreadable>;
    /// Makes an object hold this value. Members that we do not know stay, except those that would contradict it.
    fn write(&self, object: &mut Object);
}

/// A kind of which a person has several.
pub(super) trait Listed: Kind + Entry {
    /// Whether two different values are most likely one that was corrected, so that the members that we do not know go on
    /// belonging to it. An email or a number that changed is another one.
    fn is_akin(&self, _: &Self) -> bool {
        false
    }
}

/// Two fields of ours that are one value of Google's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    pub(super) given: String,
    pub(super) family: String,
}

const NAME_PARTS: [&str; 5] = [
    "honorificPrefix",
    "givenName",
    "middleName",
    "familyName",
    "honorificSuffix",
];

/// A gender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gender(pub(super) String);

impl Kind for Name {
    const FIELD: &'static str = "names";
    const MEMBERS: &'static str = "givenName,familyName";
    const DERIVED: &'static [&'static str] = &["displayName", "displayNameLastFirst"];

    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let name = Self {
            given: text(object, "givenName")?,
            family: text(object, "familyName")?,
        };
        Ok(has_text(&[&name.given, &name.family]).then_some(name))
    }

    /// Google makes the text of the whole name from the parts, and what it does with both is not documented; so the text goes,
    /// unless it is all there is.
    fn write(&self, object: &mut Object) {
        let is_blank = !has_text(&[&self.given, &self.family]);
        let is_text_only = NAME_PARTS.iter().all(|part| !object.contains_key(*part));
        if !(is_blank && is_text_only) {
            object.remove("unstructuredName");
        }
        put(object, "givenName", &self.given);
        put(object, "familyName", &self.family);
    }
}

impl Kind for Email {
    const FIELD: &'static str = "emailAddresses";
    const MEMBERS: &'static str = "value,type";
    const DERIVED: &'static [&'static str] = &["formattedType"];

    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let (value, label) = (text(object, "value")?, text(object, "type")?);
        Ok(has_text(&[&value]).then_some(Self { value, label }))
    }

    fn write(&self, object: &mut Object) {
        put(object, "value", &self.value);
        put(object, "type", &self.label);
    }
}

impl Listed for Email {}

impl Kind for Phone {
    const FIELD: &'static str = "phoneNumbers";
    const MEMBERS: &'static str = "value,type";
    const DERIVED: &'static [&'static str] = &["formattedType", "canonicalForm"];

    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let (value, label) = (text(object, "value")?, text(object, "type")?);
        Ok(has_text(&[&value]).then_some(Self { value, label }))
    }

    fn write(&self, object: &mut Object) {
        put(object, "value", &self.value);
        put(object, "type", &self.label);
    }
}

impl Listed for Phone {}

impl Kind for Organization {
    const FIELD: &'static str = "organizations";
    const MEMBERS: &'static str = "name,title";
    const DERIVED: &'static [&'static str] = &["formattedType"];

    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let (name, title) = (text(object, "name")?, text(object, "title")?);
        Ok(has_text(&[&name, &title]).then_some(Self { name, title }))
    }

    fn write(&self, object: &mut Object) {
        put(object, "name", &self.name);
        put(object, "title", &self.title);
    }
}

impl Listed for Organization {
    /// The same post under a corrected name. With another name and another title it is another employer.
    fn is_akin(&self, other: &Self) -> bool {
        alike(&self.title, &other.title)
    }
}

impl Kind for Address {
    const FIELD: &'static str = "addresses";
    const MEMBERS: &'static str = "streetAddress,city,region,postalCode,countryCode,type";
    const DERIVED: &'static [&'static str] = &["formattedType"];

    /// The extended address and the post-office box are not part of the street: put there, they could not be taken out again.
    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let address = Self {
            street: text(object, "streetAddress")?,
            city: text(object, "city")?,
            region: text(object, "region")?,
            postal_code: text(object, "postalCode")?,
            country_code: text(object, "countryCode")?,
            label: text(object, "type")?,
        };
        let parts = [
            address.street.as_str(),
            &address.city,
            &address.region,
            &address.postal_code,
            &address.country_code,
        ];
        Ok(has_text(&parts).then_some(address))
    }

    fn write(&self, object: &mut Object) {
        let before = Self::read(object).ok().flatten().unwrap_or_default();
        let labelled = Self {
            label: self.label.clone(),
            ..before.clone()
        };
        if *self != labelled {
            // Google keeps a whole text that somebody set, even when the parts say something else.
            object.remove("formattedValue");
        }
        if self.country_code != before.country_code {
            object.remove("country");
        }
        put(object, "streetAddress", &self.street);
        put(object, "city", &self.city);
        put(object, "region", &self.region);
        put(object, "postalCode", &self.postal_code);
        put(object, "countryCode", &self.country_code);
        put(object, "type", &self.label);
    }
}

impl Listed for Address {
    /// Something that names the place is the same. When everything is different, somebody moved.
    fn is_akin(&self, other: &Self) -> bool {
        alike(&self.street, &other.street)
            || alike(&self.postal_code, &other.postal_code)
            || alike(&self.city, &other.city)
    }
}

impl Kind for Birthday {
    const FIELD: &'static str = "birthdays";
    const MEMBERS: &'static str = "date";
    const DERIVED: &'static [&'static str] = &[];

    /// A text alone, a year alone, a month without its day, and a day that there is not are no birthdays of ours.
    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let date = match object.get("date") {
            None | Some(Value::Null) => return Ok(None),
            Some(date) => date.as_object().ok_or(Unreadable)?,
        };
        let (year, month, day) = (number(date, "year")?, number(date, "month")?, number(date, "day")?);
        let birthday = Birthday {
            year: (year != 0).then_some(year),
            month: u32::try_from(month).unwrap_or_default(),
            day: u32::try_from(day).unwrap_or_default(),
        };
        Ok(birthday.exists().then_some(birthday))
    }

    fn write(&self, object: &mut Object) {
        if Self::read(object) != Ok(Some(*self)) {
            object.remove("text");
        }
        let mut date = json!({ "month": self.month, "day": self.day });
        if let Some(year) = self.year {
            date["year"] = json!(year);
        }
        object.insert("date".into(), date);
    }
}

impl Kind for Gender {
    const FIELD: &'static str = "genders";
    const MEMBERS: &'static str = "value";
    const DERIVED: &'static [&'static str] = &["formattedValue"];

    fn read(object: &Object) -> Result<Option<Self>, Unreadable> {
        let value = text(object, "value")?;
        Ok(has_text(&[&value]).then_some(Self(value)))
    }

    fn write(&self, object: &mut Object) {
        put(object, "value", &self.0);
    }
}

/// A text member. Protobuf's JSON leaves out empty ones.
pub(super) fn text(object: &Object, key: &str) -> Result<String, Unreadable> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Unreadable),
    }
}

fn number(object: &Object, key: &str) -> Result<i32, Unreadable> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_i64().and_then(|n| i32::try_from(n).ok()).ok_or(Unreadable),
    }
}

fn put(object: &mut Object, key: &str, text: &str) {
    if text.is_empty() {
        object.remove(key);
    } else {
        object.insert(key.to_owned(), json!(text));
    }
}

fn has_text(parts: &[&str]) -> bool {
    parts.iter().any(|part| !part.trim().is_empty())
}

fn alike(a: &str, b: &str) -> bool {
    has_text(&[a]) && a.trim().to_lowercase() == b.trim().to_lowercase()
}
