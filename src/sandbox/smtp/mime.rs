//! What a reader sees of a message: its header fields decoded, its text, its HTML, its calendar part, its attachments.
//!
//! mail-parser does the reading; it never refuses, and what it cannot read is simply not there.
use mail_parser::{
    Address, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType, parsers::MessageStream,
};
use serde::Serialize;

/// One address of a header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The display name, decoded.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, as sent.
    pub name: String,
    /// Its value, folds taken out and encoded words decoded.
    pub value: String,
}

/// A `text/calendar` part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// The `method` parameter of its content type.
    pub method: Option<String>,
    /// The iCalendar text.
    pub text: String,
}

/// A part that is none of the others, or says that it is an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its file name.
    pub name: Option<String>,
    /// `type/subtype`.
    pub content_type: String,
    /// Octets, decoded.
    pub size: usize,
}

/// A message as a reader sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// All header fields of the message, in order.
    pub headers: Vec<Field>,
    /// Subject, decoded.
    pub subject: Option<String>,
    /// From.
    pub from: Vec<Named>,
    /// To.
    pub to: Vec<Named>,
    /// Reply-To.
    pub reply_to: Vec<Named>,
    /// Message-ID without its brackets.
    pub message_id: Option<String>,
    /// The first plain text.
    pub text: Option<String>,
    /// The first HTML text.
    pub html: Option<String>,
    /// The first calendar part, attached or not.
    pub calendar: Option<Calendar>,
    /// The rest.
    pub attachments: Vec<Attachment>,
}

/// Reads a message.
pub fn read(raw: &[u8]) -> Reading {
    let Some(message) = MessageParser::default().parse(raw) else {
        return Reading::default();
    };
    let mut reading = Reading {
        headers: headers(&message),
        subject: message.subject().map(str::to_owned),
        from: named(message.from()),
        to: named(message.to()),
        reply_to: named(message.reply_to()),
        message_id: message.message_id().map(str::to_owned),
        ..Reading::default()
    };
    for part in &message.parts {
        reading.take(part);
    }
    reading
}

impl Reading {
    fn take(&mut self, part: &MessagePart<'_>) {
        let content_type = content_type(part);
        let is_attachment = part
            .content_disposition()
            .is_some_and(|disposition| disposition.is_attachment());
        match &part.body {
            PartType::Multipart(_) => {}
            // An invitation that comes once more as a file is an attachment the second time.
            _ if content_type == "text/calendar" && self.calendar.is_none() => {
                self.calendar = Some(Calendar {
                    method: part
                        .content_type()
                        .and_then(|content_type| content_type.attribute("method"))
                        .map(str::to_owned),
                    text: text_of(part),
                });
            }
            PartType::Text(text) if content_type == "text/plain" && !is_attachment && self.text.is_none() => {
                self.text = Some(text.clone().into_owned());
            }
            PartType::Html(text) if !is_attachment && self.html.is_none() => {
                self.html = Some(text.clone().into_owned());
            }
            _ => self.attachments.push(Attachment {
                name: part.attachment_name().map(str::to_owned),
                size: part.contents().len(),
                content_type,
            }),
        }
    }
}

fn text_of(part: &MessagePart<'_>) -> String {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        _ => String::from_utf8_lossy(part.contents()).into_owned(),
    }
}

fn content_type(part: &MessagePart<'_>) -> String {
    match part.content_type() {
        None => "text/plain".to_owned(),
        Some(found) => format!("{}/{}", found.ctype(), found.subtype().unwrap_or("octet-stream")).to_ascii_lowercase(),
    }
}

fn headers(message: &Message<'_>) -> Vec<Field> {
    let decoded = |raw: &str| match MessageStream::new(format!("{}\n", raw.trim_end()).as_bytes()).parse_unstructured()
    {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    };
    message
        .headers_raw()
        .map(|(name, raw)| Field {
            name: name.to_owned(),
            value: decoded(raw),
        })
        .collect()
}

fn named(addresses: Option<&Address<'_>>) -> Vec<Named> {
    addresses
        .into_iter()
        .flat_map(Address::iter)
        .map(|one| Named {
            name: one.name.as_ref().map(|name| name.clone().into_owned()),
            address: one.address().unwrap_or_default().to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_read_part_by_part() {
        let raw = b"From: =?utf-8?Q?Ana_Mu=C3=B1oz?= <ana@example.com>\r\nTo: bea@example.com\r\n\
            Subject: =?utf-8?B?wqFIb2xhIQ==?=\r\n folded\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=m\r\n\r\n\
            --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
            --a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nma=C3=B1ana\r\n\
            --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>morgen</p>\r\n\
            --a\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n--a--\r\n\
            --m\r\nContent-Type: application/pdf; name=map.pdf\r\nContent-Disposition: attachment; filename=map.pdf\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--m--\r\n";
        let reading = read(raw);
        assert_eq!(reading.subject.as_deref(), Some("¡Hola! folded"));
        assert_eq!(
            reading.from,
            [Named {
                name: Some("Ana Muñoz".into()),
                address: "ana@example.com".into()
            }]
        );
        assert_eq!(reading.headers[0].value, "Ana Muñoz <ana@example.com>");
        assert_eq!(reading.headers[2].value, "¡Hola! folded");
        assert_eq!(reading.text.as_deref(), Some("mañana"));
        assert_eq!(reading.html.as_deref(), Some("<p>morgen</p>"));
        let calendar = reading.calendar.expect("a calendar part");
        assert_eq!(calendar.method.as_deref(), Some("REQUEST"));
        assert!(calendar.text.starts_with("BEGIN:VCALENDAR\r\n"));
        assert_eq!(
            reading.attachments,
            [Attachment {
                name: Some("map.pdf".into()),
                content_type: "application/pdf".into(),
                size: 3
            }]
        );
    }

    #[test]
    fn a_plain_message_has_no_html_and_an_html_message_no_text() {
        let plain = read(b"From: a@b.example\r\n\r\nhello\r\n");
        assert_eq!((plain.text.as_deref(), plain.html), (Some("hello\r\n"), None));
        let html = read(b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n");
        assert_eq!((html.text, html.html.as_deref()), (None, Some("<p>hello</p>\r\n")));
    }
}
