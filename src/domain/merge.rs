//! Three-way merge of a booking with its event: two sides and the memory of their last agreement in, steps out.
//!
//! Each side is compared with its own form of that agreement, so that what Google normalises is never taken for an edit.
//! Fields are merged one by one; only when both sides changed the same field differently is there a conflict, and then the
//! policy decides, never a clock. Whatever wins, the memory is moved as if both sides had agreed on what Google shows:
//! what the app still wants differs from that memory, and is therefore pushed, now or after a crash.
//!
//! - `forms.rs`: the two forms of a booking, and what counts as a difference
//! - `gone.rs`: one side or both have removed it; `live.rs`: both exist, field by field
mod forms;
mod gone;
mod live;

pub use forms::{arrived, as_booking, as_event, live_form, location_to_write, name_key, same_name, to_push};

use super::booking::{Content, Side, Status};
use super::event::{EventContent, Words};
use super::ids::ResourceId;
use super::policy::{ConflictPolicy, Guests, Inbound};
use gone::{agree_that_it_is_gone, gone_in_google, gone_in_the_app};
use live::both_live;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The event at the last agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteForm {
    /// Whether it existed.
    pub status: Status,
    /// Its last known content; a tombstone keeps what was known before.
    pub content: EventContent,
    /// What was to be written to it since, while it is not known whether that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<EventContent>,
}

/// What both sides last agreed on, each in its own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The booking.
    pub local: Content,
    /// The event.
    pub remote: RemoteForm,
}

/// The app's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local<'a> {
    /// The row as it stands.
    Row(&'a Content),
    /// The row was deleted and this is what it held.
    Deleted(&'a Content),
}

/// Google's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote<'a> {
    /// The event as it stands.
    Live(&'a EventContent),
    /// Cancelled or deleted.
    Cancelled,
}

/// A mirrored field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// `summary`.
    Title,
    /// `description`.
    Description,
    /// `location`, and the resource whose name it is.
    Location,
    /// Times, zones and recurrence.
    When,
    /// Whether it exists.
    Status,
    /// Whose booking it is. Never merged: Google knows no owner.
    Owner,
}

impl Field {
    /// The word in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Title => "title",
            Field::Description => "description",
            Field::Location => "location",
            Field::When => "when",
            Field::Status => "status",
            Field::Owner => "owner",
        }
    }
}

/// The names of a tenant's resources.
pub trait Resources {
    /// The name of a resource.
    fn name(&self, id: ResourceId) -> Option<&str>;
    /// The one resource whose name is this text, after trimming, NFC and case folding.
    fn by_name(&self, text: &str) -> Option<ResourceId>;
}

/// What decides when the sides differ.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Who wins a conflict.
    pub policy: ConflictPolicy,
    /// Who made the item.
    pub origin: Side,
    /// What a cancellation in Google does.
    pub inbound_cancel: Inbound,
    /// What a move in Google does.
    pub inbound_move: Inbound,
    /// What a change in the app does when there are Google guests.
    pub guests: Guests,
    /// Whether the words are mirrored.
    pub words: Words,
    /// Whether Accord may change shared fields of the event.
    pub writable: bool,
    /// Whether there are Google guests.
    pub has_guests: bool,
    /// Who wins, as a person said about this very item.
    pub answer: Option<Side>,
    /// The tenant's resources.
    pub resources: &'a dyn Resources,
}

/// Why nothing happens to an item until somebody answers, or until other scopes have been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Both sides changed a field and the policy is `ask`.
    Conflict,
    /// Cancelled in Google, and the tenant wants the user to be asked.
    Cancel,
    /// Moved in Google, likewise.
    Move,
    /// Changed in the app, and Google guests would not hear of it.
    Guests,
    /// Held by the brake.
    Brake,
    /// The lead placement is gone; perhaps the event was moved to another calendar.
    LeadLost,
}

impl Waiting {
    /// The word in SQL; for those that ask somebody also the question's kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Waiting::Conflict => "conflict",
            Waiting::Cancel => "cancel",
            Waiting::Move => "move",
            Waiting::Guests => "guests",
            Waiting::Brake => "brake",
            Waiting::LeadLost => "lead_lost",
        }
    }
}

/// A field that both sides changed, or one that the app may not change. No value is lost: all three are here.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldConflict {
    /// Which.
    pub field: Field,
    /// Who won; `None` while it is asked.
    pub winner: Option<Side>,
    /// `origin`, `google`, `app`, `ask`, or `readonly`, `replaced`.
    pub rule: &'static str,
    /// At the last agreement.
    pub base: Value,
    /// What the app wanted.
    pub app: Value,
    /// What Google shows.
    pub google: Value,
}

/// What to do with the booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalStep {
    /// Nothing.
    Keep,
    /// Write these fields.
    Write(Content),
    /// Put the deleted row back, with these fields.
    Reinstate(Content),
    /// The event is not ours to delete: the booking stays deleted and the event stays.
    Hide,
}

/// What to do with the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteStep {
    /// Nothing.
    Keep,
    /// Write these fields.
    Patch(Changed),
    /// Delete it.
    Delete,
    /// Bring it back under its old id, with everything.
    Revive,
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named like the fields")]
pub struct Changed {
    pub title: bool,
    pub description: bool,
    pub location: bool,
    pub when: bool,
}

impl Changed {
    /// Every field.
    pub const ALL: Changed = Changed {
        title: true,
        description: true,
        location: true,
        when: true,
    };

    /// Whether no field is in the set.
    pub fn is_empty(self) -> bool {
        self == Changed::default()
    }
}

/// What follows from a merge.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Do this.
    Act(Box<Outcome>),
    /// Do nothing to this item until somebody has answered.
    Wait(Waiting, Vec<FieldConflict>),
}

/// The steps, and the agreement that holds once the local step is done. What the remote step will change is not part of
/// it: that is remembered when Google has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// For the booking.
    pub local: LocalStep,
    /// For the event.
    pub remote: RemoteStep,
    /// The agreement after the local step.
    pub base: Base,
    /// To be kept as records.
    pub conflicts: Vec<FieldConflict>,
}

impl Outcome {
    /// Whether the booking is cancelled because its event is gone. The brake counts these.
    pub fn cancels_booking(&self) -> bool {
        matches!(&self.local, LocalStep::Write(content) if content.status == Status::Cancelled)
            && self.base.remote.status == Status::Cancelled
    }

    /// Whether the event is deleted. The brake counts these, too.
    pub fn deletes_event(&self) -> bool {
        self.remote == RemoteStep::Delete
    }
}

impl Rules<'_> {
    /// Who wins, and by which rule.
    fn winner(&self) -> (Option<Side>, &'static str) {
        if !self.writable {
            return (Some(Side::Google), "readonly");
        }
        let winner = match self.policy {
            ConflictPolicy::Origin => Some(self.origin),
            ConflictPolicy::Google => Some(Side::Google),
            ConflictPolicy::App => Some(Side::App),
            ConflictPolicy::Ask => None,
        };
        (self.answer.or(winner), self.policy.as_str())
    }

    /// Whether a change from the app has to wait for the user's word that guests need not be told.
    fn guests_wait(&self) -> bool {
        self.has_guests && self.guests == Guests::Ask && self.answer.is_none()
    }
}

/// Decides what an agreement that was broken on one side or on both becomes.
pub fn reconcile(base: &Base, local: Local<'_>, remote: Remote<'_>, rules: &Rules<'_>) -> Decision {
    let (Local::Row(content) | Local::Deleted(content)) = local;
    let local_gone = matches!(local, Local::Deleted(_)) || content.status == Status::Cancelled;
    match (local_gone, remote) {
        (true, Remote::Cancelled) => agree_that_it_is_gone(base, content),
        (false, Remote::Cancelled) => gone_in_google(base, content, rules),
        (true, Remote::Live(event)) => gone_in_the_app(base, local, content, event, rules),
        (false, Remote::Live(event)) => both_live(base, content, event, rules, LocalStep::Keep, Vec::new()),
    }
}

fn act(local: LocalStep, remote: RemoteStep, base: Base, conflicts: Vec<FieldConflict>) -> Decision {
    Decision::Act(Box::new(Outcome {
        local,
        remote,
        base,
        conflicts,
    }))
}
