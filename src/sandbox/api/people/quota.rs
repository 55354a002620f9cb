//! What calls of the People API cost, and what is left of a user's minute and day.
//!
//! A refused call costs nothing.
use crate::sandbox::{
    people::{errors::Refusal, methods::Method},
    quota::Window,
    request::Request,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a user may spend in a sliding minute, by metric. The numbers were read in consoles, not in documents; Google raises
/// them by project, except the one for full syncs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `critical_read_requests`.
    pub critical_reads: u32,
    /// `critical_write_requests`.
    pub critical_writes: u32,
    /// `read_requests` of groups and other contacts.
    pub reads: u32,
    /// `write_requests`: deletions and groups.
    pub writes: u32,
    /// First pages of full syncs; refused by the back end in words of its own.
    pub full_syncs: u32,
    /// `daily_contact_writes`, a day.
    pub daily_writes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            critical_reads: 60,
            critical_writes: 30,
            reads: 90,
            writes: 30,
            full_syncs: 30,
            daily_writes: 100_000,
        }
    }
}

/// What was spent of it.
#[derive(Debug, Default)]
pub struct PeopleQuota {
    /// How much may be.
    pub limits: Limits,
    spent: BTreeMap<(String, Metric), Window>,
    days: BTreeMap<String, (i64, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Metric {
    CriticalReads,
    CriticalWrites,
    Reads,
    Writes,
    FullSyncs,
}

impl PeopleQuota {
    /// Takes what a call costs, or refuses and takes nothing.
    pub fn spend(&mut self, user: &str, method: Method, request: &Request, now_us: i64) -> Result<(), Refusal> {
        let (price, daily) = price(method, request);
        for (metric, units) in &price {
            let limit = self.limit(*metric);
            let window = self.spent.entry((user.to_owned(), *metric)).or_default();
            if window.spent(now_us) + units > limit {
                return Err(metric.refusal());
            }
        }
        let day = now_us.div_euclid(86_400_000_000);
        let spent = self.days.entry(user.to_owned()).or_insert((day, 0));
        if spent.0 != day {
            *spent = (day, 0);
        }
        if spent.1 + daily > self.limits.daily_writes {
            let words = "Daily Contact Writes (Total)";
            return Err(Refusal::quota(
                words,
                "DailyContactWritesPerDayPerProjectPerUser",
                "daily_contact_writes",
            ));
        }
        spent.1 += daily;
        for (metric, units) in price {
            if let Some(window) = self.spent.get_mut(&(user.to_owned(), metric)) {
                window.take(now_us, units);
            }
        }
        Ok(())
    }

    fn limit(&self, metric: Metric) -> u32 {
        match metric {
            Metric::CriticalReads => self.limits.critical_reads,
            Metric::CriticalWrites => self.limits.critical_writes,
            Metric::Reads => self.limits.reads,
            Metric::Writes => self.limits.writes,
            Metric::FullSyncs => self.limits.full_syncs,
        }
    }
}

impl Metric {
    fn refusal(self) -> Refusal {
        let (words, limit, metric) = match self {
            Metric::CriticalReads => (
                "Critical read requests (Contact and Profile Reads)",
                "CriticalReadsPerMinutePerProjectPerUser",
                "critical_read_requests",
            ),
            Metric::CriticalWrites => (
                "Critical write requests (Contact and Profile Writes)",
                "CriticalWritesPerMinutePerProjectPerUser",
                "critical_write_requests",
            ),
            Metric::Reads => ("Read requests", "ReadsPerMinutePerProjectPerUser", "read_requests"),
            Metric::Writes => ("Write requests", "WritesPerMinutePerProjectPerUser", "write_requests"),
            Metric::FullSyncs => return Refusal::back_end_quota(),
        };
        Refusal::quota(words, limit, metric)
    }
}

/// What a call costs, and how many of the day's contact writes.
fn price(method: Method, request: &Request) -> (Vec<(Metric, u32)>, u32) {
    use Metric::*;
    let asked = |name: &str| request.parameter(name).is_some_and(|value| !value.is_empty());
    match method {
        Method::CreateContact | Method::UpdateContact => (vec![(CriticalReads, 1), (CriticalWrites, 1)], 1),
        Method::BatchCreateContacts | Method::BatchUpdateContacts => {
            (vec![(CriticalReads, 6), (CriticalWrites, 6)], 200)
        }
        Method::DeleteContact => (vec![(Writes, 1)], 0),
        Method::BatchDeleteContacts => (vec![(Writes, 10)], 0),
        Method::ListConnections => {
            let first_of_all = !asked("pageToken") && !asked("syncToken");
            let mut price = vec![(CriticalReads, 1)];
            if first_of_all && request.parameter("requestSyncToken") == Some("true") {
                price.push((FullSyncs, 1));
            }
            (price, 0)
        }
        Method::GetPerson | Method::GetPeople => (vec![(CriticalReads, 1)], 0),
        method if method.is_write() => (vec![(Writes, 1)], 0),
        _ => (vec![(Reads, 1)], 0),
    }
}
