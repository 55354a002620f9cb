//! `multipart/mixed` batches: taking the parts out, and putting their answers together.
//!
//! Each part is a whole HTTP request with a path of its own host; a part that cannot be one gets its own refusal and the
//! others go on. The outer headers count for every part that does not set them itself, except those about content.
use crate::sandbox::{
    answer::{Answer, Content, print_json},
    refusal,
    request::Request,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// One part, ready to be worked on, or its refusal.
#[derive(Debug)]
pub struct Part {
    /// `Content-ID` as sent.
    pub content_id: Option<String>,
    /// The request inside.
    pub request: Result<Request, Box<Answer>>,
}

/// Takes a batch apart. The error answers the whole batch.
pub fn parts(outer: &Request, limit: usize) -> Result<Vec<Part>, Box<Answer>> {
    let bad = |message: &str| Box::new(refusal::back_end(400, "global", "badRequest", message));
    if outer.method != Method::POST {
        return Err(Answer::plain_page(405).into());
    }
    let boundary = outer
        .header(header::CONTENT_TYPE)
        .and_then(boundary_of)
        .ok_or_else(|| {
            bad("Failed to parse batch request, error: a multipart/mixed content type with a boundary is required.")
        })?;
    let texts = split(&outer.body, &boundary)
        .ok_or_else(|| bad("Failed to parse batch request, error: the last boundary is missing."))?;
    if texts.is_empty() {
        return Err(bad("Failed to parse batch request, error: 0 items."));
    }
    if texts.len() > limit {
        return Err(bad(&format!(
            "Inner request count exceeds the limit. Received: {}, Limit: {limit}",
            texts.len()
        )));
    }
    Ok(texts.into_iter().map(|text| part(text, outer)).collect())
}

fn boundary_of(content_type: &str) -> Option<String> {
    let mut fields = content_type.split(';').map(str::trim);
    if !fields.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    fields.find_map(|field| {
        let (name, value) = field.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// The bodies between the boundaries (RFC 2046, 5.1); `None` without a closing one.
fn split<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<&'a [u8]>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        let closing = text.strip_prefix(delimiter.as_bytes());
        if let Some(rest @ (b"" | b"--")) = closing {
            if let Some(start) = start {
                parts.push(without_line_end(&body[start..at]));
            }
            if rest == b"--" {
                return Some(parts);
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    None
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(part: &[u8]) -> &[u8] {
    part.strip_suffix(b"\r\n")
        .or_else(|| part.strip_suffix(b"\n"))
        .unwrap_or(part)
}

fn part(text: &[u8], outer: &Request) -> Part {
    let (own, inner) = take_headers(text);
    let content_id = own
        .get("content-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let is_http = own
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/http"));
    let request = if is_http {
        inner_request(inner, outer)
    } else {
        Err(Box::new(refusal::back_end(
            400,
            "global",
            "badRequest",
            "A part of a batch must have the content type application/http.",
        )))
    };
    Part { content_id, request }
}

fn inner_request(text: &[u8], outer: &Request) -> Result<Request, Box<Answer>> {
    let bad = |message: &str| Box::new(refusal::back_end(400, "global", "badRequest", message));
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let line = String::from_utf8_lossy(&text[..end]);
    let mut words = line.split_ascii_whitespace();
    let method = words.next().and_then(|word| Method::from_bytes(word.as_bytes()).ok());
    let (Some(method), Some(target)) = (method, words.next()) else {
        return Err(bad(
            "Failed to parse batch request, error: a part is not an HTTP request.",
        ));
    };
    if !target.starts_with('/') || target.starts_with("//") {
        return Err(bad("The URL of a request in a batch must be a path."));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (inner_headers, body) = take_headers(text.get(end + 1..).unwrap_or_default());
    let mut headers = outer.headers.clone();
    let about_content: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("content-"))
        .cloned()
        .collect();
    for name in about_content {
        headers.remove(name);
    }
    for (name, value) in &inner_headers {
        headers.insert(name, value.clone());
    }
    let request = Request::new(method, path.to_owned(), query.to_owned(), headers, body.to_vec());
    if makes_working_location(&request) {
        let message = "Working location events cannot be created or updated in a batch.";
        return Err(refusal::back_end(400, "calendar", "eventTypeRestriction", message).into());
    }
    Ok(request)
}

fn makes_working_location(request: &Request) -> bool {
    let body = serde_json::from_slice::<serde_json::Value>(&request.body);
    request.method != Method::GET
        && body.is_ok_and(|body| body.get("eventType").is_some_and(|kind| kind == "workingLocation"))
}

/// Header lines up to the empty line, and what follows it.
fn take_headers(text: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        if let Some(colon) = line.iter().position(|byte| *byte == b':')
            && let Ok(name) = HeaderName::from_bytes(line[..colon].trim_ascii())
            && let Ok(value) = HeaderValue::from_bytes(line[colon + 1..].trim_ascii())
        {
            headers.insert(name, value);
        }
    }
    (headers, rest)
}

/// Puts the answers together, in the order of the parts.
pub fn joined(answers: Vec<(Option<String>, Answer)>, boundary: &str) -> Answer {
    let mut text = String::new();
    for (content_id, answer) in answers {
        text.push_str(&format!("--{boundary}\r\nContent-Type: application/http\r\n"));
        if let Some(id) = content_id {
            text.push_str(&format!("Content-ID: {}\r\n", response_id(&id)));
        }
        text.push_str("\r\n");
        text.push_str(&inner_answer(answer));
        text.push_str("\r\n");
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    Answer {
        status: 200,
        headers: Vec::new(),
        content: Content::Text(format!("multipart/mixed; boundary={boundary}"), text),
    }
}

/// `<x>` is answered as `<response-x>`.
fn response_id(id: &str) -> String {
    match id.strip_prefix('<') {
        Some(rest) => format!("<response-{rest}"),
        None => format!("response-{id}"),
    }
}

fn inner_answer(answer: Answer) -> String {
    let reason = StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let (content_type, body) = match answer.content {
        Content::Empty => (None, String::new()),
        Content::Json(body) => (
            Some("application/json; charset=UTF-8".to_owned()),
            String::from_utf8_lossy(&print_json(&body, true)).into_owned(),
        ),
        Content::Text(content_type, body) => (Some(content_type), body),
        Content::Bytes(content_type, bytes) => (Some(content_type), String::from_utf8_lossy(&bytes).into_owned()),
    };
    if let Some(content_type) = content_type {
        text.push_str(&format!("Content-Type: {content_type}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}
