//! Handing a composed letter to an SMTP server, and saying truly what became of it.
//!
//! The one question that matters is on which side of the final dot something went wrong: before it the server certainly
//! has not taken the letter, after it nobody knows without a clear answer. lettre speaks the protocol, one command at a
//! time; the stages, the time-outs and the connections are ours, because lettre's own `send` hides the stage, its time-out
//! ends with connecting, and its pool hands on connections that were left in the middle of a letter. Nothing here retries.
use super::compose::Composed;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

mod answer;
mod connect;
pub use crate::domain::mail::{SmtpServer, SmtpUrlProblem};

/// How long one waits. Each step has its own limit, and all of them together have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For resolving, connecting and TLS together.
    pub connect: Duration,
    /// For the answer to one command.
    pub command: Duration,
    /// For the body and the answer to the final dot. RFC 5321 (4.5.3.2.6) wishes ten minutes for it; giving up earlier
    /// makes more outcomes unknown, and never a second letter.
    pub data: Duration,
    /// For everything. It does not cut the wait after the final dot below `data`.
    pub total: Duration,
    /// How long a connection without work is kept for the next letter.
    pub idle: Duration,
}

impl Default for Limits {
    /// 20 s to connect, 60 s for a command, 5 min for the body, 3 min up to the body, 10 s idle.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            command: Duration::from_secs(60),
            data: Duration::from_secs(300),
            total: Duration::from_secs(180),
            idle: Duration::from_secs(10),
        }
    }
}

/// What became of a letter. Texts are of one line, at most 200 characters, without the recipient's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The server has taken it.
    Accepted {
        /// What it said.
        answer: String,
    },
    /// The server will never take this letter for this recipient: a bounce.
    Refused {
        /// 5xx
        code: u16,
        /// What it said.
        answer: String,
    },
    /// Certainly not taken; a later attempt may succeed.
    Deferred {
        /// What happened, with the server's words if there are any.
        reason: String,
    },
    /// It may have been taken. Never to be repeated by itself.
    Unknown {
        /// What happened.
        reason: String,
    },
    /// Certainly not taken, and no attempt will succeed before a person changes the configuration (or the server).
    Unable {
        /// What is missing, and what to do.
        reason: String,
    },
}

/// Sends letters, and keeps a connection for some seconds to send the next one over.
#[derive(Default)]
pub struct Transport {
    idle: Mutex<HashMap<SmtpServer, Vec<Idle>>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// Most connections without work for one server.
const MOST_IDLE: usize = 4;

/// Sends over a connection of its own.
pub async fn send(server: &SmtpServer, composed: &Composed, limits: &Limits) -> Delivery {
    Transport::default().send(server, composed, limits).await
}

impl Transport {
    /// None open yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One attempt. Dropping the future drops the connection; the outcome is then unknown to the caller, who has to treat
    /// it as [`Delivery::Unknown`].
    pub async fn send(&self, server: &SmtpServer, composed: &Composed, limits: &Limits) -> Delivery {
        let steps = Steps {
            limits,
            end: Instant::now() + limits.total,
        };
        let delivered = self.attempt(server, composed, &steps).await;
        answer::masked(delivered.unwrap_or_else(|failed| failed), composed)
    }

    /// Whether a server would let us begin: it is reached, encrypted as it has to be, and lets us log in. Hands nothing over.
    /// `name` is whom we say to be: a domain of ours.
    ///
    /// # Errors
    /// What a letter would have met.
    pub async fn probe(&self, server: &SmtpServer, name: &str, limits: &Limits) -> Result<(), Delivery> {
        let steps = Steps {
            limits,
            end: Instant::now() + limits.total,
        };
        let mut connection = connect::connect(server, name, &steps).await?;
        // A server that does not say goodbye has answered all the same.
        let _ = steps.command("QUIT", connection.command(Quit)).await;
        Ok(())
    }

    async fn attempt(&self, server: &SmtpServer, composed: &Composed, steps: &Steps<'_>) -> Result<Delivery, Delivery> {
        let mut connection = match self.kept(server, steps).await {
            Some(connection) => connection,
            None => connect::connect(server, composed.sender_domain(), steps).await?,
        };
        hand_over(&mut connection, composed, steps).await.inspect(|_| {
            self.keep(server, connection, steps.limits.idle);
        })
    }

    /// A connection that still answers. Those that do not, or were kept too long, are dropped: nothing is in flight on them.
    async fn kept(&self, server: &SmtpServer, steps: &Steps<'_>) -> Option<AsyncSmtpConnection> {
        loop {
            let Idle { mut connection, since } = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.get_mut(server)?.pop()?
            };
            if since.elapsed() > steps.limits.idle {
                continue;
            }
            let answered = steps.command("RSET", connection.command(Rset)).await;
            if answered.is_ok_and(|response| answer::expect("RSET", &response, 2).is_ok()) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, server: &SmtpServer, connection: AsyncSmtpConnection, most: Duration) {
        self.close_idle(most);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(server.clone()).or_default();
        if kept.len() == MOST_IDLE {
            // The oldest: it is the likeliest to be closed at the other end.
            kept.remove(0);
        }
        kept.push(Idle {
            connection,
            since: Instant::now(),
        });
    }

    /// Closes what has been idle for longer than `most`. To be called now and then, so that servers do not have to.
    pub fn close_idle(&self, most: Duration) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in idle.values_mut() {
            kept.retain(|idle| idle.since.elapsed() <= most);
        }
        idle.retain(|_, kept| !kept.is_empty());
    }
}

/// The time-outs of one attempt.
struct Steps<'a> {
    limits: &'a Limits,
    end: Instant,
}

impl Steps<'_> {
    /// Runs one step before the final dot.
    async fn run<T, E>(
        &self,
        name: &str,
        limit: Duration,
        step: impl Future<Output = Result<T, E>>,
        failed: impl FnOnce(E) -> Delivery,
    ) -> Result<T, Delivery> {
        let end = self.end.min(Instant::now() + limit);
        match timeout_at(end, step).await {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(Delivery::Deferred {
                reason: format!("{name}: the server did not answer in time"),
            }),
        }
    }

    /// One command before the final dot.
    async fn command<T>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, Delivery> {
        self.run(name, self.limits.command, step, |error| {
            answer::before_dot(name, &error)
        })
        .await
    }
}

/// One transaction (RFC 5321, 3.3). An error means that the connection must not be used again.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    composed: &Composed,
    steps: &Steps<'_>,
) -> Result<Delivery, Delivery> {
    let mut parameters = Vec::new();
    if composed.needs_smtputf8() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Delivery::Unable {
                reason: "an address has characters beyond ASCII before its @, and the mail server does not offer SMTPUTF8: use an ASCII \
                         address, or a server that offers it"
                    .to_owned(),
            });
        }
        // Servers that offer SMTPUTF8 offer 8BITMIME too (RFC 6531, 3.1).
        parameters = vec![
            MailParameter::SmtpUtfEight,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ];
    }
    let envelope = composed.envelope();
    let mail = Mail::new(envelope.from().cloned(), parameters);
    let response = steps.command("MAIL", connection.command(mail)).await?;
    answer::expect("MAIL", &response, 2)?;
    for recipient in envelope.to() {
        let rcpt = Rcpt::new(recipient.clone(), Vec::new());
        let response = steps.command("RCPT", connection.command(rcpt)).await?;
        answer::expect("RCPT", &response, 2)?;
    }
    let response = steps.command("DATA", connection.command(Data)).await?;
    answer::expect("DATA", &response, 3)?;
    body(connection, composed.bytes(), steps.limits.data).await
}

/// The body, the dot and the answer to it.
///
/// lettre asks for the next piece only when the one before is written, and writes the dot when there is none left: until it
/// finds the end the dot has not been sent, and the server cannot have taken anything.
async fn body(connection: &mut AsyncSmtpConnection, bytes: &[u8], limit: Duration) -> Result<Delivery, Delivery> {
    let dot = AtomicBool::new(false);
    let end = std::iter::from_fn(|| {
        dot.store(true, Ordering::SeqCst);
        None
    });
    let pieces = bytes.chunks(16 * 1024).chain(end);
    let outcome = timeout_at(Instant::now() + limit, connection.message_iter(pieces)).await;
    let dot_sent = dot.load(Ordering::SeqCst);
    match outcome {
        Ok(Ok(response)) => answer::after_dot(&response),
        Ok(Err(error)) if dot_sent => Err(answer::failed_after_dot(&error)),
        Ok(Err(error)) => Err(answer::before_dot("the body", &error)),
        Err(_) if dot_sent => Err(Delivery::Unknown {
            reason: "the whole letter was sent, and the server did not answer in time".to_owned(),
        }),
        Err(_) => Err(Delivery::Deferred {
            reason: "the body: the server did not read it in time".to_owned(),
        }),
    }
}
