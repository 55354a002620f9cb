//! What must hold when everybody rests: both sides equal, nothing left to do, nothing twice, and every deed honoured.
use super::Story;
use super::agreement::equal;
use super::sides::Sides;
use accord::domain::ids::BookingId;
use accord::store::quarantine;
use std::collections::{BTreeMap, BTreeSet, HashSet};

impl Story {
    /// Judges what is there. Only what waits for an answer may differ.
    pub(super) async fn verdict(&mut self) -> Result<(), String> {
        let sides = self.look().await;
        let asked = self.asked_about(&sides).await;
        self.nothing_is_left(&sides, &asked).await?;
        equal(&sides, &asked)?;
        self.nothing_twice(&sides)?;
        let kept = self.kept().await;
        for (number, item) in self.items.iter().enumerate() {
            if item.booking.is_none_or(|booking| !asked.contains(&booking)) {
                self.life(&sides, number)?;
            }
        }
        for (number, edit) in self.edits.iter().enumerate() {
            self.not_lost(&sides, &kept, number, edit)?;
        }
        self.nothing_invented(&sides)
    }

    async fn nothing_is_left(&self, sides: &Sides, asked: &HashSet<BookingId>) -> Result<(), String> {
        if let Some(pending) = (&sides.pending - asked).into_iter().next() {
            return Err(format!("booking {pending} is still to be pushed"));
        }
        for spot in &sides.spots {
            let (waits, is_asked) = (spot.waiting.is_some(), asked.contains(&spot.booking));
            if waits && !is_asked {
                return Err(format!("it waits, and nobody is asked: {spot:?}"));
            }
        }
        let aside = quarantine::list(&mut self.world.read().await, self.world.tenant, None).await;
        let aside = aside.expect("quarantine");
        if let Some(item) = aside.first() {
            return Err(format!("set aside: {} {}: {}", item.side, item.item_id, item.reason));
        }
        Ok(())
    }

    /// One live event per mark (copies that the person made are not the daemon's), one booking per identity.
    fn nothing_twice(&self, sides: &Sides) -> Result<(), String> {
        let copies: BTreeSet<&str> = self.items.iter().filter_map(|item| item.event.as_deref()).collect();
        let mut marks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, found) in sides
            .events
            .iter()
            .flat_map(|(id, all)| all.iter().map(move |found| (id, found)))
        {
            let event = &found.event;
            let mark = event["extendedProperties"]["private"]["accord.booking"].as_str();
            let Some(mark) = mark.filter(|_| event["status"] != "cancelled" && event["recurringEventId"].is_null())
            else {
                continue;
            };
            let own = sides
                .spots
                .iter()
                .any(|spot| spot.event == *id && spot.booking.to_string() == mark);
            if own || !copies.contains(id.as_str()) {
                marks.entry(mark).or_default().push(id);
            }
        }
        if let Some((mark, events)) = marks.iter().find(|(_, events)| events.len() > 1) {
            return Err(format!("booking {mark} has several live events: {events:?}"));
        }
        let mut identities = BTreeMap::new();
        for spot in &sides.spots {
            let Some(uid) = &spot.ical_uid else { continue };
            let known = identities.insert((uid, &spot.original_start), spot.booking);
            if known.is_some_and(|known| known != spot.booking) {
                return Err(format!("two bookings for {uid} {:?}", spot.original_start));
            }
        }
        Ok(())
    }
}
