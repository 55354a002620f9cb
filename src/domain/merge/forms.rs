//! The two forms of a booking, how one is made from the other, and what counts as a difference: Google normalises texts and
//! rules, and that is never taken for an edit.
use super::{Base, Changed, RemoteForm, Resources};
use crate::domain::booking::{Content, Status};
use crate::domain::event::{EventContent, Words};
use crate::domain::recurrence;
use crate::domain::time::{Span, When};
use crate::domain::validate::canonical_text;

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

pub(super) fn text_differs(a: &str, b: &str) -> bool {
    a != b && canonical_text(a) != canonical_text(b)
}

pub(super) fn when_differs(a: &When, b: &When) -> bool {
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

pub(super) fn edited_locally(base: &Base, local: &Content, words: Words) -> bool {
    !to_push(&base.local, local, words).is_empty()
}

pub(super) fn edited_remotely(base: &Base, remote: &EventContent, words: Words) -> bool {
    let old = &base.remote.content;
    let shared = words == Words::Shared;
    when_differs(&remote.when, &old.when)
        || shared
            && (text_differs(&remote.title, &old.title)
                || text_differs(&remote.description, &old.description)
                || text_differs(&remote.location, &old.location))
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
