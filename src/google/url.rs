//! Addresses and forms, with everything encoded.
//!
//! Promises: an id cannot leave its path segment (`#`, `/` and `?` stand in real ids), and none is empty.
use super::error::GoogleError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Joins a base, path segments (each percent-encoded) and a query.
///
/// Refuses an empty segment and dots: with them a request about one event would become one about its calendar.
pub fn join(base: &str, segments: &[&str], query: &[(&str, &str)]) -> Result<String, GoogleError> {
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in segments {
        if segment.is_empty() || *segment == "." || *segment == ".." {
            return Err(GoogleError::unsendable("an id is empty"));
        }
        url.push('/');
        url.extend(utf8_percent_encode(segment, UNRESERVED));
    }
    if !query.is_empty() {
        url.push('?');
        url.push_str(&pairs(query));
    }
    Ok(url)
}

/// Writes a query or a form body.
pub(super) fn pairs(pairs: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checklist line 35.
    #[test]
    fn ids_cannot_leave_their_path_segment() {
        let made = join(
            "http://x/v3/",
            &[
                "calendars",
                "en.usa#holiday@group.v.calendar.google.com",
                "events",
                "a/b?c",
            ],
            &[],
        );
        assert_eq!(
            made.unwrap(),
            "http://x/v3/calendars/en.usa%23holiday%40group.v.calendar.google.com/events/a%2Fb%3Fc"
        );
    }

    #[test]
    fn an_empty_id_or_a_dot_is_never_sent() {
        for id in ["", ".", ".."] {
            let error = join("http://x", &["calendars", id], &[]).unwrap_err();
            assert!(!error.unsure, "{id:?}");
        }
    }

    #[test]
    fn a_query_keeps_its_values() {
        let made = join("http://x", &[], &[("fields", "items(id,etag)"), ("t", "a+b c&d=č")]).unwrap();
        assert_eq!(made, "http://x?fields=items%28id%2Cetag%29&t=a%2Bb%20c%26d%3D%C4%8D");
    }
}
