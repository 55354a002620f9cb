//! Who answers what the daemon asks, at any time, either way.
use super::Story;
use super::face::Face;
use super::notes::Answered;
use super::sides::Sides;
use accord::domain::ids::BookingId;
use accord::engine::questions::{self, Answerer, Question};
use std::collections::HashSet;

impl Story {
    /// The kth open question is answered with the first choice or with the second.
    pub(super) async fn somebody_answers(&mut self, k: usize, yes: bool) -> bool {
        let open = self.world.open_questions().await;
        if open.is_empty() {
            return false;
        }
        let sides = self.look().await;
        self.answer(&sides, &open[k % open.len()], yes).await;
        true
    }

    /// Everything that is open is answered, one way and the other. `false`: nothing was open.
    pub(super) async fn answer_all(&mut self, round: usize) -> bool {
        let open = self.world.open_questions().await;
        let sides = self.look().await;
        for (number, question) in open.iter().enumerate() {
            self.answer(&sides, question, (number + round).is_multiple_of(2)).await;
        }
        !open.is_empty()
    }

    async fn answer(&mut self, sides: &Sides, question: &Question, yes: bool) {
        let choice = &question.choices[usize::from(!yes)];
        let by = match question.user_id {
            Some(user) if question.addressee == "user" => Answerer::User(user),
            _ => Answerer::Admin,
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        questions::answer(engine, tenant, question.id, choice, by)
            .await
            .expect("an open question takes its answer");
        self.note_answer(sides, question, choice);
    }

    fn note_answer(&mut self, sides: &Sides, question: &Question, choice: &str) {
        let booking = booking_of(question);
        let found = self
            .items
            .iter()
            .position(|item| booking.is_some() && item.booking == booking);
        let Some(item) = found else { return };
        let google_wins = matches!(choice, "apply" | "revert" | "google");
        let whole = super::Object::whole(item);
        let winner = if google_wins {
            self.google_face(sides, &whole)
        } else {
            self.app_face(sides, &whole)
        };
        let times_were_asked = matches!(question.kind.as_str(), "move" | "guests");
        self.answers.push(Answered {
            step: self.step,
            item,
            life: winner.as_ref().map_or(super::change::GONE, Face::life),
            when: winner
                .filter(|face| face.live && times_were_asked)
                .map(|face| face.when),
        });
    }

    /// Bookings that wait for an answer, with their series and all of its occurrences: there the sides may differ.
    pub(super) async fn asked_about(&self, sides: &Sides) -> HashSet<BookingId> {
        let open = self.world.open_questions().await;
        let asked: HashSet<BookingId> = open.iter().filter_map(booking_of).collect();
        let mut roots: HashSet<BookingId> = asked.iter().map(|id| sides.root(*id)).collect();
        let of_these = sides
            .rows
            .iter()
            .map(|row| row.id)
            .filter(|id| roots.contains(&sides.root(*id)));
        let of_these: Vec<BookingId> = of_these.collect();
        roots.extend(of_these);
        roots.extend(asked);
        roots
    }
}

fn booking_of(question: &Question) -> Option<BookingId> {
    question.detail["booking_id"].as_str()?.parse().ok()
}
