//! Which elements and attributes a tenant's MJML may have: text and tables, and nothing that loads, runs or hides.
//!
//! A picture or a style from elsewhere could show something else than what the user approved, and would tell its owner when
//! a customer opened the mail. Lists of what is allowed, not of what is dangerous: what is not known is refused.
use super::markup::MAX_DEPTH;
use super::source::{BEGIN, ELSE, END, Problem, Source, VALUE, is_tag};

const ELEMENTS: &[&str] = &[
    "mjml",
    "mj-head",
    "mj-title",
    "mj-preview",
    "mj-attributes",
    "mj-all",
    "mj-class",
    "mj-style",
    "mj-breakpoint",
    "mj-body",
    "mj-wrapper",
    "mj-section",
    "mj-column",
    "mj-group",
    "mj-text",
    "mj-button",
    "mj-divider",
    "mj-spacer",
    "mj-table",
    "a",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "small",
    "sub",
    "sup",
    "br",
    "hr",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "span",
    "div",
    "ul",
    "ol",
    "li",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "blockquote",
    "code",
    "pre",
];

const ATTRIBUTES: &[&str] = &[
    "align",
    "aria-hidden",
    "aria-label",
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "cellpadding",
    "cellspacing",
    "class",
    "color",
    "colspan",
    "container-background-color",
    "css-class",
    "dir",
    "direction",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "full-width",
    "height",
    "href",
    "inner-background-color",
    "inner-border",
    "inner-border-radius",
    "inner-padding",
    "lang",
    "letter-spacing",
    "line-height",
    "mj-class",
    "name",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "role",
    "rowspan",
    "scope",
    "style",
    "table-layout",
    "target",
    "text-align",
    "text-decoration",
    "text-transform",
    "title",
    "valign",
    "vertical-align",
    "width",
];

/// What styles may not have: everything that loads something, or that writes it in another way.
const NOT_IN_STYLES: &[&str] = &[
    "url",
    "@import",
    "@font-face",
    "image",
    "src(",
    "expression",
    "behavior",
    "\\",
    "/*",
];

/// Where an element may stand. HTML stands in texts; in `mj-attributes` stand the elements that it is about.
fn may_stand_in(name: &str, parent: Option<&str>) -> bool {
    let Some(parent) = parent else {
        return name == "mjml";
    };
    match name {
        "mjml" => false,
        "mj-head" | "mj-body" => parent == "mjml",
        "mj-title" | "mj-preview" | "mj-attributes" | "mj-style" | "mj-breakpoint" => parent == "mj-head",
        _ if parent == "mj-attributes" => name.starts_with("mj-"),
        "mj-wrapper" => parent == "mj-body",
        "mj-section" => matches!(parent, "mj-body" | "mj-wrapper"),
        "mj-group" => parent == "mj-section",
        "mj-column" => matches!(parent, "mj-section" | "mj-group"),
        "mj-text" | "mj-button" | "mj-divider" | "mj-spacer" | "mj-table" => parent == "mj-column",
        _ => !name.starts_with("mj-") && may_hold_html(parent),
    }
}

fn may_hold_html(name: &str) -> bool {
    matches!(name, "mj-text" | "mj-button" | "mj-table") || !(name.starts_with("mj-") || name == "mjml")
}

/// Checks the elements around the tags. `link` is the one value that may be an address.
pub(super) fn check(source: &Source, link: &str) -> Result<(), Problem> {
    let mut nest = Nest::default();
    let mut values = source.values.as_slice();
    let (mut rest, mut line) = (source.plain.as_str(), 1);
    while !rest.is_empty() {
        let problem = |what| Problem { line: Some(line), what };
        let length = match rest.strip_prefix('<') {
            None => {
                let length = rest.find('<').unwrap_or(rest.len());
                nest.text(&rest[..length]).map_err(problem)?;
                length
            }
            Some(_) => {
                let element = element(rest, values, link).map_err(problem)?;
                nest.element(&element).map_err(problem)?;
                element.length
            }
        };
        line += rest[..length].matches('\n').count();
        values = &values[rest[..length].matches(VALUE).count()..];
        rest = &rest[length..];
    }
    match nest.elements.last() {
        None => Ok(()),
        Some(name) => Err(Problem {
            line: Some(line),
            what: format!("ends without </{name}>"),
        }),
    }
}

/// Which elements and choices are open.
#[derive(Default)]
struct Nest<'t> {
    elements: Vec<&'t str>,
    /// For every open choice and list, how many elements were open when it began.
    choices: Vec<usize>,
}

impl<'t> Nest<'t> {
    /// Text between two tags: its choices and lists must end among the elements where they began, or one value would open
    /// what another closes.
    fn text(&mut self, text: &str) -> Result<(), String> {
        let parent = self.elements.last().copied();
        if parent == Some("mj-style") {
            return style(text);
        }
        let is_said = text.chars().any(|c| c == VALUE || !(is_tag(c) || c.is_whitespace()));
        let may_say = parent.is_some_and(|name| may_hold_html(name) || matches!(name, "mj-title" | "mj-preview"));
        if is_said && !may_say {
            return Err("has text outside of <mj-text>, <mj-button> and <mj-table>".to_owned());
        }
        for tag in text.chars() {
            let begun = self.choices.last().copied();
            if (tag == ELSE || tag == END) && begun != Some(self.elements.len()) {
                return Err("has a choice or a list that does not end in the element in which it began".to_owned());
            }
            match tag {
                BEGIN => self.choices.push(self.elements.len()),
                END => drop(self.choices.pop()),
                _ => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &Element<'t>) -> Result<(), String> {
        let name = element.name;
        if element.closes {
            let is_inside = self.choices.last().is_none_or(|begun| *begun < self.elements.len());
            return match self.elements.pop() {
                Some(open) if open == name && is_inside => Ok(()),
                _ => Err(format!("has </{name}> where it does not belong")),
            };
        }
        if !may_stand_in(name, self.elements.last().copied()) {
            let parent = self.elements.last().copied().unwrap_or("the file");
            return Err(format!("has <{name}> in {parent}, where MJML does not allow it"));
        }
        if !element.is_empty {
            self.elements.push(name);
        }
        match self.elements.len() > MAX_DEPTH {
            true => Err(format!("has elements nested more than {MAX_DEPTH} deep")),
            false => Ok(()),
        }
    }
}

/// One tag of an element.
struct Element<'t> {
    name: &'t str,
    closes: bool,
    /// Ends where it begins.
    is_empty: bool,
    length: usize,
}

/// Checks the tag that `text` begins with.
fn element<'t>(text: &'t str, values: &[String], link: &str) -> Result<Element<'t>, String> {
    let inner = &text[1..];
    let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '!' | '[' | '?');
    let length = inner.find(|c: char| !is_name(c)).unwrap_or(inner.len());
    let plain = &inner[..length];
    if !ELEMENTS.contains(&plain) {
        let shown: String = plain.chars().take(40).collect();
        return Err(format!(
            "has <{shown}>, which is not allowed: there are {}",
            ELEMENTS.join(", ")
        ));
    }
    let mut rest = inner[length..].trim_start();
    let mut values = values.iter();
    loop {
        let is_closed = rest.starts_with("/>") && !closes;
        if let Some(after) = rest.strip_prefix(if is_closed { "/>" } else { ">" }) {
            return Ok(Element {
                name: plain,
                closes,
                is_empty: is_closed || matches!(plain, "br" | "hr"),
                length: text.len() - after.len(),
            });
        }
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':')
            .unwrap_or(rest.len());
        let attribute = &rest[..length];
        if attribute.is_empty() || closes {
            return Err(format!(
                "has something in <{plain}> that is no attribute: write name=\"value\", without tags"
            ));
        }
        if !ATTRIBUTES.contains(&attribute) {
            return Err(format!(
                "has the attribute {attribute}, which is not allowed: there are {}",
                ATTRIBUTES.join(", ")
            ));
        }
        let quoted = rest[length..]
            .strip_prefix("=\"")
            .and_then(|after| after.split_once('"'));
        let (value, after) = quoted.ok_or_else(|| format!("has {attribute} without a value in double quotes"))?;
        self::value(attribute, value, &mut values, link)?;
        rest = after.trim_start();
    }
}

fn value<'v>(name: &str, value: &str, values: &mut impl Iterator<Item = &'v String>, link: &str) -> Result<(), String> {
    if name == "href" {
        if value == VALUE.to_string() {
            return match values.next() {
                Some(given) if given == link => Ok(()),
                _ => Err(format!(
                    "has href with a value: only {{{{ {link} }}}} may be an address"
                )),
            };
        }
        if value.contains(is_tag)
            || !["https://", "mailto:", "tel:"]
                .iter()
                .any(|begin| value.starts_with(begin))
        {
            return Err(format!(
                "has the href {value:?}: write https://, mailto:, tel: or {{{{ {link} }}}} alone"
            ));
        }
        return Ok(());
    }
    if name == "lang" && value == VALUE.to_string() {
        values.next();
        return Ok(());
    }
    if value.contains(is_tag) || value.contains(['<', '>']) {
        return Err(format!("has a tag in the attribute {name}: only href may have one"));
    }
    // `u&#114;l(` would pass for something else.
    if value.contains('&') {
        return Err(format!("has & in the attribute {name}"));
    }
    style(value)
}

fn style(text: &str) -> Result<(), String> {
    if text.contains(VALUE) {
        return Err("has a value inside of a style".to_owned());
    }
    let lower = text.to_ascii_lowercase();
    match NOT_IN_STYLES.iter().find(|word| lower.contains(**word)) {
        Some(word) => Err(format!(
            "has {word:?} in a style or an attribute: a mail loads nothing from elsewhere"
        )),
        None => Ok(()),
    }
}
