//! What becomes of the fields of an item that exists on both sides: each is merged by itself.
use super::forms::{text_differs, to_push, when_differs};
use super::{Base, Decision, Field, FieldConflict, LocalStep, RemoteStep, Rules, Waiting, act};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::{EventContent, Words};
use crate::domain::ids::ResourceId;
use crate::domain::policy::{Guests, Inbound};
use serde_json::{Value, json};

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
pub(super) fn both_live(
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
