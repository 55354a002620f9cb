//! Customers and contacts: what is the same value, who is the same person, and the three-way merge of their details.
//!
//! - `phone.rs`: numbers as typed and as the one number they mean
//! - `values.rs`: three-way merge of a list of values; `fields.rs`: what kinds of values there are
//! - `merge.rs`: three-way merge of all details of a person
//! - `meeting.rs`: the first meeting of the two sides: who is certainly the same person, and who may be
//! - `check.rs`: what a customer may contain; `words.rs`: a value as somebody reads it
pub mod check;
mod fields;
pub mod meeting;
pub mod merge;
pub mod phone;
pub mod values;
pub mod words;

pub use fields::email_key;

/// Who wins where both sides changed the same value differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The app's value goes to Google.
    App,
    /// Google's value comes to the app.
    Google,
    /// Each side keeps its own, and the difference counts as agreed until somebody edits again.
    Neither,
}
