//! Which server, how it is reached and who we are there: read from one URL.
//!
//! Nothing leaves this machine unencrypted: without TLS only loopback is accepted, when the URL is read. The password is
//! in no error and in no `Debug` output.
use http::Uri;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// Loopback only.
    Plain,
}

/// An SMTP server as an operator or a tenant names it.
#[derive(Clone)]
pub struct SmtpServer {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, SecretString)>,
    roots: Vec<u8>,
}

/// Why a URL names no server. Never quotes it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlProblem {
    /// Not a URL at all.
    #[error(
        "is not a URL: write smtps://user:password@mail.example.com, and percent-encode what is not a letter or digit in user and password"
    )]
    NotAUrl,
    /// Another protocol.
    #[error("has another scheme than smtps and smtp: write smtps://… for TLS from the start, smtp://… for STARTTLS")]
    Scheme,
    /// Something after the host.
    #[error("has a path or an unknown parameter: only ?tls=required may follow the server")]
    Surplus,
    /// One of user and password is missing or not UTF-8.
    #[error("needs both user and password, or none of them, percent-encoded: smtps://user:password@mail.example.com")]
    Login,
    /// `tls=none` elsewhere than here.
    #[error("asks for no TLS, which only a server on this machine may do without: leave tls=none out")]
    Unencrypted,
}

impl FromStr for SmtpServer {
    type Err = SmtpUrlProblem;

    /// `smtps://` is TLS from the start (port 465); `smtp://` is STARTTLS, required (587); on loopback `smtp://` is plain
    /// (25), unless `?tls=required` is added.
    fn from_str(url: &str) -> Result<Self, SmtpUrlProblem> {
        let uri: Uri = url.trim().parse().map_err(|_| SmtpUrlProblem::NotAUrl)?;
        let (Some(scheme), Some(authority), Some(host)) = (uri.scheme_str(), uri.authority(), uri.host()) else {
            return Err(SmtpUrlProblem::NotAUrl);
        };
        let (login, at) = match authority.as_str().rsplit_once('@') {
            Some((login, at)) => (Some(login), at),
            None => (None, authority.as_str()),
        };
        let port = match at.strip_prefix(host) {
            Some("") => None,
            // `http` drops a port that is none.
            Some(port) => Some(read_port(port).ok_or(SmtpUrlProblem::NotAUrl)?),
            None => return Err(SmtpUrlProblem::NotAUrl),
        };
        if host.is_empty() {
            return Err(SmtpUrlProblem::NotAUrl);
        }
        if !matches!(uri.path(), "" | "/") || url.contains('#') {
            return Err(SmtpUrlProblem::Surplus);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let security = match (scheme, uri.query()) {
            ("smtps", None | Some("tls=required")) => Security::Tls,
            ("smtp", Some("tls=required")) => Security::StartTls,
            ("smtp", None) if loopback => Security::Plain,
            ("smtp", None) => Security::StartTls,
            ("smtp", Some("tls=none")) if loopback => Security::Plain,
            ("smtp", Some("tls=none")) => return Err(SmtpUrlProblem::Unencrypted),
            ("smtp" | "smtps", Some(_)) => return Err(SmtpUrlProblem::Surplus),
            _ => return Err(SmtpUrlProblem::Scheme),
        };
        let login = match login {
            None => None,
            Some(login) => Some(read_login(login).ok_or(SmtpUrlProblem::Login)?),
        };
        let port = port.unwrap_or(match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        });
        Ok(Self {
            host,
            port,
            security,
            login,
            roots: Vec::new(),
        })
    }
}

/// `:587`
fn read_port(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(port)
}

fn read_login(text: &str) -> Option<(String, SecretString)> {
    let (user, password) = text.split_once(':')?;
    let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let (user, password) = (decode(user)?, decode(password)?);
    // A NUL separates the parts of AUTH PLAIN (RFC 4616).
    let fits = |text: &str| !text.is_empty() && !text.contains('\0');
    (fits(&user) && fits(&password)).then(|| (user, SecretString::from(password)))
}

impl SmtpServer {
    /// The same, also trusting these certificate authorities (PEM) besides those of the system.
    pub fn trusting(mut self, roots: &[u8]) -> Self {
        self.roots = roots.to_vec();
        self
    }

    /// `host:port`, for logs and for people.
    pub fn name(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether everything up to the server is encrypted; false only on this machine.
    pub fn is_encrypted(&self) -> bool {
        self.security != Security::Plain
    }

    /// A name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it is reached.
    pub fn security(&self) -> Security {
        self.security
    }

    /// User and password, if it wants any.
    pub fn login(&self) -> Option<(&str, &SecretString)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password))
    }

    /// Certificate authorities (PEM) that are trusted besides those of the system; may be empty.
    pub fn roots(&self) -> &[u8] {
        &self.roots
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpServer")
            .field("name", &self.name())
            .field("security", &self.security)
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

/// Connections are kept by server and login: nobody's letters go over another's connection.
impl PartialEq for SmtpServer {
    fn eq(&self, other: &Self) -> bool {
        let same_login = match (&self.login, &other.login) {
            (None, None) => true,
            (Some(one), Some(other)) => one.0 == other.0 && one.1.expose_secret() == other.1.expose_secret(),
            _ => false,
        };
        let same_place = (&self.host, self.port, self.security) == (&other.host, other.port, other.security);
        same_place && same_login && self.roots == other.roots
    }
}

impl Eq for SmtpServer {}

impl Hash for SmtpServer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, self.port, self.security).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> SmtpServer {
        url.parse().unwrap()
    }

    #[test]
    fn the_scheme_and_the_host_decide_how_it_is_protected() {
        for (url, name, security) in [
            ("smtps://mail.example.com", "mail.example.com:465", Security::Tls),
            ("smtp://Mail.Example.com", "mail.example.com:587", Security::StartTls),
            (
                "smtp://mail.example.com:2525/",
                "mail.example.com:2525",
                Security::StartTls,
            ),
            ("smtp://127.0.0.1:1025", "127.0.0.1:1025", Security::Plain),
            ("smtp://localhost", "localhost:25", Security::Plain),
            ("smtp://[::1]:1025", "[::1]:1025", Security::Plain),
            (
                "smtp://127.0.0.1:1025?tls=required",
                "127.0.0.1:1025",
                Security::StartTls,
            ),
            ("smtp://192.168.1.1", "192.168.1.1:587", Security::StartTls),
        ] {
            let server = read(url);
            assert_eq!((server.name().as_str(), server.security), (name, security), "{url}");
            assert_eq!(server.is_encrypted(), security != Security::Plain);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_without_quoting_it() {
        use SmtpUrlProblem::*;
        for (url, problem) in [
            ("", NotAUrl),
            ("mail.example.com", NotAUrl),
            ("smtp://", NotAUrl),
            ("smtp://mail.example.com:99999", NotAUrl),
            ("smtp://mail.example.com:0", NotAUrl),
            ("https://mail.example.com", Scheme),
            ("smtp://mail.example.com?tls=none", Unencrypted),
            ("smtp://mail.example.com?tls=opportunistic", Surplus),
            ("smtps://mail.example.com/inbox", Surplus),
            ("smtps://hunter2@mail.example.com", Login),
            ("smtps://:hunter2@mail.example.com", Login),
            ("smtps://user:@mail.example.com", Login),
            ("smtps://user:hunter2%00@mail.example.com", Login),
            ("smtps://user:hunter2%ff@mail.example.com", Login),
        ] {
            let refused = url.parse::<SmtpServer>().expect_err(url);
            assert_eq!(refused, problem, "{url}");
            assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_password_is_decoded_and_never_shown() {
        let server = read("smtps://ana%40example.com:p%40ss%3Aw%C3%B6rd@mail.example.com");
        let (user, password) = server.login.as_ref().unwrap();
        assert_eq!(
            (user.as_str(), password.expose_secret()),
            ("ana@example.com", "p@ss:wörd")
        );
        assert!(!format!("{server:?} {server:#?}").contains("wörd"));
        assert_ne!(server, read("smtps://ana%40example.com:other@mail.example.com"));
        assert_eq!(server, server.clone());
    }
}
