//! `freeBusy.query`: merged busy times of calendars, without any words.
use super::Ctx;
use super::errors::{Answer, Refusal, ok};
use super::events::Window;
use super::state::{Event, Object, State};
use super::time;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// "About two to three months".
const LONGEST_US: i64 = 92 * 86_400_000_000;
const MOST_CALENDARS: usize = 50;

impl State {
    /// `freeBusy.query`.
    pub(super) fn query_free_busy(&mut self, ctx: &Ctx<'_>) -> Answer {
        let body = ctx.body()?;
        let bound = |name: &str| -> Result<i64, Refusal> {
            let text = body.get(name).and_then(Value::as_str);
            let text = text.ok_or_else(|| Refusal::required(&format!("Missing {name} parameter.")))?;
            time::parameter(name, text)
        };
        let (from, to) = (bound("timeMin")?, bound("timeMax")?);
        if to <= from {
            return Err(Refusal::empty_range());
        }
        if to - from > LONGEST_US {
            return Err(Refusal::new(
                400,
                "calendar",
                "timeRangeTooLong",
                "The requested time range is too long.",
            ));
        }
        let zone = match body.get("timeZone").and_then(Value::as_str) {
            None => Tz::UTC,
            Some(name) => time::zone(name).ok_or_else(|| Refusal::invalid("Invalid time zone value."))?,
        };
        let items = body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        if items.len() > MOST_CALENDARS {
            return Err(Refusal::new(
                400,
                "calendar",
                "tooManyCalendarsRequested",
                "The number of calendars requested is too large.",
            ));
        }
        let mut calendars = Object::new();
        for item in &items {
            let asked = item.get("id").and_then(Value::as_str);
            let asked = asked.ok_or_else(|| Refusal::required("Missing calendar id."))?;
            let answer = match self.visible(&ctx.user, asked) {
                Ok((id, _)) => json!({"busy": shown(self.busy(&id, from, to, ctx.now), zone)}),
                Err(_) => {
                    json!({"errors": [{"domain": "global", "reason": "notFound"}], "busy": []})
                }
            };
            calendars.insert(asked.to_owned(), answer);
        }
        ok(json!({
            "kind": "calendar#freeBusy",
            "timeMin": time::millis(from),
            "timeMax": time::millis(to),
            "calendars": calendars,
        }))
    }

    /// Merged busy intervals in microseconds, cut to the range.
    pub(super) fn busy(&self, id: &str, from: i64, to: i64, now: i64) -> Vec<(i64, i64)> {
        let Some(calendar) = self.calendars.get(id) else {
            return Vec::new();
        };
        let window = Window {
            min: Some(from),
            max: Some(to),
        };
        let mut busy: Vec<(i64, i64)> = self
            .single_events(calendar, window, now)
            .iter()
            .filter(|event| blocks(event, id))
            .map(|event| event.extent(calendar.zone()))
            .map(|(start, end)| (start.max(from), end.min(to)))
            .filter(|(start, end)| start < end)
            .collect();
        busy.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (start, end) in busy {
            match merged.last_mut() {
                Some(last) if last.1 >= start => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

/// Transparent events and those that the calendar's own guest has declined do not block time.
fn blocks(event: &Event, calendar: &str) -> bool {
    let declined = event
        .fields
        .get("attendees")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|guest| guest["email"] == calendar && guest["responseStatus"] == "declined");
    event.text("transparency") != Some("transparent") && !declined
}

fn shown(busy: Vec<(i64, i64)>, zone: Tz) -> Vec<Value> {
    let text = |us: i64| {
        let at = DateTime::from_timestamp_micros(us).unwrap_or_default();
        at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    busy.into_iter()
        .map(|(start, end)| json!({"start": text(start), "end": text(end)}))
        .collect()
}
