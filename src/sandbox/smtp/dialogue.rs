//! The rules of a session: which command may come when, and what each is answered (RFC 5321, 3 and 4).
//!
//! A function of the session so far, the mail service and the command; sockets and faults are `session`'s business.
use super::{
    MailService,
    auth::{self, Exchange, Step},
    command::{Command, Param},
    letter::{Announced, Letter},
    reply::Reply,
};

/// What the server calls itself.
pub const NAME: &str = "sandbox.localhost";
/// RFC 5321 (4.5.3.1.8) asks for at least 100.
const MOST_RECIPIENTS: usize = 100;

/// Who said hello, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hello {
    /// HELO: no extensions.
    Plain,
    /// EHLO.
    Extended,
}

/// A mail between MAIL and the end of its message.
#[derive(Debug, Default)]
struct Transaction {
    from: String,
    announced: Announced,
    to: Vec<String>,
    was_refused: bool,
}

/// One session.
#[derive(Debug, Default)]
pub struct Dialogue {
    hello: Option<Hello>,
    is_authenticated: bool,
    exchange: Option<Exchange>,
    transaction: Option<Transaction>,
    /// The greeting was a refusal: only QUIT is left (RFC 5321, 3.1).
    pub is_turned_away: bool,
}

impl Dialogue {
    /// The recipients that were accepted so far.
    pub fn recipients(&self) -> &[String] {
        self.transaction.as_ref().map_or(&[], |mail| &mail.to)
    }

    /// Whether the next line belongs to an AUTH exchange.
    pub fn is_in_exchange(&self) -> bool {
        self.exchange.is_some()
    }

    /// Forgets the mail under way.
    pub fn reset(&mut self) {
        self.transaction = None;
    }

    /// A recipient was refused: DATA without any other is refused in other words.
    pub fn note_refused(&mut self) {
        if let Some(mail) = &mut self.transaction {
            mail.was_refused = true;
        }
    }

    /// The answer to a command, 354 for a message that may follow.
    pub fn obey(&mut self, command: Command, service: &mut MailService) -> Reply {
        if self.is_turned_away && command != Command::Quit {
            return Reply::out_of_sequence("Nobody is served here");
        }
        match command {
            Command::Ehlo(host) => self.greet(Hello::Extended, &host, service),
            Command::Helo(host) => self.greet(Hello::Plain, &host, service),
            Command::Mail(from, params) => self.mail(from, &params, service).unwrap_or_else(|refusal| refusal),
            Command::Rcpt(to, params) => {
                let answer = self.rcpt(to, &params, service).unwrap_or_else(|refusal| refusal);
                if answer.code >= 400 {
                    self.note_refused();
                }
                answer
            }
            Command::Data => match &self.transaction {
                None => Reply::out_of_sequence("MAIL first"),
                Some(mail) if !mail.to.is_empty() => Reply::new(354, "End with a line that holds only a dot"),
                Some(mail) if mail.was_refused => Reply::new(554, "5.5.1 No valid recipients"),
                Some(_) => Reply::out_of_sequence("RCPT first"),
            },
            Command::Rset => {
                self.reset();
                Reply::ok()
            }
            Command::Noop => Reply::ok(),
            Command::Vrfy(_) => Reply::new(252, "2.5.2 Cannot say, but will take mail and see"),
            Command::Help => Reply::new(214, "2.0.0 Every recipient is welcome; /mailbox shows what came"),
            Command::Quit => Reply::new(221, "2.0.0 Bye"),
            Command::Auth(mechanism, initial) => self.authenticate(&mechanism, initial.as_deref(), service),
        }
    }

    fn greet(&mut self, hello: Hello, host: &str, service: &MailService) -> Reply {
        self.reset();
        self.hello = Some(hello);
        let mut lines = vec![format!("{NAME} greets {host}")];
        if hello == Hello::Extended {
            let switches = &service.switches;
            lines.push(format!("SIZE {}", switches.max_size));
            if switches.eight_bit_mime {
                lines.push("8BITMIME".into());
                if switches.smtputf8 {
                    lines.push("SMTPUTF8".into());
                }
            }
            lines.extend(["PIPELINING".into(), "ENHANCEDSTATUSCODES".into()]);
            if switches.auth.is_some() {
                lines.push("AUTH PLAIN LOGIN".into());
            }
            lines.push("HELP".into());
        }
        Reply { code: 250, lines }
    }

    fn mail(&mut self, from: String, params: &[Param], service: &MailService) -> Result<Reply, Reply> {
        let hello = self.hello.ok_or_else(|| Reply::out_of_sequence("EHLO or HELO first"))?;
        if self.transaction.is_some() {
            return Err(Reply::out_of_sequence("A mail is under way; RSET ends it"));
        }
        if service.switches.auth.is_some() && !self.is_authenticated {
            return Err(Reply::new(530, "5.7.0 Authentication required"));
        }
        let announced = announced(hello, params, service)?;
        if !from.is_ascii() && !announced.utf8 {
            return Err(Reply::new(550, "5.6.7 Non-ASCII sender without SMTPUTF8"));
        }
        self.transaction = Some(Transaction {
            from,
            announced,
            ..Transaction::default()
        });
        Ok(Reply::new(250, "2.1.0 Sender OK"))
    }

    fn rcpt(&mut self, to: String, params: &[Param], service: &mut MailService) -> Result<Reply, Reply> {
        let mail = self
            .transaction
            .as_mut()
            .ok_or_else(|| Reply::out_of_sequence("MAIL first"))?;
        if let Some((keyword, _)) = params.first() {
            return Err(unknown(keyword));
        }
        if !to.is_ascii() && !mail.announced.utf8 {
            return Err(Reply::new(553, "5.6.7 Non-ASCII recipient without SMTPUTF8"));
        }
        if mail.to.len() >= MOST_RECIPIENTS {
            return Err(Reply::new(452, "4.5.3 Too many recipients"));
        }
        if service.switches.greylist && service.known.insert(to.to_ascii_lowercase()) {
            return Err(Reply::new(451, "4.7.1 Greylisted, come back later"));
        }
        mail.to.push(to);
        Ok(Reply::new(250, "2.1.5 Recipient OK"))
    }

    fn authenticate(&mut self, mechanism: &str, initial: Option<&str>, service: &MailService) -> Reply {
        let Some(credentials) = &service.switches.auth else {
            return Reply::new(502, "5.5.1 Command not implemented");
        };
        if self.hello != Some(Hello::Extended) {
            return Reply::out_of_sequence("EHLO first");
        }
        if self.is_authenticated || self.transaction.is_some() {
            return Reply::out_of_sequence("Not now");
        }
        let step = auth::begin(mechanism, initial, credentials);
        self.settle(step)
    }

    /// The answer to a line of an AUTH exchange.
    pub fn go_on(&mut self, line: &str, service: &MailService) -> Reply {
        match (self.exchange.take(), &service.switches.auth) {
            (Some(exchange), Some(credentials)) => {
                let step = auth::go_on(exchange, line, credentials);
                self.settle(step)
            }
            // A test took AUTH away in between.
            _ => Reply::new(454, "4.7.0 Temporary authentication failure"),
        }
    }

    fn settle(&mut self, step: Step) -> Reply {
        match step {
            Step::Ask(exchange) => {
                let prompt = auth::prompt(&exchange);
                self.exchange = Some(exchange);
                prompt
            }
            Step::Done => {
                self.is_authenticated = true;
                Reply::new(235, "2.7.0 Authentication successful")
            }
            Step::Failed(reply) => reply,
        }
    }

    /// Takes or refuses the message that ended. With 250 its id comes too; the mail is over either way.
    pub fn finish(
        &mut self,
        letter: Letter,
        session: u64,
        service: &mut MailService,
        at_us: i64,
    ) -> (Reply, Option<u64>) {
        let Some(mail) = self.transaction.take() else {
            return (Reply::out_of_sequence("No mail is under way"), None);
        };
        if let Err(refusal) = letter.check(service.switches.max_size, mail.announced) {
            return (refusal, None);
        }
        service.journal.count_accepted(&mail.to);
        let id = service.mailbox.keep(at_us, session, mail.from, mail.to, letter.raw);
        (Reply::new(250, format!("2.0.0 OK: taken as message {id}")), Some(id))
    }
}

/// What the parameters of MAIL announce; only what EHLO offered is known.
fn announced(hello: Hello, params: &[Param], service: &MailService) -> Result<Announced, Reply> {
    let switches = &service.switches;
    let mut announced = Announced::default();
    let wrong = |words: &str| Reply::new(501, format!("5.5.4 {words}"));
    for (keyword, value) in params {
        match (keyword.as_str(), value.as_deref()) {
            _ if hello == Hello::Plain => return Err(unknown(keyword)),
            ("SIZE", value) => {
                let digits = value.filter(|value| value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit()));
                let size = digits.ok_or_else(|| wrong("SIZE is a number of octets"))?;
                // More than fits a number is more than fits here.
                if size.parse::<usize>().map_or(true, |size| size > switches.max_size) {
                    return Err(Reply::new(552, "5.3.4 Message exceeds the maximum size"));
                }
            }
            ("BODY", value) if switches.eight_bit_mime => match value.map(str::to_ascii_uppercase).as_deref() {
                Some("7BIT") => {}
                Some("8BITMIME") => announced.eight_bit = true,
                _ => return Err(wrong("BODY is 7BIT or 8BITMIME")),
            },
            ("SMTPUTF8", None) if switches.eight_bit_mime && switches.smtputf8 => announced.utf8 = true,
            ("SMTPUTF8", Some(_)) if switches.eight_bit_mime && switches.smtputf8 => {
                return Err(wrong("SMTPUTF8 takes no value"));
            }
            // Allowed after AUTH (RFC 4954, 5), and of no use here.
            ("AUTH", Some(_)) if switches.auth.is_some() => {}
            _ => return Err(unknown(keyword)),
        }
    }
    Ok(announced)
}

fn unknown(keyword: &str) -> Reply {
    Reply::new(555, format!("5.5.4 Parameter {keyword} not recognized"))
}
