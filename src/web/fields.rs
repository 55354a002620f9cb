//! Reads the fields of a body or a query one by one, so that every problem is told at once and by name.
//!
//! A typed deserializer stops at the first thing it does not like. Here each field is taken out with the type it must have;
//! what is left over at the end is unknown. Whether the values make sense is the engine's to say.
use super::problem::{Kind, Problem};
use crate::engine::BadField;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde_json::{Map, Value};
use std::str::FromStr;

/// Named values that were sent, and what is wrong with them so far.
#[derive(Debug, Default)]
pub struct Fields {
    sent: Map<String, Value>,
    known: Vec<&'static str>,
    bad: Vec<BadField>,
}

impl Fields {
    /// The members of a JSON object.
    pub fn new(sent: Map<String, Value>) -> Self {
        Self {
            sent,
            ..Self::default()
        }
    }

    /// Notes what is wrong with a field; the first problem of each counts.
    pub fn problem(&mut self, field: &'static str, problem: impl Into<String>) {
        if !self.bad.iter().any(|known| known.field == field) {
            self.bad.push(BadField::new(field, problem));
        }
    }

    fn take<T>(
        &mut self,
        field: &'static str,
        expected: &str,
        read: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Option<T> {
        self.known.push(field);
        let value = self.sent.remove(field)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(found) => {
                let kind = match found {
                    Value::Null => "null",
                    Value::Bool(_) => "a boolean",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a text",
                    Value::Array(_) => "a list",
                    Value::Object(_) => "an object",
                };
                self.problem(field, format!("must be {expected}, not {kind}"));
                None
            }
        }
    }

    /// A text.
    pub fn text(&mut self, field: &'static str) -> Option<String> {
        self.take(field, "a text", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
    }

    /// A text or null; `Some(None)` is a null that was sent.
    pub fn nullable_text(&mut self, field: &'static str) -> Option<Option<String>> {
        self.take(field, "a text or null", |value| match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => Err(other),
        })
    }

    /// true or false.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.take(field, "true or false", |value| match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(other),
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        self.take(field, "a list of texts", |value| match value {
            Value::Array(items) if items.iter().all(Value::is_string) => Ok(items
                .into_iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()),
            // Say what is wrong inside the list rather than that a list is no list.
            Value::Array(items) => Err(items.into_iter().find(|item| !item.is_string()).unwrap_or(Value::Null)),
            other => Err(other),
        })
    }

    /// Any JSON, null included; the engine reads it.
    pub fn json(&mut self, field: &'static str) -> Option<Value> {
        self.take(field, "JSON", Ok)
    }

    /// An object.
    pub fn object(&mut self, field: &'static str) -> Option<Map<String, Value>> {
        self.take(field, "an object", |value| match value {
            Value::Object(map) => Ok(map),
            other => Err(other),
        })
    }

    /// A text that is read as one of our types: ids, cursors, instants.
    pub fn parsed<T: FromStr>(&mut self, field: &'static str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(field)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(field, error.to_string());
                None
            }
        }
    }

    /// Fields that are shown but cannot be written here, with what to do instead.
    pub fn read_only(&mut self, fields: &[&'static str], instead: &str) {
        for field in fields {
            if self.sent.remove(*field).is_some() {
                self.problem(field, format!("is read-only{instead}"));
            }
        }
    }

    /// Everything that is wrong, unknown fields included.
    pub fn finish(mut self) -> Vec<BadField> {
        let known = self.known.join(", ");
        for field in self.sent.keys() {
            self.bad
                .push(BadField::new(field, format!("is not known here; there are {known}")));
        }
        self.bad
    }

    /// Refuses the request if anything is wrong.
    pub fn finish_or_refuse(self) -> Result<(), Problem> {
        let bad = self.finish();
        if bad.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(bad))
        }
    }
}

/// A JSON object as body, with its bytes.
#[derive(Debug)]
pub struct JsonFields {
    /// The members.
    pub fields: Fields,
    /// Exactly what was sent.
    pub bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default();
        if media_type != "application/json" && media_type != "application/merge-patch+json" {
            let detail = "send Content-Type: application/json";
            return Err(Problem::detailed(Kind::MediaType, detail));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection: BytesRejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    Problem::of(Kind::TooLarge)
                } else {
                    Problem::detailed(Kind::Invalid, "the body ended before it was complete")
                }
            })?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::detailed(Kind::Invalid, format!("the body is not JSON: {error}")))?;
        match value {
            Value::Object(sent) => Ok(Self {
                fields: Fields::new(sent),
                bytes,
            }),
            _ => Err(Problem::detailed(Kind::Invalid, "the body must be a JSON object")),
        }
    }
}

/// The parameters of the query; every one is a text.
#[derive(Debug)]
pub struct QueryFields(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::detailed(Kind::Invalid, "the query cannot be read"))?;
        let mut sent = Map::new();
        let mut bad = Vec::new();
        for (name, value) in pairs {
            if value.contains('\0') {
                bad.push(BadField::new(name, "must not contain the control character U+0000"));
                continue;
            }
            if sent.insert(name.clone(), Value::String(value)).is_some() {
                bad.push(BadField::new(name, "must be given once"));
            }
        }
        let mut fields = Fields::new(sent);
        fields.bad = bad;
        Ok(Self(fields))
    }
}
