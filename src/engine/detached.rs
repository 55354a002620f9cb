//! Work that must not stop half way because whoever asked for it went away.
//!
//! A server drops the future of a request whose client hangs up. Between a token from Google and the transaction that keeps
//! it, or between the claim of a scope and its release, that would lose the one and block the other.
use std::future::Future;
use tracing::Instrument;

/// Waits for `work`, which goes on to its end even when nobody waits any more.
pub(super) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody cancels it but the runtime when it ends, and then whoever waits here ends, too.
            Err(_) => std::future::pending().await,
        },
    }
}
