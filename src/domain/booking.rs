//! A booking as the app sees it.
//!
//! The part of a booking that two sides may edit is its [`Content`]; everything else (owner, origin, links) is Accord's.
use super::ids::{BookingId, CustomerId, ResourceId, TenantId, UserId};
use super::time::{OriginalStart, When};
use serde::{Deserialize, Serialize};

/// Whether a booking takes place. A deletion in Google makes a booking `cancelled`; the row stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It takes place.
    Confirmed,
    /// It does not, but is remembered.
    Cancelled,
}

impl Status {
    /// The word used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Confirmed => "confirmed",
            Status::Cancelled => "cancelled",
        }
    }
}

/// The side that created an item. The conflict policy `origin` lets it win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The app: over the API or in SQL.
    App,
    /// Google Calendar or Google Contacts.
    Google,
}

impl Side {
    /// The word used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::App => "app",
            Side::Google => "google",
        }
    }
}

/// The mirrored fields of a booking: what both sides can edit, and what an agreement is an agreement about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The event's `summary`; empty when Google has none.
    pub title: String,
    /// The event's `description`, HTML kept as it came; empty when there is none.
    pub description: String,
    /// A note that mirrors Google's `location`; the app cannot write it.
    pub location: String,
    /// The assigned resource, whose name is what Accord writes into Google's `location`.
    pub resource_id: Option<ResourceId>,
    /// Start, end, zones, all-day and recurrence: one field, because no part of it makes sense without the rest.
    pub when: When,
    /// Confirmed or cancelled.
    pub status: Status,
}

/// What makes a booking an occurrence that differs from its series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Occurrence {
    /// The series.
    pub series_id: BookingId,
    /// Which of its occurrences.
    pub original_start: OriginalStart,
}

/// A stored booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its id, which also rides in the event's private property `accord.booking`.
    pub id: BookingId,
    /// The owner: who created or first brought it.
    pub user_id: UserId,
    /// The mirrored fields.
    pub content: Content,
    /// Set for a changed or cancelled occurrence of a series.
    pub occurrence: Option<Occurrence>,
    /// The series this one was cut from by "this and following".
    pub split_from: Option<BookingId>,
    /// Who created it.
    pub origin: Side,
    /// The customers, in id order.
    pub customer_ids: Vec<CustomerId>,
    /// Grows with every change of a mirrored field or of the customers; set by triggers only.
    pub version: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

impl Booking {
    /// Whether this booking recurs.
    pub fn is_series(&self) -> bool {
        !self.content.when.recurrence.is_empty()
    }
}
