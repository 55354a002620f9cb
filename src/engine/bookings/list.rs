//! Lists of bookings: the rows as they are stored, or what takes place within a range of time.
use super::{BookingView, views};
use crate::domain::booking::Status;
use crate::domain::ids::{BookingId, TenantId, UserId};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::engine::{Engine, Refusal};
use crate::store::bookings::{self, BookingFilter, BookingRow};
use crate::store::{StoreError, Tx, users};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Longest range of time that can be asked for, in days. A page is cut from all that takes place in it.
pub const MAX_RANGE_DAYS: i64 = 400;

/// Where an occurrence stands in a list: by start, then by id, then by the occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OccurrenceKey {
    /// Start, milliseconds since the epoch.
    pub starts_at: i64,
    /// The row: its own, or its series'.
    pub id: BookingId,
    /// Set for an unchanged occurrence of a series.
    pub unchanged: Option<OriginalStart>,
}

impl Engine {
    /// Stored rows in id order: single bookings, series, and occurrences that differ from theirs. Also the id to go on after,
    /// if there are more.
    pub async fn stored_bookings(
        &self,
        tenant: TenantId,
        filter: &BookingFilter,
        after: Option<BookingId>,
        limit: usize,
    ) -> Result<(Vec<BookingView>, Option<BookingId>), Refusal> {
        let mut tx = self.db.read().await?;
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX - 1);
        let mut rows = bookings::list_stored(&mut tx, tenant, filter, after, wanted + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok((views(&mut tx, tenant, rows).await?, next))
    }

    /// What overlaps `range`, in order of start, and the position to go on after, if there is more. Series are expanded;
    /// occurrences that differ stand in the place of the one they replace. Without a status in the filter: what is confirmed.
    pub async fn occurrences_between(
        &self,
        tenant: TenantId,
        filter: &BookingFilter,
        range: Range<DateTime<Utc>>,
        after: Option<OccurrenceKey>,
        limit: usize,
    ) -> Result<(Vec<BookingView>, Option<OccurrenceKey>), Refusal> {
        let mut tx = self.db.read().await?;
        let status = filter.status.unwrap_or(Status::Confirmed);
        // The status of an occurrence may differ from its row's, so it is looked at here and not in SQL.
        let broad = BookingFilter {
            status: None,
            ..filter.clone()
        };
        let (from, to) = (range.start.timestamp_millis(), range.end.timestamp_millis());
        let rows = bookings::list_between(&mut tx, tenant, &broad, from, to).await?;
        let context = Context::read(&mut tx, tenant, &rows).await?;
        let mut found: Vec<(OccurrenceKey, BookingView)> = Vec::new();
        for view in views(&mut tx, tenant, rows).await? {
            found.extend(context.occurrences(view, &range, status));
        }
        found.sort_by_key(|(key, _)| *key);
        let mut rest = found.into_iter().skip_while(|(key, _)| Some(*key) <= after).peekable();
        let mut page = Vec::new();
        let mut last = None;
        while let Some((key, view)) = rest.next_if(|_| page.len() < limit) {
            last = Some(key);
            page.push(view);
        }
        let next = last.filter(|_| rest.peek().is_some());
        Ok((page, next))
    }
}

/// What the rows of a list need to know of each other.
struct Context {
    /// Where whole days begin.
    zones: HashMap<UserId, Tz>,
    /// Occurrences that have rows of their own.
    changed: HashSet<(String, String)>,
    /// Series that do not take place, whatever their changed occurrences say.
    cancelled: HashSet<String>,
}

impl Context {
    async fn read(tx: &mut Tx, tenant: TenantId, rows: &[BookingRow]) -> Result<Self, StoreError> {
        let owners: HashSet<UserId> = rows.iter().map(|row| row.user_id).collect();
        let owners: Vec<UserId> = owners.into_iter().collect();
        let zones = users::get_many(tx, tenant, &owners).await?;
        let series: Vec<BookingId> = rows
            .iter()
            .filter(|row| !row.text.recurrence.is_empty())
            .map(|row| row.id)
            .collect();
        let changed = bookings::overrides(tx, tenant, &series).await?;
        let parents: HashSet<BookingId> = rows
            .iter()
            .filter_map(|row| row.text.series_id.as_ref()?.parse().ok())
            .collect();
        let parents: Vec<BookingId> = parents.into_iter().collect();
        let parents = bookings::get_many(tx, tenant, &parents).await?;
        Ok(Self {
            zones: zones.into_iter().map(|user| (user.id, user.time_zone)).collect(),
            changed: changed
                .into_iter()
                .filter_map(|row| row.text.series_id.zip(row.text.original_start))
                .collect(),
            cancelled: parents
                .into_iter()
                .filter(|row| row.text.status == Status::Cancelled.as_str())
                .map(|row| row.id.to_string())
                .collect(),
        })
    }

    /// What a row contributes to a range.
    fn occurrences(
        &self,
        mut view: BookingView,
        range: &Range<DateTime<Utc>>,
        status: Status,
    ) -> Vec<(OccurrenceKey, BookingView)> {
        let series = view.row.text.series_id.as_ref();
        if series.is_some_and(|series| self.cancelled.contains(series)) {
            Status::Cancelled.as_str().clone_into(&mut view.row.text.status);
        }
        let (id, zone) = (
            view.row.id,
            self.zones.get(&view.row.user_id).copied().unwrap_or(Tz::UTC),
        );
        let expanded = match view.row.read() {
            Ok(booking) if booking.content.status != status => return Vec::new(),
            Ok(booking) => recurrence::expand(&booking.content.when, range.clone(), zone, usize::MAX)
                .map(|found| (booking.is_series(), found))
                .map_err(|error| error.to_string()),
            Err(problem) => Err(problem.to_string()),
        };
        let (is_series, found) = match expanded {
            Ok(expanded) => expanded,
            Err(problem) => {
                // Written in SQL since its times were derived; the sync sets such a row aside with this reason.
                tracing::warn!(tenant = %view.row.tenant_id, booking = %id, %problem, "a booking cannot be shown in a range");
                return Vec::new();
            }
        };
        let has_no_row = |start: &OriginalStart| !self.changed.contains(&(id.to_string(), start.to_string()));
        found
            .into_iter()
            .filter(|occurrence| !is_series || has_no_row(&occurrence.original_start))
            .map(|occurrence| {
                let key = OccurrenceKey {
                    starts_at: occurrence.span.starts(zone).timestamp_millis(),
                    id,
                    unchanged: is_series.then_some(occurrence.original_start),
                };
                let mut view = view.clone();
                view.unchanged = is_series.then_some(occurrence);
                (key, view)
            })
            .collect()
    }
}
