//! `events.update` and `events.patch`: merge, check, notice what changed, carry it to whoever it concerns.
//!
//! A write that changes nothing leaves `updated` and etag; one that changes only reminders does too. Times and
//! recurrence bump `sequence`, titles do not.
use super::super::Ctx;
use super::super::errors::{Answer, Refusal};
use super::super::merge;
use super::super::methods::Method;
use super::super::state::{Event, Gone, Object, Role, State};
use super::attendees::{is_guest_copy, own_entry_only};
use super::body::{GUARDED, IMMUTABLE, Place, known, settle, take_reminders};
use super::{Found, check_private};
use serde_json::{Value, json};

/// What moves `sequence`.
const MAJOR: [&str; 3] = ["start", "end", "recurrence"];
/// What may be edited on events that Google made from mail.
const FROM_GMAIL: [&str; 5] = ["colorId", "reminders", "extendedProperties", "status", "sequence"];

impl State {
    /// `events.update` and `events.patch`.
    pub(in super::super) fn change_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (calendar, role) = self.writable(&ctx.user, ctx.segment(1))?;
        let Found { event: old, is_virtual } = self.find_event(&calendar, ctx.segment(3))?;
        check_private(role, &old)?;
        let sent = ctx.body()?;
        let body = known(&sent, &ctx.params)?;
        if old.gone.is_some()
            && let Some(answer) = self.refuse_deleted(ctx, &calendar, role, &old, &body)
        {
            return answer;
        }
        ctx.check_match(&old.etag())?;
        check_type(&old, &body)?;
        let (mut fields, reminders) = self.merged(ctx, &calendar, &old, &body)?;
        if fields["status"] == "cancelled" {
            if is_virtual || old.gone.is_none() {
                let event = self.cancel(&calendar, old, ctx.now)?;
                return self.answer_event(ctx, &calendar, role, &event);
            }
            return self.answer_event(ctx, &calendar, role, &old);
        }
        self.limit_visibility(&calendar, &old, &mut fields, ctx.now)?;
        if is_guest_copy(&old, &calendar) {
            self.carry_guest_edit(&calendar, &old, &mut fields, ctx.now)?;
        }
        let bare = old.fields == fields && old.gone.is_none();
        if bare && !is_virtual {
            // Also drops the poison mark: from here on the event is an ordinary one.
            let stored = self.calendar_mut(&calendar)?.events.get_mut(&old.id);
            let event = stored.ok_or_else(Refusal::not_found)?;
            event.reminders.insert(ctx.user.clone(), reminders);
            let event = event.clone();
            return self.answer_event(ctx, &calendar, role, &event);
        }
        if bare && old.reminders.get(&ctx.user).unwrap_or(&json!({"useDefault": true})) == &reminders {
            return self.answer_event(ctx, &calendar, role, &old);
        }
        let mut event = Event {
            fields,
            gone: None,
            raw: false,
            ..old.clone()
        };
        event.reminders.insert(ctx.user.clone(), reminders);
        let event = self.put(&calendar, event, ctx.now)?;
        self.follow_series(&calendar, &old, &event, ctx.now)?;
        self.propagate(&calendar, &event.id, ctx.now)?;
        self.invite_rooms(&calendar, Some(&old), &event, ctx.now);
        self.answer_event(ctx, &calendar, role, &event)
    }

    /// Deleted events can only be revived, by a patch that says so; what others withdrew cannot.
    fn refuse_deleted(&self, ctx: &Ctx<'_>, calendar: &str, role: Role, old: &Event, body: &Object) -> Option<Answer> {
        let forbidden = || Some(Err(Refusal::forbidden("The event to update was deleted.")));
        let by_series = self
            .calendar(calendar)
            .is_ok_and(|calendar| calendar.series_is_gone(old));
        if ctx.method == Method::EventsUpdate || old.gone != Some(Gone::Deleted) || by_series {
            return forbidden();
        }
        match body.get("status").and_then(Value::as_str) {
            Some("confirmed" | "tentative") => None,
            Some("cancelled") => Some(self.answer_event(ctx, calendar, role, old)),
            _ => forbidden(),
        }
    }

    /// The whole event after the write, canonical, and its reminders.
    fn merged(&self, ctx: &Ctx<'_>, calendar: &str, old: &Event, body: &Object) -> Result<(Object, Value), Refusal> {
        let place = self.place(calendar)?;
        let mut body = body.clone();
        body.retain(|key, _| key != "id" && !IMMUTABLE.contains(&key.as_str()));
        let recurs = body
            .get("recurrence")
            .and_then(Value::as_array)
            .is_some_and(|lines| !lines.is_empty());
        if old.series_id().is_some() && recurs {
            return Err(Refusal::invalid_field("recurrence"));
        }
        if body.get("attendeesOmitted") == Some(&json!(true)) {
            own_entry_only(&old.fields, &mut body, calendar);
        }
        let was = old.fields.get("sequence").and_then(Value::as_u64).unwrap_or(0);
        let (mut fields, sent_sequence) = if ctx.method == Method::EventsUpdate {
            let kept = |key: &str| IMMUTABLE.contains(&key) || (GUARDED.contains(&key) && !announces(ctx, key));
            let mut fields = old.fields.clone();
            fields.retain(|key, _| kept(key));
            (fields, body.get("sequence").and_then(Value::as_u64).or(Some(0)))
        } else {
            let mut fields = old.fields.clone();
            let stored = old.reminders.get(&ctx.user).cloned();
            let mut reminders = stored.unwrap_or_else(|| json!({"useDefault": true}));
            if body
                .get("reminders")
                .is_some_and(|sent| sent["useDefault"] == true && sent.get("overrides").is_none())
            {
                reminders = json!({});
            }
            fields.insert("reminders".into(), reminders);
            (fields, body.get("sequence").and_then(Value::as_u64))
        };
        merge::patch(&mut fields, &body);
        let organizer = json!({"email": calendar});
        fields.entry("organizer").or_insert(organizer);
        let uid = json!(format!("{}@google.com", old.id));
        fields.entry("iCalUID").or_insert(uid);
        // The missing end is found before a low sequence.
        let reminders = take_reminders(&mut fields);
        settle(&mut fields, &place)?;
        let reminders = reminders?;
        if sent_sequence.is_some_and(|sent| sent < was) {
            return Err(Refusal::sequence());
        }
        let major = MAJOR.iter().any(|key| old.fields.get(*key) != fields.get(*key));
        let own = !is_guest_copy(old, calendar);
        let bumped = was + u64::from(major && own && !old.detached);
        fields.insert("sequence".into(), json!(bumped.max(sent_sequence.unwrap_or(was))));
        Ok((fields, reminders))
    }

    pub(super) fn place(&self, calendar: &str) -> Result<Place, Refusal> {
        let found = self.calendar(calendar)?;
        Ok(Place {
            zone: found.zone(),
            primary: found.primary_of.is_some(),
        })
    }
}

/// Whether the call says that it knows this guarded field.
fn announces(ctx: &Ctx<'_>, key: &str) -> bool {
    match key {
        "conferenceData" | "hangoutLink" => ctx.params.text("conferenceDataVersion") == Some("1"),
        "eventLabelId" => ctx.params.text("eventLabelVersion") == Some("1"),
        _ => ctx.params.flag("supportsAttachments"),
    }
}

fn check_type(old: &Event, body: &Object) -> Result<(), Refusal> {
    let kind = old.text("eventType").unwrap_or("default");
    let sent = body.get("eventType").and_then(Value::as_str);
    if sent.is_some_and(|sent| sent != kind) {
        return Err(Refusal::event_type(400));
    }
    let allowed = |key: &String| FROM_GMAIL.contains(&key.as_str()) || IMMUTABLE.contains(&key.as_str());
    if kind == "fromGmail" && !body.keys().all(allowed) {
        return Err(Refusal::event_type(403));
    }
    Ok(())
}
