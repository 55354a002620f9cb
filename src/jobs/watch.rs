//! Trouble that lasts is told once when it begins and once when it ends.
//!
//! Every job meets a database that is away; one line says so, not one for each try of each job.
use crate::store::StoreError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether the database can be used, as far as the jobs have seen.
#[derive(Debug, Default)]
pub struct DatabaseWatch(Mutex<Option<String>>);

impl DatabaseWatch {
    /// A job could use the database.
    pub fn works(&self) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("the database can be used again");
        }
    }

    /// A job could not; `failures` in a row, this one included, are its own. Returns how long it should wait.
    pub fn fails(&self, error: &StoreError, failures: u32) -> Duration {
        let text = error.to_string();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&text) {
            tracing::error!(
                error = text,
                "the database cannot be used; it is tried again until it can"
            );
            *known = Some(text);
        }
        pause(failures)
    }
}

/// Doubles from half a second.
pub fn pause(failures: u32) -> Duration {
    let doubled = Duration::from_millis(250).saturating_mul(2u32.saturating_pow(failures.clamp(1, 16)));
    doubled.min(LONGEST)
}
