//! What a pass did, or would do.
use crate::domain::ids::{BookingId, CustomerId, EventId};
use serde::Serialize;

/// The summary of a pass, as `accord sync run` and `POST /accounts/{id}/sync?wait=true` show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PassReport {
    /// Whether everything was listed, not only what changed.
    pub full: bool,
    /// Items that Google returned.
    pub read: u64,
    /// Bookings made from events.
    pub bookings_created: u64,
    /// Bookings changed by events.
    pub bookings_updated: u64,
    /// Bookings cancelled by events.
    pub bookings_cancelled: u64,
    /// Events made from bookings.
    pub events_created: u64,
    /// Events changed by bookings.
    pub events_updated: u64,
    /// Events deleted by bookings.
    pub events_deleted: u64,
    /// Customers made from contacts.
    pub customers_created: u64,
    /// Customers changed by contacts.
    pub customers_updated: u64,
    /// Customers deleted because their contacts were.
    pub customers_deleted: u64,
    /// Contacts made from customers.
    pub contacts_created: u64,
    /// Contacts changed by customers.
    pub contacts_updated: u64,
    /// Contacts deleted because their customers were.
    pub contacts_deleted: u64,
    /// Customers and contacts that met for the first time and are the same person.
    pub linked: u64,
    /// Customers and contacts that go separate ways from now on.
    pub unlinked: u64,
    /// Conflicts recorded.
    pub conflicts: u64,
    /// Items that began to wait for a person or for another scope.
    pub waiting: u64,
    /// Removals that the brake holds.
    pub braked: u64,
    /// Items set aside.
    pub quarantined: u64,
    /// With `accord sync plan`: each step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
}

/// One step of a plan. No words of bookings and nothing of customers is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What would be done.
    pub action: &'static str,
    /// The booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<BookingId>,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The contact's resource name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// Why, where it is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PassReport {
    /// Whether the pass changed nothing on either side.
    pub fn is_quiet(&self) -> bool {
        let PassReport {
            full: _,
            read: _,
            steps: _,
            ..
        } = self;
        *self
            == PassReport {
                full: self.full,
                read: self.read,
                steps: self.steps.clone(),
                ..PassReport::default()
            }
    }

    /// How many requests changed something in Google.
    pub fn writes(&self) -> u64 {
        self.events_created
            + self.events_updated
            + self.events_deleted
            + self.contacts_created
            + self.contacts_updated
            + self.contacts_deleted
    }

    /// Where the report stands, without its steps, and how many steps there are.
    pub(in crate::engine) fn mark(&mut self) -> (PassReport, usize) {
        let steps = self.steps.take();
        let mark = (self.clone(), steps.as_ref().map_or(0, Vec::len));
        self.steps = steps;
        mark
    }

    /// Takes back what was reported since: it was rolled back.
    pub(in crate::engine) fn back_to(&mut self, (counts, steps): (PassReport, usize)) {
        let mut kept = self.steps.take();
        if let Some(kept) = &mut kept {
            kept.truncate(steps);
        }
        *self = PassReport { steps: kept, ..counts };
    }

    pub(super) fn step(&mut self, action: &'static str, booking: Option<BookingId>, event: Option<&EventId>) {
        self.step_because(action, booking, event, None);
    }

    pub(super) fn step_because(
        &mut self,
        action: &'static str,
        booking: Option<BookingId>,
        event: Option<&EventId>,
        reason: Option<String>,
    ) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                action,
                booking_id: booking,
                event_id: event.cloned(),
                customer_id: None,
                contact_id: None,
                reason,
            });
        }
    }

    /// A step about a person.
    pub(in crate::engine) fn person_step(
        &mut self,
        action: &'static str,
        customer: Option<CustomerId>,
        contact: Option<&str>,
        reason: Option<String>,
    ) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                action,
                booking_id: None,
                event_id: None,
                customer_id: customer,
                contact_id: contact.filter(|contact| !contact.is_empty()).map(str::to_owned),
                reason,
            });
        }
    }
}
