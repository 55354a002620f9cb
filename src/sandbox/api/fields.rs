//! `fields=`: partial answers.
//!
//! A mask is checked against the names of the answer's type before any work is done, so that a misspelt field is refused
//! as Google refuses it instead of silently bringing nothing.
use super::super::shapes::{Field, Kind, Shapes};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The part of an answer that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// Everything from here down.
    whole: bool,
    /// Wanted below; `*` stands for every name.
    below: BTreeMap<String, Mask>,
}

impl Mask {
    /// Reads `a,b/c,d(e,f/g),*`. The error is the selection that Google would call invalid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut mask = Self::default();
        mask.parse_list(&mut rest).map_err(|()| text.to_owned())?;
        if rest.is_empty() {
            Ok(mask)
        } else {
            Err(text.to_owned())
        }
    }

    fn parse_list(&mut self, rest: &mut &str) -> Result<(), ()> {
        loop {
            self.parse_selection(rest)?;
            match rest.strip_prefix(',') {
                Some(more) => *rest = more,
                None => return Ok(()),
            }
        }
    }

    fn parse_selection(&mut self, rest: &mut &str) -> Result<(), ()> {
        *rest = rest.trim_start();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || "*_-.@".contains(c)))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err(());
        }
        *rest = after.trim_start();
        let child = self.below.entry(name.to_owned()).or_default();
        if let Some(more) = rest.strip_prefix('/') {
            *rest = more;
            child.parse_selection(rest)
        } else if let Some(more) = rest.strip_prefix('(') {
            *rest = more;
            child.parse_list(rest)?;
            *rest = rest.strip_prefix(')').ok_or(())?.trim_start();
            Ok(())
        } else {
            child.whole = true;
            Ok(())
        }
    }

    /// Checks every name against an answer's type. The error is the first unknown name.
    pub fn check(&self, shapes: &Shapes, type_name: &str) -> Result<(), String> {
        let Some(fields) = shapes.get(type_name) else {
            return Ok(());
        };
        self.below.iter().try_for_each(|(name, below)| match name.as_str() {
            // A star also reaches fields that have nothing below them; it is wrong only when no field fits.
            "*" if below.whole || fields.values().any(|field| below.check_below(shapes, field).is_ok()) => Ok(()),
            "*" => Err(below.below.keys().next().unwrap_or(name).clone()),
            _ => below.check_below(shapes, fields.get(name.as_str()).ok_or_else(|| name.clone())?),
        })
    }

    fn check_below(&self, shapes: &Shapes, field: &Field) -> Result<(), String> {
        match &field.kind {
            Kind::Object(type_name) => self.check(shapes, type_name),
            Kind::Map(Some(type_name)) => self.below.values().try_for_each(|below| below.check(shapes, type_name)),
            Kind::Map(None) => Ok(()),
            _ => self.below.keys().next().map_or(Ok(()), |name| Err(name.clone())),
        }
    }

    /// The wanted part of `value`. A list is masked item by item.
    pub fn apply(&self, value: &Value) -> Value {
        match value {
            _ if self.whole => value.clone(),
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(object) => self.apply_to_object(object).into(),
            plain => plain.clone(),
        }
    }

    fn apply_to_object(&self, object: &Map<String, Value>) -> Map<String, Value> {
        object
            .iter()
            .filter_map(|(name, value)| {
                let below = self.below.get(name).or_else(|| self.below.get("*"))?;
                Some((name.clone(), below.apply(value)))
            })
            .collect()
    }
}

/// Every answer of Calendar v3.
pub static CALENDAR: LazyLock<Shapes> = LazyLock::new(|| Shapes::read(include_str!("shapes.txt")));

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn masked(mask: &str, value: Value) -> Value {
        Mask::parse(mask).unwrap().apply(&value)
    }

    #[test]
    fn a_mask_keeps_what_it_names_and_nothing_else() {
        let page = json!({"kind": "k", "nextPageToken": "p", "items": [
            {"id": "1", "start": {"dateTime": "t", "timeZone": "z"}, "summary": "s"}, {"id": "2"}]});
        assert_eq!(
            masked("items(id,start/dateTime),nextPageToken", page.clone()),
            json!({"nextPageToken": "p", "items": [{"id": "1", "start": {"dateTime": "t"}}, {"id": "2"}]})
        );
        assert_eq!(masked("*", page.clone()), page);
        assert_eq!(
            masked("items/*/timeZone", page.clone())["items"][0]["start"],
            json!({"timeZone": "z"})
        );
        assert_eq!(masked("items/id,items", page.clone())["items"], page["items"]);
    }

    #[test]
    fn a_mask_that_cannot_be_read_is_refused() {
        for text in ["items(", "items()", "a,,b", "items)id", "a/", ",", "a b", "a(b"] {
            assert!(Mask::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_the_type_lacks_is_named() {
        let check = |mask: &str| Mask::parse(mask).unwrap().check(&CALENDAR, "Events");
        assert_eq!(check("items(id,foo)"), Err("foo".to_owned()));
        assert_eq!(check("itmes"), Err("itmes".to_owned()));
        assert_eq!(check("items/id/x"), Err("x".to_owned()));
        assert_eq!(check("items/*/nothing"), Err("nothing".to_owned()));
        assert_eq!(
            check("items(extendedProperties/private/accord.booking,attendees(self,responseStatus)),etag,*"),
            Ok(())
        );
    }
}
