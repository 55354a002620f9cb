//! AUTH PLAIN and LOGIN (RFC 4954, 4616), for a server that wants a name and a password.
use super::{SmtpCredentials, reply::Reply};
use base64::{Engine, engine::general_purpose::STANDARD};

/// An exchange under way: what the next line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// The one response of PLAIN.
    Plain,
    /// LOGIN's user name.
    LoginUser,
    /// LOGIN's password, for this user.
    LoginPassword(String),
}

/// What comes of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Another line is wanted.
    Ask(Exchange),
    /// Name and password are good.
    Done,
    /// It is over without success.
    Failed(Reply),
}

/// Begins an exchange; `initial` is the initial response, `=` an empty one.
pub fn begin(mechanism: &str, initial: Option<&str>, credentials: &SmtpCredentials) -> Step {
    let exchange = match mechanism {
        "PLAIN" => Exchange::Plain,
        "LOGIN" => Exchange::LoginUser,
        _ => return Step::Failed(Reply::new(504, "5.5.4 Unrecognized authentication type")),
    };
    match initial {
        None => Step::Ask(exchange),
        Some("=") => go_on(exchange, "", credentials),
        Some(response) => go_on(exchange, response, credentials),
    }
}

/// Takes the next line.
pub fn go_on(exchange: Exchange, line: &str, credentials: &SmtpCredentials) -> Step {
    if line == "*" {
        return Step::Failed(Reply::new(501, "5.7.0 Authentication cancelled"));
    }
    let decoded = STANDARD
        .decode(line)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = decoded else {
        return Step::Failed(Reply::new(501, "5.5.2 Not base64"));
    };
    let is_right = match exchange {
        Exchange::LoginUser => return Step::Ask(Exchange::LoginPassword(text)),
        Exchange::LoginPassword(user) => user == credentials.user && text == credentials.password,
        Exchange::Plain => {
            let mut parts = text.split('\0');
            let (role, user, password) = (parts.next(), parts.next(), parts.next());
            let may_act = role.is_some_and(|role| role.is_empty() || role == credentials.user);
            may_act
                && user == Some(credentials.user.as_str())
                && password == Some(credentials.password.as_str())
                && parts.next().is_none()
        }
    };
    if is_right {
        Step::Done
    } else {
        Step::Failed(Reply::new(535, "5.7.8 Authentication credentials invalid"))
    }
}

/// What asks for the next line.
pub fn prompt(exchange: &Exchange) -> Reply {
    Reply::new(
        334,
        match exchange {
            Exchange::Plain => String::new(),
            Exchange::LoginUser => STANDARD.encode("Username:"),
            Exchange::LoginPassword(_) => STANDARD.encode("Password:"),
        },
    )
}
