//! `accord sandbox`: a pretend Google and a mail server to develop against.
use super::Context;
use super::out::{Failure, Format, json, line, say};
use crate::domain::clock::Entropy;
use crate::lifecycle::{PATIENCE, Shutdown, SystemEntropy};
use crate::sandbox::{NewPerson, Sandbox, SandboxOptions};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;
use std::io::ErrorKind;
use std::net::SocketAddr;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Loopback address and port; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:8085", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Loopback address and port of the mail server; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    smtp_listen: SocketAddr,
    /// OAuth client id of the one application it knows.
    #[arg(long, default_value = "accord-sandbox.apps.googleusercontent.com", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    client_id: String,
    /// Its secret.
    #[arg(long, default_value = "sandbox-secret", value_name = "SECRET", value_parser = NonEmptyStringValueParser::new())]
    client_secret: String,
    /// Where users may be sent back to; may be repeated.
    #[arg(
        long = "redirect-uri",
        default_value = "http://127.0.0.1:8080/oauth/callback",
        value_name = "URL",
        value_parser = redirect_uri
    )]
    redirect_uris: Vec<String>,
    /// A pretend user by e-mail address; may be repeated.
    #[arg(long = "user", value_name = "EMAIL")]
    users: Vec<String>,
}

/// Google compares redirect addresses letter by letter; one that is no address would never match.
fn redirect_uri(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err("is no http or https address".to_owned()),
    }
}

pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let mut seed = [0; 32];
    SystemEntropy.fill(&mut seed);
    let people = arguments.users.into_iter().map(|email| NewPerson {
        email,
        name: None,
        time_zone: None,
    });
    let options = SandboxOptions {
        listen: arguments.listen,
        smtp_listen: arguments.smtp_listen,
        client_id: arguments.client_id.clone(),
        client_secret: arguments.client_secret.clone(),
        redirect_uris: arguments.redirect_uris,
        people: people.collect(),
        seed,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(|error| match error.kind() {
        // A wrong address, a user twice or a user without an address.
        ErrorKind::InvalidInput => Failure::usage(&error).hint("`accord sandbox --help` shows an example of each"),
        _ => Failure::failed(format_args!(
            "the sandbox cannot start at {} (mail at {}): {error}",
            arguments.listen, arguments.smtp_listen
        ))
        .hint("choose other ports with --listen 127.0.0.1:0 --smtp-listen 127.0.0.1:0"),
    })?;
    let base = sandbox.base_url();
    let smtp = format!("smtp://{}", sandbox.smtp_addr());
    // Exactly the keys of `[google]` and `[mail]`, so that they can be pasted.
    let keys = [
        ("client_id", arguments.client_id),
        ("client_secret", arguments.client_secret),
        ("auth_url", format!("{base}/o/oauth2/v2/auth")),
        ("token_url", format!("{base}/token")),
        ("revoke_url", format!("{base}/revoke")),
        ("userinfo_url", format!("{base}/v1/userinfo")),
        ("calendar_url", format!("{base}/calendar/v3")),
        ("people_url", format!("{base}/v1")),
    ];
    match context.format {
        Format::Json => {
            let google: serde_json::Map<_, _> = keys
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            json(&json!({ "page": format!("{base}/"), "google": google, "mail": { "smtp_url": smtp } }))?;
        }
        Format::Text => {
            line("[google]")?;
            for (key, value) in keys {
                line(format_args!("{key} = \"{value}\""))?;
            }
            line("[mail]")?;
            line(format_args!("smtp_url = \"{smtp}\""))?;
        }
    }
    say(format_args!(
        "the calendars and contacts of its users are at {base}/ ; Ctrl-C stops it and forgets everything"
    ));
    say(format_args!("mail to anybody is taken and shown at {base}/mailbox"));
    let shutdown = Shutdown::new(PATIENCE);
    let stop = shutdown.stop();
    shutdown
        .supervise(sandbox.run_until(async move { stop.requested().await }))
        .await?;
    Ok(())
}
