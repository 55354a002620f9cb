//! The mails: subject, plain text and HTML from one folder of templates each, in every language.
//!
//! HTML is written as MJML: values are escaped when the template is filled in, and only then `mrml` makes tables of it, so
//! that no value can become markup. A name that a template uses and its context lacks is an error; loops have an end (fuel),
//! and so have texts. What a tenant puts in the place of ours is checked in `overrides`.
use crate::domain::language::Language;
use crate::domain::mail::Kind;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use std::fmt;
use std::io;

mod allowed;
mod context;
mod folder;
mod markup;
mod overrides;
mod samples;
mod source;
mod words;
pub use context::{BookingMail, Change, ConsentRequest, Context, ReconnectGoogle, WaitingMail, What};
pub use folder::load_folder;
pub use overrides::OverrideProblem;
pub use samples::{Sample, samples};

/// Most bytes of a text, and of the HTML of a mail. Mail programs cut longer ones themselves (Gmail at 102 KB).
pub const MAX_OUTPUT: usize = 256 * 1024;
/// Most characters of a subject.
const LONGEST_SUBJECT: usize = 150;
/// Most steps of one template. The longest sample takes less than a tenth.
const FUEL: u64 = 50_000;

/// A mail that is written from templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mail {
    BookingConfirmed,
    BookingUpdated,
    BookingCancelled,
    BookingReminder,
    ConsentRequest,
    ReconnectGoogle,
}

impl Mail {
    /// Every mail.
    pub const ALL: [Mail; 6] = [
        Mail::BookingConfirmed,
        Mail::BookingUpdated,
        Mail::BookingCancelled,
        Mail::BookingReminder,
        Mail::ConsentRequest,
        Mail::ReconnectGoogle,
    ];

    /// The name of its folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Mail::BookingConfirmed => "booking_confirmed",
            Mail::BookingUpdated => "booking_updated",
            Mail::BookingCancelled => "booking_cancelled",
            Mail::BookingReminder => "booking_reminder",
            Mail::ConsentRequest => "consent_request",
            Mail::ReconnectGoogle => "reconnect_google",
        }
    }

    /// The address that it may not leave out.
    fn link(self) -> &'static str {
        match self {
            Mail::ConsentRequest | Mail::ReconnectGoogle => "link",
            _ => "unsubscribe_url",
        }
    }

    /// The mail that tells a customer this.
    pub fn for_kind(kind: Kind) -> Self {
        match kind {
            Kind::Confirmation => Mail::BookingConfirmed,
            Kind::Update => Mail::BookingUpdated,
            Kind::Cancellation => Mail::BookingCancelled,
            Kind::Reminder => Mail::BookingReminder,
        }
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of the three templates of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const ALL: [Part; 3] = [Part::Subject, Part::Text, Part::Html];

    fn file(self) -> &'static str {
        match self {
            Part::Subject => "subject.txt",
            Part::Text => "body.txt",
            Part::Html => "body.mjml",
        }
    }
}

/// `booking_confirmed/de/body.txt`
fn path(mail: Mail, language: Language, part: Part) -> String {
    format!("{mail}/{language}/{}", part.file())
}

macro_rules! embedded {
    ($($name:expr),+ $(,)?) => { &[$(($name, include_str!(concat!("../../templates/mail/", $name)))),+] };
}

macro_rules! embedded_mails {
    ($($mail:literal),+ $(,)?) => { &[$(embedded_mails!(@ $mail "en"), embedded_mails!(@ $mail "es"), embedded_mails!(@ $mail "de")),+] };
    (@ $mail:literal $language:literal) => {
        embedded![
            concat!($mail, "/", $language, "/subject.txt"),
            concat!($mail, "/", $language, "/body.txt"),
            concat!($mail, "/", $language, "/body.mjml"),
        ]
    };
}

type Sources = &'static [(&'static str, &'static str)];

const SHARED: Sources = embedded![
    "layout.mjml",
    "booking.mjml",
    "booking.txt",
    "consent.mjml",
    "consent.txt",
    "reconnect.mjml",
    "reconnect.txt",
];

const MAILS: &[Sources] = embedded_mails![
    "booking_confirmed",
    "booking_updated",
    "booking_cancelled",
    "booking_reminder",
    "consent_request",
    "reconnect_google",
];

/// A mail could not be written: a mistake in a template or in what it was given, not in what a user did.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template, or a value that it wants and does not get.
    #[error("the template {name} cannot be rendered: {}", said(source))]
    Template {
        /// Its file.
        name: String,
        /// What the engine says, with the line.
        source: Box<Error>,
    },
    /// What the template makes is no MJML.
    #[error("the template {name} does not make a mail: {problem}")]
    Markup {
        /// Its file.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// More than [`MAX_OUTPUT`] bytes.
    #[error("the template {name} makes more than {MAX_OUTPUT} bytes")]
    TooLong {
        /// Its file.
        name: String,
    },
    /// Without the address that every mail must have: to get no more of them, or to do what it asks for.
    #[error("the template {name} leaves out {link}")]
    LinkMissing {
        /// Its file.
        name: String,
        /// The name of the value.
        link: &'static str,
    },
    /// The context of another mail.
    #[error("{0} was given the values of another mail")]
    Context(Mail),
    /// Not an address that a mail may lead to.
    #[error("{0} must begin with https:// (http:// only on this machine) and have no spaces or quotes")]
    Link(&'static str),
    /// The words of a language are incomplete.
    #[error("the words of the mails cannot be read")]
    Words(#[from] toml::de::Error),
}

/// What the engine says about an error, without the source of the template.
fn said(error: &Error) -> String {
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

/// A mail as it is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Lines ended by LF.
    pub text: String,
    /// A whole HTML document, lines ended by LF.
    pub html: String,
}

impl fmt::Debug for Rendered {
    /// Only what may be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").finish_non_exhaustive()
    }
}

/// The templates of all mails: ours, or ours with some files of a tenant in their places.
#[derive(Debug, Clone)]
pub struct MailTemplates {
    environment: Environment<'static>,
    words: words::AllWords,
}

impl MailTemplates {
    /// Ours.
    ///
    /// # Errors
    /// When one of them is not a template.
    pub fn embedded() -> Result<Self, TemplateError> {
        // An empty environment: no functions at all, and no filters but these.
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| match name.ends_with(".mjml") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        environment.set_formatter(write_value);
        for (name, filter) in source::FILTERS {
            environment.add_filter(*name, *filter);
        }
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failed("syntax", error))?);
        for (name, text) in MAILS.iter().copied().flatten().chain(SHARED) {
            environment
                .add_template(name, text)
                .map_err(|error| failed(name, error))?;
        }
        Ok(Self {
            environment,
            words: words::AllWords::embedded()?,
        })
    }

    /// Writes one.
    ///
    /// # Errors
    /// When the context is not of this mail or holds a link that no mail may have; when a template is broken or makes too much.
    pub fn render(&self, mail: Mail, language: Language, context: &Context) -> Result<Rendered, TemplateError> {
        let mut values = context.values(mail, language, self.words.of(language))?;
        let fill = |part, values: &serde_json::Value| self.fill(&path(mail, language, part), values);
        let subject = words::line(&fill(Part::Subject, &values)?, LONGEST_SUBJECT);
        let text = tidy(&fill(Part::Text, &values)?);
        values["subject"] = subject.clone().into();
        let html = markup::html(&fill(Part::Html, &values)?).map_err(|problem| TemplateError::Markup {
            name: path(mail, language, Part::Html),
            problem,
        })?;
        if html.len() > MAX_OUTPUT {
            return Err(TemplateError::TooLong {
                name: path(mail, language, Part::Html),
            });
        }
        let link = values[mail.link()].as_str().unwrap_or_default();
        let lacks_link = |part| TemplateError::LinkMissing {
            name: path(mail, language, part),
            link: mail.link(),
        };
        if !text.contains(link) {
            return Err(lacks_link(Part::Text));
        }
        if !html.contains(&format!("href=\"{}\"", escaped(link))) {
            return Err(lacks_link(Part::Html));
        }
        if subject.is_empty() {
            return Err(TemplateError::Markup {
                name: path(mail, language, Part::Subject),
                problem: "the subject is empty".to_owned(),
            });
        }
        Ok(Rendered { subject, text, html })
    }

    fn fill(&self, name: &str, values: &serde_json::Value) -> Result<String, TemplateError> {
        let template = self
            .environment
            .get_template(name)
            .map_err(|error| failed(name, error))?;
        let mut output = Capped::default();
        match template.render_captured_to(minijinja::value::Serde(values), &mut output) {
            Err(_) if output.is_full => Err(TemplateError::TooLong { name: name.to_owned() }),
            Err(error) => Err(failed(name, error)),
            Ok(_) => String::from_utf8(output.bytes).map_err(|_| TemplateError::Markup {
                name: name.to_owned(),
                problem: "it is not text".to_owned(),
            }),
        }
    }
}

fn failed(name: &str, source: Error) -> TemplateError {
    TemplateError::Template {
        name: name.to_owned(),
        source: Box::new(source),
    }
}

/// Writes a value: as it is into text, with the five characters of XML escaped into MJML. Nothing counts as safe.
fn write_value(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => {}
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        kind => {
            let problem = format!("a {kind} cannot be written, only a text or a number");
            return Err(Error::new(ErrorKind::InvalidOperation, problem));
        }
    }
    let text = value.to_string();
    if *state.auto_escape() == AutoEscape::None {
        return output.write_str(&text).map_err(Error::from);
    }
    output.write_str(&escaped(&text)).map_err(Error::from)
}

/// A text with the five characters of XML escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Plain text without spaces at the ends of lines, with at most two empty lines in a row and one line feed at its end.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim().lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy
}

/// Takes [`MAX_OUTPUT`] bytes and refuses more.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            self.is_full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_mail_to_a_customer_has_its_templates() {
        assert_eq!(Mail::for_kind(Kind::Cancellation), Mail::BookingCancelled);
        let mails: std::collections::BTreeSet<_> = Kind::ALL.into_iter().map(Mail::for_kind).collect();
        assert_eq!(mails.len(), Kind::ALL.len());
    }

    #[test]
    fn text_is_tidy() {
        assert_eq!(tidy("\n\na  \n\n\n\n\nb\t\r\nc"), "a\n\n\nb\nc\n");
    }
}
