//! Request quotas: a sliding minute per user and one for the whole project.
//!
//! Numbers from Google's quota page (2026-05): 600 units a minute per user, 10,000 per project; a patch costs 3, each
//! part of a batch 1. A refused request costs nothing (not documented; the kinder reading).
use std::collections::{HashMap, VecDeque};

const WINDOW_US: i64 = 60_000_000;

/// Whose quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The user's own minute.
    User,
    /// The project's minute.
    Project,
}

/// What was spent in the last minute, and how much may be.
#[derive(Debug)]
pub struct Quota {
    /// Units a minute per user.
    pub per_user: u32,
    /// Units a minute for all users together.
    pub per_project: u32,
    users: HashMap<String, Window>,
    project: Window,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            per_user: 600,
            per_project: 10_000,
            users: HashMap::new(),
            project: Window::default(),
        }
    }
}

impl Quota {
    /// Takes `units` for `user`, or says whose quota forbids it and takes nothing.
    pub fn spend(&mut self, user: &str, units: u32, now_us: i64) -> Result<(), Exhausted> {
        let own = self.users.entry(user.to_owned()).or_default();
        if own.spent(now_us) + units > self.per_user {
            return Err(Exhausted::User);
        }
        if self.project.spent(now_us) + units > self.per_project {
            return Err(Exhausted::Project);
        }
        own.take(now_us, units);
        self.project.take(now_us, units);
        Ok(())
    }
}

/// What was spent in the last minute.
#[derive(Debug, Default)]
pub struct Window {
    takes: VecDeque<(i64, u32)>,
    total: u32,
}

impl Window {
    /// The units of the minute before now.
    pub fn spent(&mut self, now_us: i64) -> u32 {
        while let Some(&(at, units)) = self.takes.front() {
            if now_us - at < WINDOW_US {
                break;
            }
            self.total -= units;
            self.takes.pop_front();
        }
        self.total
    }

    /// Spends now.
    pub fn take(&mut self, now_us: i64, units: u32) {
        self.takes.push_back((now_us, units));
        self.total += units;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_a_refusal_costs_nothing() {
        let mut quota = Quota {
            per_user: 4,
            per_project: 5,
            ..Quota::default()
        };
        assert_eq!(quota.spend("a", 3, 0), Ok(()));
        assert_eq!(quota.spend("a", 3, 1), Err(Exhausted::User));
        assert_eq!(quota.spend("a", 1, 30_000_000), Ok(()));
        assert_eq!(quota.spend("b", 2, 30_000_000), Err(Exhausted::Project));
        assert_eq!(quota.spend("a", 3, WINDOW_US), Ok(()));
        assert_eq!(quota.spend("a", 1, WINDOW_US), Err(Exhausted::User));
    }
}
