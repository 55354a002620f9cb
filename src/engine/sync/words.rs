//! Words of events from Google that turned private: they are erased wherever they are kept.
use super::settle::{Known, Seen, reread};
use super::{PassReport, SyncError, context::Context};
use crate::domain::booking::{Content, Side};
use crate::domain::event::{EventState, Words};
use crate::domain::ids::BookingId;
use crate::engine::mail;
use crate::store::placements::{self, Placement};
use crate::store::states::{self, BookingState};
use crate::store::{Tx, bookings, conflicts, questions};

/// Whether the words of an event from Google have just been withheld.
pub(super) fn turn_private(placement: &Placement, seen: Seen<'_>, origin: Side) -> bool {
    let Seen::Event(event) = seen else { return false };
    let withheld_now = placement.words == Words::Shared && event.words == Words::Withheld;
    withheld_now && event.state != EventState::Cancelled && origin == Side::Google
}

/// The words of an event from Google that turned private are erased wherever they are kept, whatever else becomes of its
/// booking. Returns `false`, and has erased nothing, if the row has moved on.
pub(super) async fn erase(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &mut Known,
    report: &mut PassReport,
) -> Result<bool, SyncError> {
    let Ok(content) = known.content() else {
        // A row that cannot be read cannot be written either; it is looked at again when it is mended.
        return Ok(true);
    };
    let (tenant, id) = (context.tenant(), known.booking_id());
    let clear = |content: &mut Content| {
        content.title.clear();
        content.description.clear();
        content.location.clear();
    };
    if let (Some(row), Some(mut content)) = (&known.row, content) {
        let was_pending = known.state.as_ref().is_some_and(BookingState::is_pending);
        clear(&mut content);
        if !bookings::update(tx, tenant, id, row.version, &content).await? {
            return Ok(false);
        }
        if !was_pending {
            states::agree_as_they_stand(tx, tenant, &[id]).await?;
        }
        reread(tx, context, known, &content).await?;
        report.bookings_updated += 1;
        report.step("erase the words", Some(id), Some(&known.placement.event_id));
    }
    if let Some(deleted) = known.state.as_mut().and_then(|state| state.deleted.as_mut()) {
        states::erase_deleted_words(tx, tenant, id).await?;
        let text = &mut deleted.text;
        (text.title, text.description, text.location) = Default::default();
    }
    known.placement.words = Words::Withheld;
    if let Some(base) = &mut known.placement.base_local {
        clear(base);
    }
    if let Some(base) = &mut known.placement.base_remote {
        base.content.title.clear();
        base.content.description.clear();
        base.content.location.clear();
        base.sent = None;
    }
    placements::put(tx, &known.placement).await?;
    erase_records(tx, context, id).await?;
    mail::erase_words(context.engine, tx, tenant, id).await?;
    if let (Some(uid), None) = (&known.placement.ical_uid, known.placement.original_start) {
        // Occurrences that the series has lost are shown by no event any more; those that have a row are met by themselves.
        let mut lost = placements::identified(tx, tenant, uid).await?;
        let present = bookings::get_many(tx, tenant, &lost).await?;
        lost.retain(|lost| *lost != id && present.iter().all(|row| row.id != *lost));
        for lost in lost {
            erase_records(tx, context, lost).await?;
        }
    }
    Ok(true)
}

/// What conflict records and questions tell about a booking.
async fn erase_records(tx: &mut Tx, context: &Context<'_>, id: BookingId) -> Result<(), SyncError> {
    let (engine, tenant, subject) = (context.engine, context.tenant(), id.to_string());
    let nothing = engine.seal("conflicts", "values_sealed", tenant, &subject, b"{}");
    conflicts::erase_values(tx, tenant, id, &nothing).await?;
    for question in questions::about(tx, tenant, &context.key().calendar, &subject).await? {
        let nothing = engine.seal("questions", "detail_sealed", tenant, &question.to_string(), b"{}");
        questions::set_detail(tx, tenant, question, nothing).await?;
    }
    Ok(())
}
