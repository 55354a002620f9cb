//! The first form of a page, as a browser would send it untouched, and with some fields filled in.
//!
//! Reads just as much HTML as our own pages and the pretend Google's have: tags with quoted attributes.
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it goes.
    pub action: String,
    /// What is sent when nobody touches it.
    fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page.
    pub fn first(html: &str) -> Option<Form> {
        let begin = html.find("<form")?;
        let end = html[begin..].find("</form>").map_or(html.len(), |at| begin + at);
        let mut tags = html[begin..end].split('<').skip(1).map(Tag::parse);
        let action = tags.next()?.get("action").unwrap_or_default().to_owned();
        let fields = tags
            .filter(Tag::is_sent)
            .filter_map(|tag| Some((tag.get("name")?.to_owned(), tag.get("value").unwrap_or("on").to_owned())));
        Some(Form {
            fields: fields.collect(),
            action,
        })
    }

    /// The body of the request; `fields` take the place of those with the same name, an empty list of them changes nothing.
    pub fn filled(&self, fields: &[(&str, &str)]) -> String {
        let kept = self
            .fields
            .iter()
            .filter(|(name, _)| !fields.iter().any(|(filled, _)| filled == name));
        let pairs = kept
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(fields.iter().copied());
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        pairs
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// `text` begins after the `<` and may go on after the `>`.
    fn parse(text: &str) -> Tag {
        let name: String = text
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/')
            .collect();
        let mut rest = text[name.len()..].trim_start();
        let mut attributes = Vec::new();
        while let Some(c) = rest.chars().next() {
            if c == '>' || c == '/' {
                break;
            }
            let end = rest
                .find(|c: char| c == '=' || c == '>' || c.is_whitespace())
                .unwrap_or(rest.len());
            let key = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let close = quoted.find('"').unwrap_or(quoted.len());
                value = unescaped(&quoted[..close]);
                rest = quoted.get(close + 1..).unwrap_or_default();
            } else if rest.starts_with('=') {
                let close = rest.find(|c: char| c == '>' || c.is_whitespace()).unwrap_or(rest.len());
                value = unescaped(&rest[1..close]);
                rest = &rest[close..];
            }
            attributes.push((key, value));
            rest = rest.trim_start();
        }
        Tag { name, attributes }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether an untouched form sends it. Buttons are sent only when pressed.
    fn is_sent(&self) -> bool {
        let kind = self.get("type").unwrap_or("text");
        self.name == "input" && (!matches!(kind, "checkbox" | "radio") || self.get("checked").is_some())
    }
}

/// The few entities that template engines write.
fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&#x2f;", "/")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<p>Hello</p><form method="post" action="&#x2f;go?a=1&amp;b=2">
        <input type="hidden" name="form" value="t&amp;k">
        <label><input type="checkbox" name="read" value="one" checked> <input type="checkbox" name="read" value="two"></label>
        <input type="radio" name="private" value="busy" checked><input type=radio name=private value=shown>
        <button name="decision" value="allow">Allow</button></form><form action="/other"></form>"#;

    #[test]
    fn an_untouched_form_sends_what_is_hidden_or_ticked() {
        let form = Form::first(PAGE).unwrap();
        assert_eq!(form.action, "/go?a=1&b=2");
        assert_eq!(form.filled(&[]), "form=t%26k&read=one&private=busy");
    }

    #[test]
    fn what_a_person_fills_in_takes_the_place_of_what_stood_there() {
        let form = Form::first(PAGE).unwrap();
        let filled = form.filled(&[("private", "shown"), ("decision", "allow")]);
        assert_eq!(filled, "form=t%26k&read=one&private=shown&decision=allow");
    }
}
