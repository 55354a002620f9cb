//! What a recipient is told about a booking, and which mail is due when that changes.
//!
//! Only what the customer cares about is here: whether it takes place, with whom, when, where, and what it is called. What
//! they were told last is compared with what is true now; nobody counts edits.
use super::Kind;
use crate::domain::ids::{ResourceId, UserId};
use crate::domain::time::{OriginalStart, When};
use serde::{Deserialize, Serialize};

/// What one version of a booking tells one recipient: a mailbox, which several customers may read. Also its sealed form, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether it takes place, and a customer who reads there takes part.
    pub takes_place: bool,
    /// May be empty; `None` when its words are withheld.
    pub title: Option<String>,
    /// When; of an occurrence, only that one.
    pub when: When,
    /// The assigned resource.
    pub resource_id: Option<ResourceId>,
    /// The resource's name, or else Google's location; `None` when there is neither, or it is withheld.
    pub place: Option<String>,
    /// Who meets the customer.
    pub user_id: UserId,
    /// Where mail to the recipient goes. Empty when it takes place, but its customers have another address by now, or none: that
    /// is no cancellation.
    pub address: String,
}

/// Something of a booking that a customer cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Its title.
    Title,
    /// Its time.
    When,
    /// Its place or resource.
    Place,
    /// Who meets the customer.
    User,
    /// Whether it takes place.
    Status,
}

impl Told {
    /// What this tells about one occurrence of the series that it is about.
    pub fn occurrence(&self, start: OriginalStart) -> Option<Told> {
        let span = if OriginalStart::of(&self.when.span) == start {
            self.when.span
        } else {
            self.when.span.shift_to(start)?
        };
        Some(Told {
            when: When::once(span),
            ..self.clone()
        })
    }

    /// What is different from an earlier version, as the customer sees it.
    ///
    /// A resource that was renamed is the same place, and a title that is now withheld has not changed.
    /// What does not take place is one thing, whatever it would have been.
    pub fn changed_since(&self, earlier: &Told) -> Vec<Aspect> {
        let mut changed = Vec::new();
        if !self.takes_place && !earlier.takes_place {
            return changed;
        }
        if self.takes_place != earlier.takes_place {
            changed.push(Aspect::Status);
        }
        if let (Some(now), Some(before)) = (&self.title, &earlier.title)
            && now != before
        {
            changed.push(Aspect::Title);
        }
        if self.when != earlier.when {
            changed.push(Aspect::When);
        }
        if !self.is_same_place(earlier) {
            changed.push(Aspect::Place);
        }
        if self.user_id != earlier.user_id {
            changed.push(Aspect::User);
        }
        changed
    }

    fn is_same_place(&self, earlier: &Told) -> bool {
        match (self.resource_id, earlier.resource_id) {
            (None, None) => match (&self.place, &earlier.place) {
                // Withheld now, or never known: nobody moved.
                (None, Some(_)) if self.title.is_none() => true,
                (now, before) => now == before,
            },
            (now, before) => now == before,
        }
    }

    /// Whether somebody who knows `earlier` needs to be told nothing.
    pub fn says_the_same(&self, earlier: &Told) -> bool {
        self.address.is_empty() == earlier.address.is_empty() && self.changed_since(earlier).is_empty()
    }

    /// The mail that is due to a recipient who was told `last`; `None`: none is.
    ///
    /// Nothing told yet: a confirmation, or nothing if it does not take place. Something told that is different now: an update, or
    /// a cancellation.
    pub fn due(&self, last: Option<&Told>) -> Option<Kind> {
        let Some(last) = last else {
            return self.takes_place.then_some(Kind::Confirmation);
        };
        match (last.takes_place, self.takes_place) {
            (true, false) => (!self.address.is_empty()).then_some(Kind::Cancellation),
            (false, false) => None,
            (_, true) => (!self.changed_since(last).is_empty()).then_some(Kind::Update),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;
    use chrono::NaiveDate;
    use uuid::Uuid;

    fn told() -> Told {
        let start = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let end = start.succ_opt().unwrap();
        Told {
            takes_place: true,
            title: Some("Fitting".to_owned()),
            when: When::once(Span::AllDay { start, end }),
            resource_id: None,
            place: Some("Room 2".to_owned()),
            user_id: UserId(Uuid::nil()),
            address: "eva@example.com".to_owned(),
        }
    }

    #[test]
    fn the_kind_follows_from_what_was_told_last() {
        let now = told();
        let gone = Told {
            takes_place: false,
            ..told()
        };
        let renamed = Told {
            title: Some("Trial".to_owned()),
            ..told()
        };
        assert_eq!(now.due(None), Some(Kind::Confirmation));
        assert_eq!(gone.due(None), None, "who was told nothing hears of no cancellation");
        assert_eq!(now.due(Some(&now)), None);
        assert_eq!(renamed.due(Some(&now)), Some(Kind::Update));
        assert_eq!(gone.due(Some(&renamed)), Some(Kind::Cancellation));
        assert_eq!(gone.due(Some(&gone)), None);
        assert_eq!(now.due(Some(&gone)), Some(Kind::Update), "it takes place again");
    }

    #[test]
    fn that_its_customers_read_elsewhere_by_now_is_no_cancellation() {
        let elsewhere = Told {
            takes_place: false,
            address: String::new(),
            ..told()
        };
        let gone = Told {
            takes_place: false,
            ..told()
        };
        assert_eq!(elsewhere.due(Some(&told())), None);
        assert!(!elsewhere.says_the_same(&told()) && !gone.says_the_same(&elsewhere));
        assert_eq!(told().due(Some(&told())), None, "they read there again");
    }

    #[test]
    fn one_mailbox_in_other_letters_needs_no_mail() {
        let capitals = Told {
            address: "Eva@example.com".to_owned(),
            ..told()
        };
        assert!(capitals.says_the_same(&told()) && capitals.due(Some(&told())).is_none());
    }

    #[test]
    fn withheld_words_and_a_renamed_resource_are_no_change() {
        let withheld = Told {
            title: None,
            place: None,
            ..told()
        };
        assert_eq!(withheld.due(Some(&told())), None);
        let room = |name: &str| Told {
            resource_id: Some(ResourceId(Uuid::nil())),
            place: Some(name.to_owned()),
            ..told()
        };
        assert_eq!(room("Blue room").due(Some(&room("Room 1"))), None);
        assert_eq!(room("Room 2").due(Some(&told())), Some(Kind::Update));
    }
}
