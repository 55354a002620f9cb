//! The words of an event that turned private go from mail, too: from what waits, and from what is remembered for comparison.
use super::family::Family;
use super::{MailError, compare};
use crate::domain::ids::{BookingId, TenantId};
use crate::domain::mail::Told;
use crate::engine::Engine;
use crate::store::Tx;
use crate::store::mail::{messages, subjects, tenants as mail_tenants};

/// Erases them. What waits for its user or may be sent is proposed again without them.
pub(in crate::engine) async fn erase_words(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
) -> Result<(), MailError> {
    let root = Family::root_of(tx, tenant, row).await?;
    if subjects::of_booking(tx, tenant, root).await?.is_empty() {
        return Ok(());
    }
    mail_tenants::consider_again(tx, tenant, &[root, row]).await?;
    mail_tenants::hold(tx, tenant).await?;
    for mut subject in subjects::of_booking(tx, tenant, root).await? {
        let wordless = |told: Told| Told {
            title: None,
            place: told.place.filter(|_| told.resource_id.is_some()),
            ..told
        };
        let content = wordless(compare::content(engine, tenant, &subject)?);
        let told = compare::told(engine, tenant, &subject)?.map(wordless);
        subject.content_sealed = compare::seal_content(engine, tenant, subject.id, &content);
        subject.told_sealed = compare::seal_told(engine, tenant, subject.id, told.as_ref());
        subjects::put(tx, tenant, &subject).await?;
    }
    Ok(messages::erase_open(tx, tenant, root).await?)
}
