//! What Google's side says about a booking: whether it may be changed, by whom it is carried, whether it is still followed.
use crate::args;
use crate::domain::event::Words;
use crate::domain::ids::{BookingId, TenantId, UserId};
use crate::store::{StoreError, Tx, list};
use std::collections::HashMap;

/// Facts of a booking that are not the app's to write. They come from its lead placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether the app's edits can reach Google.
    pub writable: bool,
    /// Whether the event has Google guests.
    pub has_guests: bool,
    /// Whether title, description and location are mirrored.
    pub words: Words,
    /// Why it is kept but not followed any more.
    pub frozen: Option<String>,
    /// Whose account carries its changes.
    pub carrier: Option<UserId>,
}

impl Facts {
    /// Of a booking that is in no calendar (yet).
    pub const UNPLACED: Self = Self {
        writable: true,
        has_guests: false,
        words: Words::Shared,
        frozen: None,
        carrier: None,
    };
}

/// The facts of these bookings; those in no calendar are left out.
pub(super) async fn of(
    tx: &mut Tx,
    tenant: TenantId,
    bookings: &[BookingId],
) -> Result<HashMap<BookingId, Facts>, StoreError> {
    const SQL: &str = "SELECT p.booking_id, p.is_writable, p.has_guests, p.words, c.frozen, a.user_id FROM placements p \
         LEFT JOIN calendars c ON c.tenant_id = p.tenant_id AND c.account_id = p.account_id AND c.calendar_id = p.calendar_id \
         LEFT JOIN accounts a ON a.tenant_id = p.tenant_id AND a.id = p.account_id \
         WHERE p.tenant_id = $1 AND p.is_lead = 1 AND p.state <> 'gone' AND p.booking_id IN LIST($2)";
    let mut facts = HashMap::new();
    for row in tx.fetch_all(SQL, args![tenant, list(bookings)]).await? {
        let words = if row.text("words")? == "withheld" {
            Words::Withheld
        } else {
            Words::Shared
        };
        let found = Facts {
            writable: row.flag("is_writable")?,
            has_guests: row.flag("has_guests")?,
            words,
            frozen: row.opt_text("frozen")?,
            carrier: row.opt_parse("user_id")?,
        };
        facts.insert(row.parse("booking_id")?, found);
    }
    Ok(facts)
}
