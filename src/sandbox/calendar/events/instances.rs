//! `events.instances`: the occurrences of one series. No sync token comes with them.
use super::super::Ctx;
use super::super::errors::{Answer, Refusal};
use super::super::paging::{self, Key, Listing};
use super::super::state::{Event, Gone, State};
use super::super::time::{self, When};
use super::super::tokens::SyncToken;
use super::list::envelope;
use super::render::Form;
use super::{Window, instance_id, open_occurrences};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

impl State {
    /// `events.instances`. On the id of an instance: just that one, or nothing when it is cancelled.
    pub(in super::super) fn list_instances(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (id, role) = self.visible(&ctx.user, ctx.segment(1))?;
        let stream = format!("instances:{id}:{}", ctx.segment(3));
        let (token, listing) = match self.later_page(&ctx.params, &stream, &ctx.user, 0)? {
            Some(found) => found,
            None => {
                let keys = self.instance_keys(ctx, &id)?;
                let listing = Listing {
                    token: SyncToken {
                        stream,
                        user: ctx.user.clone(),
                        epoch: 0,
                        position: self.position,
                        shape: String::new(),
                        window: (None, None),
                    },
                    fingerprint: paging::fingerprint(&ctx.params),
                    keys,
                    delta: false,
                    syncable: false,
                };
                self.first_page(listing)
            }
        };
        let size = ctx.params.count("maxResults").unwrap_or(250).min(2500);
        let page = paging::cut(&token, listing, size, &self.switches);
        let view = self.view(ctx, &id, role)?;
        let events = page.keys.iter().filter_map(|key| match key {
            Key::Stored(event) => view.calendar.find(event),
            Key::Virtual(series, start) => {
                let series = view.calendar.events.get(series)?;
                view.calendar.find(&instance_id(series, *start))
            }
            _ => None,
        });
        let items: Vec<Value> = events.map(|found| view.render(&found.event, Form::Full)).collect();
        envelope(self, &view, ctx, page.listing.token.position, items, page.next)
    }

    fn instance_keys(&self, ctx: &Ctx<'_>, id: &str) -> Result<Vec<Key>, Refusal> {
        let calendar = self.calendar(id)?;
        let found = calendar.find(ctx.segment(3)).ok_or_else(Refusal::not_found)?;
        let series = found.event;
        let show_deleted = ctx.params.flag("showDeleted");
        let zone = calendar.zone();
        let window = Window {
            // Documented as inclusive here, unlike in events.list.
            min: ctx.params.instant("timeMin").map(|min| min - 1),
            max: ctx.params.instant("timeMax"),
        };
        let wanted = match ctx.params.text("originalStart") {
            None => None,
            Some(text) => Some(original_start(text)?),
        };
        let kept = |original: When| wanted.is_none_or(|wanted| wanted == original);
        if series.series_id().is_some() {
            let shown = series.gone.is_none() || (show_deleted && series.gone != Some(Gone::Dropped));
            let original = series.original_start();
            let key = match (found.is_virtual, original, series.series_id()) {
                (true, Some(original), Some(parent)) => Key::Virtual(parent.to_owned(), original),
                _ => Key::Stored(series.id.clone()),
            };
            return Ok(if shown && original.is_none_or(kept) {
                vec![key]
            } else {
                Vec::new()
            });
        }
        if !series.is_series() || series.gone.is_some() {
            return Ok(Vec::new());
        }
        let exceptions = calendar
            .exceptions(&series.id)
            .filter(|event: &&Event| match event.gone {
                None => window.holds(event.extent(zone)),
                Some(Gone::Dropped) => false,
                Some(_) => show_deleted && window.holds(event.extent(zone)),
            });
        let mut keys: Vec<(i64, Key)> = exceptions
            .filter(|event| event.original_start().is_some_and(kept))
            .map(|event| (event.extent(zone).0, Key::Stored(event.id.clone())))
            .collect();
        // An occurrence asked for by name is found beyond the horizon too.
        let at = wanted.map(|wanted| Window {
            min: window.min,
            max: Some(window.max.unwrap_or(i64::MAX).min(wanted.micros(zone) + 1_000_000)),
        });
        let now = wanted.map_or(ctx.now, |wanted| ctx.now.max(wanted.micros(zone)));
        let open = open_occurrences(calendar, &series, at.unwrap_or(window), now);
        keys.extend(
            open.into_iter()
                .filter(|start| kept(*start))
                .map(|start| (start.micros(zone), Key::Virtual(series.id.clone(), start))),
        );
        keys.sort_by_key(|(start, _)| *start);
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }
}

/// `originalStart`: a date for all-day series, else RFC 3339 with an offset.
fn original_start(text: &str) -> Result<When, Refusal> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(When::Day(day));
    }
    time::parameter("originalStart", text)?;
    let at = DateTime::parse_from_rfc3339(text).unwrap_or_default();
    Ok(When::At(at.with_timezone(&Utc)))
}
