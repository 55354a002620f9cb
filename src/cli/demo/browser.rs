//! The demo's own little browser: it opens pages on this machine, keeps cookies, follows redirects and sends forms.
//!
//! It speaks HTTP/1.0 over plain TCP, one request a connection, and only to loopback. It knows nothing of Accord or Google:
//! what it sends is what stands in the forms, apart from the fields that a person would fill in.
use super::form::Form;
use crate::cli::out::Failure;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More redirects than any flow has.
const REDIRECTS: usize = 10;

/// An answer.
pub(super) struct Page {
    /// Where it is.
    pub address: String,
    /// HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// Body.
    pub text: String,
}

impl Page {
    /// The page, unless its status says that something went wrong.
    pub fn expect_good(self) -> Result<Page, Failure> {
        match self.status {
            200..=299 => Ok(self),
            // One-time addresses carry secrets: only the path up to them is told.
            status => Err(Failure::failed(format_args!(
                "{} answered {status}: {}",
                self.address.split(['?', '#']).next().unwrap_or_default(),
                self.text.chars().take(300).collect::<String>()
            ))),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::from_str(&self.text)?)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A request.
pub(super) struct Request<'a> {
    pub method: &'a str,
    pub address: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: String,
}

/// One person's browser.
#[derive(Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens an address and follows redirects.
    pub async fn open(&mut self, address: &str) -> Result<Page, Failure> {
        let page = self
            .send(Request {
                method: "GET",
                address,
                headers: &[],
                body: String::new(),
            })
            .await?;
        self.follow(page).await
    }

    /// Fills in the first form of a page and sends it; `fields` are what the person writes, ticks or presses.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Result<Page, Failure> {
        let form =
            Form::first(&page.text).ok_or_else(|| Failure::failed(format_args!("{} has no form", page.address)))?;
        let address = absolute(&page.address, &form.action)?;
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let page = self
            .send(Request {
                method: "POST",
                address: &address,
                headers: &headers,
                body: form.filled(fields),
            })
            .await?;
        self.follow(page).await
    }

    async fn follow(&mut self, mut page: Page) -> Result<Page, Failure> {
        for _ in 0..REDIRECTS {
            let Some(to) = page.header("location").filter(|_| (300..400).contains(&page.status)) else {
                return page.expect_good();
            };
            let address = absolute(&page.address, to)?;
            page = self
                .send(Request {
                    method: "GET",
                    address: &address,
                    headers: &[],
                    body: String::new(),
                })
                .await?;
        }
        Err(Failure::failed("the pages send the browser in circles"))
    }

    /// Sends one request as it is.
    pub async fn send(&mut self, request: Request<'_>) -> Result<Page, Failure> {
        let (host, path) = split(request.address)?;
        let address: SocketAddr = host.parse()?;
        if !address.ip().is_loopback() {
            return Err(Failure::failed("the demo's browser stays on this machine"));
        }
        let mut text = format!(
            "{} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n",
            request.method,
            request.body.len()
        );
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            text.push_str(&format!("cookie: {}\r\n", cookies.join("; ")));
        }
        for (name, value) in request.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&request.body);
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let page = read(request.address, &String::from_utf8_lossy(&answer))?;
        for (name, value) in &page.headers {
            if name == "set-cookie"
                && let Some((name, value)) = value.split(';').next().unwrap_or_default().split_once('=')
            {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(page)
    }
}

fn read(address: &str, answer: &str) -> Result<Page, Failure> {
    let broken = || {
        Failure::failed(format_args!(
            "{} did not answer with HTTP",
            address.split('?').next().unwrap_or_default()
        ))
    };
    let (head, text) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(broken)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(Page {
        address: address.to_owned(),
        status,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        text: text.to_owned(),
    })
}

/// Host with port, and path with query.
fn split(address: &str) -> Result<(&str, &str), Failure> {
    let rest = address
        .strip_prefix("http://")
        .ok_or_else(|| Failure::failed("the demo's browser speaks plain http only"))?;
    Ok(match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    })
}

fn absolute(from: &str, to: &str) -> Result<String, Failure> {
    if to.starts_with('/') {
        let (host, _) = split(from)?;
        return Ok(format!("http://{host}{to}"));
    }
    Ok(to.to_owned())
}
