//! `accord mail preview`: a mail as its recipient would see it, on the terminal, in a file, or in the browser.
use crate::app::App;
use crate::cli::consent::one;
use crate::cli::out::{Failure, Format, harmless, json, line, say};
use crate::cli::{Context, open};
use crate::config::Config;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::language::Language;
use crate::domain::mail::{Letter, Mailbox};
use crate::engine::mail;
use crate::lifecycle::{SystemClock, SystemEntropy};
use crate::mail::compose::compose;
use crate::templates::mail::{Mail, MailTemplates, OverrideProblem, samples};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Which mail.
    #[arg(long, default_value = "booking_confirmed", value_parser = PossibleValuesParser::new(Mail::ALL.map(Mail::as_str)))]
    mail: String,
    /// In which language: en, es or de [default: the tenant's, else mail.language].
    #[arg(long)]
    language: Option<Language>,
    /// With the templates of this tenant.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A mail of the tenant that was really proposed, instead of a sample.
    #[arg(long, requires = "tenant", conflicts_with_all = ["mail", "language"])]
    message: Option<MessageId>,
    /// Which part: with eml everything, as it would be handed over [default: what the name of the file ends with, or html with --open;
    /// subject and text on the terminal].
    #[arg(long)]
    part: Option<Part>,
    /// Write it to this file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "open")]
    out: Option<PathBuf>,
    /// Open it in the browser.
    #[arg(long)]
    open: bool,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Html,
    Text,
    Subject,
    Eml,
}

impl Part {
    /// What the end of a file's name means.
    fn of(path: &Path) -> Part {
        match path.extension().and_then(|end| end.to_str()) {
            Some("txt") => Part::Text,
            Some("eml") => Part::Eml,
            _ => Part::Html,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Part::Html => "html",
            Part::Text | Part::Subject => "txt",
            Part::Eml => "eml",
        }
    }
}

pub(in crate::cli) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let letter = match arguments.tenant {
        None => {
            let config = open::config(context)?;
            sample(&arguments, &MailTemplates::embedded()?, &config, None)?
        }
        Some(tenant) => {
            let app = open::app(context).await?;
            let letter = of_tenant(&app, &arguments, tenant).await;
            app.close().await;
            letter?
        }
    };
    put(context.format, &arguments, &letter)
}

async fn of_tenant(app: &App, arguments: &Arguments, tenant: TenantId) -> Result<Letter, Failure> {
    let settings = app
        .engine
        .settings(tenant, &app.engine.defaults)
        .await
        .map_err(open::refused)?;
    if let Some(message) = arguments.message {
        let found = one(app, tenant, message).await?;
        return found.letter.map(|letter| letter.without_code()).ok_or_else(|| {
            Failure::failed("the text of this mail was erased")
                .hint("mail.keep_days says how long it is kept after its end")
        });
    }
    let (templates, own) = mail::templates_of(&app.engine, tenant).map_err(refused)?;
    if own == 0 {
        say("the tenant has no templates of its own; these are the built-in ones");
    }
    sample(arguments, &templates, app.config(), Some(settings.language))
}

/// A template of the tenant's that is refused.
pub(super) fn refused(problem: OverrideProblem) -> Failure {
    Failure::failed(problem).hint("until it is mended, mails of this tenant are written with the built-in templates")
}

/// A mail with invented values.
fn sample(
    arguments: &Arguments,
    templates: &MailTemplates,
    config: &Config,
    language: Option<Language>,
) -> Result<Letter, Failure> {
    let language = arguments.language.or(language).unwrap_or(config.mail.language);
    let wanted = samples()
        .into_iter()
        .find(|sample| sample.mail.as_str() == arguments.mail && sample.language == language)
        .ok_or_else(|| Failure::usage("there is no such mail"))?;
    let rendered = templates.render(wanted.mail, language, &wanted.context)?;
    let mailbox = |name: &str, address: &str| Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    };
    Ok(Letter {
        message_id: "sample@accord.example.com".to_owned(),
        from: mailbox("Sample", "mail@accord.example.com"),
        reply_to: None,
        to: mailbox("", "customer@example.com"),
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        calendar: None,
        unsubscribe: None,
    })
}

fn put(format: Format, arguments: &Arguments, letter: &Letter) -> Result<(), Failure> {
    let (path, is_new) = match (&arguments.out, arguments.open) {
        (Some(path), _) => (path.clone(), false),
        (None, true) => (temporary(arguments.part.unwrap_or(Part::Html)), true),
        (None, false) => return print(format, arguments.part, letter),
    };
    let part = arguments.part.unwrap_or_else(|| Part::of(&path));
    let mut options = OpenOptions::new();
    // It may be a mail to somebody.
    options.write(true).mode(0o600);
    match is_new {
        true => options.create_new(true),
        false => options.create(true).truncate(true),
    };
    let bytes = bytes(part, letter)?;
    let written = options.open(&path).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| Failure::failed(format_args!("{} cannot be written: {error}", path.display())))?;
    say(format_args!("written to {}", path.display()));
    match is_new {
        true => show(&path),
        false => Ok(()),
    }
}

fn print(format: Format, part: Option<Part>, letter: &Letter) -> Result<(), Failure> {
    match (format, part) {
        (Format::Json, _) => json(&json!({ "subject": letter.subject, "text": letter.text, "html": letter.html })),
        (Format::Text, None) => {
            line(format_args!("Subject: {}\n", harmless(&letter.subject)))?;
            letter.text.lines().try_for_each(|text| line(harmless(text)))
        }
        (Format::Text, Some(part)) => line(String::from_utf8_lossy(&bytes(part, letter)?).trim_end()),
    }
}

fn bytes(part: Part, letter: &Letter) -> Result<Vec<u8>, Failure> {
    Ok(match part {
        Part::Html => letter.html.clone().into_bytes(),
        Part::Text => letter.text.clone().into_bytes(),
        Part::Subject => format!("{}\n", letter.subject).into_bytes(),
        Part::Eml => compose(letter, SystemClock.now())?.bytes().to_vec(),
    })
}

/// A name in the system's folder for such files that nobody can guess.
fn temporary(part: Part) -> PathBuf {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random);
    let name = format!("accord-preview-{:016x}.{}", u64::from_ne_bytes(random), part.ending());
    std::env::temp_dir().join(name)
}

/// Opens a file with the program that the desktop has for it.
fn show(path: &Path) -> Result<(), Failure> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = Command::new(program)
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match opened {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure::failed(format_args!("`{program}` could not open it"))
            .hint("without a desktop, use --out FILE and open the file elsewhere")),
    }
}
