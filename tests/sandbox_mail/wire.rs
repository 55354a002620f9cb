//! A client that sends exactly the octets it is told to, and reads replies.
use accord::sandbox::Sandbox;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

pub struct Client(BufReader<TcpStream>);

/// A reply: the code of all its lines, and their texts.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Client {
    pub async fn open(sandbox: &Sandbox) -> Self {
        let stream = TcpStream::connect(sandbox.smtp_addr())
            .await
            .expect("the server listens");
        Self(BufReader::new(stream))
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.expect("sent");
    }

    /// One whole reply; the test fails when the server hangs up instead.
    pub async fn reply(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.expect("readable");
            let line = line
                .strip_suffix("\r\n")
                .unwrap_or_else(|| panic!("no whole line: {line:?} after {lines:?}"));
            let (code, rest) = line.split_at(3);
            lines.push(rest[1..].to_owned());
            if rest.starts_with(' ') {
                let code = code.parse().expect("a code");
                return Reply { code, lines };
            }
        }
    }

    /// Sends a line and reads its reply, which must have this code.
    pub async fn say(&mut self, line: &str, code: u16) -> Reply {
        self.send(format!("{line}\r\n")).await;
        let reply = self.reply().await;
        assert_eq!(reply.code, code, "{line}: {reply:?}");
        reply
    }

    pub async fn envelope(&mut self, from: &str, to: &[&str]) {
        self.say(&format!("MAIL FROM:<{from}>"), 250).await;
        for to in to {
            self.say(&format!("RCPT TO:<{to}>"), 250).await;
        }
    }

    /// Sends a letter as it stands, then the lone dot, and reads the reply.
    pub async fn letter(&mut self, letter: impl AsRef<[u8]>) -> Reply {
        self.send(letter).await;
        self.send(".\r\n").await;
        self.reply().await
    }

    /// What the server still sends until it hangs up.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends the connection as well as an orderly end does.
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }
}
