//! Bookings, their customers and their derived instants.
//!
//! The app writes this table too, so a row is read as it stands ([`BookingRow`]) and only then understood
//! ([`BookingRow::read`]): a row that the API would have refused is a problem of that row, not of the query.
use super::{Row, StoreError, Tx, Value, list};
use crate::args;
use crate::domain::booking::{Booking, Content, Occurrence, Side, Status};
use crate::domain::ids::{BookingId, CustomerId, ResourceId, TenantId, UserId};
use crate::domain::time::{OriginalStart, Span, SpanColumns, When};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// A row of `bookings` as it stands, with its customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRow {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Id.
    pub id: BookingId,
    /// Owner.
    pub user_id: UserId,
    /// Everything the app may have written.
    pub text: BookingText,
    /// Who the booking is with, in id order.
    pub customer_ids: Vec<CustomerId>,
    /// Set by triggers.
    pub version: i64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// The columns that the app may write, unread. Also the JSON form of a deleted row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the columns are described in migrations/*/0002_bookings.sql")]
pub struct BookingText {
    pub title: String,
    pub description: String,
    pub location: String,
    pub resource_id: Option<String>,
    pub starts_local: String,
    pub ends_local: String,
    pub time_zone: Option<String>,
    pub end_time_zone: Option<String>,
    pub fold: i64,
    pub end_fold: i64,
    pub all_day: i64,
    pub recurrence: String,
    pub status: String,
    pub series_id: Option<String>,
    pub original_start: Option<String>,
    pub split_from: Option<String>,
    pub origin: String,
    pub mail_wish: String,
}

/// A deleted row that waits to be settled, as its trigger kept it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeletedBooking {
    /// The owner.
    pub user_id: UserId,
    /// The columns.
    #[serde(flatten)]
    pub text: BookingText,
    /// Who it was with.
    pub customer_ids: Vec<CustomerId>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// A row that cannot be understood: the column and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column} {problem}")]
pub struct RowProblem {
    /// The column.
    pub column: &'static str,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl BookingText {
    /// The columns for a content.
    pub fn of(
        content: &Content,
        occurrence: Option<&Occurrence>,
        split_from: Option<BookingId>,
        origin: Side,
    ) -> BookingText {
        let span = SpanColumns::from(content.when.span);
        BookingText {
            title: content.title.clone(),
            description: content.description.clone(),
            location: content.location.clone(),
            resource_id: content.resource_id.map(|id| id.to_string()),
            starts_local: span.starts_local,
            ends_local: span.ends_local,
            time_zone: span.time_zone,
            end_time_zone: span.end_time_zone,
            fold: span.fold,
            end_fold: span.end_fold,
            all_day: i64::from(span.all_day),
            recurrence: content.when.recurrence.join("\n"),
            status: content.status.as_str().to_owned(),
            series_id: occurrence.map(|o| o.series_id.to_string()),
            original_start: occurrence.map(|o| o.original_start.to_string()),
            split_from: split_from.map(|id| id.to_string()),
            origin: origin.as_str().to_owned(),
            mail_wish: "none".to_owned(),
        }
    }

    /// The mirrored fields.
    pub fn content(&self) -> Result<Content, RowProblem> {
        let columns = SpanColumns {
            all_day: self.all_day != 0,
            starts_local: self.starts_local.clone(),
            ends_local: self.ends_local.clone(),
            time_zone: self.time_zone.clone(),
            end_time_zone: self.end_time_zone.clone(),
            fold: self.fold,
            end_fold: self.end_fold,
        };
        let span = Span::try_from(columns).map_err(|error| RowProblem {
            column: "starts_local, ends_local, time_zone",
            problem: error.to_string(),
        })?;
        Ok(Content {
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            resource_id: read(&self.resource_id, "resource_id")?,
            when: When {
                span,
                recurrence: self.recurrence.lines().map(str::to_owned).collect(),
            },
            status: if self.status == "cancelled" {
                Status::Cancelled
            } else {
                Status::Confirmed
            },
        })
    }

    /// Which occurrence of which series, if it is one.
    pub fn occurrence(&self) -> Result<Option<Occurrence>, RowProblem> {
        let series: Option<BookingId> = read(&self.series_id, "series_id")?;
        let start: Option<OriginalStart> = read(&self.original_start, "original_start")?;
        Ok(series.zip(start).map(|(series_id, original_start)| Occurrence {
            series_id,
            original_start,
        }))
    }

    /// Who created it.
    pub fn origin(&self) -> Side {
        if self.origin == "google" {
            Side::Google
        } else {
            Side::App
        }
    }
}

fn read<T: std::str::FromStr>(text: &Option<String>, column: &'static str) -> Result<Option<T>, RowProblem>
where
    T::Err: std::fmt::Display,
{
    match text {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error: T::Err| RowProblem {
            column,
            problem: error.to_string(),
        }),
    }
}

impl BookingRow {
    /// Understands the row.
    ///
    /// # Errors
    /// The first column that the API would have refused.
    pub fn read(&self) -> Result<Booking, RowProblem> {
        Ok(Booking {
            tenant_id: self.tenant_id,
            id: self.id,
            user_id: self.user_id,
            content: self.text.content()?,
            occurrence: self.text.occurrence()?,
            split_from: read(&self.text.split_from, "split_from")?,
            origin: self.text.origin(),
            customer_ids: self.customer_ids.clone(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    fn from_row(row: &Row) -> Result<BookingRow, StoreError> {
        Ok(BookingRow {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            user_id: row.parse("user_id")?,
            text: BookingText {
                title: row.text("title")?,
                description: row.text("description")?,
                location: row.text("location")?,
                resource_id: row.opt_text("resource_id")?,
                starts_local: row.text("starts_local")?,
                ends_local: row.text("ends_local")?,
                time_zone: row.opt_text("time_zone")?,
                end_time_zone: row.opt_text("end_time_zone")?,
                fold: row.int("fold")?,
                end_fold: row.int("end_fold")?,
                all_day: row.int("all_day")?,
                recurrence: row.text("recurrence")?,
                status: row.text("status")?,
                series_id: row.opt_text("series_id")?,
                original_start: row.opt_text("original_start")?,
                split_from: row.opt_text("split_from")?,
                origin: row.text("origin")?,
                mail_wish: row.text("mail_wish")?,
            },
            customer_ids: Vec::new(),
            version: row.int("version")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// What a new row is made of. The version and `updated_at` come from the triggers.
#[derive(Debug, Clone)]
pub struct NewBooking<'a> {
    /// Tenant.
    pub tenant_id: TenantId,
    /// A fresh id, or a known one that is put back.
    pub id: BookingId,
    /// Owner.
    pub user_id: UserId,
    /// The columns.
    pub text: &'a BookingText,
    /// Who it is with: customers of the same user.
    pub customer_ids: &'a [CustomerId],
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// Inserts a booking and its customers.
pub async fn insert(tx: &mut Tx, new: &NewBooking<'_>) -> Result<(), StoreError> {
    insert_many(tx, std::slice::from_ref(new)).await
}

/// Inserts bookings and their customers; a series comes before its occurrences.
pub async fn insert_many(tx: &mut Tx, all: &[NewBooking<'_>]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO bookings (tenant_id, id, user_id, title, description, location, resource_id, starts_local, \
         ends_local, time_zone, end_time_zone, fold, end_fold, all_day, recurrence, status, series_id, original_start, \
         split_from, origin, mail_wish, created_at) VALUES ROWS";
    let row = |new: &NewBooking<'_>| {
        let t = new.text;
        args![
            new.tenant_id,
            new.id,
            new.user_id,
            &t.title,
            &t.description,
            &t.location,
            t.resource_id.clone(),
            &t.starts_local,
            &t.ends_local,
            t.time_zone.clone(),
            t.end_time_zone.clone(),
            t.fold,
            t.end_fold,
            t.all_day,
            &t.recurrence,
            &t.status,
            t.series_id.clone(),
            t.original_start.clone(),
            t.split_from.clone(),
            &t.origin,
            &t.mail_wish,
            new.created_at
        ]
    };
    tx.put_rows(SQL, all.iter().map(row).collect()).await?;
    let mut with = Vec::new();
    for new in all {
        with.extend(
            new.customer_ids
                .iter()
                .map(|customer| (new.tenant_id, new.user_id, new.id, *customer)),
        );
    }
    add_customers(tx, &with).await
}

async fn add_customers(tx: &mut Tx, with: &[(TenantId, UserId, BookingId, CustomerId)]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ROWS";
    let row = |(tenant, user, booking, customer): &(TenantId, UserId, BookingId, CustomerId)| {
        args![tenant, user, booking, customer]
    };
    tx.put_rows(SQL, with.iter().map(row).collect()).await.map(drop)
}

/// Replaces the customers of a booking; writes nothing when they are the same.
pub async fn set_customers(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    booking: BookingId,
    customers: &[CustomerId],
) -> Result<(), StoreError> {
    let mut old = customers_of(tx, tenant, &[booking])
        .await?
        .remove(&booking)
        .unwrap_or_default();
    let mut new = Vec::new();
    for customer in customers {
        match old.iter().position(|known| known == customer) {
            Some(at) => {
                old.swap_remove(at);
            }
            None => new.push((tenant, user, booking, *customer)),
        }
    }
    add_customers(tx, &new).await?;
    const REMOVE: &str = "DELETE FROM booking_customers WHERE tenant_id = $1 AND booking_id = $2 AND customer_id = $3";
    for customer in old {
        tx.execute(REMOVE, args![tenant, booking, customer]).await?;
    }
    Ok(())
}

const CUSTOMERS: &str = "SELECT booking_id, customer_id FROM booking_customers \
     WHERE tenant_id = $1 AND booking_id IN LIST($2) ORDER BY booking_id, customer_id";

async fn customers_of(
    tx: &mut Tx,
    tenant: TenantId,
    bookings: &[BookingId],
) -> Result<HashMap<BookingId, Vec<CustomerId>>, StoreError> {
    let mut found: HashMap<BookingId, Vec<CustomerId>> = HashMap::new();
    for row in tx.fetch_all(CUSTOMERS, args![tenant, list(bookings)]).await? {
        found
            .entry(row.parse("booking_id")?)
            .or_default()
            .push(row.parse("customer_id")?);
    }
    Ok(found)
}

async fn rows(tx: &mut Tx, tenant: TenantId, rows: Vec<Row>) -> Result<Vec<BookingRow>, StoreError> {
    let mut bookings = rows.iter().map(BookingRow::from_row).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
    if !ids.is_empty() {
        let mut customers = customers_of(tx, tenant, &ids).await?;
        for booking in &mut bookings {
            booking.customer_ids = customers.remove(&booking.id).unwrap_or_default();
        }
    }
    Ok(bookings)
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT b.tenant_id, b.id, b.user_id, b.title, b.description, b.location, b.resource_id, b.starts_local, ",
            "b.ends_local, b.time_zone, b.end_time_zone, b.fold, b.end_fold, b.all_day, b.recurrence, b.status, b.series_id, ",
            "b.original_start, b.split_from, b.origin, b.mail_wish, b.version, b.created_at, b.updated_at FROM bookings b ",
            $rest
        )
    };
}

/// One booking.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: BookingId) -> Result<Option<BookingRow>, StoreError> {
    Ok(get_many(tx, tenant, &[id]).await?.pop())
}

/// The bookings with these ids; missing ones are left out.
pub async fn get_many(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<Vec<BookingRow>, StoreError> {
    const SQL: &str = select!("WHERE b.tenant_id = $1 AND b.id IN LIST($2)");
    let found = tx.fetch_all(SQL, args![tenant, list(ids)]).await?;
    rows(tx, tenant, found).await
}

/// The changed and cancelled occurrences of these series.
pub async fn overrides(tx: &mut Tx, tenant: TenantId, series: &[BookingId]) -> Result<Vec<BookingRow>, StoreError> {
    const SQL: &str =
        select!("WHERE b.tenant_id = $1 AND b.series_id IN LIST($2) ORDER BY b.series_id, b.original_start");
    let found = tx.fetch_all(SQL, args![tenant, list(series)]).await?;
    rows(tx, tenant, found).await
}

/// Which of these occurrences have a row.
pub async fn known_occurrences(
    tx: &mut Tx,
    tenant: TenantId,
    occurrences: &[Occurrence],
) -> Result<HashSet<Occurrence>, StoreError> {
    const SQL: &str = "SELECT series_id, original_start FROM bookings \
         WHERE tenant_id = $1 AND series_id IN LIST($2) AND original_start IN LIST($3)";
    if occurrences.is_empty() {
        return Ok(HashSet::new());
    }
    let series: HashSet<BookingId> = occurrences.iter().map(|occurrence| occurrence.series_id).collect();
    let starts: HashSet<OriginalStart> = occurrences.iter().map(|occurrence| occurrence.original_start).collect();
    let rows = tx.fetch_all(SQL, args![tenant, list(series), list(starts)]).await?;
    let known = |row: &Row| {
        Ok(Occurrence {
            series_id: row.parse("series_id")?,
            original_start: row.parse("original_start")?,
        })
    };
    rows.iter().map(known).collect()
}

/// The row of one occurrence of a series, if it differs from the series.
pub async fn occurrence(
    tx: &mut Tx,
    tenant: TenantId,
    series: BookingId,
    original_start: OriginalStart,
) -> Result<Option<BookingRow>, StoreError> {
    const SQL: &str = select!("WHERE b.tenant_id = $1 AND b.series_id = $2 AND b.original_start = $3");
    let found = tx
        .fetch_all(SQL, args![tenant, series, original_start.to_string()])
        .await?;
    Ok(rows(tx, tenant, found).await?.pop())
}

/// What a list of bookings is narrowed by; `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct BookingFilter {
    /// Owner.
    pub user_id: Option<UserId>,
    /// Assigned resource.
    pub resource_id: Option<ResourceId>,
    /// One of the customers.
    pub customer_id: Option<CustomerId>,
    /// Status.
    pub status: Option<Status>,
}

impl BookingFilter {
    fn args(&self) -> [Value; 4] {
        [
            self.user_id.into(),
            self.resource_id.into(),
            self.customer_id.into(),
            self.status.map(Status::as_str).into(),
        ]
    }
}

/// Stored rows in id order, after a given id.
pub async fn list_stored(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &BookingFilter,
    after: Option<BookingId>,
    limit: i64,
) -> Result<Vec<BookingRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE b.tenant_id = $1 AND b.id > COALESCE($2, '') \
         AND ($4 IS NULL OR b.user_id = $4) AND ($5 IS NULL OR b.resource_id = $5) \
         AND ($6 IS NULL OR EXISTS (SELECT 1 FROM booking_customers c \
              WHERE c.tenant_id = b.tenant_id AND c.booking_id = b.id AND c.customer_id = $6)) \
         AND ($7 IS NULL OR b.status = $7) ORDER BY b.id LIMIT $3"
    );
    let mut values = args![tenant, after, limit];
    values.extend(filter.args());
    let found = tx.fetch_all(SQL, values).await?;
    rows(tx, tenant, found).await
}

/// Single bookings, series and overrides that may have an occurrence in `from..to` (ms), by their derived instants.
pub async fn list_between(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &BookingFilter,
    from: i64,
    to: i64,
) -> Result<Vec<BookingRow>, StoreError> {
    const SQL: &str = select!(
        "JOIN booking_times t ON t.tenant_id = b.tenant_id AND t.booking_id = b.id \
         WHERE b.tenant_id = $1 AND t.starts_at < $3 AND (t.last_ends_at IS NULL OR t.last_ends_at > $2) \
         AND ($4 IS NULL OR b.user_id = $4) AND ($5 IS NULL OR b.resource_id = $5) \
         AND ($6 IS NULL OR EXISTS (SELECT 1 FROM booking_customers c \
              WHERE c.tenant_id = b.tenant_id AND c.booking_id = b.id AND c.customer_id = $6)) \
         AND ($7 IS NULL OR b.status = $7) ORDER BY t.starts_at, b.id"
    );
    let mut values = args![tenant, from, to];
    values.extend(filter.args());
    let found = tx.fetch_all(SQL, values).await?;
    rows(tx, tenant, found).await
}

/// Writes the mirrored fields, if the row still has the version they were planned for.
///
/// Returns `false` when it has not: somebody edited it meanwhile, read and plan again.
pub async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    id: BookingId,
    planned_version: i64,
    content: &Content,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE bookings SET title = $4, description = $5, location = $6, resource_id = $7, starts_local = $8, \
         ends_local = $9, time_zone = $10, end_time_zone = $11, fold = $12, end_fold = $13, all_day = $14, recurrence = $15, \
         status = $16 WHERE tenant_id = $1 AND id = $2 AND version = $3";
    let t = BookingText::of(content, None, None, Side::App);
    let affected = tx
        .execute(
            SQL,
            args![
                tenant,
                id,
                planned_version,
                &t.title,
                &t.description,
                &t.location,
                t.resource_id,
                &t.starts_local,
                &t.ends_local,
                t.time_zone,
                t.end_time_zone,
                t.fold,
                t.end_fold,
                t.all_day,
                &t.recurrence,
                &t.status
            ],
        )
        .await?;
    Ok(affected == 1)
}

/// Gives a booking, and a series' changed occurrences with it, to another user, together with the customers that user calls
/// them: a row that is with anybody is with these then. One statement moves the rows, because their keys carry the user.
pub async fn hand_over(
    tx: &mut Tx,
    tenant: TenantId,
    id: BookingId,
    to: UserId,
    customers: &[CustomerId],
) -> Result<(), StoreError> {
    const MOVE: &str = "UPDATE bookings SET user_id = $3 WHERE tenant_id = $1 AND (id = $2 OR series_id = $2)";
    let mut rows = overrides(tx, tenant, &[id]).await?;
    rows.extend(get(tx, tenant, id).await?);
    for row in &rows {
        set_customers(tx, tenant, row.user_id, row.id, &[]).await?;
    }
    tx.execute(MOVE, args![tenant, id, to]).await?;
    for row in rows.iter().filter(|row| row.id == id || !row.customer_ids.is_empty()) {
        set_customers(tx, tenant, to, row.id, customers).await?;
    }
    Ok(())
}

/// Makes a booking an occurrence of this series, whose owner it shares, or, without one, a booking of its own. Returns whether
/// it was anything else before: then its version has moved by one.
pub async fn set_occurrence(
    tx: &mut Tx,
    tenant: TenantId,
    id: BookingId,
    occurrence: Option<(&Occurrence, UserId)>,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE bookings SET series_id = $3, original_start = $4, user_id = COALESCE($5, user_id) \
         WHERE tenant_id = $1 AND id = $2 AND (COALESCE(series_id, '') <> COALESCE($3, '') \
             OR COALESCE(original_start, '') <> COALESCE($4, '') OR user_id <> COALESCE($5, user_id))";
    let series = occurrence.map(|(occurrence, _)| occurrence.series_id.to_string());
    let start = occurrence.map(|(occurrence, _)| occurrence.original_start.to_string());
    let owner = occurrence.map(|(_, owner)| owner.to_string());
    Ok(tx.execute(SQL, args![tenant, id, series, start, owner]).await? == 1)
}

/// Notes that a series goes on where another was cut: it has that one's origin then. No version moves, nothing is pushed.
pub async fn set_split_from(tx: &mut Tx, tenant: TenantId, id: BookingId, series: BookingId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE bookings SET split_from = $3, \
             origin = (SELECT s.origin FROM bookings s WHERE s.tenant_id = $1 AND s.id = $3) \
         WHERE tenant_id = $1 AND id = $2 AND EXISTS (SELECT 1 FROM bookings s WHERE s.tenant_id = $1 AND s.id = $3)";
    tx.execute(SQL, args![tenant, id, series]).await.map(drop)
}

/// Keeps whether this version may propose mail.
pub async fn set_mail_wish(tx: &mut Tx, tenant: TenantId, id: BookingId, wish: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE bookings SET mail_wish = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, wish]).await.map(drop)
}

/// Keeps a row as it was read until the transaction ends: whoever edits it or hands it over waits for that.
///
/// Returns `false` when the row does not have `planned_version` any more.
pub async fn lock(tx: &mut Tx, tenant: TenantId, id: BookingId, planned_version: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE bookings SET split_from = split_from WHERE tenant_id = $1 AND id = $2 AND version = $3";
    Ok(tx.execute(SQL, args![tenant, id, planned_version]).await? == 1)
}

/// Deletes a booking and, first, its changed occurrences. The triggers remember what was removed.
///
/// Returns `false` when the row does not have `planned_version` any more.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: BookingId, planned_version: i64) -> Result<bool, StoreError> {
    if !lock(tx, tenant, id, planned_version).await? {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM bookings WHERE tenant_id = $1 AND series_id = $2",
        args![tenant, id],
    )
    .await?;
    tx.execute(
        "DELETE FROM bookings WHERE tenant_id = $1 AND id = $2",
        args![tenant, id],
    )
    .await?;
    tx.execute(
        "DELETE FROM booking_times WHERE tenant_id = $1 AND booking_id = $2",
        args![tenant, id],
    )
    .await?;
    Ok(true)
}

/// The instants that follow from a booking's times; milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Start (of the first occurrence).
    pub starts_at: i64,
    /// End (of the first occurrence).
    pub ends_at: i64,
    /// End of the last occurrence; `None` for a series without end.
    pub last_ends_at: Option<i64>,
}

/// Stores the derived instants of these bookings, each of which is named once.
pub async fn set_times(
    tx: &mut Tx,
    tenant: TenantId,
    all: &[(BookingId, Times)],
    tzdb: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO booking_times (tenant_id, booking_id, starts_at, ends_at, last_ends_at, tzdb) \
         VALUES ROWS ON CONFLICT (tenant_id, booking_id) DO UPDATE SET \
         starts_at = excluded.starts_at, ends_at = excluded.ends_at, last_ends_at = excluded.last_ends_at, tzdb = excluded.tzdb";
    let row = |(id, t): &(BookingId, Times)| args![tenant, id, t.starts_at, t.ends_at, t.last_ends_at, tzdb];
    tx.put_rows(SQL, all.iter().map(row).collect()).await.map(drop)
}

/// Forgets the derived instants of a booking that is gone or cannot be understood.
pub async fn clear_times(tx: &mut Tx, tenant: TenantId, id: BookingId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM booking_times WHERE tenant_id = $1 AND booking_id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Some bookings whose instants were computed with another zone database, over all tenants.
pub async fn times_to_recompute(tx: &mut Tx, tzdb: &str, limit: i64) -> Result<Vec<(TenantId, BookingId)>, StoreError> {
    const SQL: &str =
        "SELECT tenant_id, booking_id FROM booking_times WHERE tzdb <> $1 ORDER BY tenant_id, booking_id LIMIT $2";
    let found = tx.fetch_all(SQL, args![tzdb, limit]).await?;
    found
        .iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("booking_id")?)))
        .collect()
}
