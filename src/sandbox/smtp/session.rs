//! One connection: reads, lets faults happen around the work, answers, and writes everything down.
use super::{
    command::{self, Command},
    dialogue::{Dialogue, NAME},
    faults::{Outcome, Stage},
    journal::{End, Entry, State},
    letter::Letter,
    reply::Reply,
    wire::{Gone, Line, Wire},
};
use crate::sandbox::server::Shared;
use std::convert::Infallible;
use tokio::{net::TcpStream, sync::watch};

/// What a step has the server do.
enum Work {
    /// Nothing but this reply.
    Say(Reply),
    /// A command.
    Obey(Command),
    /// A line of an AUTH exchange.
    GoOn(String),
    /// The end of a message.
    Finish(Letter),
}

/// What follows a step.
enum Next {
    /// Another command.
    Command,
    /// A message.
    Letter,
}

struct Session {
    shared: Shared,
    wire: Wire,
    number: u64,
    dialogue: Dialogue,
    /// The message that the step under way stored.
    stored: Option<u64>,
}

/// Serves one connection to its end.
pub async fn run(stream: TcpStream, shared: Shared) {
    let number = {
        let mut world = shared.world();
        let now_us = world.clock.now_us();
        world.mail.journal.open(now_us)
    };
    let mut session = Session {
        shared,
        wire: Wire::new(stream),
        number,
        dialogue: Dialogue::default(),
        stored: None,
    };
    let Err(end) = session.talk().await;
    let Session { shared, wire, .. } = session;
    {
        let mut world = shared.world();
        let now_us = world.clock.now_us();
        world.mail.journal.close(number, end, now_us);
    }
    if matches!(end, End::Quit | End::HungUp) {
        wire.hang_up().await;
    }
}

impl Session {
    /// Goes on until the session ends.
    async fn talk(&mut self) -> Result<Infallible, End> {
        self.step(Some(Stage::Connect), "(connected)", None).await?;
        if !self.dialogue.is_turned_away {
            let greeting = Reply::new(220, format!("{NAME} ESMTP, everything stays on this machine"));
            self.step(Some(Stage::Greeting), "(greeting)", Some(Work::Say(greeting)))
                .await?;
        }
        loop {
            let line = match self.dialogue.is_in_exchange() {
                true => self.wire.line(|_| command::LONGEST_AUTH).await,
                false => self.wire.line(command::longest).await,
            };
            let text = match line.map_err(|Gone| End::Left)? {
                Line::Text(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(_) => {
                        self.refuse(Reply::new(500, "5.5.2 Not UTF-8")).await?;
                        continue;
                    }
                },
                Line::TooLong => {
                    self.refuse(Reply::new(500, "5.5.2 Line too long")).await?;
                    continue;
                }
                Line::Unclean => {
                    self.refuse(Reply::new(500, "5.5.2 A line ends with CRLF and holds no other CR"))
                        .await?;
                    continue;
                }
            };
            let next = if self.dialogue.is_in_exchange() {
                self.step(Some(Stage::Auth), "***", Some(Work::GoOn(text))).await?
            } else {
                match command::parse(&text) {
                    Ok(command) => {
                        let (stage, shown) = (stage_of(&command), shown(&command, &text));
                        self.step(stage, &shown, Some(Work::Obey(command))).await?
                    }
                    Err(refusal) => self.step(None, &text, Some(Work::Say(refusal))).await?,
                }
            };
            if let Next::Letter = next {
                self.receive().await?;
            }
        }
    }

    async fn refuse(&mut self, refusal: Reply) -> Result<Next, End> {
        self.step(None, "(unreadable)", Some(Work::Say(refusal))).await
    }

    async fn receive(&mut self) -> Result<(), End> {
        let max_size = self.shared.world().mail.switches.max_size;
        let letter = self.wire.letter(max_size).await.map_err(|Gone| End::Left)?;
        let line = format!("(message of {} octets)", letter.size);
        let is_unclean = letter.has_bare_lf;
        self.step(Some(Stage::Body), &line, Some(Work::Finish(letter))).await?;
        self.dialogue.reset();
        // Where such a message ends is what smuggling plays with: nothing that follows is believed.
        if is_unclean { Err(End::HungUp) } else { Ok(()) }
    }

    /// One exchange. Without work there is nothing to answer.
    async fn step(&mut self, stage: Option<Stage>, line: &str, mut work: Option<Work>) -> Result<Next, End> {
        let (fault, released) = self.begin(stage, line, work.as_ref());
        let mut reply = None;
        if fault.as_ref().is_none_or(|fault| fault.after_work) {
            reply = work.take().map(|work| self.perform(work));
        }
        match fault.map(|fault| fault.outcome) {
            None => {}
            Some(Outcome::Stall) => self.stall(released).await?,
            Some(Outcome::Reply(code, text)) => {
                match stage {
                    Some(Stage::Connect | Stage::Greeting) => self.dialogue.is_turned_away = true,
                    Some(Stage::Rcpt) => self.dialogue.note_refused(),
                    _ => {}
                }
                return self.answer(&Reply::new(code, text)).await;
            }
            Some(Outcome::Nonsense(bytes)) => {
                self.note(State::Nonsense);
                let sent = self.wire.send(&bytes).await;
                return sent.map(|()| Next::Command).map_err(|Gone| End::Left);
            }
            Some(Outcome::Cut) => {
                self.note(State::Cut);
                return Err(End::Cut);
            }
            Some(Outcome::CutInside) => {
                let whole = reply.map(|reply| reply.bytes()).unwrap_or_default();
                self.note(State::Cut);
                // Whether the half arrives is not for the server to know.
                let _ = self.wire.send(&whole[..whole.len() / 2]).await;
                return Err(End::Cut);
            }
        }
        match reply.or_else(|| work.map(|work| self.perform(work))) {
            Some(reply) => self.answer(&reply).await,
            None => {
                self.note(State::Answered);
                Ok(Next::Command)
            }
        }
    }

    /// Writes the step down and finds the fault that it meets.
    fn begin(
        &mut self,
        stage: Option<Stage>,
        line: &str,
        work: Option<&Work>,
    ) -> (Option<super::faults::Fault>, watch::Receiver<()>) {
        self.stored = None;
        let mut world = self.shared.world();
        let at_us = world.clock.now_us();
        let concerned = match work {
            Some(Work::Obey(Command::Rcpt(to, _))) => vec![to.clone()],
            _ => self.dialogue.recipients().to_vec(),
        };
        let fault = stage.and_then(|stage| world.mail.faults.meet(stage, &concerned));
        // The attempt was made, whatever comes of it.
        match work {
            Some(Work::Obey(Command::Mail(..))) => world.mail.journal.count_attempt(),
            Some(Work::Obey(Command::Rcpt(to, _))) => world.mail.journal.count_recipient(to),
            _ => {}
        }
        world.mail.journal.begin(
            self.number,
            Entry {
                at_us,
                stage,
                line: line.to_owned(),
                state: State::UnderWay,
                code: None,
                text: None,
                message: None,
                fault: fault.as_ref().map(|fault| fault.action.clone()),
            },
        );
        // From here on a release is noticed, also one that comes before the wait for it.
        (fault, world.mail.release.subscribe())
    }

    fn perform(&mut self, work: Work) -> Reply {
        let mut world = self.shared.world();
        let at_us = world.clock.now_us();
        match work {
            Work::Say(reply) => reply,
            Work::Obey(command) => self.dialogue.obey(command, &mut world.mail),
            Work::GoOn(line) => self.dialogue.go_on(&line, &world.mail),
            Work::Finish(letter) => {
                let (reply, stored) = self.dialogue.finish(letter, self.number, &mut world.mail, at_us);
                self.stored = stored;
                world.mail.journal.change(self.number, |entry| entry.message = stored);
                reply
            }
        }
    }

    /// Says nothing until released; a client that leaves meanwhile ends the session.
    async fn stall(&mut self, mut released: watch::Receiver<()>) -> Result<(), End> {
        self.note(State::Stalled);
        let left = tokio::select! {
            changed = released.changed() => changed.is_err(),
            Gone = self.wire.gone() => true,
        };
        if left {
            self.note(State::Left);
            return Err(End::Left);
        }
        self.note(State::UnderWay);
        Ok(())
    }

    /// Sends a reply. It is written down first, so that who read it finds it in the journal.
    async fn answer(&mut self, reply: &Reply) -> Result<Next, End> {
        let end = match reply.code {
            221 => Some(End::Quit),
            421 => Some(End::HungUp),
            _ => None,
        };
        let taken = self.stored.filter(|_| reply.code == 250);
        {
            let mut world = self.shared.world();
            let now_us = world.clock.now_us();
            let mail = &mut world.mail;
            mail.journal.change(self.number, |entry| {
                entry.state = State::Answered;
                entry.code = Some(reply.code);
                entry.text = Some(reply.text());
            });
            mail.set_answered(taken, true);
            if let Some(end) = end {
                mail.journal.close(self.number, end, now_us);
            }
        }
        if let Err(Gone) = self.wire.send(&reply.bytes()).await {
            self.note(State::Left);
            self.shared.world().mail.set_answered(taken, false);
            return Err(End::Left);
        }
        match (end, reply.code) {
            (Some(end), _) => Err(end),
            (None, 354) => Ok(Next::Letter),
            (None, _) => Ok(Next::Command),
        }
    }

    fn note(&self, state: State) {
        let mut world = self.shared.world();
        world.mail.journal.change(self.number, |entry| entry.state = state);
    }
}

fn stage_of(command: &Command) -> Option<Stage> {
    Some(match command {
        Command::Ehlo(_) | Command::Helo(_) => Stage::Ehlo,
        Command::Auth(..) => Stage::Auth,
        Command::Mail(..) => Stage::Mail,
        Command::Rcpt(..) => Stage::Rcpt,
        Command::Data => Stage::Data,
        Command::Rset => Stage::Rset,
        Command::Noop => Stage::Noop,
        Command::Quit => Stage::Quit,
        Command::Vrfy(_) | Command::Help => return None,
    })
}

/// The line without secrets.
fn shown(command: &Command, line: &str) -> String {
    match command {
        Command::Auth(mechanism, Some(_)) => format!("AUTH {mechanism} ***"),
        _ => line.to_owned(),
    }
}
