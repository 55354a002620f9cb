//! What a tenant may write into a template: values, choices and lists, and nothing that computes, loads or repeats by itself.
//!
//! The engine's language is larger: `{{ 'x' * 100000000 }}` fills the memory with one harmless-looking value, and fuel does
//! not stop it. So every tag is read here first, by a grammar that has just these forms:
//!
//! `{{ name }}` · `{{ name|filter }}` · `{% if name %}`, `elif`, `else`, `endif` with `not`, `and`, `or`, `==`, `!=` ·
//! `{% for item in list %}`, `else`, `endfor` · `{# comment #}`
use serde_json::{Value, json};

/// A filter takes one text and makes another of about its length.
pub(super) type Filter = fn(String) -> String;

/// Every filter there is.
pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("upper", |text| text.to_uppercase()),
    ("lower", |text| text.to_lowercase()),
    ("trim", |text| text.trim().to_owned()),
];

/// Stands for a value in [`Source::plain`].
pub(super) const VALUE: char = '\u{E000}';
/// Stands for the begin of a choice or a list.
pub(super) const BEGIN: char = '\u{E001}';
/// Stands for `else` and `elif`.
pub(super) const ELSE: char = '\u{E002}';
/// Stands for the end of a choice or a list.
pub(super) const END: char = '\u{E003}';
/// Stands for a comment.
pub(super) const COMMENT: char = '\u{E004}';

/// Whether it stands for a tag in [`Source::plain`].
pub(super) fn is_tag(c: char) -> bool {
    (VALUE..=COMMENT).contains(&c)
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// From 1.
    pub line: Option<usize>,
    /// The end of a sentence about the template.
    pub what: String,
}

/// A template that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The template with characters that stand for its tags; lines keep their numbers.
    pub plain: String,
    /// The names that stand in the places of [`VALUE`], in their order.
    pub values: Vec<String>,
}

/// The tags that were opened and not closed.
enum Open {
    If { has_else: bool },
    For { name: String, item: Value, has_else: bool },
}

/// Reads a template. `known` has an example of every value, lists with one item.
pub(super) fn read(text: &str, known: &Value) -> Result<Source, Problem> {
    let mut reader = Reader {
        known,
        open: Vec::new(),
        values: Vec::new(),
    };
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let at = |rest: &str| Some(text[..text.len() - rest.len()].matches('\n').count() + 1);
    if let Some(odd) = text.find(is_tag) {
        return Err(Problem {
            line: at(&text[odd..]),
            what: "has a character of the private use area".to_owned(),
        });
    }
    while let Some(start) = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min() {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let problem = |what| Problem { line: at(rest), what };
        let (open, close) = (
            &rest[..2],
            match &rest[1..2] {
                "{" => "}}",
                "%" => "%}",
                _ => "#}",
            },
        );
        let end = rest[2..]
            .find(close)
            .ok_or_else(|| problem(format!("has {open} without {close}")))?;
        let tag = &rest[2..2 + end];
        match open {
            "{{" => {
                reader.value(tag).map_err(problem)?;
                plain.push(VALUE);
            }
            "{%" => {
                plain.push(reader.statement(tag).map_err(problem)?);
            }
            _ => plain.push(COMMENT),
        }
        plain.extend(tag.chars().filter(|c| *c == '\n'));
        rest = &rest[end + 4..];
    }
    plain.push_str(rest);
    match reader.open.last() {
        None => Ok(Source {
            plain,
            values: reader.values,
        }),
        Some(open) => Err(Problem {
            line: at(""),
            what: match open {
                Open::If { .. } => "ends without {% endif %}".to_owned(),
                Open::For { .. } => "ends without {% endfor %}".to_owned(),
            },
        }),
    }
}

struct Reader<'k> {
    known: &'k Value,
    open: Vec<Open>,
    values: Vec<String>,
}

impl Reader<'_> {
    fn value(&mut self, tag: &str) -> Result<(), String> {
        let words = words(tag)?;
        let mut parts = words.split(|word| word == "|");
        let name = match parts.next() {
            Some([name]) if is_name(name) => name,
            _ => return Err(only_forms(tag)),
        };
        match self.find(name)? {
            Value::String(_) | Value::Number(_) => {}
            Value::Array(_) => {
                return Err(format!(
                    "writes {name}, which is a list: use {{% for item in {name} %}}"
                ));
            }
            _ => return Err(format!("writes {name}, which is a group of values: name one of them")),
        }
        for filter in parts {
            match filter {
                [filter] if FILTERS.iter().any(|(name, _)| name == filter) => {}
                [filter] if is_name(filter) => {
                    let known: Vec<_> = FILTERS.iter().map(|(name, _)| *name).collect();
                    return Err(format!(
                        "uses the unknown filter {filter}: there are {}",
                        known.join(", ")
                    ));
                }
                _ => return Err(only_forms(tag)),
            }
        }
        self.values.push(name.clone());
        Ok(())
    }

    /// What stands for it in [`Source::plain`].
    fn statement(&mut self, tag: &str) -> Result<char, String> {
        let words = words(tag)?;
        let Some((first, rest)) = words.split_first() else {
            return Err("has an empty tag".to_owned());
        };
        match (first.as_str(), rest, self.open.last_mut()) {
            ("if", condition, _) => {
                self.condition(condition, tag)?;
                self.open.push(Open::If { has_else: false });
                Ok(BEGIN)
            }
            ("elif", condition, Some(Open::If { has_else: false })) => {
                self.condition(condition, tag)?;
                Ok(ELSE)
            }
            ("else", [], Some(Open::If { has_else } | Open::For { has_else, .. })) if !*has_else => {
                *has_else = true;
                Ok(ELSE)
            }
            ("endif", [], Some(Open::If { .. })) | ("endfor", [], Some(Open::For { .. })) => {
                self.open.pop();
                Ok(END)
            }
            ("else" | "elif" | "endif" | "endfor", _, _) => {
                Err(format!("has {{% {} %}} where it does not belong", tag.trim()))
            }
            ("for", [item, is_in, list], _) if is_name(item) && is_in == "in" && is_name(list) => {
                if item.contains('.') {
                    return Err(only_forms(tag));
                }
                let Value::Array(items) = self.find(list)? else {
                    return Err(format!("goes through {list}, which is no list"));
                };
                self.open.push(Open::For {
                    name: item.clone(),
                    item: items.into_iter().next().unwrap_or_default(),
                    has_else: false,
                });
                Ok(BEGIN)
            }
            _ => Err(only_forms(tag)),
        }
    }

    /// `a`, `not a`, `a == "text"`, joined by `and` and `or`.
    fn condition(&self, words: &[String], tag: &str) -> Result<(), String> {
        for term in words.split(|word| word == "and" || word == "or") {
            let term = match term.split_first() {
                Some((not, term)) if not == "not" => term,
                _ => term,
            };
            let name = match term {
                [name] => name,
                [name, compare, with] if (compare == "==" || compare == "!=") && is_literal(with) => name,
                _ => return Err(only_forms(tag)),
            };
            if !is_name(name) {
                return Err(only_forms(tag));
            }
            self.find(name)?;
        }
        Ok(())
    }

    /// What a name stands for here.
    fn find(&self, name: &str) -> Result<Value, String> {
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or_default();
        let is_in_list = self
            .open
            .iter()
            .any(|open| matches!(open, Open::For { has_else: false, .. }));
        let of_list = self.open.iter().rev().find_map(|open| match open {
            Open::For {
                name,
                item,
                has_else: false,
            } if name == first => Some(item.clone()),
            _ => None,
        });
        let mut found = match of_list {
            Some(item) => Some(item),
            None if first == "loop" && is_in_list => Some(json!({ "first": true, "last": true, "index": 1 })),
            None => self.known.get(first).cloned(),
        };
        for part in parts {
            found = found.and_then(|value| value.get(part).cloned());
        }
        found.ok_or_else(|| {
            let known: Vec<_> = self
                .known
                .as_object()
                .into_iter()
                .flat_map(|known| known.keys())
                .collect();
            let known: Vec<_> = known.into_iter().map(String::as_str).collect();
            format!("uses the unknown variable {name}: there are {}", known.join(", "))
        })
    }
}

const RESERVED: &[&str] = &[
    "loop", "not", "and", "or", "in", "is", "if", "else", "true", "false", "none", "self", "super",
];

fn only_forms(tag: &str) -> String {
    let shown: String = tag.trim().chars().take(60).collect();
    format!(
        "has a tag that is not allowed ({shown:?}): use {{{{ name }}}}, {{{{ name|filter }}}}, {{% if name %}} and {{% for item in list %}}"
    )
}

/// `name` or `name.field`, no words of the language.
fn is_name(word: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let is_loop = word.starts_with("loop.");
    word.split('.').all(is_part) && (is_loop || !word.split('.').any(|part| RESERVED.contains(&part)))
}

fn is_literal(word: &str) -> bool {
    word.starts_with(['"', '\'']) || (!word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
}

/// The words of a tag: names with their dots, numbers, texts in quotes, and signs.
fn words(tag: &str) -> Result<Vec<String>, String> {
    // `{%- … -%}` cuts white space.
    let inner = tag.strip_prefix(['-', '+']).unwrap_or(tag);
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    let mut words = Vec::new();
    let mut rest = inner.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                let end = rest[1..].find(first).ok_or_else(|| only_forms(tag))?;
                if rest[1..=end].contains('\\') {
                    return Err(only_forms(tag));
                }
                end + 2
            }
            c if c.is_ascii_alphanumeric() || c == '_' => rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
                .unwrap_or(rest.len()),
            '|' => 1,
            _ if rest.starts_with("==") || rest.starts_with("!=") => 2,
            _ => return Err(only_forms(tag)),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Value {
        json!({ "title": "x", "count": 1, "words": { "when": "When" }, "changes": [{ "before": "a" }] })
    }

    #[track_caller]
    fn refuses(text: &str, line: usize, part: &str) {
        let problem = read(text, &known()).unwrap_err();
        assert!(problem.what.contains(part), "{}", problem.what);
        assert_eq!(problem.line, Some(line));
    }

    #[test]
    fn values_choices_and_lists_are_read() {
        let text = "{# a\n b #}{{ title|trim|upper }}{% if not title and count != 3 or title == 'a' %}\n{% elif count %}\
            {% else %}{% endif %}{%- for c in changes -%}{{ c.before }}{% if not loop.last %}, {% endif %}{% else %}-{% endfor %}\
            {{ words.when }} { % }";
        let source = read(text, &known()).unwrap();
        assert_eq!(source.values, ["title", "c.before", "words.when"]);
        assert_eq!(source.plain.matches('\n').count(), 2);
        assert!(source.plain.ends_with(" { % }"));
    }

    #[test]
    fn everything_else_of_the_language_is_refused_with_its_line() {
        for tag in [
            "{{ 'x' * 100000000 }}",
            "{{ title * 9 }}",
            "{{ title ~ title }}",
            "{{ range(9) }}",
            "{{ title.upper() }}",
            "{{ title[0] }}",
            "{{ title|replace('a', 'b') }}",
            "{{ 'x' }}",
            "{{ loop.first(1) }}",
            "{{ self.body() }}",
            "{% include 'layout.mjml' %}",
            "{% extends 'layout.mjml' %}",
            "{% import 'a' as b %}",
            "{% from 'a' import b %}",
            "{% macro m() %}",
            "{% call m() %}",
            "{% set x = title %}",
            "{% block b %}",
            "{% raw %}",
            "{% do x() %}",
            "{% autoescape false %}",
            "{% filter upper %}",
            "{% with x = 1 %}",
            "{% for a, b in changes %}",
            "{% for a in range(1000000000) %}",
            "{% for a in changes recursive %}",
            "{% for a in changes if a %}",
            "{% if title is defined %}",
            "{% if title == 'a\\'%}b' %}",
            "{% if (title) %}",
            "{{ title|safe(1) }}",
        ] {
            refuses(&format!("first\n{tag}"), 2, "is not allowed");
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        refuses("a\n\n{{ titel }}", 3, "unknown variable titel");
        refuses("{{ title.x }}", 1, "unknown variable title.x");
        refuses("{{ loop.last }}", 1, "unknown variable loop.last");
        refuses(
            "{% for c in changes %}{{ c.after }}{% endfor %}",
            1,
            "unknown variable c.after",
        );
        refuses(
            "{% for c in changes %}{% endfor %}{{ c.before }}",
            1,
            "unknown variable c.before",
        );
        refuses("{% if\nnope %}{% endif %}", 1, "unknown variable nope");
        refuses(
            "{{ title|safe }}",
            1,
            "unknown filter safe: there are upper, lower, trim",
        );
        refuses("{{ title|escape }}", 1, "unknown filter escape");
    }

    #[test]
    fn what_does_not_close_or_fit_is_refused() {
        refuses("{% for c in changes %}\n", 2, "endfor");
        refuses("{% if title %}", 1, "endif");
        refuses("{% if title %}{% endfor %}", 1, "where it does not belong");
        refuses("{% else %}", 1, "where it does not belong");
        refuses("{% if title %}{% else %}{% else %}", 1, "where it does not belong");
        refuses("x {{ title", 1, "{{ without }}");
        refuses("{{ changes }}", 1, "which is a list");
        refuses("{{ words }}", 1, "a group of values");
        refuses("{% for c in title %}", 1, "no list");
        refuses("{% for loop in changes %}", 1, "not allowed");
        refuses("\u{E000}", 1, "private use");
    }
}
