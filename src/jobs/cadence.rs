//! When a scope is due again: the schedule, spread so that not every scope is due in the same second.
//!
//! The offset of a scope follows from its name alone, so it is the same in every process and after every restart, and two
//! passes of a scope are a whole period apart.
use crate::config::Schedule;
use crate::store::scopes::ScopeKey;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// A schedule that fires once a day is meant for that hour, not for any time of the day.
const WIDEST_MS: i64 = 15 * 60 * 1000;
/// How many periods are looked at to find the shortest.
const LOOK_AHEAD: usize = 64;

/// The schedule and how far it is spread.
#[derive(Debug, Clone)]
pub struct Cadence {
    schedule: Schedule,
    spread_ms: i64,
}

impl Cadence {
    /// Spreads a schedule over its shortest period, as seen from `now`.
    pub fn new(schedule: Schedule, now: DateTime<Utc>) -> Cadence {
        let times = std::iter::successors(schedule.next_after(now), |at| schedule.next_after(*at));
        let times: Vec<DateTime<Utc>> = times.take(LOOK_AHEAD).collect();
        let shortest = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).num_milliseconds())
            .min();
        Cadence {
            schedule,
            spread_ms: shortest.unwrap_or(0).clamp(0, WIDEST_MS),
        }
    }

    /// How long after each time of the schedule a scope is due, in milliseconds.
    pub fn offset_ms(&self, key: &ScopeKey) -> i64 {
        if self.spread_ms == 0 {
            return 0;
        }
        let mut hash = Sha256::new();
        hash.update(key.tenant.0.as_bytes());
        hash.update(key.account.0.as_bytes());
        hash.update(key.calendar.as_str().as_bytes());
        let [a, b, c, d, ..] = hash.finalize().0;
        i64::from(u32::from_be_bytes([a, b, c, d])) % self.spread_ms
    }

    /// The first due time (ms) of a scope after `now`. A schedule that has ended is never due again.
    pub fn next_due(&self, key: &ScopeKey, now: DateTime<Utc>) -> i64 {
        let offset = TimeDelta::milliseconds(self.offset_ms(key));
        match self.schedule.next_after(now - offset) {
            Some(time) => (time + offset).timestamp_millis(),
            None => i64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AccountId, CalendarId, TenantId};

    fn key(number: u128) -> ScopeKey {
        ScopeKey {
            tenant: TenantId(uuid::Uuid::from_u128(1)),
            account: AccountId(uuid::Uuid::from_u128(number)),
            calendar: CalendarId("ana@example.com".to_owned()),
        }
    }

    fn cadence(cron: &str) -> Cadence {
        Cadence::new(cron.parse().unwrap(), "2026-03-02T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_scope_is_due_once_a_period_always_at_its_own_offset() {
        let cadence = cadence("*/2 * * * *");
        let mut now: DateTime<Utc> = "2026-03-02T12:00:30Z".parse().unwrap();
        let mut due = Vec::new();
        for _ in 0..4 {
            let next = cadence.next_due(&key(7), now);
            due.push(next);
            now = DateTime::from_timestamp_millis(next).unwrap();
        }
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == 120_000), "{due:?}");
        assert_eq!(due[0] % 120_000, cadence.offset_ms(&key(7)));
    }

    #[test]
    fn a_pass_that_starts_late_does_not_lose_its_turn() {
        let cadence = cadence("*/2 * * * *");
        let first = cadence.next_due(&key(7), "2026-03-02T12:00:00Z".parse().unwrap());
        let late = DateTime::from_timestamp_millis(first + 90_000).unwrap();
        assert_eq!(cadence.next_due(&key(7), late), first + 120_000);
    }

    #[test]
    fn scopes_are_spread_over_the_whole_period() {
        let cadence = cadence("*/2 * * * *");
        let mut tenths = [0; 10];
        for number in 0..1_000 {
            let offset = cadence.offset_ms(&key(number));
            assert!((0..120_000).contains(&offset));
            tenths[usize::try_from(offset / 12_000).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (60..=140).contains(count)), "{tenths:?}");
    }

    #[test]
    fn a_rare_schedule_is_spread_over_minutes_only() {
        let cadence = cadence("30 6 * * *");
        for number in 0..100 {
            assert!(cadence.offset_ms(&key(number)) < WIDEST_MS);
        }
    }

    #[test]
    fn an_uneven_schedule_is_spread_over_its_shortest_gap() {
        let cadence = cadence("0,1 * * * *");
        assert!((0..100).all(|number| cadence.offset_ms(&key(number)) < 60_000));
    }
}
