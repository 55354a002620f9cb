//! What the server says: a code, the lines of its text, and what a client and the server do after it.

/// One reply (RFC 5321, 4.2). Every text but those of the greeting and of HELO and EHLO begins with an enhanced code (RFC 2034).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// At least one line, without line ends.
    pub lines: Vec<String>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            lines: vec![text.into()],
        }
    }

    /// `250 2.0.0 OK`.
    pub fn ok() -> Self {
        Self::new(250, "2.0.0 OK")
    }

    /// A command at the wrong time.
    pub fn out_of_sequence(words: &str) -> Self {
        Self::new(503, format!("5.5.1 {words}"))
    }

    /// The text as one line, for the journal.
    pub fn text(&self) -> String {
        self.lines.join(" / ")
    }

    /// As it goes over the wire: `250-first`, `250 last`.
    pub fn bytes(&self) -> Vec<u8> {
        let last = self.lines.len().saturating_sub(1);
        let lines = self.lines.iter().enumerate().map(|(at, line)| {
            let joint = if at == last { ' ' } else { '-' };
            format!("{}{joint}{line}\r\n", self.code)
        });
        lines.collect::<String>().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_but_the_last_carries_a_hyphen() {
        let reply = Reply {
            code: 250,
            lines: vec!["here".into(), "SIZE 1".into(), "HELP".into()],
        };
        assert_eq!(reply.bytes(), b"250-here\r\n250-SIZE 1\r\n250 HELP\r\n");
        assert_eq!(Reply::ok().bytes(), b"250 2.0.0 OK\r\n");
    }
}
