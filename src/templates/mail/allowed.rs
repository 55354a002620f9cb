//! Which elements and attributes a tenant's MJML may have: text and tables, and nothing that loads, runs or hides.
//!
//! A picture or a style from elsewhere could show something else than what the user approved, and would tell its owner when
//! a customer opened the mail. Lists of what is allowed, not of what is dangerous: what is not known is refused.
use super::source::{Problem, Source, TAG, VALUE};

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

/// Checks the elements around the tags. `link` is the one value that may be an address.
pub(super) fn check(source: &Source, link: &str) -> Result<(), Problem> {
    let text = source.plain.as_str();
    let mut rest = text;
    let mut is_style = false;
    while !rest.is_empty() {
        let line = Some(text[..text.len() - rest.len()].matches('\n').count() + 1);
        let problem = |what: String| Problem { line, what };
        let open = rest.find('<').unwrap_or(rest.len());
        if is_style {
            style(&rest[..open]).map_err(problem)?;
        }
        rest = &rest[open..];
        if rest.is_empty() {
            break;
        }
        let line = Some(text[..text.len() - rest.len()].matches('\n').count() + 1);
        let problem = |what: String| Problem { line, what };
        let before = text[..text.len() - rest.len()].matches(VALUE).count();
        let (name, end) = element(rest, &source.values[before..], link).map_err(problem)?;
        is_style = name == "mj-style";
        rest = &rest[end..];
    }
    Ok(())
}

/// Checks the tag that `text` begins with; its name (with `/` when it closes) and its length.
fn element<'t>(text: &'t str, values: &[String], link: &str) -> Result<(&'t str, usize), String> {
    let inner = &text[1..];
    let is_end = |c: char| c.is_whitespace() || matches!(c, '>' | '<') || c == VALUE || c == TAG;
    let length = inner.find(is_end).unwrap_or(inner.len());
    let name = inner[..length]
        .strip_suffix('/')
        .filter(|name| !name.is_empty())
        .unwrap_or(&inner[..length]);
    let plain = name.strip_prefix('/').unwrap_or(name);
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
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return Ok((name, text.len() - after.len()));
        }
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':')
            .unwrap_or(rest.len());
        let attribute = &rest[..length];
        if attribute.is_empty() {
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
        if value.contains([VALUE, TAG])
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
        return Ok(drop(values.next()));
    }
    if value.contains([VALUE, TAG, '<', '>']) {
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
