//! The names and kinds of an API's messages, read from a table that was made from its discovery document.
//!
//! Used to refuse a misspelt `fields=` and, in People, a body with fields that no message has.
use std::collections::HashMap;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text, or anything where the table says no more.
    Plain,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Word(Vec<&'static str>),
    /// A message of this type.
    Object(&'static str),
    /// Free keys, with values of this type or of any.
    Map(Option<&'static str>),
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    /// What it, or each of its items, holds.
    pub kind: Kind,
    /// Whether the table says that it is a list.
    pub list: bool,
}

/// The fields of one message by name.
pub type Fields = HashMap<&'static str, Field>;

/// All messages of an API by type name.
#[derive(Debug)]
pub struct Shapes(HashMap<&'static str, Fields>);

impl Shapes {
    /// Reads a table: lines of `Type: field field…`; `#` begins a comment. The grammar of a field is in the tables.
    pub fn read(table: &'static str) -> Self {
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        Self(
            lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, fields)| (name, fields.split_whitespace().map(field).collect()))
                .collect(),
        )
    }

    /// The fields of a type.
    pub fn get(&self, type_name: &str) -> Option<&Fields> {
        self.0.get(type_name)
    }
}

fn field(text: &'static str) -> (&'static str, Field) {
    let end = text.find(['=', ':']).unwrap_or(text.len());
    let (name, kind) = text.split_at(end);
    let kind = match kind {
        "" => Kind::Plain,
        ":int" => Kind::Int,
        ":bool" => Kind::Bool,
        "=*" => Kind::Map(None),
        _ => match (kind.strip_prefix("=*"), kind.strip_prefix('=')) {
            (Some(inner), _) => Kind::Map(Some(inner)),
            (None, Some(inner)) => Kind::Object(inner),
            (None, None) => Kind::Word(kind.trim_start_matches(':').split('|').collect()),
        },
    };
    let list = name.ends_with("[]");
    (name.trim_end_matches("[]"), Field { kind, list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_lists_maps_words_and_messages() {
        let shapes = Shapes::read("# words\nA: b c:int d[]=A e=*A f=* g:X|Y h[]:bool\nEmpty: \n");
        let fields = shapes.get("A").unwrap();
        let kind = |name: &str| (fields[name].kind.clone(), fields[name].list);
        assert_eq!(kind("b"), (Kind::Plain, false));
        assert_eq!(kind("c"), (Kind::Int, false));
        assert_eq!(kind("d"), (Kind::Object("A"), true));
        assert_eq!(kind("e"), (Kind::Map(Some("A")), false));
        assert_eq!(kind("f"), (Kind::Map(None), false));
        assert_eq!(kind("g"), (Kind::Word(vec!["X", "Y"]), false));
        assert_eq!(kind("h"), (Kind::Bool, true));
        assert!(shapes.get("Empty").unwrap().is_empty());
    }
}
