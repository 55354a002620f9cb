//! The daemon in a story of people: its deaths, and the time in which nothing goes wrong any more.
use super::{Moment, Story};
use accord::engine::sync::PassReport;
use accord::store::contact_links::LinkState;

impl Story {
    /// A pass whose daemon dies, and a new daemon. `false`: it came to its end before.
    pub(super) async fn killed_poll(&mut self, moment: Moment) -> bool {
        self.people.doom(moment, "/v1/").await;
        let died = self.people.try_sync().await.is_err();
        self.people.world.doom_is_over(died).await;
        died
    }

    /// Nothing goes wrong any more, nobody edits, and the daemon polls until nothing moves, for longer than it waits for the
    /// contact of a create whose answer was lost.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        self.people.forget_faults().await;
        self.people.propagation(0).await;
        self.google("list_empty", serde_json::json!({"times": 0})).await;
        if self.notes.needs_full_list {
            // By then everything is listed again.
            self.people.minutes(7 * 24 * 60).await;
        }
        let mut quiet = 0;
        for _ in 0..16 {
            self.people.minutes(31).await;
            let is_quiet = self.good_pass().await?.is_quiet();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            let sides = self.look().await;
            let unsure = sides.links.iter().any(|link| link.state == LinkState::Creating);
            if quiet == 2 && !unsure {
                break;
            }
        }
        let before = self.people.writes().await;
        let report = self.good_pass().await?;
        if !report.is_quiet() {
            return Err(format!("it never gets quiet: {report:?}"));
        }
        match self.people.writes().await - before {
            0 => Ok(()),
            writes => Err(format!("one more pass sent {writes} writes")),
        }
    }

    async fn good_pass(&self) -> Result<PassReport, String> {
        let report = self.people.try_sync().await;
        report.map_err(|error| format!("a pass fails although nothing is wrong: {error}"))
    }
}
