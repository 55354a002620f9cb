//! The header block. lettre folds long texts at their spaces and lets one read `=?…?=` that somebody typed; here every text
//! comes back from the other side exactly as it was.
use crate::domain::mail::{Letter, Mailbox};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

/// A line of a header that has a choice stays within this (RFC 5322, 2.1.1; RFC 2047, 2 says 76).
const LINE: usize = 76;
/// Bytes in one encoded word: 44 characters of base64 and 12 around them leave room for any name of a field.
const WORD: usize = 33;

/// All fields up to `MIME-Version`; the content type of the body follows.
pub(super) fn fields(letter: &Letter, date: DateTime<Utc>) -> String {
    let mut header = mailbox("From", &letter.from);
    header += &mailbox("To", &letter.to);
    if let Some(reply_to) = &letter.reply_to {
        header += &mailbox("Reply-To", reply_to);
    }
    header += &field("Subject", &text(&letter.subject));
    header += &format!("Date: {}\r\n", date.format("%a, %d %b %Y %H:%M:%S +0000"));
    header += &field("Message-ID", &[format!("<{}>", letter.message_id)]);
    // Vacation responders keep quiet (RFC 3834).
    header += "Auto-Submitted: auto-generated\r\n";
    if let Some(unsubscribe) = &letter.unsubscribe {
        header += &field("List-Unsubscribe", &[format!("<{}>", unsubscribe.url)]);
        if unsubscribe.one_click {
            header += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
        }
    }
    header += "MIME-Version: 1.0\r\n";
    header
}

fn mailbox(name: &str, mailbox: &Mailbox) -> String {
    if mailbox.name.is_empty() {
        return field(name, std::slice::from_ref(&mailbox.address));
    }
    let mut words = phrase(&mailbox.name);
    words.push(format!("<{}>", mailbox.address));
    field(name, &words)
}

/// Words on as few lines as they fit.
fn field(name: &str, words: &[String]) -> String {
    let mut field = format!("{name}:");
    let mut line = field.len();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && line + 1 + word.len() > LINE {
            field += "\r\n";
            line = 0;
        }
        field.push(' ');
        field += word;
        line += 1 + word.len();
    }
    field + "\r\n"
}

/// Text of an unstructured field: as it is when short and plain, otherwise encoded words.
fn text(text: &str) -> Vec<String> {
    if is_plain(text) {
        vec![text.to_owned()]
    } else {
        encoded_words(text)
    }
}

/// A shown name: a quoted string when short and plain, otherwise encoded words.
fn phrase(name: &str) -> Vec<String> {
    if is_plain(name) {
        vec![format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))]
    } else {
        encoded_words(name)
    }
}

/// Whether it needs no folding, survives a reader that tidies spaces, and cannot be taken for an encoded word.
fn is_plain(text: &str) -> bool {
    let ascii = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let spaced = text.starts_with(' ') || text.ends_with(' ') || text.contains("  ");
    ascii && !spaced && !text.contains("=?") && text.len() <= LINE - "Reply-To: ".len()
}

/// RFC 2047: the white space between encoded words is not shown, so that joining them gives the text again.
fn encoded_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = after;
    }
    words
}
