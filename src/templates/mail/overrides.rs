//! A tenant's own templates in the places of ours: checked when they are loaded, so that none can fail when a mail is due.
//!
//! An override may say anything, but it cannot compute, load or run anything: what the user approves is all that the customer
//! gets, and opening the mail tells nobody. Nor may it leave out the way to get no more mail.
use super::source::{self, Problem, Source, VALUE};
use super::{Context, Mail, MailTemplates, Part, TemplateError, markup, path, samples};
use crate::domain::language::Language;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most bytes of one file.
pub(super) const MAX_FILE: usize = 64 * 1024;

/// Why a template of a tenant is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideProblem {
    /// Below the tenant's folder: `booking_confirmed/de/body.txt`.
    pub file: String,
    /// From 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong, and what to do: the end of a sentence about the file.
    pub what: String,
}

impl fmt::Display for OverrideProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for OverrideProblem {}

/// The templates that a file may take the place of; `None` for a name that is none of them.
fn place(file: &str) -> Option<(Mail, Language, Part)> {
    let all = Mail::ALL
        .into_iter()
        .flat_map(|mail| Language::ALL.into_iter().map(move |language| (mail, language)));
    all.flat_map(|(mail, language)| Part::ALL.into_iter().map(move |part| (mail, language, part)))
        .find(|(mail, language, part)| path(*mail, *language, *part) == file)
}

/// Refuses what is no file of ours, and says which there are.
pub(super) fn check_name(file: &str) -> Result<(), OverrideProblem> {
    if place(file).is_some() {
        return Ok(());
    }
    let list = |names: Vec<&str>| names.join(", ");
    let what = format!(
        "is not the name of a template: write <mail>/<language>/<file> with a mail of {}; a language of {}; a file of {}",
        list(Mail::ALL.map(Mail::as_str).to_vec()),
        list(Language::ALL.map(Language::as_str).to_vec()),
        list(Part::ALL.map(Part::file).to_vec()),
    );
    Err(refused(file, None, what))
}

pub(super) fn refused(file: &str, line: Option<usize>, what: impl Into<String>) -> OverrideProblem {
    OverrideProblem {
        file: file.to_owned(),
        line,
        what: what.into(),
    }
}

impl MailTemplates {
    /// These templates with `files` (their names below the folder, and their texts) in the places of ours; any of them may be
    /// given. These templates themselves stay as they are.
    ///
    /// # Errors
    /// The first file that is refused: an unknown name, more than 64 KB, a tag or a name that is not allowed, HTML that is
    /// not allowed, a mail that cannot be written with the samples, or one without its link.
    pub fn with_overrides(&self, files: &BTreeMap<String, String>) -> Result<MailTemplates, OverrideProblem> {
        let mut with = self.clone();
        let mut changed = BTreeSet::new();
        for (file, text) in files {
            check_name(file)?;
            let Some((mail, language, part)) = place(file) else {
                continue;
            };
            if text.len() > MAX_FILE {
                return Err(refused(file, None, format!("is larger than {} KB", MAX_FILE / 1024)));
            }
            let problem = |Problem { line, what }| refused(file, line, what);
            let source = source::read(text, &self.example(mail, language, part)?).map_err(problem)?;
            if part == Part::Html {
                super::allowed::check(&source, mail.link()).map_err(problem)?;
                structure(&source).map_err(problem)?;
            }
            with.environment
                .add_template_owned(file.clone(), text.clone())
                .map_err(|error| refused(file, error.line(), error.to_string()))?;
            changed.insert((mail, language));
        }
        for (mail, language) in changed {
            for context in [
                samples::full(mail, language),
                samples::sparse(mail, language),
                samples::long(mail, language),
            ] {
                with.try_out(mail, language, &context)?;
            }
        }
        Ok(with)
    }

    /// One of everything that a template may name.
    fn example(&self, mail: Mail, language: Language, part: Part) -> Result<Value, OverrideProblem> {
        let words = self.words.of(language);
        // An update has all lists filled; other mails of bookings know the same names.
        let sample = match mail.link() {
            "unsubscribe_url" => Mail::BookingUpdated,
            _ => mail,
        };
        let mut values = samples::full(mail, language)
            .values(sample, language, words)
            .map_err(|error| refused(&path(mail, language, part), None, error.to_string()))?;
        if part == Part::Html {
            values["subject"] = "".into();
        }
        Ok(values)
    }

    fn try_out(&self, mail: Mail, language: Language, context: &Context) -> Result<(), OverrideProblem> {
        let refuse = |error| match error {
            TemplateError::Template { name, source } => {
                let what = source.detail().map_or_else(|| source.kind().to_string(), str::to_owned);
                refused(&name, source.line(), format!("fails with a sample: {what}"))
            }
            TemplateError::Markup { name, problem } => {
                refused(&name, None, format!("makes no mail of a sample: {problem}"))
            }
            TemplateError::TooLong { name } => refused(&name, None, "makes too long a mail of a sample"),
            TemplateError::LinkMissing { name, link } => refused(
                &name,
                None,
                format!("leaves out {{{{ {link} }}}}, which every mail must have"),
            ),
            other => refused(&path(mail, language, Part::Text), None, other.to_string()),
        };
        self.render(mail, language, context).map(drop).map_err(refuse)
    }
}

/// The template must be MJML around its tags, whatever their values: an element does not begin in one choice and end in another.
fn structure(source: &Source) -> Result<(), Problem> {
    let mjml = source.plain.replace(VALUE, "x").replace(source::is_tag, "");
    let line = |at: Option<usize>| at.map(|at| mjml.get(..at).unwrap_or_default().matches('\n').count() + 1);
    let (_, warnings) = markup::parse(&mjml).map_err(|(at, what)| Problem { line: line(at), what })?;
    match warnings.first() {
        None => Ok(()),
        Some(warning) => Err(Problem {
            line: line(Some(warning.span.start)),
            what: format!("has an {} that MJML does not know", warning.kind),
        }),
    }
}
