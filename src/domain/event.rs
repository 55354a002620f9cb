//! A Google event, reduced to what Accord may know (product.md, "Least data").
//!
//! Guests, conference data, attachments and photos never reach this type; of a private event whose words are withheld the
//! title, description and location are dropped before it is built.
use super::booking::Side;
use super::ids::{BookingId, EventId};
use super::time::{OriginalStart, When};
use serde::{Deserialize, Serialize};

/// The mirrored fields as Google returned them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventContent {
    /// `summary`; empty when absent.
    pub title: String,
    /// `description`; empty when absent.
    pub description: String,
    /// `location`; empty when absent.
    pub location: String,
    /// `start`, `end`, `recurrence`.
    pub when: When,
}

/// Whether an event exists; a tombstone may carry nothing but its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventState {
    /// `status: confirmed` or `tentative`.
    Live(EventContent),
    /// `status: cancelled`: deleted, or a cancelled occurrence.
    Cancelled,
}

/// Whether the words (title, description, location) of an event may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Words {
    /// They are mirrored.
    Shared,
    /// Private or confidential, or the calendar role cannot read them: only the time is mirrored.
    Withheld,
}

impl Words {
    /// The word used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Words::Shared => "shared",
            Words::Withheld => "withheld",
        }
    }
}

/// The user's own answer to an invitation (`attendees[self].responseStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnResponse {
    /// The user is not on the guest list, or has not been asked.
    None,
    /// Not answered yet.
    NeedsAction,
    /// Accepted.
    Accepted,
    /// Perhaps.
    Tentative,
    /// Declined: the event is not imported, and a linked one is treated as an inbound cancel.
    Declined,
}

/// Which occurrence of which series an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceOf {
    /// `recurringEventId`.
    pub series: EventId,
    /// `originalStartTime`.
    pub original_start: OriginalStart,
}

/// An event of one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Google's id, unique in the calendar.
    pub id: EventId,
    /// Google's etag, quotes included; sent back as `If-Match`.
    pub etag: String,
    /// RFC 5545 UID, the same in every calendar; absent on bare tombstones.
    pub ical_uid: Option<String>,
    /// `updated` in milliseconds since the epoch; 0 when absent.
    pub updated_at: i64,
    /// Set for an instance of a series; absent on sparse tombstones.
    pub instance_of: Option<InstanceOf>,
    /// The value of our private property `accord.booking`, if it is an id of ours.
    pub mark: Option<BookingId>,
    /// Whether the calendar read is the organizer's (`organizer.self`), i.e. whether shared fields can be changed.
    pub organizer: bool,
    /// The user's own answer.
    pub own_response: OwnResponse,
    /// Whether there are guests.
    pub has_guests: bool,
    /// Whether title, description and location were kept.
    pub words: Words,
    /// `eventType` is `default`; others are never imported.
    pub ordinary: bool,
    /// Whether it exists, and as what.
    pub state: EventState,
}

impl Event {
    /// Whether the event carries a recurrence rule.
    pub fn is_master(&self) -> bool {
        matches!(&self.state, EventState::Live(content) if !content.when.recurrence.is_empty())
    }

    /// Which side made this event: ours carry our private property.
    pub fn origin(&self) -> Side {
        if self.mark.is_some() { Side::App } else { Side::Google }
    }
}
