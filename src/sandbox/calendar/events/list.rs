//! `events.list`: full lists, deltas, windows, expansion.
//!
//! What a delta shows is decided by position: every change of an event has one, and a sync token remembers how far it
//! has read. A delta keeps the window of its first call; an event that left the window is still reported once.
use super::super::super::params::Params;
use super::super::Ctx;
use super::super::errors::{Answer, Refusal, ok};
use super::super::paging::{self, Key, Listing, Page};
use super::super::state::{Calendar, Event, Gone, Leavers, Object, Role, State};
use super::super::time::{self, When};
use super::super::tokens::SyncToken;
use super::render::{Form, View};
use super::{Window, instance, instance_id, open_occurrences};
use serde_json::{Value, json};

/// Parameters that later calls with a sync token must not have.
const RESTRICTED: [&str; 7] = [
    "iCalUID",
    "privateExtendedProperty",
    "sharedExtendedProperty",
    "q",
    "timeMin",
    "timeMax",
    "updatedMin",
];
/// Everything but the parameters that every later call must repeat.
const NOT_SHAPE: [&str; 13] = [
    "iCalUID",
    "privateExtendedProperty",
    "sharedExtendedProperty",
    "q",
    "timeMin",
    "timeMax",
    "updatedMin",
    "orderBy",
    "maxResults",
    "pageToken",
    "syncToken",
    "showDeleted",
    "alwaysIncludeEmail",
];
const DAY_US: i64 = 86_400_000_000;
/// How far back `updatedMin` reaches.
const UPDATED_MIN_US: i64 = 30 * DAY_US;
/// A deleted series reports its occurrences for about six months when expanded.
const LOST_US: i64 = 183 * DAY_US;

impl State {
    /// `events.list`.
    pub(in super::super) fn list_events(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (id, role) = self.visible(&ctx.user, ctx.segment(1))?;
        let calendar = self.calendar(&id)?;
        let stream = format!("events:{id}");
        check_combination(&ctx.params, ctx.now)?;
        let (epoch, purged) = (calendar.epoch, calendar.purged);
        let since = paging::sync_token(&ctx.params, &stream, &ctx.user, epoch, purged)?;
        let shape = ctx.params.fingerprint(&NOT_SHAPE);
        if since.as_ref().is_some_and(|since| since.shape != shape) {
            return Err(Refusal::sync_restrictions());
        }
        let (token, listing) = match self.later_page(&ctx.params, &stream, &ctx.user, epoch)? {
            Some(found) => found,
            None => {
                let listing = self.event_listing(ctx, &id, since, shape)?;
                self.first_page(listing)
            }
        };
        let size = ctx.params.count("maxResults").unwrap_or(250).min(2500);
        let page = paging::cut(&token, listing, size, &self.switches);
        self.answer_page(ctx, &id, role, page)
    }

    fn event_listing(
        &mut self,
        ctx: &Ctx<'_>,
        id: &str,
        since: Option<SyncToken>,
        shape: String,
    ) -> Result<Listing, Refusal> {
        let params = &ctx.params;
        let position = self.position;
        let leavers = self.switches.window_leavers;
        let exceptions_first = self.switches.exceptions_first;
        let window = match &since {
            Some(since) => Window {
                min: since.window.0,
                max: since.window.1,
            },
            None => Window {
                min: params.instant("timeMin"),
                max: params.instant("timeMax"),
            },
        };
        let calendar = self.calendar_mut(id)?;
        let query = Query {
            params,
            window,
            now: ctx.now,
        };
        let mut keys = match &since {
            Some(since) => query.delta(calendar, since.position, leavers),
            None if calendar.empty_lists > 0 => {
                calendar.empty_lists -= 1;
                Vec::new()
            }
            None => query.full(calendar),
        };
        if exceptions_first {
            let is_master = |key: &Key| matches!(key, Key::Stored(id) if calendar.events.get(id).is_some_and(|e| e.series_id().is_none()));
            keys.sort_by_key(is_master);
        }
        let filtered = RESTRICTED[..4].iter().any(|name| params.has(name));
        Ok(Listing {
            token: SyncToken {
                stream: format!("events:{id}"),
                user: ctx.user.clone(),
                epoch: calendar.epoch,
                position,
                shape,
                window: (query.window.min, query.window.max),
            },
            fingerprint: paging::fingerprint(params),
            keys,
            delta: since.is_some(),
            syncable: !params.has("orderBy") && !filtered,
        })
    }

    fn answer_page(&self, ctx: &Ctx<'_>, id: &str, role: Role, page: Page) -> Answer {
        let view = self.view(ctx, id, role)?;
        let params = &ctx.params;
        let form = match (page.listing.delta, params.flag("showDeleted")) {
            (true, _) if self.switches.sparse_cancelled => Form::Sparse,
            (_, true) => Form::Full,
            (_, false) => Form::Stub,
        };
        let include_gone = page.listing.delta || params.flag("showDeleted");
        let items = page
            .keys
            .iter()
            .filter_map(|key| self.item(&view, key, form, include_gone));
        let items: Vec<Value> = items.collect();
        envelope(self, &view, ctx, page.listing.token.position, items, page.next)
    }

    /// One key as it is now; `None` when it is no longer to be shown.
    fn item(&self, view: &View<'_>, key: &Key, form: Form, include_gone: bool) -> Option<Value> {
        let calendar = view.calendar;
        match key {
            Key::Stored(id) => {
                let found = calendar.find(id)?.event;
                let exception = found.series_id().is_some() && !calendar.series_is_gone(&found);
                (found.gone.is_none() || include_gone || exception).then(|| view.render(&found, form))
            }
            Key::Virtual(series, start) => {
                let id = instance_id(calendar.events.get(series)?, *start);
                Some(view.render(&calendar.find(&id)?.event, form))
            }
            Key::Lost(series, start) => {
                let mut event = instance(calendar.events.get(series)?, *start, calendar);
                event.gone = Some(Gone::Dropped);
                Some(view.render(&event, form))
            }
            Key::Left(id) => {
                let event = calendar.find(id)?.event;
                match self.switches.window_leavers {
                    Leavers::Cancelled => Some(view.stub(&event, form)),
                    _ => Some(view.render(&event, form)),
                }
            }
        }
    }
}

/// The collection around the items.
pub fn envelope(
    state: &State,
    view: &View<'_>,
    ctx: &Ctx<'_>,
    position: u64,
    items: Vec<Value>,
    next: Object,
) -> Answer {
    let updated = view.calendar.events.values().map(|event| event.updated).max();
    let entry = state.users.get(&ctx.user).and_then(|user| user.list.get(view.id));
    let reminders = entry.and_then(|entry| entry.fields.get("defaultReminders"));
    let mut body = Object::from_iter([
        ("kind".to_owned(), json!("calendar#events")),
        ("etag".to_owned(), paging::collection_etag(position)),
        ("summary".to_owned(), json!(view.calendar.summary())),
        (
            "updated".to_owned(),
            json!(time::millis(updated.unwrap_or(view.calendar.stamp))),
        ),
        ("timeZone".to_owned(), json!(view.zone.name())),
        ("accessRole".to_owned(), json!(view.role.as_str())),
        (
            "defaultReminders".to_owned(),
            reminders.cloned().unwrap_or_else(|| json!([])),
        ),
    ]);
    if let Some(description) = view.calendar.fields.get("description") {
        body.insert("description".into(), description.clone());
    }
    body.extend(next);
    body.insert("items".into(), Value::Array(items));
    ok(Value::Object(body))
}

/// Refuses parameters that do not go together.
fn check_combination(params: &Params, now: i64) -> Result<(), Refusal> {
    if params.has("syncToken") {
        if params.has("orderBy") {
            return Err(Refusal::parameter(
                "syncTokenWithNonDefaultOrdering",
                "Sync token cannot be used with non-default ordering",
                "syncToken",
            ));
        }
        if RESTRICTED.iter().any(|name| params.has(name)) || params.denied("showDeleted") {
            return Err(Refusal::sync_restrictions());
        }
    }
    if params.text("orderBy") == Some("startTime") && !params.flag("singleEvents") {
        return Err(Refusal::parameter(
            "invalid",
            "The requested ordering is not available for the particular query.",
            "orderBy",
        ));
    }
    if let (Some(min), Some(max)) = (params.instant("timeMin"), params.instant("timeMax"))
        && max <= min
    {
        return Err(Refusal::empty_range());
    }
    if params
        .instant("updatedMin")
        .is_some_and(|min| min < now - UPDATED_MIN_US)
    {
        return Err(Refusal::located(
            410,
            ("calendar", "updatedMinTooLongAgo"),
            "The requested minimum modification time lies too far in the past.",
            ("parameter", "updatedMin"),
        ));
    }
    Ok(())
}

struct Query<'a> {
    params: &'a Params,
    window: Window,
    now: i64,
}

impl Query<'_> {
    fn full(&self, calendar: &Calendar) -> Vec<Key> {
        let single = self.params.flag("singleEvents");
        let updated_min = self.params.instant("updatedMin");
        let mut found: Vec<(i64, i64, Key)> = Vec::new();
        for event in calendar.events.values().filter(|event| self.matches(event)) {
            let extent = event.extent(calendar.zone());
            if single && event.is_series() && event.gone.is_none() {
                if updated_min.is_none_or(|min| event.updated >= min) {
                    for start in open_occurrences(calendar, event, self.window, self.now) {
                        let key = Key::Virtual(event.id.clone(), start);
                        found.push((start.micros(calendar.zone()), event.updated, key));
                    }
                }
                continue;
            }
            let shown = self.shows(calendar, event, updated_min.is_some());
            let recent = updated_min.is_none_or(|min| event.updated >= min);
            if shown && recent && self.window.holds(extent) {
                found.push((extent.0, event.updated, Key::Stored(event.id.clone())));
            }
        }
        match self.params.text("orderBy") {
            Some("startTime") => found.sort_by_key(|(start, _, _)| *start),
            Some("updated") => found.sort_by_key(|(_, updated, _)| *updated),
            _ => {}
        }
        found.into_iter().map(|(_, _, key)| key).collect()
    }

    /// Whether a stored event belongs into a full list, deleted or not.
    fn shows(&self, calendar: &Calendar, event: &Event, updated_since: bool) -> bool {
        let show_deleted = self.params.flag("showDeleted");
        let single = self.params.flag("singleEvents");
        let of_gone_series = calendar.series_is_gone(event);
        match event.gone {
            Some(Gone::Dropped) => false,
            None if of_gone_series => show_deleted,
            None => true,
            Some(_) if updated_since => true,
            Some(_) if show_deleted => !(single && event.is_series()),
            // Cancelled occurrences of a live series are part of the series.
            Some(_) => {
                event.series_id().is_some_and(|id| calendar.events.contains_key(id)) && !of_gone_series && !single
            }
        }
    }

    fn delta(&self, calendar: &Calendar, since: u64, leavers: Leavers) -> Vec<Key> {
        let single = self.params.flag("singleEvents");
        let mut keys = Vec::new();
        for event in calendar.events.values() {
            if event.changed <= since || !self.matches(event) || calendar.is_reset(event) {
                continue;
            }
            if calendar.series_is_gone(event) && !single {
                continue; // the cancelled series says it all
            }
            if single && event.is_series() {
                self.delta_of_series(calendar, event, since, &mut keys);
                continue;
            }
            let zone = calendar.zone();
            let is = self.window.holds(event.extent(zone));
            let was = event.past.iter().find(|(position, _, _)| *position > since);
            let was = was.is_some_and(|(_, start, end)| self.window.holds((*start, *end)));
            if is || (was && event.gone.is_some()) {
                keys.push(Key::Stored(event.id.clone()));
            } else if was && leavers != Leavers::Omitted {
                keys.push(Key::Left(event.id.clone()));
            }
        }
        keys
    }

    fn delta_of_series(&self, calendar: &Calendar, series: &Event, since: u64, keys: &mut Vec<Key>) {
        let all = open_occurrences(calendar, series, self.window, self.now);
        if series.gone.is_some() {
            let zone = calendar.zone();
            let soon = |start: &When| (self.now..self.now + LOST_US).contains(&start.micros(zone));
            keys.extend(
                all.into_iter()
                    .filter(soon)
                    .map(|start| Key::Lost(series.id.clone(), start)),
            );
            return;
        }
        keys.extend(all.into_iter().map(|start| Key::Virtual(series.id.clone(), start)));
        let lost = series.shed.iter().filter(|(position, _)| *position > since);
        let lost = lost.filter_map(|(_, start)| When::from_compact(start));
        keys.extend(lost.map(|start| Key::Lost(series.id.clone(), start)));
    }

    /// The filters that do not depend on time.
    fn matches(&self, event: &Event) -> bool {
        let types = self.params.texts("eventTypes");
        let kind = event.text("eventType").unwrap_or("default");
        let uid = self.params.text("iCalUID");
        let has = |kind: &str, wanted: &String| {
            let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
            let properties = event.fields.get("extendedProperties");
            properties.is_some_and(|properties| properties[kind][key] == value)
        };
        (types.is_empty() || types.iter().any(|wanted| wanted == kind))
            && uid.is_none_or(|uid| event.text("iCalUID") == Some(uid))
            && self
                .params
                .texts("privateExtendedProperty")
                .iter()
                .all(|wanted| has("private", wanted))
            && self
                .params
                .texts("sharedExtendedProperty")
                .iter()
                .all(|wanted| has("shared", wanted))
            && self.params.text("q").is_none_or(|words| mentions(event, words))
    }
}

/// Free text: all words, in any of title, description, location, guests.
fn mentions(event: &Event, words: &str) -> bool {
    let mut text = String::new();
    for key in ["summary", "description", "location"] {
        text.push_str(event.text(key).unwrap_or_default());
        text.push('\n');
    }
    let guests = event.fields.get("attendees").and_then(Value::as_array);
    for guest in guests.into_iter().flatten() {
        for key in ["email", "displayName"] {
            text.push_str(guest[key].as_str().unwrap_or_default());
            text.push('\n');
        }
    }
    let text = text.to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
