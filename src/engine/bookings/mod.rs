//! Bookings as the app uses them: create, look, change, delete.
//!
//! Every change is one transaction, guarded by the version that the caller saw, and leaves nothing behind when it is refused.
//! What Google's side then needs is found by the sync from the versions; here it is only woken.
mod edit;
mod facts;
mod list;

pub use edit::{BookingEdit, MailWish};
pub use facts::Facts;
pub use list::{MAX_RANGE_DAYS, OccurrenceKey};

pub(super) use edit::Problems;

use super::mail::{self, Wish};
use super::once::{self, Answer, Attempt, Once};
use super::{Engine, Refusal, times};
use crate::domain::booking::{Booking, Content, Side, Status};
use crate::domain::event::Words;
use crate::domain::ids::{BookingId, CustomerId, MessageId, ResourceId, TenantId, UserId};
use crate::domain::recurrence;
use crate::store::bookings::{self, BookingRow, BookingText, NewBooking};
use crate::store::{Tx, resources, users};
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// Most customers of one booking. Ours.
pub const MAX_CUSTOMERS: usize = 200;

/// A booking as it is shown.
#[derive(Debug, Clone)]
pub struct BookingView {
    /// The row; of an unchanged occurrence, the row of its series.
    pub row: BookingRow,
    /// What Google's side says.
    pub facts: Facts,
    /// Set for an unchanged occurrence of a series, which has no row.
    pub unchanged: Option<recurrence::Occurrence>,
    /// The mails that were proposed by the change that this is the answer to.
    pub proposals: Vec<MessageId>,
}

impl BookingView {
    /// The version that a change must name. An unchanged occurrence has version 0: it has no row that could count, and the
    /// version of its series would look like that of the row that a first change makes.
    pub fn version(&self) -> i64 {
        if self.unchanged.is_some() { 0 } else { self.row.version }
    }

    /// The user whose sync a change concerns.
    fn carrier(&self) -> UserId {
        self.facts.carrier.unwrap_or(self.row.user_id)
    }
}

/// One booking of a tenant.
pub(super) async fn found(tx: &mut Tx, tenant: TenantId, id: BookingId) -> Result<BookingRow, Refusal> {
    let row = bookings::get(tx, tenant, id).await?;
    row.ok_or(Refusal::Missing("booking"))
}

/// A row with the facts of its own placement, or of its series' while it has none.
pub(super) async fn view(tx: &mut Tx, row: BookingRow) -> Result<BookingView, Refusal> {
    let mut views = views(tx, row.tenant_id, vec![row]).await?;
    views.pop().ok_or(Refusal::Missing("booking"))
}

pub(super) async fn views(tx: &mut Tx, tenant: TenantId, rows: Vec<BookingRow>) -> Result<Vec<BookingView>, Refusal> {
    let series = |row: &BookingRow| row.text.series_id.as_ref().and_then(|id| id.parse().ok());
    let ids: BTreeSet<BookingId> = rows
        .iter()
        .map(|row| row.id)
        .chain(rows.iter().filter_map(series))
        .collect();
    let facts = facts::of(tx, tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    let views = rows.into_iter().map(|row| {
        let own = facts.get(&row.id);
        let found = own.or_else(|| series(&row).and_then(|id| facts.get(&id)));
        BookingView {
            facts: found.cloned().unwrap_or(Facts::UNPLACED),
            row,
            unchanged: None,
            proposals: Vec::new(),
        }
    });
    Ok(views.collect())
}

/// What an edit names outside the booking, looked up.
pub(super) struct References {
    pub(super) resource_id: Option<ResourceId>,
    pub(super) customer_ids: Vec<CustomerId>,
}

/// Looks up resource and customers; what was not sent stays as it was.
pub(super) async fn references(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    edit: &BookingEdit,
    old: References,
    problems: &mut Problems,
) -> Result<References, Refusal> {
    let resource_id = match &edit.resource_id {
        None => old.resource_id,
        Some(None) => None,
        Some(Some(text)) => match text.parse::<ResourceId>() {
            Ok(id) if Some(id) == old.resource_id => Some(id),
            Ok(id) if resources::get(tx, tenant, id).await?.is_some() => Some(id),
            Ok(_) => {
                problems.field("resource_id", "names no resource of this tenant");
                None
            }
            Err(error) => {
                problems.field("resource_id", error.to_string());
                None
            }
        },
    };
    let Some(texts) = &edit.customer_ids else {
        return Ok(References { resource_id, ..old });
    };
    let mut wanted = BTreeSet::new();
    for text in texts {
        match text.parse::<CustomerId>() {
            Ok(id) => drop(wanted.insert(id)),
            Err(error) => problems.field("customer_ids", format!("contains a text that {error}")),
        }
    }
    if wanted.len() > MAX_CUSTOMERS {
        problems.field("customer_ids", format!("must name at most {MAX_CUSTOMERS} customers"));
    }
    let customer_ids: Vec<CustomerId> = wanted.into_iter().collect();
    let known = users::customers_among(tx, tenant, user, &customer_ids).await?;
    let unknown: Vec<String> = customer_ids
        .iter()
        .filter(|id| !known.contains(id))
        .map(ToString::to_string)
        .collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        problems.field(
            "customer_ids",
            format!("names no customer of the booking's user: {unknown}"),
        );
    }
    Ok(References {
        resource_id,
        customer_ids,
    })
}

/// Refuses what Google's side does not let the app change.
pub(super) fn permit(facts: &Facts, old: &Content, new: &Content) -> Result<(), Refusal> {
    if old == new {
        return Ok(());
    }
    if !facts.writable {
        return Err(Refusal::ReadOnly);
    }
    if facts.words == Words::Withheld {
        if old.title != new.title {
            return Err(Refusal::WordsWithheld("title"));
        }
        if old.description != new.description {
            return Err(Refusal::WordsWithheld("description"));
        }
    }
    Ok(())
}

/// Changes a row that has the version the caller saw. `hide` is a deletion by the app, which needs no right on the event.
pub(super) async fn change(
    tx: &mut Tx,
    row: BookingRow,
    edit: &BookingEdit,
    hide: bool,
) -> Result<BookingView, Refusal> {
    let booking = row
        .read()
        .map_err(|problem| Refusal::Unreadable("booking", problem.to_string()))?;
    let before = view(tx, row).await?;
    let mut problems = Problems::of(&edit.bad);
    edit.mail_wish(&mut problems);
    let mut content = edit.edited(&booking.content, booking.occurrence.is_some(), &mut problems);
    let old = References {
        resource_id: booking.content.resource_id,
        customer_ids: booking.customer_ids.clone(),
    };
    let to = heir(tx, &booking, edit, &mut problems).await?;
    let user = to.unwrap_or(booking.user_id);
    let new = references(tx, booking.tenant_id, user, edit, old, &mut problems).await?;
    problems.into_result()?;
    if to.is_some() && !before.facts.writable {
        return Err(Refusal::ReadOnly);
    }
    content.resource_id = new.resource_id;
    if hide {
        content.status = Status::Cancelled;
    } else {
        permit(&before.facts, &booking.content, &content)?;
    }
    if content == booking.content && new.customer_ids == booking.customer_ids && to.is_none() {
        return Ok(before);
    }
    let (tenant, id) = (booking.tenant_id, booking.id);
    if !bookings::update(tx, tenant, id, booking.version, &content).await? {
        let current = found(tx, tenant, id).await?.version;
        return Err(Refusal::Stale { current });
    }
    match to {
        Some(to) => bookings::hand_over(tx, tenant, id, to, &new.customer_ids).await?,
        None => bookings::set_customers(tx, tenant, booking.user_id, id, &new.customer_ids).await?,
    }
    let row = found(tx, tenant, id).await?;
    store_times(tx, &row).await?;
    view(tx, row).await
}

/// To whom an edit hands a booking over, if it does.
async fn heir(
    tx: &mut Tx,
    booking: &Booking,
    edit: &BookingEdit,
    problems: &mut Problems,
) -> Result<Option<UserId>, Refusal> {
    if edit.user_id.is_none() {
        return Ok(None);
    }
    let tenant = booking.tenant_id;
    let to = owner(tx, tenant, edit.user_id.as_deref(), problems).await?;
    let Some(to) = to.filter(|to| *to != booking.user_id) else {
        return Ok(None);
    };
    if booking.occurrence.is_some() {
        problems.field(
            "user_id",
            "cannot change here: hand the series over, its occurrences go along",
        );
        return Ok(None);
    }
    if edit.customer_ids.is_none() {
        let mut is_with_somebody = !booking.customer_ids.is_empty();
        for row in bookings::overrides(tx, tenant, &[booking.id]).await? {
            is_with_somebody |= !row.customer_ids.is_empty();
        }
        if is_with_somebody {
            let problem = "must name customers of the new user (or none): those of the old one do not go along";
            problems.field("customer_ids", problem);
        }
    }
    Ok(Some(to))
}

/// Stores the derived instants of a row that was just written.
pub(super) async fn store_times(tx: &mut Tx, row: &BookingRow) -> Result<(), Refusal> {
    let booking = row.read().map_err(|problem| Refusal::Internal(problem.to_string()))?;
    let user = users::get(tx, booking.tenant_id, booking.user_id).await?;
    let zone = user.map_or(Tz::UTC, |user| user.time_zone);
    Ok(times::store(tx, booking.tenant_id, booking.id, &booking.content, zone).await?)
}

impl Engine {
    /// Makes a booking; `render` makes the answer that a repetition with the same key gets again.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every problem of every field.
    pub async fn create_booking(
        &self,
        tenant: TenantId,
        user: Option<&str>,
        edit: &BookingEdit,
        once: Option<&Once>,
        render: impl FnOnce(&BookingView) -> Answer + Send,
    ) -> Result<Answer, Refusal> {
        let mut tx = match once::begin(self, tenant, once).await? {
            Attempt::First(tx) => tx,
            Attempt::Repeated(answer) => return Ok(answer),
        };
        let mut problems = Problems::of(&edit.bad);
        let owner = owner(&mut tx, tenant, user, &mut problems).await?;
        let wish = edit.mail_wish(&mut problems);
        let mut content = edit.new_content(&mut problems);
        // Without an owner no customer can be right; the nil user has none.
        let user_id = owner.unwrap_or(UserId(uuid::Uuid::nil()));
        let none = References {
            resource_id: None,
            customer_ids: Vec::new(),
        };
        let named = references(&mut tx, tenant, user_id, edit, none, &mut problems).await?;
        problems.into_result()?;
        content.resource_id = named.resource_id;
        let id = BookingId(self.fresh_uuid());
        let text = BookingText::of(&content, None, None, Side::App);
        let new = NewBooking {
            tenant_id: tenant,
            id,
            user_id,
            text: &text,
            customer_ids: &named.customer_ids,
            created_at: self.now_ms(),
        };
        bookings::insert(&mut tx, &new).await?;
        let row = found(&mut tx, tenant, id).await?;
        store_times(&mut tx, &row).await?;
        let mut view = view(&mut tx, row).await?;
        view.proposals = Box::pin(mail::consider_written(self, &mut tx, tenant, id, wish.into())).await?;
        let answer = render(&view);
        once::finish(self, tx, tenant, once, &answer).await?;
        self.nudge(tenant, user_id).await;
        Ok(answer)
    }

    /// One booking: a single one, a series, or an occurrence that differs from its series.
    pub async fn booking(&self, tenant: TenantId, id: BookingId) -> Result<BookingView, Refusal> {
        let mut tx = self.db.read().await?;
        let row = found(&mut tx, tenant, id).await?;
        view(&mut tx, row).await
    }

    /// Changes a booking that still has `version`. An edit that changes nothing makes no version.
    pub async fn patch_booking(
        &self,
        tenant: TenantId,
        id: BookingId,
        version: i64,
        edit: &BookingEdit,
    ) -> Result<BookingView, Refusal> {
        let mut tx = self.db.begin().await?;
        let row = found(&mut tx, tenant, id).await?;
        refuse_stale(row.version, version)?;
        let mut changed = change(&mut tx, row, edit, false).await?;
        changed.proposals = self.consider_edited(&mut tx, &changed, edit).await?;
        tx.commit().await?;
        self.nudge(tenant, changed.carrier()).await;
        Ok(changed)
    }

    /// Deletes a booking that still has `version`; a series goes with its changed occurrences. An occurrence that differs from
    /// its series is cancelled instead: without its row the series would show it again.
    pub async fn delete_booking(&self, tenant: TenantId, id: BookingId, version: i64) -> Result<(), Refusal> {
        let mut tx = self.db.begin().await?;
        let row = found(&mut tx, tenant, id).await?;
        refuse_stale(row.version, version)?;
        let carrier = view(&mut tx, row.clone()).await?.carrier();
        if row.text.series_id.is_some() {
            let edit = BookingEdit::default();
            let changed = change(&mut tx, row, &edit, true).await?;
            self.consider_edited(&mut tx, &changed, &edit).await?;
        } else {
            // Kept with what was deleted, should its mail be considered later.
            bookings::set_mail_wish(&mut tx, tenant, id, "propose").await?;
            for changed in bookings::overrides(&mut tx, tenant, &[id]).await? {
                bookings::clear_times(&mut tx, tenant, changed.id).await?;
            }
            if !bookings::delete(&mut tx, tenant, id, version).await? {
                let current = found(&mut tx, tenant, id).await?.version;
                return Err(Refusal::Stale { current });
            }
            Box::pin(mail::consider_written(self, &mut tx, tenant, id, Wish::Propose)).await?;
        }
        tx.commit().await?;
        self.nudge(tenant, carrier).await;
        Ok(())
    }

    /// Proposes the mails that are due after an edit of a row, in its transaction.
    pub(super) async fn consider_edited(
        &self,
        tx: &mut Tx,
        changed: &BookingView,
        edit: &BookingEdit,
    ) -> Result<Vec<MessageId>, Refusal> {
        if changed.unchanged.is_some() {
            return Ok(Vec::new());
        }
        let wish = edit.mail_wish(&mut Problems::of(&edit.bad)).into();
        let row = &changed.row;
        Ok(Box::pin(mail::consider_written(self, tx, row.tenant_id, row.id, wish)).await?)
    }
}

pub(super) fn refuse_stale(current: i64, seen: i64) -> Result<(), Refusal> {
    if current == seen {
        Ok(())
    } else {
        Err(Refusal::Stale { current })
    }
}

/// The user that a new item is to belong to.
pub(super) async fn owner(
    tx: &mut Tx,
    tenant: TenantId,
    user: Option<&str>,
    problems: &mut Problems,
) -> Result<Option<UserId>, Refusal> {
    match user.map(str::parse::<UserId>) {
        None => problems.field("user_id", "is required"),
        Some(Err(error)) => problems.field("user_id", error.to_string()),
        Some(Ok(id)) => match users::get(tx, tenant, id).await? {
            Some(user) => return Ok(Some(user.id)),
            None => problems.field("user_id", "names no user of this tenant"),
        },
    }
    Ok(None)
}
