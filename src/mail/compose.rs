//! From a letter to the bytes that are sent: RFC 5322 and MIME.
//!
//! Whoever has the bytes can make the letter from them again, and so its hash: header texts that would not survive folding
//! are encoded words, bodies are quoted-printable or base64, and what no transport keeps (lone CR, NUL) is refused. Composing
//! the same letter at the same date twice gives the same bytes. Nothing is added to what was approved but `Date`, framing
//! and the fields that say what kind of mail this is.
use super::address::{AddressProblem, parse_address};
use crate::domain::mail::{CalendarPart, Letter, Mailbox};
use chrono::{DateTime, Utc};
use lettre::address::Envelope;
use lettre::message::header::{ContentDisposition, ContentTransferEncoding, ContentType};
use lettre::message::{Body, MultiPart, SinglePart};
use std::fmt;

mod header;

/// Most bytes of text, HTML and calendar part together. Ours: mailboxes refuse more than about 10 MB after encoding.
pub const MAX_BODY: usize = 2 * 1024 * 1024;
/// Most characters of a subject, or of a name. Ours.
pub const MAX_HEADER: usize = 1000;
/// Most octets of an unsubscribe URL and of a Message-ID, which cannot be folded: lines end at 998 (RFC 5322, 2.1.1).
pub const MAX_UNFOLDED: usize = 900;

/// A letter as it is handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    envelope: Envelope,
    bytes: Vec<u8>,
    needs_smtputf8: bool,
}

impl Composed {
    /// The whole message, lines ended by CRLF, not yet dot-stuffed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The one recipient of the envelope.
    pub fn recipient(&self) -> &str {
        self.envelope.to().first().map_or("", AsRef::as_ref)
    }

    /// The sender of the envelope: the address of `From`.
    pub fn sender(&self) -> &str {
        self.envelope.from().map_or("", AsRef::as_ref)
    }

    pub(super) fn sender_domain(&self) -> &str {
        self.envelope.from().map_or("localhost", lettre::Address::domain)
    }

    /// Whether an address has a local part beyond ASCII, so that the server must offer SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        self.needs_smtputf8
    }

    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

impl fmt::Debug for Composed {
    /// Only what may be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed")
            .field("bytes", &self.bytes.len())
            .field("needs_smtputf8", &self.needs_smtputf8)
            .finish_non_exhaustive()
    }
}

/// Why a letter cannot be sent as it is. `field` is a name of [`Letter`]; no value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct ComposeError {
    /// Which field, such as `to.name`.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl ComposeError {
    fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}

/// Whether a letter can be sent so that it arrives as it is. To be asked when it is proposed, before anybody says yes to it.
pub fn check(letter: &Letter) -> Result<(), ComposeError> {
    check_message_id(&letter.message_id)?;
    check_mailbox(&letter.from, "from.name", "from.address")?;
    check_mailbox(&letter.to, "to.name", "to.address")?;
    if let Some(reply_to) = &letter.reply_to {
        check_mailbox(reply_to, "reply_to.name", "reply_to.address")?;
    }
    check_line("subject", &letter.subject)?;
    if letter.subject.trim().is_empty() {
        return Err(ComposeError::new("subject", "is empty: write one"));
    }
    check_body("text", &letter.text)?;
    check_body("html", &letter.html)?;
    let mut size = letter.text.len() + letter.html.len();
    if let Some(calendar) = &letter.calendar {
        check_calendar(calendar)?;
        size += calendar.text.len();
    }
    if size > MAX_BODY {
        let problem = format!("and the other parts have {size} bytes, at most {MAX_BODY} are sent: shorten them");
        return Err(ComposeError::new("text", problem));
    }
    if let Some(unsubscribe) = &letter.unsubscribe {
        check_url(&unsubscribe.url)?;
    }
    Ok(())
}

/// The bytes of a letter and its envelope. `date` becomes the `Date` field, in UTC.
///
/// The parts are those that Google Calendar itself sends, which Gmail, Outlook and Apple Mail were built to read:
/// `multipart/mixed` of `multipart/alternative` (plain text, HTML, `text/calendar` with the method: Gmail and Outlook show an
/// invitation from it) and the same calendar object as `invite.ics` (for Apple Mail on older systems, and for people). Without
/// a calendar part the alternative stands alone.
pub fn compose(letter: &Letter, date: DateTime<Utc>) -> Result<Composed, ComposeError> {
    check(letter)?;
    let address = |field, mailbox: &Mailbox| {
        let address = mailbox.address.parse::<lettre::Address>();
        address.map_err(|_| ComposeError::new(field, AddressProblem::Local.to_string()))
    };
    let (from, to) = (
        address("from.address", &letter.from)?,
        address("to.address", &letter.to)?,
    );
    let envelope = Envelope::new(Some(from), vec![to])
        .map_err(|_| ComposeError::new("to.address", AddressProblem::Empty.to_string()))?;

    let mut bytes = header::fields(letter, date).into_bytes();
    bytes.extend(body(letter)?.formatted());
    let everybody = [Some(&letter.from), Some(&letter.to), letter.reply_to.as_ref()];
    Ok(Composed {
        envelope,
        bytes,
        needs_smtputf8: everybody
            .into_iter()
            .flatten()
            .any(|mailbox| !mailbox.address.is_ascii()),
    })
}

fn body(letter: &Letter) -> Result<MultiPart, ComposeError> {
    // From the content, so that a second attempt sends the same bytes; nobody can write a text that contains its own hash.
    let hash = letter.hash();
    let boundary = |level: &str| {
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{level}-{hex}")
    };
    let mut alternative = MultiPart::alternative()
        .boundary(boundary("alternative"))
        .singlepart(part("text/plain; charset=UTF-8", &letter.text, "text")?)
        .singlepart(part("text/html; charset=UTF-8", &letter.html, "html")?);
    let Some(calendar) = &letter.calendar else {
        return Ok(alternative);
    };
    let kind = format!("text/calendar; method={}; charset=UTF-8", calendar.method.as_str());
    alternative = alternative.singlepart(part(&kind, &calendar.text, "calendar")?);
    let file = SinglePart::builder()
        .header(content_type("application/ics; name=\"invite.ics\"", "calendar")?)
        .header(ContentDisposition::attachment("invite.ics"))
        .header(ContentTransferEncoding::Base64)
        .body(calendar.text.clone());
    Ok(MultiPart::mixed()
        .boundary(boundary("mixed"))
        .multipart(alternative)
        .singlepart(file))
}

/// Quoted-printable, whatever the text: relays cut trailing spaces and long lines of plain ones. Where a line would begin
/// with `From `, which mailbox files mark with a `>`, base64.
fn part(kind: &str, text: &str, field: &'static str) -> Result<SinglePart, ComposeError> {
    let encode = |encoding| {
        Body::new_with_encoding(text.to_owned(), encoding)
            .map_err(|_| ComposeError::new(field, "cannot be encoded: leave out what is not text"))
    };
    let mut body = encode(ContentTransferEncoding::QuotedPrintable)?;
    if body.as_ref().starts_with(b"From ") || body.as_ref().windows(6).any(|window| window == b"\nFrom ") {
        body = encode(ContentTransferEncoding::Base64)?;
    }
    Ok(SinglePart::builder()
        .content_type(content_type(kind, field)?)
        .body(body))
}

fn content_type(text: &str, field: &'static str) -> Result<ContentType, ComposeError> {
    ContentType::parse(text).map_err(|_| ComposeError::new(field, "has no content type"))
}

fn check_mailbox(mailbox: &Mailbox, name: &'static str, address: &'static str) -> Result<(), ComposeError> {
    check_line(name, &mailbox.name)?;
    let read = parse_address(&mailbox.address).map_err(|problem| ComposeError::new(address, problem.to_string()))?;
    if read.eq_ignore_ascii_case(&mailbox.address) {
        Ok(())
    } else {
        Err(ComposeError::new(
            address,
            "has a domain that is not in ASCII: write its A-label (xn--…)",
        ))
    }
}

fn check_line(field: &'static str, text: &str) -> Result<(), ComposeError> {
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        let problem = "contains a line break or another control character: make it one line with `clean_line`";
        return Err(ComposeError::new(field, problem));
    }
    if text.chars().count() > MAX_HEADER {
        let problem = format!("is longer than {MAX_HEADER} characters: shorten it");
        return Err(ComposeError::new(field, problem));
    }
    Ok(())
}

/// Tabs and line ends are all that text has besides characters; a CR on its own does not survive transport.
fn check_body(field: &'static str, text: &str) -> Result<(), ComposeError> {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let fine = match c {
            '\n' | '\t' => true,
            '\r' => rest.peek() == Some(&'\n'),
            c => !c.is_control(),
        };
        if !fine {
            let problem = format!("contains the control character U+{:04X}: leave it out", u32::from(c));
            return Err(ComposeError::new(field, problem));
        }
    }
    Ok(())
}

fn check_calendar(calendar: &CalendarPart) -> Result<(), ComposeError> {
    check_body("calendar", &calendar.text)?;
    let method = format!("METHOD:{}", calendar.method.as_str());
    if calendar.text.lines().any(|line| line == method) {
        Ok(())
    } else {
        let problem =
            format!("has no line {method}, so that calendars would ignore it: write the method in both places");
        Err(ComposeError::new("calendar", problem))
    }
}

/// `local@domain` of RFC 5322 without folding and quotes.
fn check_message_id(id: &str) -> Result<(), ComposeError> {
    let atoms = |text: &str| {
        let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        text.split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
    };
    match id.split_once('@') {
        Some((local, domain)) if atoms(local) && atoms(domain) && id.len() <= MAX_UNFOLDED => Ok(()),
        _ => Err(ComposeError::new(
            "message_id",
            "is not of the form id@domain: letters, digits and dots, without angle brackets",
        )),
    }
}

fn check_url(url: &str) -> Result<(), ComposeError> {
    let plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b));
    if plain && url.len() <= MAX_UNFOLDED && (url.starts_with("https://") || url.starts_with("http://")) {
        Ok(())
    } else {
        let problem =
            format!("is not an https URL of at most {MAX_UNFOLDED} characters: percent-encode what is not ASCII");
        Err(ComposeError::new("unsubscribe.url", problem))
    }
}

#[cfg(test)]
mod tests;
