//! A ledger being written, mails that a server takes meanwhile, and the auditor who compares the two.
//!
//! Mails are written by hand here, unlike Accord writes them, as far as a letter may be written in several ways.
use super::{Book, HOUR_MS, booking, err, letter, message, out, user};
use accord::domain::mail::Letter;
use accord::engine::ledger::Event;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

pub const EVA: &str = "eva@example.com";
pub const ADA: &str = "ada@example.com";

/// Stands for the tenant's secret: the key of an address.
pub fn key(address: &str) -> [u8; 32] {
    Sha256::digest(format!("secret {address}")).into()
}

/// A ledger being written, and the mails that a server took meanwhile.
pub struct Office {
    pub book: Book,
    mails: tempfile::TempDir,
    count: usize,
}

impl Office {
    pub async fn new(url: &str) -> Office {
        Office {
            book: Book::new(url).await,
            mails: tempfile::tempdir().unwrap(),
            count: 0,
        }
    }

    pub async fn propose(&self, last: u8, address: &str) {
        let event = Event::Proposed {
            message: message(last),
            booking: booking(1),
            user: user(1),
            kind: "confirmation",
            recipient_key: &key(address),
            address,
            content_hash: letter(last, address).hash(),
            expires_at: self.book.at() + HOUR_MS,
        };
        self.book.note(event).await;
    }

    pub async fn approve(&self, last: u8, address: &str) {
        let event = Event::Approved {
            message: message(last),
            user: user(1),
            how: "mailbox",
            key_id: None,
            content_hash: letter(last, address).hash(),
            expires_at: self.book.at() + HOUR_MS,
        };
        self.book.note(event).await;
    }

    pub async fn sending(&self, last: u8, class: &str, attempt: i64, address: &str) {
        let event = Event::Sending {
            message: message(last),
            class,
            attempt,
            recipient_key: &key(address),
            address,
            content_hash: letter(last, address).hash(),
        };
        self.book.note(event).await;
    }

    pub async fn result(&self, last: u8, attempt: i64, result: &str) {
        let answer_code = (result == "accepted").then_some(250);
        self.book
            .note(Event::Result {
                message: message(last),
                attempt,
                result,
                answer_code,
            })
            .await;
    }

    /// The same ledger, and no mail that was seen.
    pub fn with_no_mails(self) -> Office {
        Office {
            mails: tempfile::tempdir().unwrap(),
            count: 0,
            ..self
        }
    }

    /// Proposed and approved.
    pub async fn consent(&self, last: u8, address: &str) {
        self.propose(last, address).await;
        self.approve(last, address).await;
    }

    /// Handed over in one attempt.
    pub async fn send(&mut self, last: u8, address: &str) {
        self.sending(last, "customer", 1, address).await;
        self.take(&letter(last, address), address);
        self.result(last, 1, "accepted").await;
    }

    /// A server takes a mail now.
    pub fn take(&mut self, letter: &Letter, recipient: &str) {
        self.take_raw(&eml(letter), recipient);
    }

    pub fn take_raw(&mut self, raw: &str, recipient: &str) {
        self.count += 1;
        let path = self.mails.path().join(format!("{:03}.eml", self.count));
        fs::write(&path, raw).unwrap();
        let envelope = json!({"from": "post@kaval.example", "to": [recipient], "at": self.book.at()});
        fs::write(path.with_extension("json"), envelope.to_string()).unwrap();
    }

    /// What the auditor finds, each finding once.
    pub fn audit(&self) -> BTreeSet<String> {
        self.audit_of(&self.book.export())
    }

    pub fn audit_of(&self, ledger: &str) -> BTreeSet<String> {
        let path = self.book.path("ledger.jsonl");
        fs::write(&path, ledger).unwrap();
        audit(self.mails.path(), &path)
    }

    #[track_caller]
    pub fn finds(&self, expected: &[&str]) {
        let found = self.audit();
        assert!(found.iter().eq(expected.iter()), "{found:?} instead of {expected:?}");
    }
}

pub fn audit(mails: &std::path::Path, ledger: &std::path::Path) -> BTreeSet<String> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/auditor/audit.py");
    let output = Command::new("python3")
        .arg(program)
        .arg(mails)
        .arg(ledger)
        .output()
        .unwrap();
    let (text, words) = (out(&output), err(&output));
    let finding = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let (class, finding) = (line["class"].as_str().unwrap(), line["finding"].as_str().unwrap());
        match class {
            "violation" => finding.to_owned(),
            class => format!("{class}: {finding}"),
        }
    };
    let found: BTreeSet<String> = text.lines().map(finding).collect();
    let code = output.status.code();
    assert_eq!(code, Some(i32::from(!found.is_empty())), "{text}{words}");
    assert_eq!(words, "");
    found
}

/// A letter as a mail, another way than Accord's own: other boundaries, other encodings, folded where it may be.
pub fn eml(letter: &Letter) -> String {
    let name = |name: &str| {
        let words: Vec<String> = name.split(' ').map(|word| word.to_owned()).collect();
        match name.is_ascii() {
            true => format!("\"{}\"", words.join(" ")),
            // A letter beyond ASCII, and the words in two encoded words, with a fold between them.
            false => format!(
                "=?utf-8?q?{}_?=\r\n =?UTF-8?Q?{}?=",
                q(&words[0]),
                q(&words[1..].join(" "))
            ),
        }
    };
    let mut head = format!(
        "Received: from localhost; Mon, 2 Mar 2026 09:00:00 +0000\r\nFrom: {} <{}>\r\nTo: {} <{}>\r\n",
        name(&letter.from.name),
        letter.from.address,
        name(&letter.to.name),
        letter.to.address
    );
    if let Some(reply_to) = &letter.reply_to {
        head += &format!("Reply-To: {} <{}>\r\n", name(&reply_to.name), reply_to.address);
    }
    if let Some(unsubscribe) = &letter.unsubscribe {
        head += &format!("List-Unsubscribe:\r\n <{}>\r\n", unsubscribe.url);
        if unsubscribe.one_click {
            head += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
        }
    }
    head += &format!(
        "Subject: {}\r\nMessage-Id: <{}>\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n",
        letter.subject.replace(' ', "\r\n "),
        letter.message_id
    );
    let crlf = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
    let mut body = format!(
        "--=_outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n\
         --inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n\
         --inner\r\nContent-Type: text/html; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
        crlf(&letter.text),
        crlf(
            &letter
                .html
                .replace('=', "=3D")
                .replace('>', "=3E")
                .replace("=3E", "=\r\n=3E")
        )
    );
    if let Some(part) = &letter.calendar {
        body += &format!(
            "--inner\r\nContent-Type: text/calendar; charset=utf-8; method={}\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{}\r\n\
             --inner--\r\n--=_outer\r\nContent-Type: application/ics; name=\"invite.ics\"\r\nContent-Disposition: attachment\r\n\r\n{}\r\n",
            part.method.as_str(),
            crlf(&part.text),
            crlf(&part.text)
        );
    } else {
        body += "--inner--\r\n";
    }
    head + &body + "--=_outer--\r\n"
}

fn q(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b' ' => "_".to_owned(),
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("={b:02X}"),
        })
        .collect()
}
