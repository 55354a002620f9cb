//! Up to the point where the server would take a letter: TCP, TLS, EHLO, login.
use super::{Delivery, SmtpServer, Steps, answer};
use crate::domain::mail::Security;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use std::io;
use tokio::net::TcpStream;

/// A connection that is encrypted as it has to be, and logged in. `name` is whom we say to be: a domain of ours.
pub(super) async fn connect(
    server: &SmtpServer,
    name: &str,
    steps: &Steps<'_>,
) -> Result<AsyncSmtpConnection, Delivery> {
    let hello = ClientId::Domain(name.to_owned());
    let mut connection = match server.security() {
        Security::Tls => tls_from_the_start(server, &hello, steps).await?,
        Security::Plain | Security::StartTls => {
            let stream = tcp(server, steps).await?;
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
            let limit = steps.limits.command;
            let failed = |error| answer::before_letter("the greeting", &error);
            steps.run("the greeting", limit, greeted, failed).await?
        }
    };
    if server.security() == Security::StartTls {
        start_tls(&mut connection, server, &hello, steps).await?;
    }
    if let Some((user, password)) = server.login() {
        let credentials = Credentials::new(user.to_owned(), password.expose_secret().to_owned());
        log_in(&mut connection, &credentials, steps).await?;
    }
    Ok(connection)
}

async fn tcp(server: &SmtpServer, steps: &Steps<'_>) -> Result<TcpStream, Delivery> {
    let connected = async {
        let stream = TcpStream::connect((server.host(), server.port())).await?;
        // Commands are small; with Nagle's algorithm the dot waits for the acknowledgement of the body.
        stream.set_nodelay(true)?;
        // `localhost` may do without TLS only when it really is this machine.
        if server.security() == Security::Plain && !stream.peer_addr()?.ip().is_loopback() {
            return Err(io::Error::other("the name does not lead to this machine"));
        }
        Ok(stream)
    };
    let step = format!("connecting to {}", server.name());
    let failed = |error: io::Error| Delivery::Deferred {
        reason: format!("{step}: {error}"),
    };
    steps.run(&step, steps.limits.connect, connected, failed).await
}

/// lettre takes no TLS stream of ours, so that this one is lettre's own, without TCP_NODELAY: 40 ms more for each letter.
async fn tls_from_the_start(
    server: &SmtpServer,
    hello: &ClientId,
    steps: &Steps<'_>,
) -> Result<AsyncSmtpConnection, Delivery> {
    let step = format!("connecting to {}", server.name());
    let limit = steps.limits.connect + steps.limits.command;
    let address = (server.host().to_owned(), server.port());
    let connected = AsyncSmtpConnection::connect_tokio1(address, None, hello, Some(tls(server)?), None);
    let failed = |error| answer::before_letter(&step, &error);
    steps.run(&step, limit, connected, failed).await
}

async fn start_tls(
    connection: &mut AsyncSmtpConnection,
    server: &SmtpServer,
    hello: &ClientId,
    steps: &Steps<'_>,
) -> Result<(), Delivery> {
    if !connection.can_starttls() {
        return Err(Delivery::Unable {
            reason: "the mail server does not offer STARTTLS, and nothing is sent unencrypted: use smtps:// or another server".to_owned(),
        });
    }
    let upgraded = connection.starttls(tls(server)?, hello);
    let failed = |error| answer::before_letter("STARTTLS", &error);
    steps.run("STARTTLS", steps.limits.connect, upgraded, failed).await
}

async fn log_in(
    connection: &mut AsyncSmtpConnection,
    credentials: &Credentials,
    steps: &Steps<'_>,
) -> Result<(), Delivery> {
    let known = [Mechanism::Plain, Mechanism::Login];
    if connection.server_info().get_auth_mechanism(&known).is_none() {
        return Err(Delivery::Unable {
            reason: "the mail server offers neither AUTH PLAIN nor AUTH LOGIN: leave user and password out of its URL, or use another one"
                .to_owned(),
        });
    }
    let failed = |error| answer::before_letter("AUTH", &error);
    let login = connection.auth(&known, credentials);
    let response = steps.run("AUTH", steps.limits.command, login, failed).await?;
    answer::expect("AUTH", &response, 2)
}

fn tls(server: &SmtpServer) -> Result<TlsParameters, Delivery> {
    let mut builder = TlsParameters::builder(server.host().to_owned());
    let unable = |error| Delivery::Unable {
        reason: format!("the certificates to trust cannot be used: {error}"),
    };
    if !server.roots().is_empty() {
        builder = builder.add_root_certificate(Certificate::from_pem(server.roots()).map_err(unable)?);
    }
    builder.build().map_err(unable)
}
