//! One HTTP client for everything that Google offers, because Google's generated builders cannot send `If-Match`, speak
//! gzip, time out, or keep the nulls of a patch.
//!
//! Promises: one deadline covers a whole request, its body included; no more than [`BODY_CAP`] bytes are ever read, packed
//! or unpacked; a token is sent and forgotten. It knows no account, retries
//! nothing and has no clock: a `Retry-After` date is counted from the answer's own `Date`.
use super::error::{ErrorKind, GoogleError, Refusal, Speaker};
use super::url;
use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::io::Read;
use std::time::Duration;
use zeroize::Zeroizing;

/// The largest body that is read, in bytes, before and after unpacking. A page of 2500 events has about 4 MB.
pub const BODY_CAP: usize = 32 * 1024 * 1024;

/// Google packs its answers only for a User-Agent that contains `gzip`.
const USER_AGENT: &str = concat!("accord/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// The client. Share one: it holds the connections.
pub struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// One request.
pub struct Call<'a> {
    method: Method,
    url: String,
    access: Option<&'a SecretString>,
    if_match: Option<&'a str>,
    payload: Payload<'a>,
}

enum Payload<'a> {
    None,
    Json(&'a Value),
    Form(Zeroizing<String>),
}

/// An answer, unpacked.
pub struct Reply {
    /// The HTTP status; of a success unless asked for otherwise.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, never longer than [`BODY_CAP`].
    pub body: Bytes,
}

impl<'a> Call<'a> {
    /// A request to `url`, complete with its query (see [`url::join`]).
    pub fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            access: None,
            if_match: None,
            payload: Payload::None,
        }
    }

    /// Signs it with an access token.
    pub fn bearer(self, access: &'a SecretString) -> Self {
        Self {
            access: Some(access),
            ..self
        }
    }

    /// Lets it pass only while the item still has this etag.
    pub fn if_match(self, etag: Option<&'a str>) -> Self {
        Self { if_match: etag, ..self }
    }

    /// Adds a JSON body; nulls are sent as nulls.
    pub fn json(self, body: &'a Value) -> Self {
        Self {
            payload: Payload::Json(body),
            ..self
        }
    }

    /// Adds a form body.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        Self {
            payload: Payload::Form(Zeroizing::new(url::pairs(fields))),
            ..self
        }
    }

    fn into_request(self) -> Result<Request<Full<Bytes>>, GoogleError> {
        let mut request = Request::builder().method(self.method).uri(self.url);
        if let Some(access) = self.access {
            let text = Zeroizing::new(format!("Bearer {}", access.expose_secret()));
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| GoogleError::unsendable("the access token has characters that no header can carry"))?;
            // Keeps the token out of the debug output of HTTP libraries.
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(etag) = self.if_match {
            // Bare tombstones have no etag; what Google makes of an empty one is not documented.
            if etag.is_empty() {
                return Err(GoogleError::unsendable("the etag is empty"));
            }
            request = request.header(header::IF_MATCH, etag);
        }
        let (kind, body) = match self.payload {
            Payload::None => (None, Bytes::new()),
            Payload::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
            Payload::Form(text) => (
                Some("application/x-www-form-urlencoded"),
                Bytes::copy_from_slice(text.as_bytes()),
            ),
        };
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request
            .body(Full::new(body))
            .map_err(|_| GoogleError::unsendable("the address or the etag cannot be sent"))
    }
}

impl Transport {
    /// A client whose requests take at most `timeout` each.
    ///
    /// Fails when the machine has no root certificates. Plain `http` is possible for loopback; configuration refuses it
    /// elsewhere.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one transport that the others are sent to"
    )]
    pub fn new(timeout: Duration) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // A failed connect is proof that nothing was sent, so let it fail before the deadline of the request does.
        tcp.set_connect_timeout(Some((timeout / 2).min(Duration::from_secs(10))));
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            // With the default window of 64 KB a full page would take a round trip for each of its parts.
            .http2_initial_stream_window_size(4 * 1024 * 1024)
            .http2_initial_connection_window_size(16 * 1024 * 1024)
            .http2_keep_alive_interval(Some(Duration::from_secs(20)))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(connector);
        Ok(Self { client, timeout })
    }

    /// Sends a call to one of Google's APIs; every status but 2xx is an error.
    pub async fn send(&self, call: Call<'_>) -> Result<Reply, GoogleError> {
        self.answer(Speaker::Api, call.into_request()?).await
    }

    /// Asks whether anybody answers at an address, whatever the answer, and what time it is there (its `Date` header).
    ///
    /// # Errors
    /// Nobody answers: the network, a name, a certificate, the time-out.
    pub async fn probe(&self, address: &str) -> Result<Option<String>, GoogleError> {
        let request = Call::new(Method::HEAD, address.to_owned()).into_request()?;
        let late = |_| GoogleError {
            kind: ErrorKind::Timeout,
            unsure: false,
        };
        let answer = tokio::time::timeout(self.timeout, self.client.request(request))
            .await
            .map_err(late)?;
        let date = answer.map_err(not_answered)?.headers().get(header::DATE).cloned();
        Ok(date.and_then(|date| date.to_str().ok().map(str::to_owned)))
    }

    /// Sends a call to one of the endpoints of OAuth; every status but 2xx is an error.
    pub(super) async fn send_oauth(&self, call: Call<'_>) -> Result<Reply, GoogleError> {
        self.answer(Speaker::OAuth, call.into_request()?).await
    }

    /// Carries a request that someone else has built.
    pub(super) async fn answer(&self, speaker: Speaker, request: Request<Full<Bytes>>) -> Result<Reply, GoogleError> {
        let late = |_| GoogleError {
            kind: ErrorKind::Timeout,
            unsure: true,
        };
        tokio::time::timeout(self.timeout, self.exchange(speaker, request))
            .await
            .map_err(late)?
    }

    async fn exchange(&self, speaker: Speaker, mut request: Request<Full<Bytes>>) -> Result<Reply, GoogleError> {
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let (head, body) = self.client.request(request).await.map_err(not_answered)?.into_parts();
        let body = match Limited::new(body, BODY_CAP).collect().await {
            Ok(body) => unpack(&head.headers, body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Err(error) => Err(GoogleError {
                kind: ErrorKind::Network(format!("the answer broke off: {}", causes(error.as_ref()))),
                unsure: true,
            }),
        };
        if head.status.is_success() {
            return Ok(Reply {
                status: head.status,
                headers: head.headers,
                body: body?,
            });
        }
        // The status alone says enough when the rest of a refusal was lost.
        let body = body.unwrap_or_default();
        Err(GoogleError::refused(Refusal::parse(
            speaker,
            head.status.as_u16(),
            &body,
            retry_after(&head.headers),
        )))
    }
}

impl Reply {
    /// The body as JSON of the expected shape; anything else is a protocol error that does not quote the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GoogleError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde's own text may quote a value.
            let place = format!("line {}, column {}", error.line(), error.column());
            GoogleError::protocol(match error.classify() {
                serde_json::error::Category::Eof => format!("its JSON ends too early ({place})"),
                serde_json::error::Category::Data => format!("its JSON has another shape ({place})"),
                _ => format!("it is not JSON ({place})"),
            })
        })
    }
}

fn not_answered(error: hyper_util::client::legacy::Error) -> GoogleError {
    // hyper says "canceled" of a request that it never began to write.
    let never_sent = error.is_connect()
        || error
            .source()
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            .is_some_and(hyper::Error::is_canceled);
    GoogleError {
        kind: ErrorKind::Network(causes(&error)),
        unsure: !never_sent,
    }
}

/// The chain of causes of a connection error; these name hosts and certificates, never content.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn too_large() -> GoogleError {
    GoogleError::protocol(format!("it is larger than {} MB", BODY_CAP / 1024 / 1024))
}

fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Bytes, GoogleError> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip") if body.is_empty() => Ok(body),
        Some(b"gzip") => {
            let mut unpacked = Vec::new();
            let limit = BODY_CAP as u64 + 1;
            flate2::read::MultiGzDecoder::new(body.as_ref())
                .take(limit)
                .read_to_end(&mut unpacked)
                .map_err(|_| GoogleError {
                    kind: ErrorKind::Network("the packed answer is damaged or cut off".into()),
                    unsure: true,
                })?;
            if unpacked.len() > BODY_CAP {
                Err(too_large())
            } else {
                Ok(unpacked.into())
            }
        }
        Some(_) => Err(GoogleError::protocol("it is packed in a way that was not asked for")),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let asked = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(asked).ok()?;
    let now = DateTime::parse_from_rfc2822(text(header::DATE)?.trim()).ok()?;
    Some((until - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_in_retry_after_is_counted_from_the_answer() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from_static("Sun, 06 Nov 1994 08:51:37 GMT"),
        );
        assert_eq!(
            retry_after(&headers),
            None,
            "without a Date there is nothing to count from"
        );
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(120)));
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 06 Nov 1994 09:49:37 GMT"));
        assert_eq!(
            retry_after(&headers),
            Some(Duration::ZERO),
            "a date that is over asks for nothing"
        );
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("soon"));
        assert_eq!(retry_after(&headers), None);
    }

    #[test]
    fn an_access_token_is_not_in_the_debug_output_of_a_request() {
        let token = SecretString::from("ya29.secret");
        let call = Call::new(Method::GET, "http://x/".into()).bearer(&token);
        assert!(!format!("{:?}", call.into_request().unwrap()).contains("ya29"));
    }
}
