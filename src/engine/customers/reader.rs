//! How a customer reads mails: the language and the zone that the app sets. Neither is mirrored, so both are kept apart from the
//! details that are merged with a contact.
use super::CustomerEdit;
use crate::domain::language::is_tag;
use crate::domain::time::parse_zone;
use crate::engine::bookings::Problems;
use crate::store::customers::Reader;
use serde_json::Value;

impl CustomerEdit {
    /// This reader with what was sent put over it. What is not sent stays, also where SQL wrote what is refused here.
    pub(super) fn applied_to_reader(&self, reader: &Reader, problems: &mut Problems) -> Reader {
        let language = |tag: &str| match is_tag(tag) {
            true => Ok(()),
            false => {
                Err("must be a BCP 47 tag, such as de, de-AT or pt-BR, or null for the tenant's language".to_owned())
            }
        };
        let zone = |name: &str| match parse_zone(name) {
            Ok(_) => Ok(()),
            Err(unknown) => Err(format!("is refused: {unknown}; or null for the zone of each booking")),
        };
        Reader {
            language: self.text_or_null("language", &reader.language, language, problems),
            time_zone: self.text_or_null("time_zone", &reader.time_zone, zone, problems),
        }
    }

    fn text_or_null(
        &self,
        field: &'static str,
        old: &Option<String>,
        check: impl Fn(&str) -> Result<(), String>,
        problems: &mut Problems,
    ) -> Option<String> {
        let text = match self.fields.get(field) {
            None => return old.clone(),
            Some(Value::Null) => return None,
            Some(Value::String(text)) => text,
            Some(_) => {
                problems.field(field, "must be a text or null");
                return None;
            }
        };
        if let Err(problem) = check(text) {
            problems.field(field, problem);
        }
        Some(text.clone())
    }
}
