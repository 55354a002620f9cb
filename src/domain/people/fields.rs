//! The kinds of values that a person has several of, and when two of them are the same value.
use super::phone;
use super::values::Entry;
use crate::domain::customer::{Address, Email, Organization, Phone};
use crate::domain::validate::canonical_text;

/// A text without what nobody would call a difference: composition, case, and white space around and inside.
fn folded(text: &str) -> String {
    let words: Vec<String> = canonical_text(text).split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// The form in which email addresses are the same address. Whole addresses are compared without case: no provider that
/// people use tells two mailboxes apart by it.
pub fn email_key(address: &str) -> String {
    folded(address)
}

impl Entry for Email {
    fn key(&self) -> String {
        email_key(&self.value)
    }
    fn text(&self) -> String {
        canonical_text(self.value.trim_start())
    }
    fn label(&self) -> &str {
        &self.label
    }
    fn relabelled(&self, label: &str) -> Self {
        Self {
            value: self.value.clone(),
            label: label.to_owned(),
        }
    }
}

impl Entry for Phone {
    /// Numbers in international writing by what they mean; others by their digits, which are the same in all writings of one
    /// country. A text without digits stands for itself.
    fn key(&self) -> String {
        if let Some(number) = phone::meaning(&self.value) {
            return number;
        }
        let digits: String = self
            .value
            .chars()
            .filter_map(|c| c.to_digit(10))
            .filter_map(|d| char::from_digit(d, 10))
            .collect();
        if digits.is_empty() { folded(&self.value) } else { digits }
    }
    fn text(&self) -> String {
        canonical_text(self.value.trim_start())
    }
    fn label(&self) -> &str {
        &self.label
    }
    fn relabelled(&self, label: &str) -> Self {
        Self {
            value: self.value.clone(),
            label: label.to_owned(),
        }
    }
}

impl Entry for Organization {
    fn key(&self) -> String {
        folded(&self.name)
    }
    fn text(&self) -> String {
        format!(
            "{}\n{}",
            canonical_text(self.name.trim_start()),
            canonical_text(self.title.trim_start())
        )
    }
    fn label(&self) -> &str {
        ""
    }
    fn relabelled(&self, _: &str) -> Self {
        self.clone()
    }
}

impl Entry for Address {
    fn key(&self) -> String {
        folded(&self.text())
    }
    fn text(&self) -> String {
        let parts = [
            &self.street,
            &self.city,
            &self.region,
            &self.postal_code,
            &self.country_code,
        ];
        parts.map(|part| canonical_text(part.trim_start())).join("\n")
    }
    fn label(&self) -> &str {
        &self.label
    }
    fn relabelled(&self, label: &str) -> Self {
        Self {
            label: label.to_owned(),
            ..self.clone()
        }
    }
}
