//! What goes along when the lead of a series moves to another account or calendar: its changed occurrences.
//!
//! An occurrence is carried by whoever carries its series. One that the new calendar shows changed as well is led by that
//! placement from now on; any other is found in the new calendar's series by the next pass there.
use super::leads::pass_on;
use super::{SyncError, context::Context};
use crate::domain::ids::UserId;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, bookings, states};

/// The user who carries a series carries its changed occurrences, too.
pub(super) async fn by(tx: &mut Tx, context: &Context<'_>, series: &Placement, user: UserId) -> Result<(), SyncError> {
    let tenant = context.tenant();
    for row in bookings::overrides(tx, tenant, &[series.booking_id]).await? {
        states::set_carrier(tx, tenant, row.id, user).await?;
    }
    Ok(())
}

/// Passes the lead of every changed occurrence on from one placement of its series to another, in another calendar.
pub(super) async fn along(
    tx: &mut Tx,
    context: &Context<'_>,
    old: &Placement,
    heir: &Placement,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    if (&old.calendar_id, &old.event_id) == (&heir.calendar_id, &heir.event_id) {
        return Ok(());
    }
    for mut occurrence in placements::of_series(tx, tenant, &old.calendar_id, &old.event_id).await? {
        if !occurrence.is_lead {
            continue;
        }
        let booking = occurrence.booking_id;
        let follower = placements::of_booking(tx, tenant, booking)
            .await?
            .into_iter()
            .find(|other| {
                other.calendar_id == heir.calendar_id && other.series_event_id.as_ref() == Some(&heir.event_id)
            });
        if old.state == PlacementState::Gone {
            occurrence.state = PlacementState::Gone;
        }
        match follower {
            Some(follower) => pass_on(tx, context, Some(occurrence), follower).await.map(drop)?,
            None => {
                (occurrence.is_lead, occurrence.waiting, occurrence.answer) = (false, None, None);
                placements::put_over(tx, &mut occurrence).await?;
            }
        }
        // The next pass over the new calendar reads it there and merges it.
        states::disagree(tx, tenant, booking).await?;
    }
    Ok(())
}
