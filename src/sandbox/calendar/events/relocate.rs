//! `events.move`: the same id and iCalUID under another organizer; the source keeps a cancelled stub.
use super::super::Ctx;
use super::super::errors::{Answer, Refusal, ok};
use super::super::state::{Event, Gone, State};
use super::attendees::is_guest_copy;
use super::check_private;
use super::render::Form;
use serde_json::{Value, json};

impl State {
    /// `events.move`.
    pub(in super::super) fn move_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let destination = ctx.params.required("destination")?.to_owned();
        let (source, role) = self.writable(&ctx.user, ctx.segment(1))?;
        let found = self.find_event(&source, ctx.segment(3))?;
        let event = found.event;
        if event.gone.is_some() {
            return Err(Refusal::deleted());
        }
        check_private(role, &event)?;
        ctx.check_match(&event.etag())?;
        let (destination, _) = self.writable(&ctx.user, &destination)?;
        if event.text("eventType").is_some_and(|kind| kind != "default") {
            return Err(Refusal::event_type(400));
        }
        if event.series_id().is_some() {
            return Err(Refusal::invalid("An instance of a recurring event cannot be moved."));
        }
        if is_guest_copy(&event, &source) {
            return Err(Refusal::not_organizer());
        }
        if destination == source {
            return Err(Refusal::parameter(
                "invalid",
                "The destination calendar is the source calendar.",
                "destination",
            ));
        }
        let mut family = vec![event.clone()];
        family.extend(self.calendar(&source)?.exceptions(&event.id).cloned());
        let taken = self.calendar(&destination)?.events.get(&event.id);
        if taken.is_some_and(|other| other.gone.is_none() && other.text("iCalUID") != event.text("iCalUID")) {
            return Err(Refusal::duplicate());
        }
        let organizer = self.organizer_of(&destination)?;
        for member in &family {
            self.relocate(member, &source, &destination, &organizer, ctx.now)?;
        }
        self.propagate(&destination, &event.id, ctx.now)?;
        // The reply calls the event cancelled, as it now is at the source.
        let moved = self.find_event(&destination, &event.id)?.event;
        let mut shown = self.view(ctx, &source, role)?.render(&moved, Form::Full);
        shown["status"] = json!("cancelled");
        ok(shown)
    }

    fn relocate(
        &mut self,
        event: &Event,
        source: &str,
        destination: &str,
        organizer: &Value,
        now: i64,
    ) -> Result<(), Refusal> {
        let mut moved = event.clone();
        moved.fields.insert("organizer".into(), organizer.clone());
        moved.past.clear();
        self.put(destination, moved, now)?;
        let mut stub = event.clone();
        stub.gone = Some(Gone::Withdrawn);
        // A former organizer who is a guest gets this back as a guest's copy by propagation.
        stub.fields.insert("organizer".into(), organizer.clone());
        self.put(source, stub, now).map(|_| ())
    }
}
