//! A small HTTP client for tests: it follows no redirect, retries nothing, and gives the answer as it came.
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Headers of one request.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; a body that is none fails the test and is shown.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("header is text"))
    }

    /// The same answer, if its status is as expected; otherwise the test fails and shows the body.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// The client. One connection pool, no retries of its own.
#[derive(Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Default for Http {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's client must not share the transport it tests"
    )]
    fn default() -> Self {
        Self(
            Client::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .build_http(),
        )
    }
}

impl Http {
    /// Sends a request. The error is a connection that brought no (whole) answer.
    pub async fn try_send(
        &self,
        method: Method,
        url: &str,
        headers: Headers<'_>,
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body.into()))
            .expect("test request is well formed");
        let (parts, body) = self
            .0
            .request(request)
            .await
            .map_err(|error| format!("{error:?}"))?
            .into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    /// Sends a request that must be answered.
    pub async fn send(&self, method: Method, url: &str, headers: Headers<'_>, body: impl Into<Bytes>) -> Answer {
        self.try_send(method.clone(), url, headers, body)
            .await
            .unwrap_or_else(|error| panic!("{method} {url}: {error}"))
    }

    /// GET.
    pub async fn get(&self, url: &str, headers: Headers<'_>) -> Answer {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// DELETE.
    pub async fn delete(&self, url: &str, headers: Headers<'_>) -> Answer {
        self.send(Method::DELETE, url, headers, Bytes::new()).await
    }

    /// POST of a JSON value.
    pub async fn post(&self, url: &str, headers: Headers<'_>, body: &Value) -> Answer {
        self.send_json(Method::POST, url, headers, body).await
    }

    /// PATCH with a JSON value.
    pub async fn patch(&self, url: &str, headers: Headers<'_>, body: &Value) -> Answer {
        self.send_json(Method::PATCH, url, headers, body).await
    }

    /// Any method with a JSON value.
    pub async fn send_json(&self, method: Method, url: &str, headers: Headers<'_>, body: &Value) -> Answer {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .copied()
            .chain([("content-type", "application/json")])
            .collect();
        self.send(method, url, &headers, body.to_string()).await
    }

    /// POST of an HTML form.
    pub async fn post_form(&self, url: &str, headers: Headers<'_>, fields: &[(&str, &str)]) -> Answer {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain(kind).collect();
        self.send(Method::POST, url, &headers, form(fields)).await
    }
}

/// `application/x-www-form-urlencoded` text.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    fields
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// The query parameters of an address, decoded.
pub fn query_of(url: &str) -> std::collections::BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}
