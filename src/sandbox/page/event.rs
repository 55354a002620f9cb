//! One event: looked at, made, renamed, moved, repeated, removed; one occurrence or the whole series.
use super::{Hand, clock_text, person_view, rule, see_other, templates::render};
use crate::sandbox::{answer::Answer, request::Request, request::first};
use axum::http::Method;
use minijinja::{Value as View, context};
use serde_json::{Map, Value, json};

type Form = [(String, String)];

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    first(form, name).map(str::trim).unwrap_or_default()
}

/// `POST /people/{email}/events`: a new event, timed unless `all_day` is ticked, weekly when `weeks` is above 1.
pub fn create(hand: &mut Hand<'_>, form: &Form) -> Result<Answer, String> {
    let calendar = field(form, "calendar");
    let zone = zone_of(hand, calendar)?;
    let all_day = first(form, "all_day").is_some();
    let (start, end) = (field(form, "start"), field(form, "end"));
    let mut event = json!({"summary": field(form, "summary")});
    if all_day {
        // The form's last day is part of the event; Google's end is the day after it.
        event["start"] = json!({"date": start.get(..10).unwrap_or(start)});
        event["end"] = json!({"date": day_after(end.get(..10).unwrap_or(end))?});
    } else {
        event["start"] = moment(start, &zone);
        event["end"] = moment(end, &zone);
    }
    for name in ["location", "description", "visibility"] {
        if !field(form, name).is_empty() {
            event[name] = json!(field(form, name));
        }
    }
    if let Some(rule) = weekly(form)? {
        event["recurrence"] = rule;
    }
    hand.call(
        Method::POST,
        &["calendars", calendar, "events"],
        &[("sendUpdates", "none")],
        Some(&event),
    )?;
    let day = start.get(..10).unwrap_or_default();
    Ok(see_other(&hand.link("", &[("calendar", calendar), ("day", day)])))
}

/// `GET /people/{email}/event?calendar=&id=`.
pub fn show(hand: &mut Hand<'_>, request: &Request) -> Result<Answer, String> {
    let calendar = request.parameter("calendar").unwrap_or("primary").to_owned();
    let id = request.parameter("id").unwrap_or_default().to_owned();
    let event = in_its_own_zone(hand, &calendar, &id)?;
    let repeats = event.get("recurrence").is_some();
    let occurrences = if repeats {
        occurrences(hand, &calendar, &id)?
    } else {
        Vec::new()
    };
    let all_day = event["start"].get("date").is_some();
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let lines: Vec<&str> = event["recurrence"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let guests: Vec<&str> = event["attendees"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|guest| guest["email"].as_str())
        .collect();
    // A deleted occurrence may know nothing but when it would have been; then there is nothing to fill a form with.
    let has_times = event.get("start").is_some();
    let page = render(
        "event.html",
        context! {
            person => person_view(&hand.person),
            clock => clock_text(hand.world),
            id => id,
            summary => text("summary"),
            location => text("location"),
            description => text("description"),
            cancelled => event["status"] == "cancelled",
            recurrence => repeats.then(|| lines.join(" ")),
            repeats => rule::words(&lines),
            guests => guests.join(", "),
            visibility => event["visibility"].as_str().unwrap_or("default"),
            transparency => event["transparency"].as_str().unwrap_or("opaque"),
            series => event["recurringEventId"].as_str().map(|series| hand.link("/event", &[("calendar", &calendar), ("id", series)])),
            start => shown(&event["start"], false)?,
            end => shown(&event["end"], true)?,
            zone => event["start"]["timeZone"].as_str().unwrap_or_default(),
            back => hand.link("", &[("calendar", &calendar), ("day", day_of(&event))]),
            action => hand.link("/event", &[]),
            calendar, all_day, occurrences, has_times,
        },
    );
    Ok(Answer::html(200, page))
}

/// `POST /people/{email}/event` with `what` = `save`, `repeat`, `delete`, `restore`.
pub fn change(hand: &mut Hand<'_>, form: &Form) -> Result<Answer, String> {
    let (calendar, id) = (field(form, "calendar"), field(form, "id"));
    let path = ["calendars", calendar, "events", id];
    let quietly = [("sendUpdates", "none")];
    let event = in_its_own_zone(hand, calendar, id)?;
    let zone = match event["start"]["timeZone"].as_str() {
        Some(zone) => zone.to_owned(),
        None => zone_of(hand, calendar)?,
    };
    match field(form, "what") {
        "delete" => {
            hand.call(Method::DELETE, &path, &quietly, None)?;
            return Ok(see_other(
                &hand.link("", &[("calendar", calendar), ("day", day_of(&event))]),
            ));
        }
        "restore" => {
            hand.call(Method::PATCH, &path, &quietly, Some(&json!({"status": "confirmed"})))?;
        }
        "save" => {
            let changes = changes(form, &event, &zone)?;
            if !changes.is_empty() {
                hand.call(Method::PATCH, &path, &quietly, Some(&changes.into()))?;
            }
        }
        "repeat" => {
            let rule = weekly(form)?.ok_or("To repeat, choose at least 2 weeks.")?;
            let mut changes = json!({"recurrence": rule});
            if event["start"].get("dateTime").is_some() {
                // A series keeps its local time, so a timed one must say in which zone.
                changes["start"] = moment(&shown(&event["start"], false)?, &zone);
                changes["end"] = moment(&shown(&event["end"], true)?, &zone);
            }
            hand.call(Method::PATCH, &path, &quietly, Some(&changes))?;
        }
        _ => return Err("Nothing was chosen.".into()),
    }
    Ok(see_other(&hand.link("/event", &[("calendar", calendar), ("id", id)])))
}

/// Only what the form changed, so that saving one field never touches another.
fn changes(form: &Form, event: &Value, zone: &str) -> Result<Map<String, Value>, String> {
    let mut changes = Map::new();
    for name in ["summary", "location", "description"] {
        // Browsers send line ends as CRLF; that alone is no change.
        let sent = field(form, name).replace("\r\n", "\n");
        if sent != event[name].as_str().unwrap_or_default().trim() {
            changes.insert(name.to_owned(), json!(sent));
        }
    }
    for (name, usual) in [("visibility", "default"), ("transparency", "opaque")] {
        let sent = field(form, name);
        if !sent.is_empty() && sent != event[name].as_str().unwrap_or(usual) {
            changes.insert(name.to_owned(), json!(sent));
        }
    }
    let (start, end) = (field(form, "start"), field(form, "end"));
    if start != shown(&event["start"], false)? || end != shown(&event["end"], true)? {
        if event["start"].get("date").is_some() {
            changes.insert("start".into(), json!({"date": start}));
            changes.insert("end".into(), json!({"date": day_after(end)?}));
        } else {
            changes.insert("start".into(), moment(start, zone));
            changes.insert("end".into(), moment(end, zone));
        }
    }
    Ok(changes)
}

/// Google prints times in the calendar's zone; asked with the event's zone, the form shows what its maker meant.
fn in_its_own_zone(hand: &mut Hand<'_>, calendar: &str, id: &str) -> Result<Value, String> {
    let path = ["calendars", calendar, "events", id];
    let event = hand.call(Method::GET, &path, &[], None)?;
    match event["start"]["timeZone"].as_str() {
        None => Ok(event),
        Some(zone) => hand.call(Method::GET, &path, &[("timeZone", zone)], None),
    }
}

fn occurrences(hand: &mut Hand<'_>, calendar: &str, id: &str) -> Result<Vec<View>, String> {
    let path = ["calendars", calendar, "events", id, "instances"];
    let list = hand.call(Method::GET, &path, &[("maxResults", "60")], None)?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let view = |item: &Value| {
        let when = item["start"]["date"]
            .as_str()
            .or(item["start"]["dateTime"].as_str())
            .unwrap_or_default();
        context! {
            when => when.get(..16).unwrap_or(when).replace('T', " "),
            title => item["summary"].as_str().unwrap_or("(No title)"),
            link => hand.link("/event", &[("calendar", calendar), ("id", item["id"].as_str().unwrap_or_default())]),
        }
    };
    Ok(items.iter().map(view).collect())
}

fn zone_of(hand: &mut Hand<'_>, calendar: &str) -> Result<String, String> {
    let entry = hand.call(Method::GET, &["users", "me", "calendarList", calendar], &[], None)?;
    Ok(entry["timeZone"].as_str().unwrap_or(&hand.person.time_zone).to_owned())
}

/// A local time of a form with its zone; without an offset, so that the zone decides.
fn moment(local: &str, zone: &str) -> Value {
    let seconds = if local.len() == 16 { ":00" } else { "" };
    json!({"dateTime": format!("{local}{seconds}"), "timeZone": zone})
}

/// A start or end as its form field shows it. The last day of an all-day event is shown, not the day after it.
fn shown(moment: &Value, is_end: bool) -> Result<String, String> {
    match (moment["date"].as_str(), moment["dateTime"].as_str()) {
        (Some(date), _) if is_end => shifted(date, -1),
        (Some(date), _) => Ok(date.to_owned()),
        (None, Some(time)) => Ok(time.get(..16).unwrap_or(time).to_owned()),
        (None, None) => Ok(String::new()),
    }
}

fn day_after(date: &str) -> Result<String, String> {
    shifted(date, 1)
}

fn shifted(date: &str, days: i64) -> Result<String, String> {
    let day: chrono::NaiveDate = date.parse().map_err(|_| format!("`{date}` is not a date"))?;
    Ok((day + chrono::TimeDelta::days(days)).to_string())
}

fn day_of(event: &Value) -> &str {
    let at = event.get("start").unwrap_or(&event["originalStartTime"]);
    let start = at["date"].as_str().or(at["dateTime"].as_str()).unwrap_or_default();
    start.get(..10).unwrap_or_default()
}

fn weekly(form: &Form) -> Result<Option<Value>, String> {
    match field(form, "weeks") {
        "" | "1" => Ok(None),
        text => match text.parse::<u16>() {
            Ok(weeks @ 2..=520) => Ok(Some(json!([format!("RRULE:FREQ=WEEKLY;COUNT={weeks}")]))),
            _ => Err("The number of weeks is between 1 and 520.".into()),
        },
    }
}
