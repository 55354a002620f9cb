//! A letter as it came in after DATA, and whether a strict gateway takes it.
use super::{header, reply::Reply};

/// What stood between DATA's reply and the lone dot.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The octets, without the dots of transparency; cut short when the letter is refused anyway.
    pub raw: Vec<u8>,
    /// How many there were.
    pub size: usize,
    /// A line had more than 998 octets before its CRLF (RFC 5322, 2.1.1).
    pub has_long_line: bool,
    /// A line feed came without its carriage return.
    pub has_bare_lf: bool,
}

/// What the client announced with MAIL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// BODY=8BITMIME.
    pub eight_bit: bool,
    /// SMTPUTF8.
    pub utf8: bool,
}

impl Letter {
    /// Whether it can be taken; the error is the refusal.
    pub fn check(&self, max_size: usize, announced: Announced) -> Result<(), Reply> {
        let broken = |words: String| Reply::new(550, format!("5.6.0 {words}"));
        if self.has_bare_lf {
            return Err(Reply::new(550, "5.5.2 Bare line feed received"));
        }
        if self.size > max_size {
            return Err(Reply::new(552, "5.3.4 Message exceeds the maximum size"));
        }
        if self.has_long_line {
            return Err(broken("A line has more than 998 octets".into()));
        }
        if has_bare_cr(&self.raw) {
            return Err(broken("A carriage return stands without a line feed".into()));
        }
        if self.raw.contains(&0) {
            return Err(broken("A NUL octet".into()));
        }
        let (head, body) = header::split(&self.raw);
        let fields = header::fields(head).map_err(broken)?;
        header::check(&fields).map_err(broken)?;
        if !head.is_ascii() && !announced.utf8 {
            return Err(Reply::new(550, "5.6.7 8-bit header without SMTPUTF8"));
        }
        if !body.is_ascii() && !announced.eight_bit {
            return Err(Reply::new(550, "5.6.1 8-bit content without BODY=8BITMIME"));
        }
        Ok(())
    }
}

fn has_bare_cr(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\r') {
        if rest.get(at + 1) != Some(&b'\n') {
            return true;
        }
        rest = &rest[at + 2..];
    }
    false
}
