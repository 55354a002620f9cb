//! What Google's side says about a booking: whether it may be changed, by whom it is carried, whether it is still followed.
use crate::domain::event::Words;
use crate::domain::ids::{AccountId, BookingId, TenantId, UserId};
use crate::store::calendars::Calendar;
use crate::store::{StoreError, Tx, accounts, calendars, placements};
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

/// An account that leads placements, with its calendars.
struct Lead {
    user: Option<UserId>,
    calendars: Vec<Calendar>,
}

/// The facts of these bookings; those in no calendar are left out.
pub(super) async fn of(
    tx: &mut Tx,
    tenant: TenantId,
    bookings: &[BookingId],
) -> Result<HashMap<BookingId, Facts>, StoreError> {
    let mut leads: HashMap<AccountId, Lead> = HashMap::new();
    let mut facts = HashMap::new();
    for placement in placements::leads(tx, tenant, bookings).await? {
        let lead = match leads.entry(placement.account_id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let account = accounts::get(tx, tenant, placement.account_id).await?;
                place.insert(Lead {
                    user: account.map(|account| account.user_id),
                    calendars: calendars::of_account(tx, tenant, placement.account_id).await?,
                })
            }
        };
        let calendar = lead
            .calendars
            .iter()
            .find(|calendar| calendar.calendar_id == placement.calendar_id);
        let found = Facts {
            writable: placement.is_writable,
            has_guests: placement.has_guests,
            words: placement.words,
            frozen: calendar.and_then(|calendar| calendar.frozen.clone()),
            carrier: lead.user,
        };
        facts.insert(placement.booking_id, found);
    }
    Ok(facts)
}
