//! One occurrence of a series.
//!
//! An occurrence that is as its series has it has no row. The first change gives it one (an *override*), which inherits
//! everything from the series as it is then. A deleted occurrence is an override that is cancelled, so that neither side
//! shows it again.
use super::bookings::{
    BookingEdit, BookingView, Problems, References, change, found, permit, references, refuse_stale, store_times, view,
};
use super::{Engine, Refusal};
use crate::domain::booking::{Booking, Content, Occurrence, Status};
use crate::domain::ids::{BookingId, TenantId};
use crate::domain::recurrence;
use crate::domain::time::{OriginalStart, When};
use crate::store::bookings::{self, BookingText, NewBooking};
use crate::store::{StoreError, Tx};

/// An occurrence that was asked for.
enum Asked {
    /// It differs from its series.
    Changed(BookingView),
    /// It is as its series has it.
    Unchanged(BookingView, Box<Booking>, recurrence::Occurrence),
}

async fn asked(tx: &mut Tx, tenant: TenantId, series: BookingId, start: OriginalStart) -> Result<Asked, Refusal> {
    if let Some(row) = bookings::occurrence(tx, tenant, series, start).await? {
        return Ok(Asked::Changed(view(tx, row).await?));
    }
    let row = found(tx, tenant, series).await?;
    let booking = row
        .read()
        .map_err(|problem| Refusal::Unreadable("booking", problem.to_string()))?;
    let when = &booking.content.when;
    if !booking.is_series() || !recurrence::contains(when, start) {
        return Err(Refusal::Missing("occurrence"));
    }
    let span = if start == OriginalStart::of(&when.span) {
        Some(when.span)
    } else {
        when.span.shift_to(start)
    };
    let span = span.ok_or(Refusal::Missing("occurrence"))?;
    let mut view = view(tx, row).await?;
    let occurrence = recurrence::Occurrence {
        original_start: start,
        span,
    };
    view.unchanged = Some(occurrence);
    Ok(Asked::Unchanged(view, Box::new(booking), occurrence))
}

impl Engine {
    /// One occurrence, whether it differs from its series or not. Its version is that of its row, and 0 while it has none.
    pub async fn occurrence(
        &self,
        tenant: TenantId,
        series: BookingId,
        start: OriginalStart,
    ) -> Result<BookingView, Refusal> {
        let mut tx = self.db.read().await?;
        match asked(&mut tx, tenant, series, start).await? {
            Asked::Changed(view) | Asked::Unchanged(view, ..) => Ok(view),
        }
    }

    /// Changes one occurrence of a series, whose version is the one that [`Engine::occurrence`] shows.
    pub async fn patch_occurrence(
        &self,
        tenant: TenantId,
        series: BookingId,
        start: OriginalStart,
        version: i64,
        edit: &BookingEdit,
    ) -> Result<BookingView, Refusal> {
        self.change_occurrence(tenant, series, start, version, edit, false)
            .await
    }

    /// Cancels one occurrence of a series.
    pub async fn delete_occurrence(
        &self,
        tenant: TenantId,
        series: BookingId,
        start: OriginalStart,
        version: i64,
    ) -> Result<(), Refusal> {
        self.change_occurrence(tenant, series, start, version, &BookingEdit::default(), true)
            .await
            .map(drop)
    }

    async fn change_occurrence(
        &self,
        tenant: TenantId,
        series: BookingId,
        start: OriginalStart,
        version: i64,
        edit: &BookingEdit,
        hide: bool,
    ) -> Result<BookingView, Refusal> {
        let mut tx = self.db.begin().await?;
        let changed = match asked(&mut tx, tenant, series, start).await? {
            Asked::Changed(view) => {
                refuse_stale(view.version(), version)?;
                change(&mut tx, view.row, edit, hide).await
            }
            Asked::Unchanged(view, booking, occurrence) => {
                refuse_stale(view.version(), version)?;
                self.override_occurrence(&mut tx, view, &booking, occurrence, edit, hide)
                    .await
            }
        };
        let mut changed = match changed {
            // Another request gave this occurrence its row meanwhile, or removed the series.
            Err(Refusal::Store(StoreError::Duplicate(_) | StoreError::ForeignKey(_))) => {
                tx.rollback().await?;
                let current = self.occurrence(tenant, series, start).await?.version();
                return Err(Refusal::Stale { current });
            }
            changed => changed?,
        };
        changed.proposals = self.consider_edited(&mut tx, &changed, edit).await?;
        tx.commit().await?;
        self.nudge(tenant, changed.facts.carrier.unwrap_or(changed.row.user_id))
            .await;
        Ok(changed)
    }

    /// Gives an occurrence a row of its own, unless the edit changes nothing.
    async fn override_occurrence(
        &self,
        tx: &mut Tx,
        unchanged: BookingView,
        series: &Booking,
        recurrence::Occurrence {
            original_start: start,
            span,
        }: recurrence::Occurrence,
        edit: &BookingEdit,
        hide: bool,
    ) -> Result<BookingView, Refusal> {
        let inherited = Content {
            when: When::once(span),
            ..series.content.clone()
        };
        let mut problems = Problems::of(&edit.bad);
        edit.mail_wish(&mut problems);
        let mut content = edit.edited(&inherited, true, &mut problems);
        let old = References {
            resource_id: inherited.resource_id,
            customer_ids: series.customer_ids.clone(),
        };
        let named = references(tx, series.tenant_id, series.user_id, edit, old, &mut problems).await?;
        problems.into_result()?;
        content.resource_id = named.resource_id;
        if hide {
            content.status = Status::Cancelled;
        } else {
            permit(&unchanged.facts, &inherited, &content)?;
        }
        if content == inherited && named.customer_ids == series.customer_ids {
            return Ok(unchanged);
        }
        let occurrence = Occurrence {
            series_id: series.id,
            original_start: start,
        };
        let text = BookingText::of(&content, Some(&occurrence), None, series.origin);
        let id = BookingId(self.fresh_uuid());
        let new = NewBooking {
            tenant_id: series.tenant_id,
            id,
            user_id: series.user_id,
            text: &text,
            customer_ids: &named.customer_ids,
            created_at: self.now_ms(),
        };
        bookings::insert(tx, &new).await?;
        let row = found(tx, series.tenant_id, id).await?;
        store_times(tx, &row).await?;
        view(tx, row).await
    }
}
