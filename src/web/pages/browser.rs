//! Which browser it is, and whether a form is ours.
//!
//! A cookie with a random secret names the browser; another one names a session. The token in each form is derived from a
//! cookie that other sites can neither read nor set, so a form that another site sends cannot have it.
use super::Pages;
use crate::domain::access::ContactsChoice;
use crate::domain::ids::CalendarId;
use crate::engine::connect::link::{fresh_secret, hash, same};
use crate::engine::connect::{Choices, ConnectError, Refusal};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;

/// A secret as `fresh_secret` makes it; anything else in a cookie is not ours.
fn is_secret(value: &str) -> bool {
    value.len() == 43
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl Pages {
    // `__Host-` cookies cannot be planted by a neighbouring domain, but need https.
    fn cookie_name(&self, plain: &'static str, host: &'static str) -> &'static str {
        if self.secure { host } else { plain }
    }

    fn browser_cookie(&self) -> &'static str {
        self.cookie_name("accord-browser", "__Host-accord-browser")
    }

    fn session_cookie(&self) -> &'static str {
        self.cookie_name("accord-session", "__Host-accord-session")
    }

    /// The secret of this browser, if it has been here.
    pub(super) fn browser<'a>(&self, jar: &'a CookieJar) -> Option<&'a str> {
        let value = jar.get(self.browser_cookie())?.value();
        is_secret(value).then_some(value)
    }

    /// The secret of this browser, given to it now if it has none, and the jar to answer with.
    pub(super) fn known_browser(&self, jar: CookieJar) -> (String, CookieJar) {
        if let Some(browser) = self.browser(&jar) {
            return (browser.to_owned(), jar);
        }
        let secret = fresh_secret(&self.engine).expose_secret().to_owned();
        let jar = jar.add(self.cookie(self.browser_cookie(), secret.clone()));
        (secret, jar)
    }

    /// The secret of the session.
    pub(super) fn session<'a>(&self, jar: &'a CookieJar) -> Option<&'a str> {
        let value = jar.get(self.session_cookie())?.value();
        is_secret(value).then_some(value)
    }

    /// The jar with a session.
    pub(super) fn with_session(&self, jar: CookieJar, secret: &str) -> CookieJar {
        jar.add(self.cookie(self.session_cookie(), secret.to_owned()))
    }

    /// The jar without a session.
    pub(super) fn without_session(&self, jar: CookieJar) -> CookieJar {
        jar.remove(self.cookie(self.session_cookie(), String::new()))
    }

    fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            // Lax: Google's redirect back has to carry it.
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .build()
    }
}

/// The token for forms of a cookie.
pub(super) fn form_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(&format!("accord form {cookie}")))
}

/// The fields of a form, in order.
pub(super) type Fields = Vec<(String, String)>;

/// Refuses a form that was not given to this cookie.
pub(super) fn check_form(fields: &Fields, cookie: Option<&str>) -> Result<(), ConnectError> {
    let token = field(fields, "form").unwrap_or_default();
    match cookie {
        Some(cookie) if same(form_token(cookie).as_bytes(), token.as_bytes()) => Ok(()),
        _ => Err(Refusal::ForeignForm.into()),
    }
}

/// The first value of a field.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Reads the fields of `choices_fields.html`.
pub(super) fn choices(fields: &Fields) -> Choices {
    let read = fields.iter().filter(|(key, _)| key == "read");
    Choices {
        reads: read.map(|(_, id)| CalendarId(id.clone())).collect(),
        writes: field(fields, "write").filter(|id| !id.is_empty()).map(CalendarId::from),
        private_shown: field(fields, "private") == Some("shown"),
        contacts: field(fields, "contacts").and_then(contacts),
    }
}

/// `all`, `none`, or the resource name of a label, whose own name is Google's to say.
fn contacts(value: &str) -> Option<ContactsChoice> {
    match value {
        "all" => Some(ContactsChoice::All),
        "none" => Some(ContactsChoice::None),
        group => group.starts_with("contactGroups/").then(|| ContactsChoice::Label {
            group: group.to_owned(),
            name: String::new(),
        }),
    }
}
