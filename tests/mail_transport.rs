//! What becomes of a letter is said truly, whatever the mail server does.
//!
//! The server here is a script: for each connection a list of what it waits for and what it answers. It knows nothing of
//! SMTP, so that it can be wrong in every way.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use accord::domain::mail::{Letter, Mailbox};
use accord::mail::compose::{Composed, compose};
use accord::mail::transport::{Delivery, Limits, SmtpServer, Transport, send};
use chrono::DateTime;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// One step of a script.
#[derive(Clone, Copy)]
enum Step {
    /// Sends this and a line end.
    Say(&'static str),
    /// Sends exactly these bytes.
    Raw(&'static [u8]),
    /// Reads a line that begins so.
    Hear(&'static str),
    /// Reads up to and with the final dot.
    Body,
    /// Reads so many bytes of the body, and no more.
    Some(usize),
    /// Keeps the line open, silently.
    Stall,
}
use Step::{Body, Hear, Raw, Say, Stall};

const HELLO: &[Step] = &[
    Say("220 here"),
    Hear("EHLO "),
    Say("250-here"),
    Say("250-8BITMIME"),
    Say("250 SMTPUTF8"),
];
const ENVELOPE: &[Step] = &[
    Hear("MAIL FROM:<acme@acme.example>"),
    Say("250 ok"),
    Hear("RCPT TO:<eva.muster@example.com>"),
    Say("250 ok"),
    Hear("DATA"),
    Say("354 go on"),
];
const LETTER: &[Step] = &[Body, Say("250 2.0.0 queued as 7")];

/// What the server saw: a connection is a list of lines.
type Seen = Arc<Mutex<Vec<Vec<String>>>>;

struct Server {
    port: u16,
    seen: Seen,
}

impl Server {
    /// Plays one script for each connection, in order; a connection ends with its script.
    async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // A small window, so that a letter is not read before the script reads it.
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let written = seen.clone();
        tokio::spawn(async move {
            for script in scripts {
                let (stream, _) = listener.accept().await.unwrap();
                written.lock().unwrap().push(Vec::new());
                tokio::spawn(play(stream, script, written.clone()));
            }
        });
        Self { port, seen }
    }

    fn url(&self) -> SmtpServer {
        format!("smtp://127.0.0.1:{}", self.port).parse().unwrap()
    }

    fn connections(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap().clone()
    }
}

async fn play(stream: impl AsyncRead + AsyncWrite + Unpin, script: Vec<Step>, seen: Seen) {
    let mut stream = BufReader::new(stream);
    let note = |line: String| seen.lock().unwrap().last_mut().unwrap().push(line);
    for step in script {
        match step {
            Step::Say(line) => stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap(),
            Step::Raw(bytes) => stream.write_all(bytes).await.unwrap(),
            Step::Hear(expected) => {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if !line.starts_with(expected) {
                    note(format!("expected {expected:?}, got {line:?}"));
                    return;
                }
                note(line.trim_end().to_owned());
            }
            Step::Body => {
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"\r\n.\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => bytes.push(byte),
                        Err(_) => return,
                    }
                }
                note(String::from_utf8(bytes).unwrap());
            }
            Step::Some(count) => {
                let mut bytes = vec![0; count];
                stream.read_exact(&mut bytes).await.unwrap();
            }
            Step::Stall => std::future::pending().await,
        }
        if stream.flush().await.is_err() {
            return;
        }
    }
}

fn letter() -> Letter {
    let mailbox = |address: &str| Mailbox {
        name: String::new(),
        address: address.to_owned(),
    };
    Letter {
        message_id: "1@acme.example".to_owned(),
        from: mailbox("acme@acme.example"),
        reply_to: None,
        to: mailbox("eva.muster@example.com"),
        subject: "Your booking".to_owned(),
        text: "Hello\n.\n..\nEnd\n".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        calendar: None,
        unsubscribe: None,
    }
}

fn composed(letter: &Letter) -> Composed {
    compose(letter, DateTime::UNIX_EPOCH).unwrap()
}

/// Long enough for a busy machine, where no answer is waited for in vain.
fn patient() -> Limits {
    let long = Duration::from_secs(20);
    Limits {
        connect: long,
        command: long,
        data: long,
        total: long,
        idle: long,
    }
}

fn script(parts: &[&[Step]]) -> Vec<Step> {
    parts.concat()
}

/// Plays one script, and sends the letter over it.
async fn deliver(parts: &[&[Step]]) -> Delivery {
    let server = Server::start(vec![script(parts)]).await;
    send(&server.url(), &composed(&letter()), &patient()).await
}

/// The same, where the server does not answer for ever.
async fn deliver_impatiently(parts: &[&[Step]]) -> Delivery {
    let server = Server::start(vec![script(&[script(parts).as_slice(), &[Stall]])]).await;
    let short = Limits {
        command: Duration::from_millis(400),
        data: Duration::from_millis(400),
        ..patient()
    };
    send(&server.url(), &composed(&letter()), &short).await
}

fn deferred(delivery: &Delivery) -> &str {
    match delivery {
        Delivery::Deferred { reason } => reason,
        other => panic!("not deferred: {other:?}"),
    }
}

fn unknown(delivery: &Delivery) -> &str {
    match delivery {
        Delivery::Unknown { reason } => reason,
        other => panic!("not unknown: {other:?}"),
    }
}

fn unable(delivery: &Delivery) -> &str {
    match delivery {
        Delivery::Unable { reason } => reason,
        other => panic!("not unable: {other:?}"),
    }
}

#[tokio::test]
async fn the_bytes_that_arrive_are_the_composed_ones() {
    let server = Server::start(vec![script(&[HELLO, ENVELOPE, LETTER])]).await;
    let composed = composed(&letter());
    let delivery = send(&server.url(), &composed, &patient()).await;
    let answer = "2.0.0 queued as 7".to_owned();
    assert_eq!(delivery, Delivery::Accepted { answer });
    let lines = &server.connections()[0];
    assert_eq!(lines[0], "EHLO acme.example");
    assert_eq!(lines[1], "MAIL FROM:<acme@acme.example>", "ASCII needs no parameters");
    let arrived = lines.last().unwrap().strip_suffix("\r\n.\r\n").unwrap();
    assert!(arrived.contains("\r\n..\r\n...\r\n"), "dots are stuffed: {arrived}");
    let unstuffed = arrived.replace("\r\n..", "\r\n.");
    assert_eq!(unstuffed.as_bytes(), composed.bytes());
}

#[tokio::test]
async fn a_5xx_for_the_letter_is_final_at_every_stage() {
    let no = |line| [Say(line)];
    let stages: [Vec<Step>; 4] = [
        script(&[HELLO, &ENVELOPE[..1]]),
        script(&[HELLO, &ENVELOPE[..3]]),
        script(&[HELLO, &ENVELOPE[..5]]),
        script(&[HELLO, ENVELOPE, &[Body]]),
    ];
    for stage in stages {
        let delivery = deliver(&[
            &stage,
            &no("550 5.1.1 <eva.muster@example.com>: user Eva.Muster unknown"),
        ])
        .await;
        let answer = "5.1.1 <<recipient>>: user <recipient> unknown".to_owned();
        assert_eq!(delivery, Delivery::Refused { code: 550, answer });
    }
}

#[tokio::test]
async fn a_4xx_is_for_now_at_every_stage() {
    let stages: [Vec<Step>; 6] = [
        Vec::new(),
        script(&[&HELLO[..2]]),
        script(&[HELLO, &ENVELOPE[..1]]),
        script(&[HELLO, &ENVELOPE[..3]]),
        script(&[HELLO, &ENVELOPE[..5]]),
        script(&[HELLO, ENVELOPE, &[Body]]),
    ];
    for stage in stages {
        let delivery = deliver(&[
            &stage,
            &[
                Say("451-4.7.1 greylisted, eva.muster@example.com"),
                Say("451 4.7.1 come back"),
            ],
        ])
        .await;
        let reason = deferred(&delivery);
        assert!(
            reason.contains("451 4.7.1 greylisted, <recipient> come back"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_us_or_our_login_needs_a_person() {
    for stage in [&[][..], &HELLO[..2]] {
        let delivery = deliver(&[stage, &[Say("554 no SMTP service for you")]]).await;
        assert!(
            unable(&delivery).contains("554 no SMTP service for you"),
            "{delivery:?}"
        );
    }
    let delivery = deliver(&[HELLO, &ENVELOPE[..1], &[Say("530 5.7.0 authentication required")]]).await;
    assert!(unable(&delivery).contains("530 5.7.0"), "{delivery:?}");
}

#[tokio::test]
async fn silence_before_the_dot_is_not_taken_and_after_it_nobody_knows() {
    let before: [Vec<Step>; 5] = [
        Vec::new(),
        script(&[&HELLO[..2]]),
        script(&[HELLO, &ENVELOPE[..1]]),
        script(&[HELLO, &ENVELOPE[..3]]),
        script(&[HELLO, &ENVELOPE[..5]]),
    ];
    for stage in before {
        let delivery = deliver_impatiently(&[&stage]).await;
        assert!(deferred(&delivery).contains("did not answer in time"), "{delivery:?}");
    }
    let delivery = deliver_impatiently(&[HELLO, ENVELOPE, &[Body]]).await;
    assert!(unknown(&delivery).contains("whole letter was sent"), "{delivery:?}");
    let delivery = deliver_impatiently(&[HELLO, ENVELOPE, &[Body, Raw(b"250-half an ans")]]).await;
    assert!(unknown(&delivery).contains("whole letter was sent"), "{delivery:?}");
}

#[tokio::test]
async fn a_body_that_the_server_stops_reading_was_not_taken() {
    let mut letter = letter();
    // More than the buffers of both ends hold: six bytes on the wire for each of these letters.
    letter.text = "üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü\n".repeat(25_000);
    letter.html = letter.text.replace('\n', " ");
    letter.html.truncate(30_000);
    let composed = composed(&letter);
    assert!(composed.bytes().len() > 6_000_000);
    let short = Limits {
        data: Duration::from_millis(1500),
        ..patient()
    };
    let server = Server::start(vec![script(&[HELLO, ENVELOPE, &[Step::Some(1000), Stall]])]).await;
    let delivery = send(&server.url(), &composed, &short).await;
    assert!(deferred(&delivery).contains("did not read it in time"), "{delivery:?}");
    // The line is cut in the middle of it.
    let server = Server::start(vec![script(&[HELLO, ENVELOPE, &[Step::Some(1000)]])]).await;
    let delivery = send(&server.url(), &composed, &patient()).await;
    assert!(deferred(&delivery).starts_with("the body: "), "{delivery:?}");
}

#[tokio::test]
async fn a_cut_line_before_the_dot_is_not_taken_and_after_it_nobody_knows() {
    let before: [Vec<Step>; 5] = [
        Vec::new(),
        script(&[&HELLO[..2]]),
        script(&[HELLO, &ENVELOPE[..1]]),
        script(&[HELLO, &ENVELOPE[..3]]),
        script(&[HELLO, &ENVELOPE[..5]]),
    ];
    for stage in before {
        let delivery = deliver(&[&stage]).await;
        deferred(&delivery);
    }
    unknown(&deliver(&[HELLO, ENVELOPE, &[Body]]).await);
    unknown(&deliver(&[HELLO, ENVELOPE, &[Body, Raw(b"250 ok")]]).await);
}

#[tokio::test]
async fn nonsense_before_the_dot_is_not_taken_and_after_it_nobody_knows() {
    let nonsense: [&'static [u8]; 7] = [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"999 yes\r\n",
        b"250-one\r\n550 two\r\n",
        b"\xff\xfe\r\n",
        b"\r\n",
        b"100 continue\r\n",
        b"\0\0\0\0\r\n",
    ];
    let before: [Vec<Step>; 5] = [
        Vec::new(),
        script(&[&HELLO[..2]]),
        script(&[HELLO, &ENVELOPE[..1]]),
        script(&[HELLO, &ENVELOPE[..3]]),
        script(&[HELLO, &ENVELOPE[..5]]),
    ];
    for words in nonsense {
        for stage in &before {
            let delivery = deliver(&[stage, &[Raw(words)]]).await;
            deferred(&delivery);
        }
        unknown(&deliver(&[HELLO, ENVELOPE, &[Body, Raw(words)]]).await);
    }
    // Answers that belong to another question.
    deferred(&deliver(&[HELLO, &ENVELOPE[..1], &[Say("354 go on")]]).await);
    deferred(&deliver(&[HELLO, &ENVELOPE[..5], &[Say("250 ok")]]).await);
    unknown(&deliver(&[HELLO, ENVELOPE, &[Body, Say("354 go on")]]).await);
    // A line without end.
    let long: &'static [u8] = Box::leak(vec![b'2'; 200_000].into_boxed_slice());
    unknown(&deliver(&[HELLO, ENVELOPE, &[Body, Raw(long), Raw(b"\r\n")]]).await);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for url in [format!("smtp://127.0.0.1:{port}"), format!("smtps://127.0.0.1:{port}")] {
        let delivery = send(&url.parse().unwrap(), &composed(&letter()), &patient()).await;
        assert!(
            deferred(&delivery).starts_with(&format!("connecting to 127.0.0.1:{port}: ")),
            "{delivery:?}"
        );
    }
    let delivery = send(
        &"smtps://no-such-host.invalid".parse().unwrap(),
        &composed(&letter()),
        &patient(),
    )
    .await;
    deferred(&delivery);
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_a_server_that_takes_it() {
    let mut letter = letter();
    letter.to.address = "jörg@example.com".to_owned();
    let with = [
        Hear("MAIL FROM:<acme@acme.example> SMTPUTF8 BODY=8BITMIME"),
        Say("250 ok"),
        Hear("RCPT TO:<jörg@example.com>"),
        Say("250 ok"),
        Hear("DATA"),
        Say("354 go on"),
    ];
    let without = [Say("220 here"), Hear("EHLO"), Say("250-here"), Say("250 8BITMIME")];
    let server = Server::start(vec![script(&[HELLO, &with, LETTER]), script(&[&without, &[Stall]])]).await;
    let composed = composed(&letter);
    let delivery = send(&server.url(), &composed, &patient()).await;
    assert!(
        matches!(delivery, Delivery::Accepted { .. }),
        "{delivery:?} {:?}",
        server.connections()
    );
    let delivery = send(&server.url(), &composed, &patient()).await;
    assert!(unable(&delivery).contains("SMTPUTF8"), "{delivery:?}");
    assert_eq!(server.connections()[1].len(), 1, "nothing of the letter was said");
}

#[tokio::test]
async fn the_login_is_used_and_a_refused_one_is_a_matter_of_configuration() {
    let hello = [
        Say("220 here"),
        Hear("EHLO"),
        Say("250-here"),
        Say("250 AUTH LOGIN PLAIN"),
    ];
    // "\0user\0p@ss:wörd"
    let auth = [Hear("AUTH PLAIN AHVzZXIAcEBzczp3w7ZyZA==")];
    let scripts = vec![
        script(&[&hello, &auth, &[Say("235 welcome")], ENVELOPE, LETTER]),
        script(&[&hello, &auth, &[Say("535 5.7.8 bad credentials")]]),
        script(&[&hello, &auth, &[Say("454 4.7.0 try later")]]),
        script(&[HELLO, &[Stall]]),
    ];
    let server = Server::start(scripts).await;
    let url: SmtpServer = format!("smtp://user:p%40ss%3Aw%C3%B6rd@127.0.0.1:{}", server.port)
        .parse()
        .unwrap();
    let letter = composed(&letter());
    let delivery = send(&url, &letter, &patient()).await;
    assert!(
        matches!(delivery, Delivery::Accepted { .. }),
        "{delivery:?} {:?}",
        server.connections()
    );
    let delivery = send(&url, &letter, &patient()).await;
    assert!(unable(&delivery).contains("535 5.7.8 bad credentials"), "{delivery:?}");
    let delivery = send(&url, &letter, &patient()).await;
    assert!(deferred(&delivery).contains("454"), "{delivery:?}");
    let delivery = send(&url, &letter, &patient()).await;
    assert!(unable(&delivery).contains("AUTH"), "{delivery:?}");
    assert!(!format!("{delivery:?}").contains("wörd"));
}

#[tokio::test]
async fn a_connection_is_used_again_after_success_and_only_then() {
    let rset = [Hear("RSET"), Say("250 ok")];
    let scripts = vec![
        script(&[
            HELLO,
            ENVELOPE,
            LETTER,
            &rset,
            ENVELOPE,
            LETTER,
            &rset,
            &ENVELOPE[..3],
            &[Say("550 no"), Stall],
        ]),
        script(&[HELLO, ENVELOPE, &[Body, Stall]]),
        script(&[HELLO, ENVELOPE, LETTER, &[Say("421 idle for too long")]]),
        script(&[HELLO, ENVELOPE, LETTER, &[Stall]]),
    ];
    let server = Server::start(scripts).await;
    let (url, letter, transport) = (server.url(), composed(&letter()), Transport::new());
    for _ in 0..2 {
        let delivery = transport.send(&url, &letter, &patient()).await;
        assert!(matches!(delivery, Delivery::Accepted { .. }), "{delivery:?}");
    }
    let delivery = transport.send(&url, &letter, &patient()).await;
    assert!(matches!(delivery, Delivery::Refused { code: 550, .. }), "{delivery:?}");
    assert_eq!(server.connections().len(), 1);
    // The next one is new, and cut off in the middle of a letter by a caller who gave up.
    let limits = patient();
    let waiting = transport.send(&url, &letter, &limits);
    let given_up = async {
        while server.connections().get(1).is_none_or(|lines| lines.len() < 5) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        delivery = waiting => panic!("{delivery:?}"),
        () = given_up => {}
    }
    for connections in [3, 4] {
        let delivery = transport.send(&url, &letter, &patient()).await;
        assert!(matches!(delivery, Delivery::Accepted { .. }), "{delivery:?}");
        assert_eq!(server.connections().len(), connections);
    }
    let problems: Vec<String> = server
        .connections()
        .concat()
        .into_iter()
        .filter(|line| line.starts_with("expected"))
        .collect();
    assert_eq!(problems, ["expected \"RSET\", got \"\""; 0], "{problems:?}");
}

#[tokio::test]
async fn a_connection_that_was_idle_too_long_is_not_used_again() {
    let all = script(&[HELLO, ENVELOPE, LETTER, &[Stall]]);
    let server = Server::start(vec![all.clone(), all.clone(), all]).await;
    let (url, letter, transport) = (server.url(), composed(&letter()), Transport::new());
    let brief = Limits {
        idle: Duration::ZERO,
        ..patient()
    };
    for connections in [1, 2] {
        let delivery = transport.send(&url, &letter, &brief).await;
        assert!(matches!(delivery, Delivery::Accepted { .. }), "{delivery:?}");
        assert_eq!(server.connections().len(), connections);
    }
    transport.close_idle(Duration::ZERO);
    transport.send(&url, &letter, &patient()).await;
    assert_eq!(server.connections().len(), 3);
}

#[tokio::test]
async fn nothing_is_sent_when_the_server_lost_its_starttls() {
    let server = Server::start(vec![script(&[HELLO, &[Stall]])]).await;
    let url: SmtpServer = format!("smtp://user:secret@127.0.0.1:{}?tls=required", server.port)
        .parse()
        .unwrap();
    let delivery = send(&url, &composed(&letter()), &patient()).await;
    assert!(unable(&delivery).contains("STARTTLS"), "{delivery:?}");
    assert_eq!(server.connections()[0].len(), 1, "neither login nor letter");
}

/// A certificate for 127.0.0.1 that nobody knows, in PEM, and a server that has it.
fn certificate() -> (Vec<u8>, TlsAcceptor) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = "[req]\ndistinguished_name=name\nx509_extensions=more\nprompt=no\n[name]\nCN=here\n\
                  [more]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
    std::fs::write(path("config"), config).unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .arg("-config")
        .arg(path("config"))
        .arg("-keyout")
        .arg(path("key"))
        .arg("-out")
        .arg(path("certificate"))
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = std::fs::read(path("certificate")).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&pem).unwrap()];
    let key = PrivateKeyDer::from_pem_file(path("key")).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

/// Up to STARTTLS, in the clear.
async fn until_starttls(stream: TcpStream) -> TcpStream {
    let mut stream = BufReader::new(stream);
    for (said, heard) in [("220 here\r\n", "EHLO "), ("250-here\r\n250 STARTTLS\r\n", "STARTTLS")] {
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert!(line.starts_with(heard), "{line}");
    }
    stream.write_all(b"220 go on\r\n").await.unwrap();
    stream.into_inner()
}

#[tokio::test]
async fn a_letter_goes_only_to_a_server_whose_certificate_is_trusted() {
    let (pem, acceptor) = certificate();
    let hello = [Hear("EHLO acme.example"), Say("250-here"), Say("250 AUTH PLAIN")];
    let login = [Hear("AUTH PLAIN "), Say("235 welcome")];
    for (starttls, scheme, query) in [(true, "smtp", "?tls=required"), (false, "smtps", "")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://user:secret@{}{query}", listener.local_addr().unwrap());
        let server: SmtpServer = url.parse().unwrap();
        let seen = Seen::default();
        let (written, acceptor) = (seen.clone(), acceptor.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if starttls {
                    stream = until_starttls(stream).await;
                }
                // The client that does not trust us ends it here.
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                written.lock().unwrap().push(Vec::new());
                let greeting = if starttls { &[][..] } else { &HELLO[..1] };
                play(
                    stream,
                    script(&[greeting, &hello, &login, ENVELOPE, LETTER]),
                    written.clone(),
                )
                .await;
            }
        });
        let delivery = send(&server, &composed(&letter()), &patient()).await;
        assert!(deferred(&delivery).contains("certificate"), "{delivery:?}");
        assert!(seen.lock().unwrap().concat().is_empty(), "neither login nor letter");
        let delivery = send(&server.clone().trusting(&pem), &composed(&letter()), &patient()).await;
        let seen = seen.lock().unwrap().concat();
        assert!(matches!(delivery, Delivery::Accepted { .. }), "{delivery:?} {seen:?}");
        let delivery = send(&server.trusting(b"no certificate"), &composed(&letter()), &patient()).await;
        assert!(!matches!(delivery, Delivery::Accepted { .. }), "{delivery:?}");
    }
}
