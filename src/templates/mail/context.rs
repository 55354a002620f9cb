//! What the templates of mails may know: one typed context for each kind of mail.
//!
//! Templates see texts and lists only, already in the language of the mail, and an empty text where there is nothing. Every
//! value from outside is one clean line of bounded length before a template sees it.
use super::words::{Words, fill, line, lines};
use super::{Mail, TemplateError};
use crate::domain::language::Language;
use crate::domain::mail::Kind;
use crate::templates::WhenWords;
use serde_json::{Value, json};

/// Longest title or place shown, in characters. Google was seen with titles of 1,024.
const LONGEST_LINE: usize = 1_100;
/// Longest name shown.
const LONGEST_NAME: usize = 200;
/// Longest description shown by a tenant's template.
const LONGEST_DESCRIPTION: usize = 8_000;
/// Longest address of a page.
const LONGEST_LINK: usize = 2_000;
/// Most mails that one request for consent lists; the others are counted.
const MOST_WAITING: usize = 50;

/// What a mail is written from.
#[derive(Debug, Clone)]
pub enum Context {
    /// For the four mails about a booking.
    Booking(BookingMail),
    /// For [`Mail::ConsentRequest`].
    ConsentRequest(ConsentRequest),
    /// For [`Mail::ReconnectGoogle`].
    ReconnectGoogle(ReconnectGoogle),
}

/// A booking as one of its customers may see it.
#[derive(Debug, Clone, Default)]
pub struct BookingMail {
    /// Shown name of the tenant.
    pub tenant: String,
    /// Shown name of the user.
    pub user: String,
    /// The recipient's own name; may be empty.
    pub customer: String,
    /// `None` when the words of a private event are withheld: the mail says "an appointment".
    pub title: Option<String>,
    /// When, in the language of the mail.
    pub when: WhenWords,
    /// Place or resource.
    pub place: Option<String>,
    /// What is different from the last mail; only an update shows it.
    pub changes: Vec<Change>,
    /// https, or http on this machine.
    pub unsubscribe_url: String,
    /// Only a tenant's own template may show it; none of ours does.
    pub description: Option<String>,
}

/// One thing that is different from what the customer was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub what: What,
    /// What the customer was told; `None` for nothing, or for words that are withheld.
    pub before: Option<String>,
    /// What holds now.
    pub now: Option<String>,
}

/// What a customer is told about, and cares about when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The title.
    Title,
    /// Time and recurrence.
    When,
    /// Place or resource.
    Place,
}

/// Mails that wait for the yes of a user.
#[derive(Debug, Clone, Default)]
pub struct ConsentRequest {
    /// Shown name of the tenant.
    pub tenant: String,
    /// Shown name of the user.
    pub user: String,
    /// The consent page: https, or http on this machine.
    pub link: String,
    /// The first of them.
    pub waiting: Vec<WaitingMail>,
    /// How many there are beside those listed.
    pub more: usize,
    /// Until when the link works, as [`WhenWords::moment`] writes it.
    pub expires: String,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct WaitingMail {
    /// What it is about.
    pub kind: Kind,
    /// The name (or address) of the customer.
    pub recipient: String,
    /// `None` when withheld.
    pub title: Option<String>,
    /// As [`WhenWords::when`] has it.
    pub when: String,
}

/// An account that Google no longer lets us use.
#[derive(Debug, Clone, Default)]
pub struct ReconnectGoogle {
    /// Shown name of the tenant.
    pub tenant: String,
    /// Shown name of the user.
    pub user: String,
    /// The page that begins to connect: https, or http on this machine.
    pub link: String,
}

impl From<BookingMail> for Context {
    fn from(context: BookingMail) -> Self {
        Self::Booking(context)
    }
}

impl From<ConsentRequest> for Context {
    fn from(context: ConsentRequest) -> Self {
        Self::ConsentRequest(context)
    }
}

impl From<ReconnectGoogle> for Context {
    fn from(context: ReconnectGoogle) -> Self {
        Self::ReconnectGoogle(context)
    }
}

impl Context {
    /// What templates see.
    pub(super) fn values(&self, mail: Mail, language: Language, words: &Words) -> Result<Value, TemplateError> {
        let mut values = match (mail, self) {
            (Mail::ConsentRequest, Self::ConsentRequest(context)) => context.values(words)?,
            (Mail::ReconnectGoogle, Self::ReconnectGoogle(context)) => context.values(words)?,
            (Mail::ConsentRequest | Mail::ReconnectGoogle, _) => return Err(TemplateError::Context(mail)),
            (_, Self::Booking(context)) => context.values(mail, words)?,
            _ => return Err(TemplateError::Context(mail)),
        };
        values["language"] = json!(language.as_str());
        values["words"] = json!(words);
        Ok(values)
    }
}

impl BookingMail {
    fn values(&self, mail: Mail, words: &Words) -> Result<Value, TemplateError> {
        let name = |text: &str| line(text, LONGEST_NAME);
        let (tenant, user, customer) = (name(&self.tenant), name(&self.user), name(&self.customer));
        let title = title(self.title.as_deref(), words);
        let place = self
            .place
            .as_deref()
            .map(|place| line(place, LONGEST_LINE))
            .unwrap_or_default();
        let with = fill(&words.with_whom, &[("user", &user), ("tenant", &tenant)]);
        let details: Vec<_> = [
            (&words.what, &title),
            (&words.when, &self.when.when),
            (&words.repeats, &self.when.repeats),
            (&words.place, &place),
            (&words.with, &with),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| json!({ "label": label, "value": value }))
        .collect();
        let changes: Vec<_> = match mail {
            Mail::BookingUpdated => self.changes.iter().map(|change| change.values(words)).collect(),
            _ => Vec::new(),
        };
        Ok(json!({
            "greeting": greeting(&customer, words),
            "answer": fill(&words.answer, &[("user", &user)]),
            "reason": fill(&words.because, &[("user", &user), ("tenant", &tenant)]),
            "details": details,
            "changes": changes,
            "title": title,
            "when": self.when.when,
            "day": self.when.day,
            "repeats": self.when.repeats,
            "place": place,
            "description": lines(self.description.as_deref().unwrap_or_default(), LONGEST_DESCRIPTION),
            "unsubscribe_url": link("unsubscribe_url", &self.unsubscribe_url)?,
            "tenant": tenant,
            "user": user,
            "customer": customer,
        }))
    }
}

impl Change {
    fn values(&self, words: &Words) -> Value {
        let label = match self.what {
            What::Title => &words.what,
            What::When => &words.when,
            What::Place => &words.place,
        };
        let said = |text: &Option<String>| match self.what {
            What::Title => title(text.as_deref(), words),
            What::When | What::Place => {
                let said = line(text.as_deref().unwrap_or_default(), LONGEST_LINE);
                if said.is_empty() { words.none.clone() } else { said }
            }
        };
        json!({ "label": label, "before": said(&self.before), "now": said(&self.now) })
    }
}

impl ConsentRequest {
    fn values(&self, words: &Words) -> Result<Value, TemplateError> {
        let name = |text: &str| line(text, LONGEST_NAME);
        let (tenant, user) = (name(&self.tenant), name(&self.user));
        let waiting: Vec<_> = self
            .waiting
            .iter()
            .take(MOST_WAITING)
            .map(|mail| {
                json!({
                    "kind": words.kind(mail.kind),
                    "recipient": name(&mail.recipient),
                    "title": title(mail.title.as_deref(), words),
                    "when": line(&mail.when, LONGEST_LINE),
                })
            })
            .collect();
        let count = self.waiting.len() + self.more;
        Ok(json!({
            "greeting": greeting(&user, words),
            "reason": fill(&words.because_connected, &[("tenant", &tenant)]),
            "link": link("link", &self.link)?,
            "more": count - waiting.len(),
            "count": count,
            "waiting": waiting,
            "expires": line(&self.expires, LONGEST_LINE),
            "tenant": tenant,
            "user": user,
        }))
    }
}

impl ReconnectGoogle {
    fn values(&self, words: &Words) -> Result<Value, TemplateError> {
        let (tenant, user) = (line(&self.tenant, LONGEST_NAME), line(&self.user, LONGEST_NAME));
        Ok(json!({
            "greeting": greeting(&user, words),
            "reason": fill(&words.because_connected, &[("tenant", &tenant)]),
            "link": link("link", &self.link)?,
            "tenant": tenant,
            "user": user,
        }))
    }
}

fn greeting(name: &str, words: &Words) -> String {
    match name {
        "" => words.hello.clone(),
        name => fill(&words.hello_to, &[("name", name)]),
    }
}

fn title(given: Option<&str>, words: &Words) -> String {
    let title = line(given.unwrap_or_default(), LONGEST_LINE);
    if title.is_empty() {
        words.untitled.clone()
    } else {
        title
    }
}

/// A link of a mail leads to a page of ours, over https unless it is on this machine.
fn link(name: &'static str, url: &str) -> Result<String, TemplateError> {
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .filter_map(|host| url.strip_prefix(host))
        .any(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    let is_plain = url.len() <= LONGEST_LINK && url.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"'`\\@".contains(&b));
    match is_plain && (url.starts_with("https://") || is_local) {
        true => Ok(url.to_owned()),
        false => Err(TemplateError::Link(name)),
    }
}
