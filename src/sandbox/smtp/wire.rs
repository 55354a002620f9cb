//! Octets in, octets out: lines that end in CRLF and nothing else, and letters up to their lone dot.
//!
//! What a client sends ahead (PIPELINING, RFC 2920) waits in the buffer and is never thrown away.
use super::{command, letter::Letter};
use bytes::{Buf, BytesMut};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A letter's line that grows longer than this is not kept.
const LONGEST_KEPT: usize = 64 * 1024;
/// What may wait in the buffer of a client that is not being answered.
const MOST_WAITING: usize = 1024 * 1024;
/// How long a client may take to notice that the server hung up.
const LINGER: Duration = Duration::from_secs(2);

/// One command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its CRLF.
    Text(Vec<u8>),
    /// Longer than allowed; all of it was read.
    TooLong,
    /// Ended by a line feed alone, or with a carriage return inside.
    Unclean,
}

/// The client went away.
#[derive(Debug)]
pub struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A connection and what was read ahead of it.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Wire {
    /// Takes a connection over.
    pub fn new(stream: TcpStream) -> Self {
        // A reply is one small write, and the client waits for it.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Reads more; safe to cancel.
    async fn fill(&mut self) -> Result<(), Gone> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(Gone),
            _ => Ok(()),
        }
    }

    /// Ends when the client is gone; what it sends meanwhile waits. Safe to cancel.
    pub async fn gone(&mut self) -> Gone {
        while self.buffer.len() < MOST_WAITING {
            if let Err(gone) = self.fill().await {
                return gone;
            }
        }
        std::future::pending().await
    }

    /// The next line. `longest` gives the octets that a line with this beginning may have.
    pub async fn line(&mut self, longest: fn(&[u8]) -> usize) -> Result<Line, Gone> {
        let (mut searched, mut too_long) = (0, false);
        loop {
            if let Some(at) = find_lf(&self.buffer, searched) {
                let line = self.buffer.split_to(at + 1);
                if too_long || line.len() > longest(&line) {
                    return Ok(Line::TooLong);
                }
                return Ok(match line.strip_suffix(b"\r\n") {
                    Some(text) if !text.contains(&b'\r') => Line::Text(text.to_vec()),
                    _ => Line::Unclean,
                });
            }
            searched = self.buffer.len();
            if searched > command::LONGEST_AUTH {
                too_long = true;
                self.buffer.clear();
                searched = 0;
            }
            self.fill().await?;
        }
    }

    /// A letter of at most `max_size` octets, up to the line with a lone dot; the dots of transparency (RFC 5321, 4.5.2)
    /// are taken off. A bare line feed ends the reading at once.
    pub async fn letter(&mut self, max_size: usize) -> Result<Letter, Gone> {
        let mut letter = Letter::default();
        let (mut searched, mut cut) = (0, false);
        loop {
            let Some(at) = find_lf(&self.buffer, searched) else {
                if self.buffer.len() > LONGEST_KEPT {
                    // The last octet may be the CR of the line's end.
                    letter.has_long_line = true;
                    cut = true;
                    self.buffer.advance(self.buffer.len() - 1);
                }
                searched = self.buffer.len();
                self.fill().await?;
                continue;
            };
            let line = self.buffer.split_to(at + 1);
            searched = 0;
            if !line.ends_with(b"\r\n") {
                letter.has_bare_lf = true;
                return Ok(letter);
            }
            if &line[..] == b".\r\n" && !cut {
                return Ok(letter);
            }
            let line = match &line[..] {
                [b'.', rest @ ..] if !cut => rest,
                line => line,
            };
            cut = false;
            letter.has_long_line |= line.len() > 1_000;
            letter.size += line.len();
            if letter.size <= max_size && !letter.has_long_line {
                letter.raw.extend_from_slice(line);
            }
        }
    }

    /// Sends everything.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Hangs up so that the last reply arrives: a socket that is closed with unread input resets the connection.
    pub async fn hang_up(mut self) {
        let drained = async {
            self.stream.shutdown().await?;
            let mut rest = [0; 4096];
            while self.stream.read(&mut rest).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        let _ = tokio::time::timeout(LINGER, drained).await;
    }
}

fn find_lf(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at)
}
