//! What a mail says to its recipient's calendar, and whether it holds.
use super::Story;
use accord::args;
use accord::domain::ids::{BookingId, CustomerId};
use accord::domain::mail::{Letter, Method};
use accord::domain::time::OriginalStart;
use accord::store::bookings::BookingRow;
use accord::store::customers;
use chrono::{NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// One mailbox, however it is written.
pub(super) fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// What a calendar part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub to: String,
    pub booking: BookingId,
    pub occurrence: Option<OriginalStart>,
    pub takes_place: bool,
    /// In Madrid, as a booking's row has it.
    pub starts_local: String,
    pub summary: String,
    pub location: String,
}

/// How things are.
pub(super) struct Snapshot {
    rows: Vec<BookingRow>,
    addresses: BTreeMap<CustomerId, String>,
    rooms: BTreeMap<String, String>,
    withheld: BTreeSet<BookingId>,
}

/// The lines of a calendar part, unfolded: name with parameters, and value.
fn lines(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n").replace("\n ", "");
    let split = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(split).collect()
}

fn local(name: &str, value: &str) -> NaiveDateTime {
    let read = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a time");
    match value.strip_suffix('Z') {
        Some(value) => Utc
            .from_utc_datetime(&read(value))
            .with_timezone(&Tz::Europe__Madrid)
            .naive_local(),
        None => {
            assert!(name.contains("TZID=Europe/Madrid"), "{name}:{value}");
            read(value)
        }
    }
}

impl Claim {
    /// What a letter says.
    pub(super) fn of(letter: &Letter) -> Claim {
        let part = letter
            .calendar
            .as_ref()
            .expect("a mail to a customer has a calendar part");
        let lines = lines(&part.text);
        let begin = lines.iter().position(|line| line.1 == "VEVENT").expect("an event");
        let find = |wanted: &str| {
            let mut event = lines[begin..].iter();
            event.find(|(name, _)| name.split(';').next() == Some(wanted)).cloned()
        };
        let value = |wanted: &str| find(wanted).map(|(_, value)| value).unwrap_or_default();
        let uid = value("UID");
        let (name, start) = find("DTSTART").expect("a start");
        let occurrence = find("RECURRENCE-ID").map(|(name, value)| {
            let local = local(&name, &value).and_local_timezone(Tz::Europe__Madrid).earliest();
            OriginalStart::At(local.expect("a time that exists").to_utc())
        });
        Claim {
            to: key(&letter.to.address),
            booking: uid
                .split('@')
                .next()
                .and_then(|id| id.parse().ok())
                .expect("a UID begins with the booking"),
            occurrence,
            takes_place: part.method == Method::Request,
            starts_local: local(&name, &start).format("%Y-%m-%dT%H:%M:%S").to_string(),
            summary: value("SUMMARY"),
            location: value("LOCATION"),
        }
    }
}

impl Snapshot {
    pub(super) fn root(&self, booking: BookingId) -> Option<&BookingRow> {
        self.rows.iter().find(|row| row.id == booking)
    }

    /// The rows of an occurrence of a series.
    pub(super) fn overrides(&self, series: BookingId) -> impl Iterator<Item = (OriginalStart, &BookingRow)> {
        let is_its = move |row: &&BookingRow| row.text.series_id.as_deref() == Some(series.to_string().as_str());
        let start = |row: &BookingRow| row.text.original_start.as_ref().and_then(|start| start.parse().ok());
        self.rows
            .iter()
            .filter(is_its)
            .filter_map(move |row| Some((start(row)?, row)))
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = &BookingRow> {
        self.rows.iter().filter(|row| row.text.series_id.is_none())
    }

    /// Addresses of a row's customers.
    pub(super) fn with(&self, row: &BookingRow) -> BTreeSet<String> {
        let address = |id| self.addresses.get(id).cloned();
        row.customer_ids
            .iter()
            .filter_map(address)
            .filter(|address| !address.is_empty())
            .collect()
    }

    pub(super) fn is_withheld(&self, row: &BookingRow) -> bool {
        let series = row.text.series_id.as_ref().and_then(|id| id.parse().ok());
        self.withheld.contains(&row.id) || series.is_some_and(|id| self.withheld.contains(&id))
    }

    /// What a calendar must show of a row that takes place.
    pub(super) fn summary(&self, row: &BookingRow) -> String {
        match row.text.title.as_str() {
            "" => "Appointment".to_owned(),
            _ if self.is_withheld(row) => "Appointment".to_owned(),
            title => title.to_owned(),
        }
    }

    pub(super) fn place(&self, row: &BookingRow) -> String {
        let room = row.text.resource_id.as_ref();
        room.and_then(|id| self.rooms.get(id).cloned()).unwrap_or_default()
    }

    /// Whether what somebody was told once is still so. A title that is withheld since then is no change that is told.
    pub(super) fn still_holds(&self, claim: &Claim) -> Result<(), String> {
        let mut claim = claim.clone();
        let own = claim.occurrence.and_then(|start| {
            let mut all = self.overrides(claim.booking);
            all.find(|(other, _)| *other == start).map(|(_, row)| row)
        });
        if let Some(row) = own.or(self.root(claim.booking)).filter(|row| self.is_withheld(row)) {
            claim.summary = self.summary(row);
        }
        self.holds(&claim)
    }

    /// Whether what a mail says is so.
    pub(super) fn holds(&self, claim: &Claim) -> Result<(), String> {
        let root = self.root(claim.booking);
        let own = claim.occurrence.and_then(|start| {
            let mut all = self.overrides(claim.booking);
            all.find(|(other, _)| *other == start).map(|(_, row)| row)
        });
        let wrong = |what: &str| {
            Err(format!(
                "{what}: {claim:?} while it is {:?}",
                own.or(root).map(|row| &row.text)
            ))
        };
        let is_on = |row: &BookingRow| row.text.status == "confirmed" && self.with(row).contains(&claim.to);
        let is_whole_on = root.is_some_and(|row| row.text.status == "confirmed");
        if !claim.takes_place {
            return match own.or(root) {
                Some(row) if is_on(row) && is_whole_on => wrong("a mail cancels what takes place"),
                _ => Ok(()),
            };
        }
        let Some(row) = own.or(root) else {
            return wrong("a mail tells of what is gone");
        };
        if !is_whole_on || !is_on(row) {
            return wrong("a mail tells of what does not take place, or not with its recipient");
        }
        let start = match (claim.occurrence, own) {
            // An occurrence like its series.
            (Some(OriginalStart::At(start)), None) => {
                let start = start.with_timezone(&Tz::Europe__Madrid).naive_local();
                start.format("%Y-%m-%dT%H:%M:%S").to_string()
            }
            _ => row.text.starts_local.clone(),
        };
        if start != claim.starts_local {
            return wrong("a mail tells another time");
        }
        if claim.summary != self.summary(row) {
            return wrong("a mail tells another title");
        }
        match claim.location == self.place(row) {
            true => Ok(()),
            false => wrong("a mail tells another place"),
        }
    }
}

impl Story {
    pub(super) async fn snapshot(&self) -> Snapshot {
        let tenant = self.world.tenant;
        let rows = self.world.bookings().await;
        let mut tx = self.world.read().await;
        let everybody: Vec<CustomerId> = self.customers.iter().flatten().copied().collect();
        let found = customers::get_many(&mut tx, tenant, &everybody)
            .await
            .expect("customers");
        let address = |row: &customers::CustomerRow| {
            let details = row.text.details().expect("details");
            details
                .emails
                .first()
                .map(|email| key(&email.value))
                .unwrap_or_default()
        };
        let addresses = found.iter().map(|row| (row.id, address(row))).collect();
        let sql = "SELECT booking_id FROM placements WHERE tenant_id = $1 AND is_lead = 1 AND words = 'withheld'";
        let withheld = tx.fetch_all(sql, args![tenant]).await.expect("placements");
        let withheld = withheld
            .iter()
            .map(|row| row.parse("booking_id").expect("an id"))
            .collect();
        let rooms = tx
            .fetch_all("SELECT id, name FROM resources WHERE tenant_id = $1", args![tenant])
            .await;
        let room = |row: &accord::store::Row| (row.text("id").expect("text"), row.text("name").expect("text"));
        Snapshot {
            rows,
            addresses,
            rooms: rooms.expect("resources").iter().map(room).collect(),
            withheld,
        }
    }
}
