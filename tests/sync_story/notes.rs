//! What was done in a story: who changed what, knowing what.
use super::change::LIVE;
use super::face::Face;
use super::sides::Sides;
use super::{Field, Object, Side, Story};
use accord::domain::ids::BookingId;

/// What a story calls by a number: an event, its booking, or both once they know each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    pub event: Option<String>,
    pub booking: Option<BookingId>,
    /// The series that this is the tail of.
    pub tail_of: Option<usize>,
    /// Ben has made it, and Ana is his guest.
    pub is_bens: bool,
    /// The guest has removed it from the own calendar, where nobody can bring it back.
    pub is_left: bool,
}

/// One edit that somebody made.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub step: usize,
    pub side: Side,
    pub object: Object,
    pub field: Field,
    pub value: String,
    /// The object as this side had it just before.
    pub saw: Option<Face>,
    /// Whether both sides were equal then, and the daemon knew.
    pub agreed: bool,
}

/// What a person has answered about an item.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub step: usize,
    pub item: usize,
    /// How the item looked on the side that was to win.
    pub life: &'static str,
    /// Its times, if they were asked about.
    pub when: Option<String>,
}

impl Story {
    pub(super) fn pick(&self, k: usize) -> Option<usize> {
        (!self.items.is_empty()).then(|| k % self.items.len())
    }

    /// Items learn their other half as soon as it can be seen.
    fn learn(&mut self, sides: &Sides) {
        for item in &mut self.items {
            item.booking = sides.booking_of(item);
            if let Some(found) = sides.event_of(item) {
                item.event = found.event["id"].as_str().map(str::to_owned);
            }
        }
    }

    pub(super) async fn look(&mut self) -> Sides {
        let sides = self.sides().await;
        self.learn(&sides);
        sides
    }

    pub(super) fn note(&mut self, sides: &Sides, side: Side, object: Object, changes: &[(Field, String)]) {
        let (app, google) = (self.app_face(sides, &object), self.google_face(sides, &object));
        let known = |face: &Option<Face>| face.clone().filter(|face| face.live);
        let last = self.edits.iter().rev().find(|edit| edit.object.item == object.item);
        let since = last.map_or(0, |edit| edit.step);
        let agreed = known(&app) == known(&google) && self.good_pass.iter().all(|pass| *pass > since);
        let saw = if side == Side::App { app } else { google };
        for (field, value) in changes {
            self.edits.push(Edit {
                step: self.step,
                side,
                object: object.clone(),
                field: *field,
                value: value.clone(),
                saw: saw.clone(),
                agreed,
            });
        }
    }

    /// Notes everything of an item that was just made.
    pub(super) fn note_new(&mut self, sides: &Sides, side: Side, item: usize, face: &Face) {
        let all = [
            (Field::Title, face.title.clone()),
            (Field::Description, face.description.clone()),
            (Field::When, face.when.clone()),
            (Field::Place, face.place.clone()),
            (Field::Life, LIVE.to_owned()),
        ];
        self.note(sides, side, Object::whole(item), &all);
    }
}
