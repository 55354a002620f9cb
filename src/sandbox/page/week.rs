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
    let query = [
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

    let week_of = |day: NaiveDate| hand.link("", &[("calendar", &calendar), ("day", &day.to_string())]);
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
            this_week => hand.link("", &[("calendar", &calendar)]),
            later => week_of(moved(monday, 7)),
            create => hand.link("/events", &[]),
            new_start => format!("{day}T10:00"),
            new_end => format!("{day}T11:00"),
            calendar, tabs, days,
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
    let that_day = events
        .iter()
        .filter(|event| first_shown_day(event, monday) == Some(day));
    let events: Vec<View> = that_day.map(|event| event_view(hand, calendar, event)).collect();
    context! { name => day.format("%A").to_string(), date => day.format("%-d %b").to_string(), today => day == today, events }
}

/// An event that began before this week is shown on its Monday.
fn first_shown_day(event: &Value, monday: NaiveDate) -> Option<NaiveDate> {
    let start = event["start"]["date"]
        .as_str()
        .or(event["start"]["dateTime"].as_str())?;
    start.get(..10)?.parse::<NaiveDate>().ok().map(|day| day.max(monday))
}

fn event_view(hand: &Hand<'_>, calendar: &str, event: &Value) -> View {
    let id = event["id"].as_str().unwrap_or_default();
    let clock = |end: &str| {
        event[end]["dateTime"]
            .as_str()
            .and_then(|text| text.get(11..16))
            .map(str::to_owned)
    };
    context! {
        title => event["summary"].as_str().unwrap_or("(No title)"),
        place => event["location"].as_str().unwrap_or_default(),
        time => match (clock("start"), clock("end")) {
            (Some(start), Some(end)) => format!("{start} – {end}"),
            _ => "All day".to_owned(),
        },
        repeats => event.get("recurringEventId").is_some(),
        link => hand.link("/event", &[("calendar", calendar), ("id", id)]),
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
