//! One request to the pretend Google, read whole, and the small readings that several parts need.
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;

/// A request whose body was read.
#[derive(Debug, Clone)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query as sent, without `?`.
    pub raw_query: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; empty when there was none.
    pub body: Vec<u8>,
}

impl Request {
    /// Puts a request together from what HTTP brought.
    pub fn new(method: Method, path: String, raw_query: String, headers: HeaderMap, body: Vec<u8>) -> Self {
        let query = form_pairs(&raw_query);
        Self {
            method,
            path,
            raw_query,
            query,
            headers,
            body,
        }
    }

    /// A header as text.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The access token, from the header or, as Calendar's discovery document allows, from the query.
    pub fn credential(&self) -> Option<&str> {
        let bearer = self.header(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        bearer
            .or_else(|| self.parameter("oauth_token"))
            .or_else(|| self.parameter("access_token"))
    }

    /// The address behind the token `person:<address>`: that user's own hand in Google's own screens.
    pub fn person(&self) -> Option<&str> {
        self.credential().and_then(|token| token.strip_prefix("person:"))
    }

    /// The path decoded, for patterns and the request log. Undecodable bytes become U+FFFD.
    pub fn readable_path(&self) -> String {
        percent_decode_str(&self.path).decode_utf8_lossy().into_owned()
    }

    /// The decoded segments below `base` (which ends in `/`); `None` when the path is elsewhere or not UTF-8.
    pub fn segments_below(&self, base: &str) -> Option<Vec<String>> {
        let rest = self.path.strip_prefix(base)?;
        rest.split('/')
            .map(|segment| {
                percent_decode_str(segment)
                    .decode_utf8()
                    .ok()
                    .map(|text| text.into_owned())
            })
            .collect()
    }

    /// Whether the body claims to be an HTML form.
    pub fn is_form(&self) -> bool {
        self.header(header::CONTENT_TYPE).is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        })
    }
}

/// Pairs of a query or form, decoded (`application/x-www-form-urlencoded`).
pub fn form_pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        percent_decode_str(&part.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// The first value under `name`.
pub fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A query string, encoded so that `form_pairs` reads it back.
pub fn form_text(pairs: &[(&str, &str)]) -> String {
    let encode =
        |part: &str| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
    pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_back_as_it_was_written() {
        let pairs = [("a b", "c&d=é+"), ("state", "x/y")];
        let read = form_pairs(&form_text(&pairs));
        assert_eq!(read, pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_encoded_slash_stays_inside_its_segment() {
        let request = Request::new(
            Method::GET,
            "/calendar/v3/calendars/a%2Fb%23c/events".into(),
            String::new(),
            HeaderMap::new(),
            Vec::new(),
        );
        assert_eq!(
            request.segments_below("/calendar/v3/"),
            Some(vec!["calendars".into(), "a/b#c".into(), "events".into()])
        );
    }
}
