//! Three-way merge of a booking with its event: two sides and the memory of their last agreement in, steps out.
//!
//! Each side is compared with its own form of that agreement, so that what Google normalises is never taken for an edit.
//! Fields are merged one by one; only when both sides changed the same field differently is there a conflict, and then the
//! policy decides, never a clock. Whatever wins, the memory is moved as if both sides had agreed on what Google shows:
//! what the app still wants differs from that memory, and is therefore pushed, now or after a crash.
use super::booking::{Content, Side, Status};
use super::event::{EventContent, Words};
use super::ids::ResourceId;
use super::policy::{ConflictPolicy, Guests, Inbound};
use super::recurrence;
use super::time::{Span, When};
use super::validate::canonical_text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

/// The event that a booking asks for. `resource_name` is the assigned resource's.
pub fn as_event(content: &Content, resource_name: Option<&str>) -> EventContent {
    EventContent {
        title: content.title.clone(),
        description: content.description.clone(),
        location: resource_name.map_or_else(|| content.location.clone(), str::to_owned),
        when: content.when.clone(),
    }
}

/// The booking that an event makes.
pub fn as_booking(event: &EventContent, words: Words, resources: &dyn Resources) -> Content {
    let shared = words == Words::Shared;
    let text = |text: &String| if shared { text.clone() } else { String::new() };
    Content {
        title: text(&event.title),
        description: text(&event.description),
        location: text(&event.location),
        resource_id: if shared {
            resources.by_name(&event.location)
        } else {
            None
        },
        when: event.when.clone(),
        status: Status::Confirmed,
    }
}

/// The fields of a live booking that its event does not have yet.
pub fn to_push(base: &Content, local: &Content, words: Words) -> Changed {
    let shared = words == Words::Shared;
    Changed {
        title: shared && text_differs(&local.title, &base.title),
        description: shared && text_differs(&local.description, &base.description),
        location: shared && local.resource_id != base.resource_id,
        when: when_differs(&local.when, &base.when),
    }
}

/// The text that a write puts into the event's `location` when the resource has changed.
///
/// Unassigning clears the location only while it equals the old name; otherwise Google's text stays.
pub fn location_to_write(base: &Base, local: &Content, resources: &dyn Resources) -> String {
    if let Some(name) = local.resource_id.and_then(|id| resources.name(id)) {
        return name.to_owned();
    }
    let old = base.local.resource_id.and_then(|id| resources.name(id));
    if old.is_some_and(|name| same_name(name, &base.remote.content.location)) {
        String::new()
    } else {
        base.remote.content.location.clone()
    }
}

/// Whether two names are the same after trimming, NFC and case folding.
pub fn same_name(a: &str, b: &str) -> bool {
    name_key(a) == name_key(b)
}

/// A name as it is compared: trimmed, NFC, folded to lower case.
pub fn name_key(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.trim().to_lowercase().nfc().collect()
}

fn text_differs(a: &str, b: &str) -> bool {
    a != b && canonical_text(a) != canonical_text(b)
}

fn when_differs(a: &When, b: &When) -> bool {
    a != b
        && (!same_span(&a.span, &b.span)
            || recurrence::canonical(&a.recurrence) != recurrence::canonical(&b.recurrence))
}

/// Equal wall clocks in equal zones. Zones are compared by name: a change of zone is an edit even when the instant stays.
fn same_span(a: &Span, b: &Span) -> bool {
    match (a, b) {
        (Span::AllDay { .. }, Span::AllDay { .. }) => a == b,
        (Span::Timed { start: s, end: e }, Span::Timed { start: t, end: f }) => {
            s.zone == t.zone && e.zone == f.zone && s.instant() == t.instant() && e.instant() == f.instant()
        }
        _ => false,
    }
}

fn edited_locally(base: &Base, local: &Content, words: Words) -> bool {
    !to_push(&base.local, local, words).is_empty()
}

fn edited_remotely(base: &Base, remote: &EventContent, words: Words) -> bool {
    let old = &base.remote.content;
    let shared = words == Words::Shared;
    when_differs(&remote.when, &old.when)
        || shared
            && (text_differs(&remote.title, &old.title)
                || text_differs(&remote.description, &old.description)
                || text_differs(&remote.location, &old.location))
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

/// The agreement that the event is gone.
fn gone(base: &Base, local: Content) -> Base {
    Base {
        local: Content {
            status: Status::Cancelled,
            ..local
        },
        remote: RemoteForm {
            status: Status::Cancelled,
            content: base.remote.content.clone(),
            sent: None,
        },
    }
}

fn agree_that_it_is_gone(base: &Base, content: &Content) -> Decision {
    act(
        LocalStep::Keep,
        RemoteStep::Keep,
        gone(base, content.clone()),
        Vec::new(),
    )
}

fn gone_in_google(base: &Base, content: &Content, rules: &Rules<'_>) -> Decision {
    let agreed_gone = gone(base, content.clone());
    let cancel = |conflicts| {
        let cancelled = Content {
            status: Status::Cancelled,
            ..content.clone()
        };
        act(
            LocalStep::Write(cancelled),
            RemoteStep::Keep,
            agreed_gone.clone(),
            conflicts,
        )
    };
    let revive = |conflicts| act(LocalStep::Keep, RemoteStep::Revive, agreed_gone.clone(), conflicts);
    let record = |winner, rule| FieldConflict {
        field: Field::Status,
        winner,
        rule,
        base: json!(base.local),
        app: json!(content),
        google: json!(Status::Cancelled),
    };
    let (winner, rule) = rules.winner();

    if base.remote.status == Status::Cancelled && base.local.status == Status::Cancelled {
        // Both had agreed that it was gone; the app has confirmed it again.
        return if rules.writable {
            revive(Vec::new())
        } else {
            cancel(vec![record(Some(Side::Google), rule)])
        };
    }
    if edited_locally(base, content, rules.words) {
        return match winner {
            Some(Side::Google) => cancel(vec![record(winner, rule)]),
            Some(Side::App) => revive(vec![record(winner, rule)]),
            None => Decision::Wait(Waiting::Conflict, vec![record(None, rule)]),
        };
    }
    match (rules.answer, rules.inbound_cancel) {
        (Some(Side::App), _) if rules.writable => revive(Vec::new()),
        (None, Inbound::Ask) => Decision::Wait(Waiting::Cancel, Vec::new()),
        _ => cancel(Vec::new()),
    }
}

fn gone_in_the_app(
    base: &Base,
    local: Local<'_>,
    content: &Content,
    event: &EventContent,
    rules: &Rules<'_>,
) -> Decision {
    let deleted = matches!(local, Local::Deleted(_));
    let restored = Content {
        status: Status::Confirmed,
        ..content.clone()
    };
    let put_back = |step_base: &Base, conflicts| {
        let step = if deleted {
            LocalStep::Reinstate(restored.clone())
        } else {
            LocalStep::Write(restored.clone())
        };
        both_live(step_base, &restored, event, rules, step, conflicts)
    };
    let record = |winner, rule| FieldConflict {
        field: Field::Status,
        winner,
        rule,
        base: json!(base.local),
        app: json!(Status::Cancelled),
        google: json!(event),
    };

    if base.local.status == Status::Cancelled {
        // Both had agreed that it was gone; somebody brought it back in Google, as it is there now.
        let revived = Content {
            resource_id: content.resource_id,
            ..as_booking(event, rules.words, rules.resources)
        };
        let agreed = Base {
            local: revived.clone(),
            remote: live_form(event, rules.words),
        };
        let step = if deleted {
            LocalStep::Reinstate(revived)
        } else {
            LocalStep::Write(revived)
        };
        return act(step, RemoteStep::Keep, agreed, Vec::new());
    }
    let (winner, rule) = rules.winner();
    if !rules.writable {
        return if deleted {
            act(LocalStep::Hide, RemoteStep::Keep, base.clone(), Vec::new())
        } else {
            put_back(base, vec![record(Some(Side::Google), rule)])
        };
    }
    if edited_remotely(base, event, rules.words) || base.remote.status == Status::Cancelled {
        return match winner {
            None => Decision::Wait(Waiting::Conflict, vec![record(None, rule)]),
            Some(Side::Google) => put_back(base, vec![record(winner, rule)]),
            Some(Side::App) if rules.guests_wait() => Decision::Wait(Waiting::Guests, Vec::new()),
            Some(Side::App) => act(
                LocalStep::Keep,
                RemoteStep::Delete,
                base.clone(),
                vec![record(winner, rule)],
            ),
        };
    }
    match rules.answer {
        Some(Side::Google) => put_back(base, vec![record(Some(Side::Google), rule)]),
        _ if rules.guests_wait() => Decision::Wait(Waiting::Guests, Vec::new()),
        _ => act(LocalStep::Keep, RemoteStep::Delete, base.clone(), Vec::new()),
    }
}

/// What is remembered of a live event: words that are withheld are not.
pub fn live_form(event: &EventContent, words: Words) -> RemoteForm {
    let mut content = event.clone();
    if words == Words::Withheld {
        content.title.clear();
        content.description.clear();
        content.location.clear();
    }
    RemoteForm {
        status: Status::Confirmed,
        content,
        sent: None,
    }
}

/// A write whose answer was lost may have arrived. Whatever Google shows of it is what the app wanted then, and agreed on: not
/// an edit that somebody made in Google, which what the app wants now would have to fight with.
pub fn arrived(base: &mut Base, event: &EventContent, resources: &dyn Resources) {
    let Some(sent) = base.remote.sent.take() else { return };
    let (local, remote) = (&mut base.local, &mut base.remote);
    // What is sent is a living event.
    (local.status, remote.status) = (Status::Confirmed, Status::Confirmed);
    let old = &mut remote.content;
    if !text_differs(&event.title, &sent.title) {
        (local.title, old.title) = (sent.title, event.title.clone());
    }
    if !text_differs(&event.description, &sent.description) {
        (local.description, old.description) = (sent.description, event.description.clone());
    }
    if !when_differs(&event.when, &sent.when) {
        (local.when, old.when) = (sent.when, event.when.clone());
    }
    if !text_differs(&event.location, &sent.location) && text_differs(&event.location, &old.location) {
        local.resource_id = resources.by_name(&event.location);
        (local.location, old.location) = (event.location.clone(), event.location.clone());
    }
}

/// How one field came out.
enum Verdict {
    /// Nobody changed it, or both to the same.
    Same,
    /// Google's value goes to the booking.
    TakeRemote,
    /// The booking's value will be pushed.
    KeepLocal,
    /// The app may not change it: back to the agreement.
    PutBack,
    /// Somebody has to answer first.
    Unresolved(Waiting),
}

/// Merges the fields of a booking and an event that both exist. `step` is what has to happen to the row anyway.
fn both_live(
    base: &Base,
    content: &Content,
    event: &EventContent,
    rules: &Rules<'_>,
    step: LocalStep,
    mut conflicts: Vec<FieldConflict>,
) -> Decision {
    let mut merged = content.clone();
    let mut next = base.clone();
    next.local.status = Status::Confirmed;
    next.remote.status = Status::Confirmed;
    let mut waiting = None;
    let (winner, rule) = rules.winner();

    let mut judge = |field, local_changed: bool, remote_changed: bool, same: bool, values: [Value; 3]| {
        let [base, app, google] = values;
        let mut record = |winner, rule| {
            conflicts.push(FieldConflict {
                field,
                winner,
                rule,
                base: base.clone(),
                app: app.clone(),
                google: google.clone(),
            })
        };
        match (local_changed, remote_changed) {
            (false, false) => Verdict::Same,
            (true, true) if same => Verdict::Same,
            (false, true) if field == Field::When => match (rules.answer, rules.inbound_move) {
                (Some(Side::App), _) if rules.writable => {
                    record(Some(Side::App), "ask");
                    Verdict::KeepLocal
                }
                (None, Inbound::Ask) => Verdict::Unresolved(Waiting::Move),
                _ => Verdict::TakeRemote,
            },
            (false, true) => Verdict::TakeRemote,
            (true, false) if !rules.writable => {
                record(Some(Side::Google), "readonly");
                Verdict::PutBack
            }
            (true, false) if field == Field::When && rules.has_guests && rules.guests == Guests::Ask => {
                match rules.answer {
                    None => Verdict::Unresolved(Waiting::Guests),
                    Some(Side::App) => Verdict::KeepLocal,
                    Some(Side::Google) => {
                        record(Some(Side::Google), "ask");
                        Verdict::PutBack
                    }
                }
            }
            (true, false) => Verdict::KeepLocal,
            (true, true) => {
                record(winner, rule);
                match winner {
                    None => Verdict::Unresolved(Waiting::Conflict),
                    Some(Side::Google) => Verdict::TakeRemote,
                    Some(Side::App) if field == Field::When && rules.guests_wait() => {
                        Verdict::Unresolved(Waiting::Guests)
                    }
                    Some(Side::App) => Verdict::KeepLocal,
                }
            }
        }
    };

    let old = &base.remote.content;
    if rules.words == Words::Shared {
        for field in [Field::Title, Field::Description] {
            let (mine, memory, theirs, their_memory) = match field {
                Field::Title => (&content.title, &base.local.title, &event.title, &old.title),
                _ => (
                    &content.description,
                    &base.local.description,
                    &event.description,
                    &old.description,
                ),
            };
            let verdict = judge(
                field,
                text_differs(mine, memory),
                text_differs(theirs, their_memory),
                !text_differs(mine, theirs),
                [json!(memory), json!(mine), json!(theirs)],
            );
            let (value, agreed) = match verdict {
                Verdict::Same if text_differs(theirs, their_memory) => (mine.clone(), mine.clone()),
                Verdict::Same => (mine.clone(), memory.clone()),
                Verdict::TakeRemote => (theirs.clone(), theirs.clone()),
                // Unless Google changed it too, the memory stays as it is.
                Verdict::KeepLocal if !text_differs(theirs, their_memory) => (mine.clone(), memory.clone()),
                Verdict::KeepLocal => (mine.clone(), theirs.clone()),
                Verdict::PutBack => (memory.clone(), memory.clone()),
                Verdict::Unresolved(why) => {
                    waiting = Some(why);
                    (mine.clone(), memory.clone())
                }
            };
            match field {
                Field::Title => {
                    (merged.title, next.local.title, next.remote.content.title) = (value, agreed, theirs.clone());
                }
                _ => {
                    (
                        merged.description,
                        next.local.description,
                        next.remote.content.description,
                    ) = (value, agreed, theirs.clone());
                }
            }
        }
        merge_location(
            base,
            content,
            event,
            rules,
            &mut merged,
            &mut next,
            &mut judge,
            &mut waiting,
        );
    }

    let local_changed = when_differs(&content.when, &base.local.when);
    let remote_changed = when_differs(&event.when, &old.when);
    let values = [json!(base.local.when), json!(content.when), json!(event.when)];
    match judge(
        Field::When,
        local_changed,
        remote_changed,
        !when_differs(&content.when, &event.when),
        values,
    ) {
        Verdict::Same if remote_changed => next.local.when = content.when.clone(),
        Verdict::Same => {}
        Verdict::TakeRemote => {
            merged.when = event.when.clone();
            next.local.when = event.when.clone();
        }
        Verdict::KeepLocal if remote_changed => next.local.when = event.when.clone(),
        Verdict::KeepLocal => {}
        Verdict::PutBack => merged.when = base.local.when.clone(),
        // A conflict explains more than a question about a move.
        Verdict::Unresolved(why) => waiting = waiting.or(Some(why)),
    }
    next.remote.content.when = event.when.clone();

    if let Some(why) = waiting {
        conflicts.retain(|conflict| conflict.winner.is_none());
        return Decision::Wait(why, conflicts);
    }
    let changed = to_push(&next.local, &merged, rules.words);
    let remote = if changed.is_empty() {
        RemoteStep::Keep
    } else {
        RemoteStep::Patch(changed)
    };
    let local = match step {
        LocalStep::Reinstate(_) => LocalStep::Reinstate(merged),
        _ if merged == *content && matches!(step, LocalStep::Keep) => LocalStep::Keep,
        _ => LocalStep::Write(merged),
    };
    act(local, remote, next, conflicts)
}

/// The location mirrors Google's text; what the app changes is the assigned resource.
#[expect(
    clippy::too_many_arguments,
    reason = "one field of `both_live`, apart because it has rules of its own"
)]
fn merge_location(
    base: &Base,
    content: &Content,
    event: &EventContent,
    rules: &Rules<'_>,
    merged: &mut Content,
    next: &mut Base,
    judge: &mut dyn FnMut(Field, bool, bool, bool, [Value; 3]) -> Verdict,
    waiting: &mut Option<Waiting>,
) {
    let old = &base.remote.content.location;
    let name = |id: Option<ResourceId>| {
        id.and_then(|id| rules.resources.name(id))
            .unwrap_or_default()
            .to_owned()
    };
    let local_changed = content.resource_id != base.local.resource_id;
    let remote_changed = text_differs(&event.location, old);
    let wanted = name(content.resource_id);
    let values = [
        json!(old),
        json!({"resource_id": content.resource_id, "name": wanted}),
        json!(event.location),
    ];
    let named = rules.resources.by_name(&event.location);
    let same = content.resource_id.is_some() && named == content.resource_id;
    match judge(Field::Location, local_changed, remote_changed, same, values) {
        Verdict::Same if remote_changed => {
            merged.location = event.location.clone();
            next.local.resource_id = content.resource_id;
        }
        Verdict::Same => {}
        Verdict::TakeRemote => {
            merged.location = event.location.clone();
            merged.resource_id = named.or(base.local.resource_id);
            next.local.resource_id = merged.resource_id;
        }
        // The note as Google has it; the resource's name replaces it when it is pushed.
        Verdict::KeepLocal => merged.location = event.location.clone(),
        Verdict::PutBack => merged.resource_id = base.local.resource_id,
        Verdict::Unresolved(why) => *waiting = Some(why),
    }
    if merged.location != content.location || text_differs(&content.location, &event.location) {
        // The app cannot write this column; whatever it wrote in SQL is put right.
        merged.location = event.location.clone();
    }
    next.local.location = merged.location.clone();
    next.remote.content.location = event.location.clone();
}
