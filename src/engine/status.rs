//! How the sync of each account stands, for operators and tenant admins: numbers and causes, no words of bookings.
use super::{Engine, Refusal};
use crate::domain::ids::{AccountId, CalendarId, TenantId, UserId};
use crate::domain::mail::State;
use crate::store::accounts::{Account, AccountState};
use crate::store::contact_links::{self, LinkWaiting};
use crate::store::mail::{messages, tenants as mail_tenants};
use crate::store::scopes::ScopeStatus;
use crate::store::{
    Tx, accounts, calendars, customer_states, placements, quarantine, questions, scopes, states, tenants,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::HashMap;

/// How long what went wrong with a mail is counted, ms.
const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;
/// Accounts read at a time.
const PAGE: i64 = 200;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountStatus {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Account.
    pub account_id: AccountId,
    /// Whose account it is.
    pub user_id: UserId,
    /// The Google address at the last sign-in.
    pub email: String,
    /// choosing, active, paused, needs_reconnect or disconnected.
    pub state: String,
    /// End of the last good pass of the calendar, or the contacts, furthest behind.
    pub last_good_at: Option<DateTime<Utc>>,
    /// Seconds since then; `None` when there was none or nothing is polled.
    pub lag_seconds: Option<i64>,
    /// Class and cause of what went wrong last, if it still does.
    pub last_error: Option<String>,
    /// When the next calendar, or the contacts, are due; `None` when nothing is polled.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Changes of the app that Google has not yet.
    pub waiting_changes: i64,
    /// Removals that the brake holds.
    pub braked: i64,
    /// Everything else that waits for a person or another calendar.
    pub held: i64,
    /// Customers that are linked with a contact.
    pub linked_contacts: i64,
    /// Items set aside.
    pub quarantined: i64,
    /// Questions nobody has answered.
    pub open_questions: i64,
    /// Mails to customers that need its user.
    pub mail: MailStatus,
    /// Its calendars.
    pub calendars: Vec<CalendarStatus>,
    /// Its contacts; `None` while they never took part.
    pub contacts: Option<ScopeHealth>,
}

/// How mail to customers stands that needs the yes of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailStatus {
    /// `on`, `paused`, or `off`: the tenant has no mail server or no sender, so that nothing is proposed.
    pub state: &'static str,
    /// With `off`: what is missing.
    pub missing: Option<&'static str>,
    /// Mails that wait for the user's yes.
    pub proposed: i64,
    /// Mails that may be sent and were not handed over yet.
    pub queued: i64,
    /// Mails of the last week of which nobody knows whether the server has taken them.
    pub maybe_sent: i64,
    /// Mails of the last week that the server refused for good.
    pub failed: i64,
}

impl MailStatus {
    /// In a few words.
    pub fn words(&self) -> String {
        let mut words = vec![match self.missing {
            Some(missing) => format!("{}: no {missing}", self.state),
            None => self.state.to_owned(),
        }];
        let counts = [
            (self.proposed, "to approve"),
            (self.queued, "queued"),
            (self.maybe_sent, "maybe sent"),
            (self.failed, "failed"),
        ];
        words.extend(
            counts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{n} {what}")),
        );
        words.join(", ")
    }
}

/// One calendar of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalendarStatus {
    /// Google's id.
    pub calendar_id: CalendarId,
    /// Its title.
    pub title: String,
    /// Why its bookings are kept but not followed.
    pub frozen: Option<String>,
    /// How its passes go.
    #[serde(flatten)]
    pub scope: ScopeHealth,
}

/// How the passes of one sync scope go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeHealth {
    /// Whether it is polled.
    pub enabled: bool,
    /// End of the last good pass.
    pub last_good_at: Option<DateTime<Utc>>,
    /// Next try.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: i64,
    /// Class and cause of the last failure.
    pub last_error: Option<String>,
    /// Whether the next pass lists everything.
    pub full: bool,
}

/// Every account of a tenant, or of all tenants; disconnected ones only on request.
pub async fn accounts(
    engine: &Engine,
    tenant: Option<TenantId>,
    with_disconnected: bool,
) -> Result<Vec<AccountStatus>, Refusal> {
    let now = engine.clock.now();
    let mut tx = engine.db.read().await?;
    let tenants: Vec<TenantId> = match tenant {
        None => tenants::list(&mut tx)
            .await?
            .into_iter()
            .map(|tenant| tenant.id)
            .collect(),
        Some(id) => {
            tenants::get(&mut tx, id).await?.ok_or(Refusal::Missing("tenant"))?;
            vec![id]
        }
    };
    let mut found = Vec::new();
    for tenant in tenants {
        let missing = mail_lacks(engine, &mut tx, tenant).await?;
        let mut after = None;
        loop {
            let page = accounts::list(&mut tx, tenant, after, PAGE).await?;
            after = page.last().map(|account| account.id);
            for account in &page {
                if with_disconnected || account.state != AccountState::Disconnected {
                    found.push(of(&mut tx, account, now, missing).await?);
                }
            }
            if (page.len() as i64) < PAGE {
                break;
            }
        }
    }
    Ok(found)
}

/// What a tenant lacks to have mail proposed.
async fn mail_lacks(engine: &Engine, tx: &mut Tx, tenant: TenantId) -> Result<Option<&'static str>, Refusal> {
    let row = tenants::get(tx, tenant).await?.ok_or(Refusal::Missing("tenant"))?;
    let own = mail_tenants::get(tx, tenant).await?;
    if engine.mail.server.is_none() && own.is_none_or(|own| own.smtp_url_sealed.is_none()) {
        return Ok(Some("mail server"));
    }
    let sender = row.settings.effective(&engine.defaults).sender;
    Ok(sender.is_none().then_some("sender"))
}

async fn of(
    tx: &mut Tx,
    account: &Account,
    now: DateTime<Utc>,
    mail_lacks: Option<&'static str>,
) -> Result<AccountStatus, Refusal> {
    let (tenant, id) = (account.tenant_id, account.id);
    let known: HashMap<CalendarId, _> = calendars::of_account(tx, tenant, id)
        .await?
        .into_iter()
        .map(|c| (c.calendar_id.clone(), c))
        .collect();
    let (mut calendars, mut contacts) = (Vec::new(), None);
    for scope in scopes::status(tx, tenant, Some(id)).await? {
        if scope.key.is_contacts() {
            contacts = Some(ScopeHealth::of(scope));
            continue;
        }
        let calendar = known.get(&scope.key.calendar);
        calendars.push(CalendarStatus {
            calendar_id: scope.key.calendar.clone(),
            title: calendar.map(|c| c.title.clone()).unwrap_or_default(),
            frozen: calendar.and_then(|c| c.frozen.clone()),
            scope: ScopeHealth::of(scope),
        });
    }
    let scopes = calendars.iter().map(|calendar| &calendar.scope).chain(&contacts);
    let polled: Vec<&ScopeHealth> = scopes.filter(|scope| scope.enabled).collect();
    let oldest = match polled.iter().any(|scope| scope.last_good_at.is_none()) {
        true => None,
        false => polled.iter().filter_map(|scope| scope.last_good_at).min(),
    };
    let placements = placements::waiting(tx, tenant, id).await?;
    let links = contact_links::waiting(tx, tenant, id).await?;
    let of_events = placements
        .iter()
        .filter(|p| p.waiting.as_ref().is_some_and(|w| w.as_str() == "brake"));
    let of_contacts = links.iter().filter(|link| link.waiting == Some(LinkWaiting::Brake));
    let braked = of_events.count() + of_contacts.count();
    let changes = states::count_pending(tx, tenant, account.user_id).await?;
    let people = match &contacts {
        Some(contacts) if contacts.enabled => customer_states::count_pending(tx, tenant, account.user_id).await?,
        _ => 0,
    };
    let mails = messages::counts(tx, tenant, account.user_id, now.timestamp_millis() - WEEK).await?;
    let count = |state: State| mails.iter().find(|(known, _)| *known == state).map_or(0, |(_, n)| *n);
    let mail = MailStatus {
        state: match (mail_lacks, accounts::is_mail_paused(tx, tenant, account.user_id).await?) {
            (Some(_), _) => "off",
            (None, true) => "paused",
            (None, false) => "on",
        },
        missing: mail_lacks,
        proposed: count(State::Proposed),
        queued: count(State::Queued) + count(State::Sending),
        maybe_sent: count(State::MaybeSent),
        failed: count(State::Failed),
    };
    Ok(AccountStatus {
        tenant_id: tenant,
        account_id: id,
        user_id: account.user_id,
        email: account.email.clone(),
        state: account.state.as_str().to_owned(),
        last_good_at: oldest,
        lag_seconds: oldest.map(|at| (now - at).num_seconds().max(0)),
        last_error: account
            .last_error
            .clone()
            .or_else(|| polled.iter().find_map(|scope| scope.last_error.clone())),
        next_try_at: polled.iter().filter_map(|scope| scope.next_try_at).min(),
        waiting_changes: changes + people,
        braked: braked as i64,
        held: (placements.len() + links.len() - braked) as i64,
        linked_contacts: contact_links::count_live(tx, tenant, id).await?,
        quarantined: quarantine::list(tx, tenant, Some(id)).await?.len() as i64,
        open_questions: questions::count_open(tx, tenant, id).await?,
        mail,
        calendars,
        contacts,
    })
}

impl ScopeHealth {
    fn of(scope: ScopeStatus) -> ScopeHealth {
        let due_at = DateTime::from_timestamp_millis(scope.due_at);
        ScopeHealth {
            enabled: scope.enabled,
            last_good_at: instant(scope.last_good_at),
            next_try_at: due_at.filter(|_| scope.enabled),
            failures: scope.failures,
            last_error: scope.last_error,
            full: scope.full,
        }
    }
}

fn instant(ms: i64) -> Option<DateTime<Utc>> {
    if ms == 0 {
        None
    } else {
        DateTime::from_timestamp_millis(ms)
    }
}
