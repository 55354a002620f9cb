//! `accord serve`: the daemon.
use super::out::Failure;
use super::{Context, open};
use crate::app::App;
use crate::lifecycle::{self, PATIENCE, Shutdown};
use std::io;
use tokio::net::TcpListener;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = open::config(context)?;
    config
        .check_for_serving()
        .map_err(|problems| open::wrong_config(&problems))?;
    lifecycle::init_logging(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    // The address first: two daemons started by mistake should not both touch the database.
    let listener = App::listen(&config).await?;
    let app = open::open(config).await?;
    let shutdown = Shutdown::new(PATIENCE);
    tracing::info!(address = %listener.local_addr()?, public_url = %app.engine.public_url, "accord serves");
    until_stopped(&app, listener, &shutdown).await
}

/// Serves until a signal, a request of `shutdown`, or a failure; then closes the database.
pub(super) async fn until_stopped(app: &App, listener: TcpListener, shutdown: &Shutdown) -> Result<(), Failure> {
    let mut served: io::Result<()> = Ok(());
    let is_clean = shutdown
        .supervise(async { served = Box::pin(app.serve(listener, shutdown.stop())).await })
        .await?;
    app.clone().close().await;
    served?;
    if is_clean {
        tracing::info!("stopped; everything in hand was finished");
    }
    Ok(())
}
