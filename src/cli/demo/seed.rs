//! What the demo begins with: two people whose calendars look lived in, and a tenant with rooms, customers and bookings. The
//! contacts are in `contacts.rs`.
use super::browser::{Browser, Request};
use crate::args;
use crate::cli::out::Failure;
use crate::domain::ids::{TenantId, UserId};
use crate::engine::Engine;
use chrono::{Datelike, NaiveDate, TimeDelta};
use serde_json::{Value, json};

/// A pretend user.
pub(super) struct Person {
    /// Google address.
    pub email: &'static str,
    /// Name.
    pub name: &'static str,
    /// Where they live.
    pub zone: &'static str,
    /// What they choose on the page about their contacts.
    pub contacts: &'static str,
}

/// The two of them.
pub(super) const PEOPLE: [Person; 2] = [
    Person {
        email: "jana@kaval.example",
        name: "Jana Nováková",
        zone: "Europe/Prague",
        contacts: "all",
    },
    Person {
        email: "miguel@kaval.example",
        name: "Miguel Ortega",
        zone: "Europe/Madrid",
        contacts: "none",
    },
];

/// The event that the demo proposes to change; it is in the week of `monday`.
pub(super) const FIRST_CALL: &str = "Customer call 1";

/// The address of the customer of the booking that the user is asked about.
pub(super) const GUEST: &str = "tomas@garcia.example";

/// Monday of the week that `today` is in.
pub(super) fn monday(today: NaiveDate) -> NaiveDate {
    today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()))
}

fn timed(summary: &str, day: NaiveDate, from: &str, to: &str, zone: &str) -> Value {
    json!({ "summary": summary,
        "start": { "dateTime": format!("{day}T{from}:00"), "timeZone": zone },
        "end": { "dateTime": format!("{day}T{to}:00"), "timeZone": zone } })
}

fn with(mut event: Value, extra: Value) -> Value {
    if let (Value::Object(event), Value::Object(extra)) = (&mut event, extra) {
        event.extend(extra);
    }
    event
}

/// About twenty events around `monday` for one person: single, all-day, in other zones, private, with guests, and series.
pub(super) fn events(person: &Person, monday: NaiveDate) -> Vec<Value> {
    let day = |offset: i64| monday + TimeDelta::days(offset);
    let zone = person.zone;
    let whole = |summary: &str, from: i64, to: i64| json!({ "summary": summary, "start": { "date": day(from) }, "end": { "date": day(to) } });
    let mut events = vec![
        with(
            timed("Team stand-up", day(-14), "09:00", "09:15", zone),
            json!({ "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"] }),
        ),
        with(
            timed("One to one", day(-13), "14:00", "14:30", zone),
            json!({ "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=12"] }),
        ),
        with(
            timed("Month in numbers", day(1), "16:00", "17:00", zone),
            json!({ "recurrence": ["RRULE:FREQ=MONTHLY;BYDAY=1TU"] }),
        ),
        with(
            timed("Call with New York", day(2), "10:00", "11:00", "America/New_York"),
            json!({ "description": "Bring the <b>figures</b>." }),
        ),
        timed("Call with Tokyo", day(3), "09:30", "10:00", "Asia/Tokyo"),
        with(
            timed("Doctor", day(1), "08:00", "09:00", zone),
            json!({ "visibility": "private" }),
        ),
        with(
            timed("Salary talk", day(4), "13:00", "13:45", zone),
            json!({ "visibility": "private" }),
        ),
        with(
            timed("Project review", day(2), "13:00", "14:30", zone),
            json!({ "attendees": [{ "email": "guest@customer.example" }, { "email": "other@customer.example" }] }),
        ),
        with(
            timed("Lunch with Eva", day(3), "12:00", "13:00", zone),
            json!({ "location": "Café Savoy", "transparency": "transparent" }),
        ),
        whole("Trade fair", 7, 10),
        whole("Public holiday", 11, 12),
        with(
            whole("Birthday of Petr", 5, 6),
            json!({ "recurrence": ["RRULE:FREQ=YEARLY"] }),
        ),
    ];
    for (number, (offset, from, to)) in [
        (0, "11:00", "11:30"),
        (1, "11:00", "12:00"),
        (3, "15:00", "15:45"),
        (4, "10:00", "10:30"),
        (7, "09:30", "10:00"),
        (8, "14:00", "15:00"),
        (9, "11:00", "11:20"),
        (10, "16:00", "16:30"),
    ]
    .into_iter()
    .enumerate()
    {
        events.push(timed(
            &format!("Customer call {}", number + 1),
            day(offset),
            from,
            to,
            zone,
        ));
    }
    events
}

/// What Google's own screens do for a person: makes events, and changes two instances of the daily series.
pub(super) async fn calendar(google: &str, person: &Person, monday: NaiveDate) -> Result<usize, Failure> {
    let bearer = format!("Bearer person:{}", person.email);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let events_url = format!("{google}/calendar/v3/calendars/primary/events");
    let mut browser = Browser::default();
    let mut made = 0;
    let mut series = String::new();
    for event in events(person, monday) {
        let request = Request {
            method: "POST",
            address: &events_url,
            headers: &headers,
            body: event.to_string(),
        };
        let answer = browser.send(request).await?.expect_good()?.json()?;
        if made == 0 {
            series = answer["id"].as_str().unwrap_or_default().to_owned();
        }
        made += 1;
    }
    let (from, to) = (monday + TimeDelta::days(7), monday + TimeDelta::days(12));
    let instances = format!("{events_url}/{series}/instances?timeMin={from}T00:00:00Z&timeMax={to}T00:00:00Z");
    let listed = browser
        .send(Request {
            method: "GET",
            address: &instances,
            headers: &headers,
            body: String::new(),
        })
        .await?;
    let listed = listed.expect_good()?.json()?;
    let ids: Vec<&str> = listed["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["id"].as_str())
        .collect();
    for (id, change) in ids.into_iter().zip([
        json!({ "summary": "Team stand-up, all hands" }),
        json!({ "status": "cancelled" }),
    ]) {
        let address = format!("{events_url}/{id}");
        browser
            .send(Request {
                method: "PATCH",
                address: &address,
                headers: &headers,
                body: change.to_string(),
            })
            .await?
            .expect_good()?;
        made += 1;
    }
    Ok(made)
}

/// What the app does over the API: rooms, and bookings of each user with their customers in them.
pub(super) async fn bookings(
    base: &str,
    key: &str,
    users: &[(UserId, Vec<String>)],
    monday: NaiveDate,
) -> Result<String, Failure> {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut browser = Browser::default();
    let mut first = String::new();
    let mut rooms = Vec::new();
    for name in ["Meeting room Vltava", "Consultation room 2"] {
        let address = format!("{base}/api/v1/resources");
        let body = json!({ "name": name }).to_string();
        let made = browser
            .send(Request {
                method: "POST",
                address: &address,
                headers: &headers,
                body,
            })
            .await?
            .expect_good()?
            .json()?;
        rooms.push(made["id"].clone());
    }
    for ((user, customers), person) in users.iter().zip(&PEOPLE) {
        for (number, customer) in customers.iter().enumerate() {
            let day = monday + TimeDelta::days(8 + number as i64);
            let local = |hour: &str| with_offset(day, hour, person.zone);
            let body = json!({
                "user_id": user, "title": format!("Consultation {}", number + 1), "description": "Booked in the app.",
                "starts_at": local("10:00"), "ends_at": local("10:50"), "time_zone": person.zone,
                "resource_id": rooms[number % rooms.len()], "customer_ids": [customer], "mail": "none",
            });
            let address = format!("{base}/api/v1/bookings");
            let request = Request {
                method: "POST",
                address: &address,
                headers: &headers,
                body: body.to_string(),
            };
            let made = browser.send(request).await?.expect_good()?.json()?;
            if first.is_empty() {
                first = made["id"].as_str().unwrap_or_default().to_owned();
            }
        }
    }
    Ok(first)
}

/// What the app does that a customer should hear of: the user is asked by mail. Returns the booking's id.
pub(super) async fn consultation(
    base: &str,
    key: &str,
    (user, customer): (UserId, &str),
    day: NaiveDate,
) -> Result<String, Failure> {
    let bearer = format!("Bearer {key}");
    let zone = PEOPLE[0].zone;
    let body = json!({
        "user_id": user, "title": "First consultation", "description": "Prefers a call back.", "customer_ids": [customer],
        "starts_at": with_offset(day, "15:00", zone), "ends_at": with_offset(day, "15:45", zone), "time_zone": zone,
    });
    let request = Request {
        method: "POST",
        address: &format!("{base}/api/v1/bookings"),
        headers: &[("authorization", bearer.as_str()), ("content-type", "application/json")],
        body: body.to_string(),
    };
    let made = Browser::default().send(request).await?.expect_good()?.json()?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

fn with_offset(day: NaiveDate, hour: &str, zone: &str) -> String {
    let local = format!("{day}T{hour}:00").parse::<chrono::NaiveDateTime>().ok();
    let zone: Option<chrono_tz::Tz> = zone.parse().ok();
    let at = local
        .zip(zone)
        .and_then(|(local, zone)| local.and_local_timezone(zone).earliest());
    at.map_or_else(String::new, |at| at.to_rfc3339())
}

/// Customers that the app writes in SQL, as it may; two of them are among the first user's contacts, too.
pub(super) async fn customers(engine: &Engine, tenant: TenantId, user: UserId) -> Result<Vec<String>, Failure> {
    const SQL: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name, family_name, emails) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let mut ids = Vec::new();
    let mut tx = engine.db.begin().await?;
    for (given, family, email) in [
        ("Eva", "Svobodová", "eva.svobodova@customer.example"),
        ("Tomás", "García", GUEST),
        ("Ada", "King", "ada@king.example"),
    ] {
        let id = engine.fresh_uuid().to_string();
        let emails = json!([{ "value": email, "type": "work" }]).to_string();
        tx.execute(SQL, args![tenant, &id, user, given, family, emails]).await?;
        ids.push(id);
    }
    tx.commit().await?;
    Ok(ids)
}
