//! Answers that carry a version, and answers that are given again to a repeated request.
use crate::engine::once::Answer;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The thing, and its version as `ETag`.
pub fn versioned<T: Serialize>(version: i64, body: T) -> Response {
    let mut response = Json(body).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// What is stored as the answer to a creation.
pub fn created<T: Serialize>(body: &T) -> Answer {
    Answer {
        status: StatusCode::CREATED.as_u16(),
        body: serde_json::to_vec(body).unwrap_or_default(),
    }
}

/// A created thing on its way out, for the first time or again. `Location` and `ETag` are read from the body, so that both
/// times they are the same.
pub fn send_created(answer: Answer, collection: &str) -> Response {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response();
    let location = body["id"].as_str().map(|id| format!("/api/v1/{collection}/{id}"));
    if let Some(location) = location.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let etag = body["version"].as_i64().map(|version| format!("\"{version}\""));
    if let Some(etag) = etag.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
