//! Answers requests until a stop.
//!
//! A gentle stop takes no new connection, lets running requests end and closes idle ones; a firm stop drops the rest.
use crate::lifecycle::Stop;
use axum::Router;
use std::io;
use tokio::net::TcpListener;

/// Serves `router` at `listener` until the stop.
///
/// # Errors
/// The socket's.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) -> io::Result<()> {
    let gentle = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { gentle.requested().await });
    tokio::select! {
        served = server => served,
        () = stop.firm() => Ok(()),
    }
}
