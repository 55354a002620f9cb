//! Resources. Their names are unique within a tenant the way people read them, because a location in Google selects by name.
use super::once::{self, Answer, Attempt, Once};
use super::tenants::checked_name;
use super::{Engine, Refusal};
use crate::domain::ids::{ResourceId, TenantId};
use crate::store::resources::{self, Resource};
use crate::store::{StoreError, Tx, tenants};
use unicode_normalization::UnicodeNormalization;

/// The form in which two names are the same name: trimmed, composed (NFC), without case.
pub fn folded_name(name: &str) -> String {
    // Lower case of the upper case joins pairs that lower case alone keeps apart, such as ß and SS.
    name.trim()
        .nfc()
        .collect::<String>()
        .to_uppercase()
        .to_lowercase()
        .nfc()
        .collect()
}

async fn refuse_taken_name(tx: &mut Tx, tenant: TenantId, id: ResourceId, name: &str) -> Result<(), Refusal> {
    // Names that differ only in case are told apart by no constraint, so writers of names wait for each other.
    tenants::lock(tx, tenant).await?;
    let folded = folded_name(name);
    let names = resources::names(tx, tenant).await?;
    match names
        .iter()
        .find(|(other, known)| *other != id && folded_name(known) == folded)
    {
        Some((other, _)) => Err(taken(&other.to_string())),
        None => Ok(()),
    }
}

fn taken(by: &str) -> Refusal {
    Refusal::NameTaken(format!(
        "name is that of resource {by} already; letter case and spaces at the ends do not count"
    ))
}

fn or_taken(error: StoreError) -> Refusal {
    match error {
        StoreError::Duplicate(_) => taken("of another row"),
        error => error.into(),
    }
}

async fn found(tx: &mut Tx, tenant: TenantId, id: ResourceId) -> Result<Resource, Refusal> {
    let found = resources::get(tx, tenant, id).await?;
    found.ok_or(Refusal::Missing("resource"))
}

impl Engine {
    /// Makes a resource; `render` makes the answer that a repetition with the same key gets again.
    pub async fn create_resource(
        &self,
        tenant: TenantId,
        name: &str,
        once: Option<&Once>,
        render: impl FnOnce(&Resource) -> Answer + Send,
    ) -> Result<Answer, Refusal> {
        let mut tx = match once::begin(self, tenant, once).await? {
            Attempt::First(tx) => tx,
            Attempt::Repeated(answer) => return Ok(answer),
        };
        let name = checked_name("name", name).map_err(|bad| Refusal::Invalid(vec![bad]))?;
        let id = ResourceId(self.fresh_uuid());
        refuse_taken_name(&mut tx, tenant, id, &name).await?;
        resources::insert(&mut tx, tenant, id, &name, self.now_ms())
            .await
            .map_err(or_taken)?;
        let answer = render(&found(&mut tx, tenant, id).await?);
        once::finish(self, tx, tenant, once, &answer).await?;
        Ok(answer)
    }

    /// One resource.
    pub async fn resource(&self, tenant: TenantId, id: ResourceId) -> Result<Resource, Refusal> {
        let mut tx = self.db.read().await?;
        found(&mut tx, tenant, id).await
    }

    /// Resources in id order, after a given id.
    pub async fn resources(
        &self,
        tenant: TenantId,
        after: Option<ResourceId>,
        limit: i64,
    ) -> Result<Vec<Resource>, Refusal> {
        let mut tx = self.db.read().await?;
        Ok(resources::list_after(&mut tx, tenant, after, limit).await?)
    }

    /// Renames a resource. Nothing is written to Google by it.
    pub async fn rename_resource(
        &self,
        tenant: TenantId,
        id: ResourceId,
        version: i64,
        name: Option<&str>,
    ) -> Result<Resource, Refusal> {
        let mut tx = self.db.begin().await?;
        let current = found(&mut tx, tenant, id).await?;
        if current.version != version {
            return Err(Refusal::Stale {
                current: current.version,
            });
        }
        let Some(name) = name else { return Ok(current) };
        let name = checked_name("name", name).map_err(|bad| Refusal::Invalid(vec![bad]))?;
        refuse_taken_name(&mut tx, tenant, id, &name).await?;
        if !resources::rename(&mut tx, tenant, id, version, &name)
            .await
            .map_err(or_taken)?
        {
            let current = found(&mut tx, tenant, id).await?.version;
            return Err(Refusal::Stale { current });
        }
        let renamed = found(&mut tx, tenant, id).await?;
        tx.commit().await?;
        Ok(renamed)
    }

    /// Deletes a resource that no booking names.
    pub async fn delete_resource(&self, tenant: TenantId, id: ResourceId, version: i64) -> Result<(), Refusal> {
        let mut tx = self.db.begin().await?;
        found(&mut tx, tenant, id).await?;
        match resources::delete(&mut tx, tenant, id, version).await {
            Ok(true) => Ok(tx.commit().await?),
            Ok(false) => {
                let current = found(&mut tx, tenant, id).await?.version;
                Err(Refusal::Stale { current })
            }
            Err(StoreError::ForeignKey(_)) => Err(Refusal::InUse(
                "bookings still name this resource; assign them another one, or none, first",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::folded_name;

    #[test]
    fn names_are_the_same_without_case_composition_and_outer_spaces() {
        assert_eq!(folded_name(" Cafe\u{301} STRASSE "), folded_name("CAFÉ straße"));
        assert_ne!(folded_name("Room 1"), folded_name("Room 2"));
    }
}
