//! The users of a tenant, and waking their sync.
use super::once::{self, Answer, Attempt, Once};
use super::tenants::checked_name;
use super::{BadField, Engine, Refusal};
use crate::domain::ids::{TenantId, UserId};
use crate::domain::settings::is_address;
use crate::domain::time::parse_zone;
use crate::store::users::{self, User};
use crate::store::{StoreError, accounts, scopes, tenants};
use chrono_tz::Tz;

/// What a user is made of.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// What the app calls them.
    pub name: String,
    /// As the app knows them.
    pub email: String,
    /// IANA name; the tenant's when not given.
    pub time_zone: Option<String>,
    /// What is known to be wrong with the request already; it is refused together with what is found here.
    pub bad: Vec<BadField>,
}

impl NewUser {
    fn problems(&self) -> Vec<BadField> {
        let mut bad = self.bad.clone();
        let mut add = |found: BadField| {
            if !bad.iter().any(|known| known.field == found.field) {
                bad.push(found);
            }
        };
        if let Err(problem) = checked_name("name", &self.name) {
            add(problem);
        }
        if !is_address(&self.email) {
            add(BadField::new("email", "must be an email address"));
        }
        if let Some(Err(unknown)) = self.time_zone.as_deref().map(parse_zone) {
            add(BadField::new("time_zone", format!("is refused: {unknown}")));
        }
        bad
    }
}

impl Engine {
    /// Makes a user; `render` makes the answer that a repetition with the same key gets again.
    pub async fn create_user(
        &self,
        tenant: TenantId,
        new: &NewUser,
        once: Option<&Once>,
        render: impl FnOnce(&User) -> Answer + Send,
    ) -> Result<Answer, Refusal> {
        let mut tx = match once::begin(self, tenant, once).await? {
            Attempt::First(tx) => tx,
            Attempt::Repeated(answer) => return Ok(answer),
        };
        let bad = new.problems();
        if !bad.is_empty() {
            return Err(Refusal::Invalid(bad));
        }
        let settings = tenants::get(&mut tx, tenant)
            .await?
            .ok_or(Refusal::Missing("tenant"))?
            .settings;
        let zone = new.time_zone.clone().or(settings.time_zone);
        let time_zone = match zone {
            Some(name) => parse_zone(&name).map_err(|unknown| StoreError::Corrupt {
                column: "settings",
                problem: unknown.to_string(),
            })?,
            None => Tz::UTC,
        };
        let now = self.now_ms();
        let user = User {
            tenant_id: tenant,
            id: UserId(self.fresh_uuid()),
            name: new.name.trim().to_owned(),
            email: new.email.clone(),
            time_zone,
            created_at: now,
            updated_at: now,
        };
        users::insert(&mut tx, &user).await?;
        let answer = render(&user);
        once::finish(self, tx, tenant, once, &answer).await?;
        Ok(answer)
    }

    /// One user.
    pub async fn user(&self, tenant: TenantId, id: UserId) -> Result<User, Refusal> {
        let mut tx = self.db.read().await?;
        users::get(&mut tx, tenant, id).await?.ok_or(Refusal::Missing("user"))
    }

    /// Users in id order, after a given id.
    pub async fn users(&self, tenant: TenantId, after: Option<UserId>, limit: i64) -> Result<Vec<User>, Refusal> {
        let mut tx = self.db.read().await?;
        Ok(users::list_after(&mut tx, tenant, after, limit).await?)
    }

    /// Makes the sync scopes of a user's account due now, so that a change leaves within seconds.
    ///
    /// It comes after the commit and is only a hint: the next scheduled pass finds the change anyway. So a failure is logged
    /// and not told to the caller, whose change is stored.
    pub async fn nudge(&self, tenant: TenantId, user: UserId) {
        let nudged = async {
            let mut tx = self.db.begin().await?;
            if let Some(account) = accounts::live_of_user(&mut tx, tenant, user).await? {
                scopes::make_due(&mut tx, tenant, account.id).await?;
            }
            tx.commit().await?;
            self.wake.notify_one();
            Ok::<(), StoreError>(())
        };
        if let Err(error) = nudged.await {
            tracing::warn!(%tenant, %error, "a change was stored, but its sync was not made due; the schedule will find it");
        }
    }
}
