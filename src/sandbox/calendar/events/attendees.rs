//! Guests: copies in their own calendars, what a guest may change, answers that travel back.
//!
//! The organizer's event is the truth for shared fields; each guest that is a pretend user has a copy under the same id
//! with its own private properties, colour, visibility and transparency. Copies follow the organizer at once.
use super::super::errors::Refusal;
use super::super::state::{Event, Gone, Object, State};
use serde_json::{Value, json};

/// Fields that belong to one copy only.
const LOCAL: [&str; 4] = ["colorId", "transparency", "visibility", "eventLabelId"];

/// Whether this is a guest's copy of an event that somebody else organizes.
pub fn is_guest_copy(event: &Event, calendar: &str) -> bool {
    let organizer = event.organizer();
    !organizer.is_empty() && organizer != calendar && !event.detached
}

fn guests(fields: &Object) -> &[Value] {
    fields
        .get("attendees")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn entry<'a>(fields: &'a Object, address: &str) -> Option<&'a Value> {
    guests(fields).iter().find(|guest| guest["email"] == address)
}

/// With `attendeesOmitted` only the own entry of the sent list counts.
pub fn own_entry_only(old: &Object, body: &mut Object, address: &str) {
    let is_own = |guest: &Value| guest["email"].as_str().is_some_and(|e| e.eq_ignore_ascii_case(address));
    let Some(Value::Array(sent)) = body.get("attendees") else {
        return;
    };
    let own = sent.iter().find(|guest| is_own(guest)).cloned();
    let all = guests(old).iter().map(|guest| match &own {
        Some(own) if is_own(guest) => own.clone(),
        _ => guest.clone(),
    });
    body.insert("attendees".into(), all.collect());
}

/// The fields that all copies share, without the guests and the sequence.
fn shared(fields: &Object) -> Object {
    let mut shared = fields.clone();
    shared.retain(|key, _| !LOCAL.contains(&key.as_str()) && key != "attendees" && key != "sequence");
    if let Some(Value::Object(properties)) = shared.get_mut("extendedProperties") {
        properties.remove("private");
        if properties.is_empty() {
            shared.remove("extendedProperties");
        }
    }
    shared
}

/// The organizer's fields with what this copy keeps for itself.
fn composed(source: &Object, copy: Option<&Object>) -> Object {
    let mut fields = shared(source);
    for key in ["attendees", "sequence"] {
        if let Some(value) = source.get(key) {
            fields.insert(key.into(), value.clone());
        }
    }
    let local = copy.unwrap_or(source);
    let taken = LOCAL
        .iter()
        .filter(|key| copy.is_some() || matches!(**key, "transparency" | "visibility"));
    for key in taken {
        if let Some(value) = local.get(*key) {
            fields.insert((*key).to_owned(), value.clone());
        }
    }
    let private = copy.and_then(|copy| copy.get("extendedProperties")?.get("private"));
    if let Some(private) = private {
        let properties = fields.entry("extendedProperties").or_insert_with(|| json!({}));
        properties["private"] = private.clone();
    }
    fields
}

impl State {
    /// Brings all guests' copies of an organizer's event up to date.
    pub(super) fn propagate(&mut self, calendar: &str, id: &str, now: i64) -> Result<(), Refusal> {
        let Some(source) = self.calendar(calendar)?.events.get(id).cloned() else {
            return Ok(());
        };
        let private_copy = source.fields.get("privateCopy") == Some(&json!(true));
        if source.detached || source.raw || private_copy || source.organizer() != calendar {
            return Ok(());
        }
        let guests: Vec<String> = self.users.keys().filter(|user| *user != calendar).cloned().collect();
        for guest in guests {
            self.update_copy(&source, &guest, now)?;
        }
        if source.is_series() && source.gone.is_none() {
            let exceptions: Vec<String> = self
                .calendar(calendar)?
                .exceptions(id)
                .map(|event| event.id.clone())
                .collect();
            for exception in exceptions {
                self.propagate(calendar, &exception, now)?;
            }
        }
        Ok(())
    }

    fn update_copy(&mut self, source: &Event, guest: &str, now: i64) -> Result<(), Refusal> {
        let theirs = self.calendar(guest)?;
        let copy = theirs.events.get(&source.id);
        if copy.is_some_and(|copy| copy.text("iCalUID") != source.text("iCalUID")) {
            return Ok(()); // an unrelated event of theirs has the same id
        }
        let invited = source.gone.is_none() && entry(&source.fields, guest).is_some();
        let has_series = source
            .series_id()
            .is_some_and(|id| theirs.events.get(id).is_some_and(|s| s.gone.is_none()));
        let left = copy.is_some_and(|copy| copy.gone == Some(Gone::Deleted));
        if left || (copy.is_none() && !invited && !has_series) {
            return Ok(());
        }
        let gone = match source.gone {
            Some(Gone::Dropped) => Some(Gone::Dropped),
            _ if invited => None,
            _ => Some(Gone::Withdrawn),
        };
        let fields = composed(&source.fields, copy.map(|copy| &copy.fields));
        if copy.is_some_and(|copy| copy.fields == fields && copy.gone == gone) {
            return Ok(());
        }
        let old = copy.cloned().unwrap_or_default();
        let event = Event {
            id: source.id.clone(),
            fields,
            gone,
            opaque: source.opaque,
            instance_base: source.instance_base.clone(),
            ..old.clone()
        };
        let event = self.put(guest, event, now)?;
        self.follow_series(guest, &old, &event, now)
    }

    /// A guest removes an event from the own calendar: that declines it.
    pub(super) fn leave(&mut self, calendar: &str, event: Event, now: i64) -> Result<Event, Refusal> {
        let mut event = event;
        event.gone = Some(Gone::Deleted);
        event.raw = false;
        let mut declined = entry(&event.fields, calendar).cloned();
        if let Some(entry) = &mut declined {
            entry["responseStatus"] = json!("declined");
            replace_entry(&mut event.fields, entry);
        }
        let event = self.put(calendar, event, now)?;
        if let Some(entry) = declined {
            self.change_at_organizer(&event, now, |fields| replace_entry(fields, &entry))?;
        }
        Ok(event)
    }

    /// 403 unless a guest's edit stays within what guests may do; carries the rest to the organizer.
    pub(super) fn carry_guest_edit(
        &mut self,
        calendar: &str,
        old: &Event,
        fields: &mut Object,
        now: i64,
    ) -> Result<(), Refusal> {
        let may_modify = old.fields.get("guestsCanModify") == Some(&json!(true));
        let may_invite = old.fields.get("guestsCanInviteOthers") != Some(&json!(false));
        let changed = shared(&old.fields) != shared(fields);
        let others_kept = guests(&old.fields).iter().all(|guest| {
            guest["email"] == calendar || entry(fields, guest["email"].as_str().unwrap_or_default()) == Some(guest)
        });
        let still_there = entry(&old.fields, calendar).is_some() == entry(fields, calendar).is_some();
        let invited = guests(fields).len() > guests(&old.fields).len();
        let allowed = may_modify || (!changed && others_kept && still_there && (!invited || may_invite));
        if !allowed {
            return Err(Refusal::not_organizer());
        }
        if changed {
            let sequence = fields.get("sequence").and_then(Value::as_u64).unwrap_or(0);
            fields.insert("sequence".into(), json!(sequence + 1));
        }
        if changed || guests(&old.fields) != guests(fields) {
            let mine = fields.clone();
            self.change_at_organizer(old, now, |theirs| *theirs = composed(&mine, Some(&*theirs)))?;
        }
        Ok(())
    }

    /// Changes the organizer's event behind a guest's copy, if the organizer lives here.
    fn change_at_organizer(&mut self, copy: &Event, now: i64, change: impl FnOnce(&mut Object)) -> Result<(), Refusal> {
        let organizer = copy.organizer().to_owned();
        let Some(found) = self
            .calendars
            .get(&organizer)
            .and_then(|calendar| calendar.find(&copy.id))
        else {
            return Ok(());
        };
        if found.event.gone.is_some() || found.event.text("iCalUID") != copy.text("iCalUID") {
            return Ok(());
        }
        let old = found.event.clone();
        let mut event = found.event;
        change(&mut event.fields);
        if event.fields == old.fields && !found.is_virtual {
            return Ok(());
        }
        let event = self.put(&organizer, event, now)?;
        self.follow_series(&organizer, &old, &event, now)?;
        self.propagate(&organizer, &event.id, now)
    }
}

fn replace_entry(fields: &mut Object, entry: &Value) {
    if let Some(Value::Array(guests)) = fields.get_mut("attendees") {
        for guest in guests.iter_mut().filter(|guest| guest["email"] == entry["email"]) {
            *guest = entry.clone();
        }
    }
}
