//! Whether rows are the chain that they claim to be, one row after the other.
//!
//! A row that does not fit is named once: the check goes on from what the row itself says, so that one change is one problem
//! and not one for every row after it.
use super::{Hash, Place, first_hash, hex, next_hash};
use crate::domain::ids::TenantId;
use serde::Serialize;

/// Problems that are told one by one; more are only counted.
const TOLD: usize = 1000;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which row; null when it is about the ledger as a whole.
    pub seq: Option<i64>,
    /// What is wrong.
    pub problem: String,
}

/// A row's number and hash, as noted outside of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutsideHead {
    /// Which row; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// What is known after some rows.
pub struct Chain {
    /// The newest row seen.
    seq: i64,
    hash: Vec<u8>,
    rows: i64,
    outside: Option<OutsideHead>,
    problems: Vec<Problem>,
    count: usize,
}

impl Chain {
    /// Before the first row.
    pub fn new(tenant: TenantId, outside: Option<OutsideHead>) -> Self {
        let mut chain = Self {
            seq: 0,
            hash: first_hash(tenant).to_vec(),
            rows: 0,
            outside,
            problems: Vec::new(),
            count: 0,
        };
        chain.compare_with_outside();
        chain
    }

    /// Rows seen.
    pub fn rows(&self) -> i64 {
        self.rows
    }

    /// The newest row seen: its number and hash.
    pub fn newest(&self) -> (i64, &[u8]) {
        (self.seq, &self.hash)
    }

    /// Notes something wrong.
    pub fn problem(&mut self, seq: Option<i64>, problem: impl Into<String>) {
        self.count += 1;
        if self.problems.len() < TOLD {
            let problem = problem.into();
            self.problems.push(Problem { seq, problem });
        }
    }

    /// The next row, in the order of their numbers.
    pub fn row(&mut self, seq: i64, at: i64, entry: &str, hash: &[u8]) {
        self.rows += 1;
        if seq <= self.seq {
            self.problem(Some(seq), "is a row too many: rows are numbered from 1");
            return;
        }
        let follows = seq == self.seq + 1;
        if !follows {
            let (first, last) = (self.seq + 1, seq - 1);
            let missing = if first == last {
                "is missing".to_owned()
            } else {
                format!("and all up to row {last} are missing")
            };
            self.problem(Some(first), missing);
        }
        match Place::of(entry) {
            None => self.problem(Some(seq), "holds no entry of a ledger"),
            Some(place) if place.seq != seq => {
                let problem = format!("holds the entry of row {}: it was moved or replaced", place.seq);
                self.problem(Some(seq), problem);
            }
            Some(place) if place.at != at => {
                self.problem(Some(seq), "has another time than its entry: the time was changed")
            }
            Some(_) => {}
        }
        // Before a gap, nobody knows what this row followed.
        if follows && next_hash(&self.hash, entry) != hash {
            self.problem(
                Some(seq),
                "has a hash that does not follow from the row before and its entry: one of the three was changed",
            );
        }
        self.seq = seq;
        self.hash = hash.to_vec();
        self.compare_with_outside();
    }

    fn compare_with_outside(&mut self) {
        if let Some(head) = self.outside
            && head.seq == self.seq
            && head.hash != *self.hash
        {
            let problem = format!(
                "has the hash {}, and outside {} was noted",
                hex(&self.hash),
                hex(&head.hash)
            );
            self.problem(Some(head.seq), problem);
        }
    }

    /// After the last row: every problem that is told, and how many there are.
    pub fn end(mut self) -> (Vec<Problem>, usize) {
        if let Some(head) = self.outside
            && head.seq > self.seq
        {
            let problem = format!(
                "was noted outside, and the ledger ends at row {}: rows were cut off",
                self.seq
            );
            self.problem(Some(head.seq), problem);
        }
        (self.problems, self.count)
    }
}
