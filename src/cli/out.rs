//! How commands talk: data to standard output, words to standard error, a hint after an error.
//!
//! Output is plain text without colour. With `--json` data is one JSON document with stable field names.
use serde::Serialize;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why a command ends with an exit code other than 0.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// It was tried and did not work: exit code 1.
    pub fn failed(message: impl fmt::Display) -> Failure {
        Failure {
            code: 1,
            message: message.to_string(),
            hint: None,
        }
    }

    /// It was asked wrongly, or the configuration is wrong: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure {
            code: 2,
            message: message.to_string(),
            hint: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Failure {
        self.hint = Some(hint.to_string());
        self
    }

    /// Says so, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        say(format_args!("error: {}", self.message));
        if let Some(hint) = &self.hint {
            say(format_args!("hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    /// The whole chain, without repeating what a message already contains.
    fn from(error: E) -> Failure {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Failure::failed(text)
    }
}

/// Words for the person at the terminal. Nobody listening is no error.
pub fn say(words: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// One line of data.
pub fn line(data: impl fmt::Display) -> Result<(), Failure> {
    written(writeln!(io::stdout(), "{data}"))
}

/// A reader that has seen enough (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::failed(format_args!("the output cannot be written: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Words of other people, such as a name from somebody's address book, without what would command the terminal or turn the
/// direction of the line.
pub fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if is_harmful(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Data as JSON.
pub fn json(data: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(data)?)
}

/// Rows under their titles, as wide as they need to be. Nothing at all without rows.
pub fn table(titles: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells.chain([titles[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        line(padded.join("  ").trim_end())
    };
    print(&mut titles.iter().copied())?;
    rows.iter()
        .try_for_each(|row| print(&mut row.iter().map(String::as_str)))
}

/// An instant, or a dash.
pub fn instant(at: Option<chrono::DateTime<chrono::Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Says what takes long while it takes long, on a terminal only, and wipes it away afterwards.
pub struct Progress {
    is_terminal: bool,
}

impl Progress {
    /// Begins.
    pub fn of(words: &str) -> Progress {
        let is_terminal = io::stderr().is_terminal();
        if is_terminal {
            let _ = write!(io::stderr(), "{words} …");
        }
        Progress { is_terminal }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Asks on the terminal before something that cannot be undone. `yes` answers for scripts; without a terminal nobody can.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("this needs a yes, and there is no terminal to ask on").hint("add --yes"));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}
