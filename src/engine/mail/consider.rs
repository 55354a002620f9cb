//! From what a booking says now to the mails that are due because of it.
use super::MailError;
use super::clerk::Clerk;
use super::desk::Desk;
use super::family::Family;
use crate::domain::ids::{BookingId, MessageId, TenantId};
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::store::bookings::{self, BookingRow};
use crate::store::mail::{messages, tenants as mail_tenants};
use crate::store::{Tx, states};
use std::collections::{BTreeMap, BTreeSet};

/// Rows looked at before another tenant has its turn.
const BATCH: i64 = 50;

/// Whether a change is to be told about; of two, the greater one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Wish {
    /// Whoever made it says no.
    None,
    /// It is only looked at again. What was wished before still is: a proposal that is superseded has a successor.
    Inherit,
    /// It was written, and nobody says so. What waits of it goes on, but an occurrence that was told with its series is not told of.
    Quiet,
    /// Google's side changed it: like `Propose`, for customers whose bookings were looked at before.
    Google,
    /// Whoever made it says so.
    Propose,
}

/// Considers the mail of bookings that were written by a pass or in SQL. Returns whether there may be more.
///
/// Each booking has its own transaction, so that one that fails stops no other.
pub async fn consider_waiting(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let waiting = mail_tenants::unconsidered(&mut tx).await?;
    drop(tx);
    let mut is_more = false;
    for tenant in waiting {
        let mut tx = engine.db.read().await?;
        let rows = mail_tenants::to_consider(&mut tx, tenant, engine.mail.rest, BATCH).await?;
        drop(tx);
        let mut done = 0;
        for row in &rows {
            match Box::pin(consider_one(engine, tenant, row)).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%tenant, booking = %row.id, %error, "the mail of a booking cannot be considered")
                }
            }
        }
        is_more |= done > 0 && rows.len() as i64 == BATCH;
    }
    Ok(is_more)
}

async fn consider_one(engine: &Engine, tenant: TenantId, row: &mail_tenants::Unconsidered) -> Result<bool, MailError> {
    let mut tx = engine.db.begin().await?;
    // Bookings are locked before mail is, as by whoever writes them.
    let found = bookings::get(&mut tx, tenant, row.id).await?;
    if found.as_ref().is_some_and(|found| found.version != row.version) {
        return Ok(false);
    }
    let wish = wish_of(&mut tx, tenant, row, found.as_ref()).await?;
    let is_with_somebody = found.as_ref().is_none_or(|found| !found.customer_ids.is_empty());
    if wish == Wish::Propose && is_with_somebody {
        // For one version. Without customers it is kept: in SQL they come in statements of their own.
        bookings::set_mail_wish(&mut tx, tenant, row.id, "none").await?;
    }
    if !mail_tenants::considered(&mut tx, tenant, row.id, row.version).await? {
        return Ok(false);
    }
    if consider(engine, &mut tx, tenant, row.id, wish).await?.is_some() {
        tx.commit().await?;
        return Ok(true);
    }
    // It stays to be considered, and the wish with it, whatever becomes of the row meanwhile.
    tx.rollback().await?;
    if wish == Wish::Propose {
        let mut tx = engine.db.begin().await?;
        mail_tenants::wish(&mut tx, tenant, &[row.id]).await?;
        tx.commit().await?;
    }
    Ok(false)
}

/// What is wished for a row whose mail was not considered; `found`: the row, unless it is gone.
async fn wish_of(
    tx: &mut Tx,
    tenant: TenantId,
    row: &mail_tenants::Unconsidered,
    found: Option<&BookingRow>,
) -> Result<Wish, MailError> {
    let wish = match found {
        Some(found) => found.text.mail_wish.clone(),
        None => {
            let state = states::get_many(tx, tenant, &[row.id]).await?.pop();
            let deleted = state.and_then(|state| state.deleted);
            deleted.map_or_else(|| "none".to_owned(), |deleted| deleted.text.mail_wish)
        }
    };
    Ok(match wish.as_str() {
        "propose" => Wish::Propose,
        _ if row.by_google => Wish::Google,
        _ if row.is_written => Wish::Quiet,
        _ => Wish::Inherit,
    })
}

/// Considers a row that this transaction wrote for the API. Returns the proposals that were made.
pub(in crate::engine) async fn consider_written(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
    wish: Wish,
) -> Result<Vec<MessageId>, MailError> {
    let wish = match wish {
        Wish::None => not_considered_yet(tx, tenant, row).await?.unwrap_or(wish),
        wish => wish,
    };
    match consider(engine, tx, tenant, row, wish).await? {
        Some(made) => {
            mail_tenants::pass_over(tx, tenant, &[row]).await?;
            bookings::set_mail_wish(tx, tenant, row, "none").await?;
            Ok(made)
        }
        None => {
            if wish == Wish::Propose {
                bookings::set_mail_wish(tx, tenant, row, "propose").await?;
                mail_tenants::wish(tx, tenant, &[row]).await?;
            }
            Ok(Vec::new())
        }
    }
}

/// What was wished for a row before it was written now, and was not considered yet.
async fn not_considered_yet(tx: &mut Tx, tenant: TenantId, row: BookingId) -> Result<Option<Wish>, MailError> {
    let found = bookings::get(tx, tenant, row).await?;
    let pending = mail_tenants::unconsidered_of(tx, tenant, &BTreeSet::from([row])).await?;
    let Some(pending) = pending.first() else {
        return Ok(None);
    };
    let wish = wish_of(tx, tenant, pending, found.as_ref()).await?;
    Ok(Some(wish).filter(|wish| *wish > Wish::Quiet))
}

/// Considers what the recipients of a booking, of its series or of its occurrences are to be told. Returns the proposals that were made;
/// `None`: a mail about it is being handed over just now, and it is considered again after that.
pub(in crate::engine) async fn consider(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
    wish: Wish,
) -> Result<Option<Vec<MessageId>>, MailError> {
    let root = Family::root_of(tx, tenant, row).await?;
    if !Family::has_recipients(tx, tenant, root).await? {
        return Ok(Some(Vec::new()));
    }
    let Some(desk) = Desk::open(engine, tx, tenant).await? else {
        return Ok(Some(Vec::new()));
    };
    let Some(mut family) = Family::rooted(tx, &desk, root).await? else {
        return Ok(Some(Vec::new()));
    };
    if messages::is_sending(tx, tenant, root).await? {
        // Whoever notes its result marks the booking, and this row is not noted as considered.
        return Ok(None);
    }
    let templates = desk.templates(engine);
    let wishes = Wishes::of(tx, &family, row, wish).await?;
    let mut clerk = Clerk::new(engine, &desk, &templates, wishes, &family);
    for (start, recipient) in targets(&family) {
        Box::pin(clerk.look(tx, &mut family, start, &recipient)).await?;
    }
    clerk.end_what_does_not_hold(tx, &family).await?;
    Ok(Some(clerk.made()))
}

/// Whom there may be something to tell, the whole before its occurrences.
fn targets(family: &Family) -> BTreeSet<(Option<OriginalStart>, Vec<u8>)> {
    let rows = family.booking.iter().chain(&family.overrides);
    let named = rows.flat_map(|row| {
        let start = row.occurrence.as_ref().map(|occurrence| occurrence.original_start);
        let recipients = family.recipients(row).into_iter();
        recipients.map(move |recipient| (start, recipient))
    });
    let known = family.subjects.iter();
    let known = known.map(|subject| (subject.original_start, subject.recipient_key.clone()));
    // Somebody with the whole of a series is told of its occurrences, also of those that are without them.
    let with_whole: BTreeSet<Vec<u8>> = family.booking.iter().flat_map(|row| family.recipients(row)).collect();
    let starts = family
        .overrides
        .iter()
        .filter_map(|row| Some(row.occurrence.as_ref()?.original_start));
    let without = starts.flat_map(|start| with_whole.iter().map(move |recipient| (Some(start), recipient.clone())));
    named.chain(known).chain(without).collect()
}

/// What is wished for the rows of a family. One look is for all of them, whichever row led to it.
pub(super) struct Wishes {
    root: BookingId,
    /// Of the row that is considered, and of those that would be soon.
    of_rows: BTreeMap<BookingId, Wish>,
}

impl Wishes {
    async fn of(tx: &mut Tx, family: &Family, row: BookingId, wish: Wish) -> Result<Wishes, MailError> {
        let mut of_rows = BTreeMap::from([(row, wish)]);
        let mut others = family.all_rows();
        others.remove(&row);
        if !others.is_empty() {
            for other in mail_tenants::unconsidered_of(tx, family.tenant, &others).await? {
                let found = bookings::get(tx, family.tenant, other.id).await?;
                of_rows.insert(other.id, wish_of(tx, family.tenant, &other, found.as_ref()).await?);
            }
        }
        Ok(Wishes {
            root: family.root,
            of_rows,
        })
    }

    /// For the whole or one occurrence. What is wished for the series is wished for its occurrences, too, unless somebody says no:
    /// whoever hands a series over or deletes it writes their rows without a word.
    pub(super) fn about(&self, family: &Family, start: Option<OriginalStart>) -> Wish {
        let own = family.rows_about(start);
        let own = own.iter().filter_map(|row| self.of_rows.get(row)).copied().max();
        let of_series = self.of_rows.get(&self.root).copied();
        match (own, of_series) {
            (Some(Wish::None), _) => Wish::None,
            (None | Some(Wish::Inherit | Wish::Quiet), Some(Wish::None)) => Wish::None,
            (own, of_series) => own.max(of_series).unwrap_or(Wish::Inherit),
        }
    }
}
