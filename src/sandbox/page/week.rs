//! One week of one calendar, as a list of days.
use super::{Hand, clock_text, person_view, templates::render};
use crate::sandbox::{answer::Answer, request::Request};
use axum::http::Method;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use minijinja::{Value as View, context};
use serde_json::Value;

/// `GET /people/{email}?calendar=&day=`: the week around a day, by default around the sandbox's today.
pub fn show(hand: &mut Hand<'_>, request: &Request) -> Result<Answer, String> {
    let calendars = hand.call(Method::GET, &["users", "me", "calendarList"], &[], None)?;
    let calendars = calendars["items"].as_array().cloned().unwrap_or_default();
    let wanted = request.parameter("calendar").unwrap_or(&hand.person.email).to_owned();
    let entry = calendars
        .iter()
        .find(|entry| entry["id"] == wanted.as_str())
        .or(calendars.first());
    let calendar = entry
        .and_then(|entry| entry["id"].as_str())
        .unwrap_or(&wanted)
        .to_owned();
    let zone: Tz = entry
        .and_then(|entry| entry["timeZone"].as_str())
        .and_then(|zone| zone.parse().ok())
        .unwrap_or(Tz::UTC);
    let today = DateTime::<Utc>::from_timestamp_micros(hand.world.clock.now_us())
        .unwrap_or_default()
        .with_timezone(&zone)
        .date_naive();
    let day = request
        .parameter("day")
        .and_then(|text| text.parse().ok())
        .unwrap_or(today);
    let monday = moved(day, -i64::from(day.weekday().num_days_from_monday()));

    let (from, to) = (midnight(monday, zone), midnight(moved(monday, 7), zone));
    let shows_deleted = request.parameter("deleted") == Some("shown");
    let query = [
        ("showDeleted", if shows_deleted { "true" } else { "false" }),
        ("singleEvents", "true"),
        ("orderBy", "startTime"),
        ("maxResults", "2500"),
        ("timeMin", &from),
        ("timeMax", &to),
    ];
    let list = hand.call(Method::GET, &["calendars", &calendar, "events"], &query, None)?;
    let events = list["items"].as_array().cloned().unwrap_or_default();
    let days: Vec<View> = (0..7)
        .map(|offset| day_view(hand, &calendar, &events, monday, moved(monday, offset), today))
        .collect();

    let deleted = if shows_deleted { "shown" } else { "hidden" };
    let week_of = |day: NaiveDate| {
        let day = day.to_string();
        hand.link("", &[("calendar", &calendar), ("day", &day), ("deleted", deleted)])
    };
    let other = if shows_deleted { "hidden" } else { "shown" };
    let (monday_text, today_text) = (monday.to_string(), today.to_string());
    let tabs: Vec<View> = calendars
        .iter()
        .filter_map(|entry| {
            let id = entry["id"].as_str()?;
            let title = entry["summaryOverride"].as_str().or(entry["summary"].as_str()).unwrap_or(id);
            Some(context! { title, current => id == calendar, link => hand.link("", &[("calendar", id), ("day", &day.to_string())]) })
        })
        .collect();
    let page = render(
        "week.html",
        context! {
            person => person_view(&hand.person),
            clock => clock_text(hand.world),
            zone => zone.name(),
            title => format!("{} – {}", monday.format("%-d %B"), moved(monday, 6).format("%-d %B %Y")),
            earlier => week_of(moved(monday, -7)),
            this_week => week_of(today),
            toggle => hand.link("", &[("calendar", &calendar), ("day", &monday_text), ("deleted", other)]),
            new_day => if (monday..=moved(monday, 6)).contains(&today) { today_text } else { monday_text },
            later => week_of(moved(monday, 7)),
            create => hand.link("/events", &[]),
            shows_deleted, calendar, tabs, days,
        },
    );
    Ok(Answer::html(200, page))
}

fn day_view(
    hand: &Hand<'_>,
    calendar: &str,
    events: &[Value],
    monday: NaiveDate,
    day: NaiveDate,
    today: NaiveDate,
) -> View {
    let touching = events
        .iter()
        .filter_map(|event| Some((event, days_of(event)?)))
        .filter(|(_, (first, last))| (*first..=*last).contains(&day) && *last >= monday);
    let events: Vec<View> = touching
        .map(|(event, days)| event_view(hand, calendar, event, days, day))
        .collect();
    context! { name => day.format("%A").to_string(), date => day.format("%-d %b").to_string(), today => day == today, events }
}

/// The first and the last day that an event touches. A deleted occurrence may know only when it would have been.
fn days_of(event: &Value) -> Option<(NaiveDate, NaiveDate)> {
    let day = |text: &str| text.get(..10)?.parse::<NaiveDate>().ok();
    if let (Some(start), Some(end)) = (event["start"]["date"].as_str(), event["end"]["date"].as_str()) {
        let (first, after) = (day(start)?, day(end)?);
        return Some((first, moved(after, -1).max(first)));
    }
    if let (Some(start), Some(end)) = (event["start"]["dateTime"].as_str(), event["end"]["dateTime"].as_str()) {
        let first = day(start)?;
        // What ends at midnight does not touch the day that begins then.
        let at_midnight = end.get(11..16) == Some("00:00");
        let last = moved(day(end)?, if at_midnight { -1 } else { 0 });
        return Some((first, last.max(first)));
    }
    let original = &event["originalStartTime"];
    let first = day(original["date"].as_str().or(original["dateTime"].as_str())?)?;
    Some((first, first))
}

fn event_view(
    hand: &Hand<'_>,
    calendar: &str,
    event: &Value,
    (first, last): (NaiveDate, NaiveDate),
    day: NaiveDate,
) -> View {
    let id = event["id"].as_str().unwrap_or_default();
    let clock = |end: &str| event[end]["dateTime"].as_str().and_then(|text| text.get(11..16));
    let time = match (clock("start"), clock("end")) {
        (Some(start), Some(end)) if first == last => format!("{start} – {end}"),
        (Some(start), Some(_)) if day == first => format!("{start} –"),
        (Some(_), Some(end)) if day == last => format!("– {end}"),
        _ if first == last => "All day".to_owned(),
        _ => format!(
            "All day, day {} of {}",
            (day - first).num_days() + 1,
            (last - first).num_days() + 1
        ),
    };
    let cancelled = event["status"] == "cancelled";
    let guests = event["attendees"].as_array().map_or(0, Vec::len);
    let marks = [
        event.get("recurringEventId").map(|_| "repeats".to_owned()),
        matches!(event["visibility"].as_str(), Some("private" | "confidential")).then(|| "private".to_owned()),
        (event["transparency"] == "transparent").then(|| "shown as free".to_owned()),
        (guests > 0).then(|| format!("{guests} {}", if guests == 1 { "guest" } else { "guests" })),
        cancelled.then(|| "deleted".to_owned()),
    ];
    context! {
        title => event["summary"].as_str().unwrap_or("(No title)"),
        place => event["location"].as_str().unwrap_or_default(),
        marks => marks.into_iter().flatten().collect::<Vec<_>>(),
        all_day => event["start"].get("date").is_some(),
        link => hand.link("/event", &[("calendar", calendar), ("id", id)]),
        time, cancelled,
    }
}

fn moved(day: NaiveDate, by: i64) -> NaiveDate {
    let distance = Days::new(by.unsigned_abs());
    let there = if by < 0 {
        day.checked_sub_days(distance)
    } else {
        day.checked_add_days(distance)
    };
    there.unwrap_or(day)
}

/// The beginning of a day in a zone; where clocks skip midnight, the first moment after it.
fn midnight(day: NaiveDate, zone: Tz) -> String {
    let local = day.and_time(NaiveTime::MIN);
    let instant = zone.from_local_datetime(&local).earliest().or_else(|| {
        zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1)))
            .earliest()
    });
    instant
        .map_or_else(|| local.and_utc(), |instant| instant.to_utc())
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_its_zone_says() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(
            midnight(day("2026-07-01"), chrono_tz::Europe::Madrid),
            "2026-06-30T22:00:00Z"
        );
        // Santiago de Chile skips midnight: the day begins at one o'clock.
        assert_eq!(
            midnight(day("2026-09-06"), chrono_tz::America::Santiago),
            "2026-09-06T04:00:00Z"
        );
    }
}
