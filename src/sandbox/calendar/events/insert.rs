//! `events.insert`, `events.import` and `events.quickAdd`.
use super::super::Ctx;
use super::super::errors::{Answer, Refusal};
use super::super::merge;
use super::super::state::{Event, Object, State};
use super::super::tokens::base32hex;
use super::body::{known, settle, take_reminders};
use serde_json::{Value, json};

/// Client ids: base32hex, lower case, 5 to 1024 characters.
fn is_valid_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
}

/// The id of an imported event: `_` and base32hex of its UID, or the UID's local part if Google made it.
fn imported_id(uid: &str) -> String {
    match uid.strip_suffix("@google.com") {
        Some(local) => local.to_owned(),
        None => format!("_{}", base32hex(uid.as_bytes())),
    }
}

impl State {
    /// `events.insert`. Answers 200.
    pub(in super::super) fn insert_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let body = ctx.body()?;
        self.create(ctx, &body)
    }

    /// `events.quickAdd`: the text becomes the title of an hour that starts with the next full hour.
    pub(in super::super) fn quick_add(&mut self, ctx: &Ctx<'_>) -> Answer {
        const HOUR: i64 = 3_600_000_000;
        let start = (ctx.now.div_euclid(HOUR) + 1) * HOUR;
        let at = |us| json!({"dateTime": super::super::time::millis(us)});
        let body = Object::from_iter([
            ("summary".to_owned(), json!(ctx.params.required("text")?)),
            ("start".to_owned(), at(start)),
            ("end".to_owned(), at(start + HOUR)),
        ]);
        self.create(ctx, &body)
    }

    fn create(&mut self, ctx: &Ctx<'_>, body: &Object) -> Answer {
        let (calendar, role) = self.writable(&ctx.user, ctx.segment(1))?;
        let mut fields = Object::new();
        let sent = known(body, &ctx.params)?;
        merge::patch(&mut fields, &sent);
        let sent_id = fields.remove("id").and_then(|id| id.as_str().map(str::to_owned));
        let place = self.place(&calendar)?;
        fields.insert("organizer".into(), self.organizer_of(&calendar)?);
        fields.insert("creator".into(), json!({"email": ctx.user}));
        let reminders = take_reminders(&mut fields);
        settle(&mut fields, &place)?;
        let reminders = reminders?;
        match fields["eventType"].as_str() {
            Some("fromGmail") => return Err(Refusal::event_type(400)),
            _ if fields["status"] == "cancelled" => return Err(Refusal::invalid_field("status")),
            _ => {}
        }
        if sent_id.as_deref().is_some_and(|id| !is_valid_id(id)) {
            return Err(Refusal::invalid("Invalid resource id value."));
        }
        let id = sent_id.unwrap_or_else(|| self.make_id());
        let uid = fields
            .entry("iCalUID")
            .or_insert_with(|| json!(format!("{id}@google.com")))
            .clone();
        let found = self.calendar(&calendar)?;
        let same_uid = |event: &&Event| event.series_id().is_none() && event.fields.get("iCalUID") == Some(&uid);
        if found.find(&id).is_some() || found.events.values().find(same_uid).is_some() {
            return Err(Refusal::duplicate());
        }
        confer(&mut fields, &id);
        let event = Event {
            id,
            fields,
            opaque: self.switches.opaque_instance_ids,
            reminders: [(ctx.user.clone(), reminders)].into(),
            ..Event::default()
        };
        let event = self.put(&calendar, event, ctx.now)?;
        self.propagate(&calendar, &event.id, ctx.now)?;
        self.invite_rooms(&calendar, None, &event, ctx.now);
        self.answer_event(ctx, &calendar, role, &event)
    }

    /// Events of a secondary calendar are organized by that calendar's own address.
    pub(super) fn organizer_of(&self, calendar: &str) -> Result<Value, Refusal> {
        let found = self.calendar(calendar)?;
        Ok(match found.primary_of {
            Some(_) => json!({"email": calendar}),
            None => json!({"email": calendar, "displayName": found.summary()}),
        })
    }

    /// `events.import`: a private copy under a given iCalUID; the same UID again updates, and revives.
    pub(in super::super) fn import_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (calendar, role) = self.writable(&ctx.user, ctx.segment(1))?;
        let mut sent = known(&ctx.body()?, &ctx.params)?;
        for key in ["id", "eventType", "birthdayProperties", "focusTimeProperties"] {
            sent.remove(key);
        }
        sent.remove("outOfOfficeProperties");
        sent.remove("workingLocationProperties");
        let mut fields = Object::new();
        merge::patch(&mut fields, &sent);
        let place = self.place(&calendar)?;
        let organizer = fields
            .get("organizer")
            .and_then(|o| o["email"].as_str())
            .map(str::to_lowercase);
        match organizer {
            Some(email) => fields["organizer"]["email"] = json!(email),
            None => drop(fields.insert("organizer".into(), self.organizer_of(&calendar)?)),
        }
        let reminders = take_reminders(&mut fields);
        settle(&mut fields, &place)?;
        let reminders = reminders?;
        let uid = fields.get("iCalUID").and_then(Value::as_str).map(str::to_owned);
        let uid = uid
            .filter(|uid| !uid.is_empty())
            .ok_or_else(|| Refusal::required("Missing iCalUID."))?;
        let found = self.calendar(&calendar)?;
        let same_uid = |event: &&Event| event.series_id().is_none() && event.text("iCalUID") == Some(uid.as_str());
        let old = found.events.values().find(same_uid).cloned();
        let sequence = |fields: &Object| fields.get("sequence").and_then(Value::as_u64).unwrap_or(0);
        let was = old.as_ref().map_or(0, |old| sequence(&old.fields));
        if old.as_ref().is_some_and(|old| old.gone.is_none()) && sequence(&fields) < was {
            return Err(Refusal::sequence());
        }
        // A deleted one is revived by whatever is imported again, though the deletion counted too.
        fields.insert("sequence".into(), json!(sequence(&fields).max(was)));
        let creator = old.as_ref().and_then(|old| old.fields.get("creator").cloned());
        fields.insert("creator".into(), creator.unwrap_or_else(|| json!({"email": ctx.user})));
        if fields["status"] == "cancelled" {
            return Err(Refusal::invalid_field("status"));
        }
        if let Some(old) = old.as_ref().filter(|old| old.fields == fields && old.gone.is_none()) {
            return self.answer_event(ctx, &calendar, role, old);
        }
        let base = old.clone().unwrap_or_else(|| Event {
            id: imported_id(&uid),
            opaque: self.switches.opaque_instance_ids,
            ..Event::default()
        });
        let mut event = Event {
            fields,
            gone: None,
            raw: false,
            detached: true,
            ..base.clone()
        };
        event.reminders.insert(ctx.user.clone(), reminders);
        let event = self.put(&calendar, event, ctx.now)?;
        self.follow_series(&calendar, &base, &event, ctx.now)?;
        self.answer_event(ctx, &calendar, role, &event)
    }
}

/// A conference that was asked for is there at once.
fn confer(fields: &mut Object, id: &str) {
    let Some(conference) = fields.get_mut("conferenceData") else {
        return;
    };
    if conference.get("createRequest").is_none() {
        return;
    }
    let code = format!("{}-{}-{}", &id[..3], &id[1..5], &id[2..5]);
    let link = format!("https://meet.google.com/{code}");
    conference["createRequest"]["status"] = json!({"statusCode": "success"});
    conference["conferenceId"] = json!(code);
    conference["entryPoints"] = json!([{"entryPointType": "video", "uri": link}]);
    conference["conferenceSolution"] = json!({"key": {"type": "hangoutsMeet"}, "name": "Google Meet"});
    fields.insert("hangoutLink".into(), json!(link));
}
