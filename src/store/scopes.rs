//! Sync scopes: who is due, who holds one, and with which fence.
//!
//! A claim ends by itself: its lease runs out by the database's clock. Every claim raises the fence, and every write of a
//! pass first checks it ([`hold`]), so that a worker that was asleep for too long writes nothing.
use super::contact_matches::is_stale;
use super::customer_states::pending_customers;
use super::states::pending_rows;
use super::{Row, StoreError, Tx, accounts};
use crate::args;
use crate::domain::access::{AccessRole, ContactsChoice};
use crate::domain::ids::{AccountId, BookingId, CalendarId, TenantId, UserId};
use serde::Serialize;

/// Names a sync scope: a calendar of an account, or its contacts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopeKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Account.
    pub account: AccountId,
    /// Calendar; empty for the contacts.
    pub calendar: CalendarId,
}

impl ScopeKey {
    /// The contacts of an account.
    pub fn contacts(tenant: TenantId, account: AccountId) -> ScopeKey {
        ScopeKey {
            tenant,
            account,
            calendar: CalendarId(String::new()),
        }
    }

    /// Whether this is the contacts of an account.
    pub fn is_contacts(&self) -> bool {
        ScopeKind::of(&self.calendar) == ScopeKind::Contacts
    }

    /// The scope in words: its calendar's id, or `contacts`.
    pub fn words(&self) -> &str {
        match ScopeKind::of(&self.calendar) {
            ScopeKind::Calendar => &self.calendar.0,
            ScopeKind::Contacts => ScopeKind::Contacts.as_str(),
        }
    }
}

/// What a scope is a stream of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// The events of one calendar.
    Calendar,
    /// The contacts of an account.
    Contacts,
}

impl ScopeKind {
    /// Of a row, by the calendar that it names.
    pub fn of(calendar: &CalendarId) -> ScopeKind {
        if calendar.0.is_empty() {
            ScopeKind::Contacts
        } else {
            ScopeKind::Calendar
        }
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Calendar => "calendar",
            ScopeKind::Contacts => "contacts",
        }
    }
}

/// A claimed scope.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which scope.
    pub key: ScopeKey,
    /// Grows with every claim.
    pub fence: i64,
    /// `None`: list everything.
    pub sync_token: Option<String>,
    /// Of the parameters that the token was made with.
    pub fingerprint: String,
    /// Failures in a row before this pass.
    pub failures: i64,
}

/// What is shown about a scope.
#[derive(Debug, Clone)]
pub struct ScopeStatus {
    /// Which scope.
    pub key: ScopeKey,
    /// Whether it takes part.
    pub enabled: bool,
    /// Next try (ms).
    pub due_at: i64,
    /// Failures in a row.
    pub failures: i64,
    /// Class and cause of the last failure.
    pub last_error: Option<String>,
    /// Start of the last pass (ms), 0 if none.
    pub last_started_at: i64,
    /// End of the last good pass (ms), 0 if none.
    pub last_good_at: i64,
    /// Whether the next pass lists everything.
    pub full: bool,
}

/// Makes sure that the scope exists, takes part and is due.
pub async fn ensure_scope(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sync_scopes (tenant_id, account_id, calendar_id) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, account_id, calendar_id) DO UPDATE SET enabled = 1, due_at = 0, failures = 0, last_error = NULL";
    tx.execute(SQL, args![tenant, account, calendar]).await.map(drop)
}

/// Lets all scopes of an account take part, or none. Raising the fence stops a pass that is under way.
pub async fn enable_scopes(tx: &mut Tx, tenant: TenantId, account: AccountId, enabled: bool) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET enabled = $3, due_at = 0, failures = 0, fence = fence + 1, lease_until = 0 \
         WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account, enabled]).await.map(drop)
}

/// Takes one scope out, for instance because its calendar is no longer chosen. Its token is kept.
pub async fn disable_scope(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET enabled = 0, fence = fence + 1, lease_until = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![tenant, account, calendar]).await.map(drop)
}

/// Makes all scopes of an account due now.
pub async fn make_due(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET due_at = 0 WHERE tenant_id = $1 AND account_id = $2 AND due_at > 0";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// Makes the calendars of an account due now, or its contacts.
pub async fn make_due_for(tx: &mut Tx, tenant: TenantId, account: AccountId, contacts: bool) -> Result<(), StoreError> {
    const CALENDARS: &str = "UPDATE sync_scopes SET due_at = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND due_at > 0 AND calendar_id <> ''";
    const CONTACTS: &str = "UPDATE sync_scopes SET due_at = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND due_at > 0 AND calendar_id = ''";
    let sql = if contacts { CONTACTS } else { CALENDARS };
    tx.execute(sql, args![tenant, account]).await.map(drop)
}

/// Forgets the sync token, so that the next pass lists everything and compares it with the links. A pass that is under way
/// loses the scope: it would store the token that it has got.
pub async fn forget_token(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: Option<&CalendarId>,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = NULL, due_at = 0, fence = fence + 1, lease_until = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND ($3 IS NULL OR calendar_id = $3)";
    tx.execute(SQL, args![tenant, account, calendar]).await
}

/// Makes the other accounts that read this calendar list everything, so that they take over what they may write and this one
/// may not write any more.
pub async fn list_again_elsewhere(tx: &mut Tx, key: &ScopeKey) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = NULL, due_at = 0, fence = fence + 1, lease_until = 0 \
         WHERE tenant_id = $1 AND calendar_id = $3 AND account_id <> $2 AND enabled = 1";
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar])
        .await
        .map(drop)
}

/// The next listing of this scope is a full one. A pass that runs goes on.
pub async fn list_again(tx: &mut Tx, key: &ScopeKey) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = NULL \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar])
        .await
        .map(drop)
}

/// Claims up to `limit` due scopes of all tenants. A claimed scope's `due_at` is not 0, so that [`finish`] sees whether
/// somebody made it due again meanwhile.
///
/// `now` (ms) says what is due; the lease runs by the database's clock.
pub async fn claim_due(tx: &mut Tx, now: i64, limit: i64, lease_ms: i64) -> Result<Vec<Claim>, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET fence = fence + 1, lease_until = NOW_MS() + $3, last_started_at = $1, due_at = $1 \
         WHERE (tenant_id, account_id, calendar_id) IN ( \
             SELECT tenant_id, account_id, calendar_id FROM sync_scopes \
             WHERE enabled = 1 AND due_at <= $1 AND lease_until < NOW_MS() ORDER BY due_at LIMIT $2 SKIP_LOCKED) \
         RETURNING tenant_id, account_id, calendar_id, fence, sync_token, fingerprint, failures";
    tx.fetch_all(SQL, args![now, limit, lease_ms])
        .await?
        .iter()
        .map(claim_of)
        .collect()
}

/// Claims one scope, due or not. `None`: it does not take part, or another worker holds it.
pub async fn claim(tx: &mut Tx, key: &ScopeKey, now: i64, lease_ms: i64) -> Result<Option<Claim>, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET fence = fence + 1, lease_until = NOW_MS() + $5, last_started_at = $4, due_at = $4 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND enabled = 1 AND lease_until < NOW_MS() \
         RETURNING tenant_id, account_id, calendar_id, fence, sync_token, fingerprint, failures";
    let row = tx
        .fetch_optional(SQL, args![key.tenant, key.account, &key.calendar, now, lease_ms])
        .await?;
    row.as_ref().map(claim_of).transpose()
}

fn claim_of(row: &Row) -> Result<Claim, StoreError> {
    Ok(Claim {
        key: ScopeKey {
            tenant: row.parse("tenant_id")?,
            account: row.parse("account_id")?,
            calendar: CalendarId(row.text("calendar_id")?),
        },
        fence: row.int("fence")?,
        sync_token: row.opt_text("sync_token")?,
        fingerprint: row.text("fingerprint")?,
        failures: row.int("failures")?,
    })
}

/// Checks that this worker still holds the scope, and prolongs its lease. The first statement of every write of a pass.
pub async fn hold(tx: &mut Tx, claim: &Claim, lease_ms: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET lease_until = NOW_MS() + $5 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4 AND enabled = 1 AND lease_until > 0";
    let key = &claim.key;
    Ok(tx
        .execute(
            SQL,
            args![key.tenant, key.account, &key.calendar, claim.fence, lease_ms],
        )
        .await?
        == 1)
}

/// Ends a good pass: keeps the token, forgets the failures, lets go of the scope.
pub async fn finish(
    tx: &mut Tx,
    claim: &Claim,
    sync_token: Option<&str>,
    fingerprint: &str,
    now: i64,
    due_at: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = COALESCE($5, sync_token), fingerprint = $6, failures = 0, \
             last_error = CASE WHEN writes_paused_until > $7 THEN last_error ELSE NULL END, last_good_at = $7, due_at = CASE WHEN due_at = 0 THEN 0 ELSE $8 END, lease_until = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    let values = args![
        key.tenant,
        key.account,
        &key.calendar,
        claim.fence,
        sync_token,
        fingerprint,
        now,
        due_at
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Ends a pass that failed: counts it, says why, and when to try again.
pub async fn fail(tx: &mut Tx, claim: &Claim, error: &str, due_at: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET failures = failures + 1, last_error = $5, due_at = $6, lease_until = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    Ok(tx
        .execute(
            SQL,
            args![key.tenant, key.account, &key.calendar, claim.fence, error, due_at],
        )
        .await?
        == 1)
}

/// Ends a pass that another one was in the way of: nothing was wrong with the scope, which is due again then (ms).
pub async fn step_back(tx: &mut Tx, claim: &Claim, due_at: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET lease_until = 0, due_at = $5 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar, claim.fence, due_at])
        .await
        .map(drop)
}

/// Lets go of a scope without a verdict: the pass was stopped before it was over and is due again.
pub async fn let_go(tx: &mut Tx, claim: &Claim) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET lease_until = 0, due_at = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar, claim.fence])
        .await
        .map(drop)
}

/// The scopes of an account, or of all accounts of a tenant.
pub async fn status(tx: &mut Tx, tenant: TenantId, account: Option<AccountId>) -> Result<Vec<ScopeStatus>, StoreError> {
    const SQL: &str = "SELECT tenant_id, account_id, calendar_id, enabled, due_at, failures, last_error, last_started_at, \
             last_good_at, CASE WHEN sync_token IS NULL THEN 1 ELSE 0 END AS is_full FROM sync_scopes \
         WHERE tenant_id = $1 AND ($2 IS NULL OR account_id = $2) ORDER BY account_id, calendar_id";
    let rows = tx.fetch_all(SQL, args![tenant, account]).await?;
    rows.iter()
        .map(|row| {
            Ok(ScopeStatus {
                key: ScopeKey {
                    tenant: row.parse("tenant_id")?,
                    account: row.parse("account_id")?,
                    calendar: CalendarId(row.text("calendar_id")?),
                },
                enabled: row.flag("enabled")?,
                due_at: row.int("due_at")?,
                failures: row.int("failures")?,
                last_error: row.opt_text("last_error")?,
                last_started_at: row.int("last_started_at")?,
                last_good_at: row.int("last_good_at")?,
                full: row.flag("is_full")?,
            })
        })
        .collect()
}

/// What a pass needs to know before its first request, in one row.
#[derive(Debug, Clone)]
pub struct ScopeContext {
    /// The user whose account this is.
    pub user_id: UserId,
    /// Where the user's all-day bookings begin; IANA name.
    pub user_zone: String,
    /// Whether the user lets the tenant see the words of private events.
    pub private_shown: bool,
    /// The calendar's zone; IANA name.
    pub calendar_zone: String,
    /// What the user may do with the calendar.
    pub access_role: AccessRole,
    /// The calendar's title.
    pub title: String,
    /// Whether new bookings go here.
    pub is_write_calendar: bool,
    /// Why the calendar is frozen, if it is.
    pub frozen: Option<String>,
    /// Until when nothing is written (ms).
    pub writes_paused_until: i64,
    /// When the last good pass ended (ms); 0 before the first.
    pub last_good_at: i64,
    /// Whether the scope has anything to push ([`super::states::pending`]), or a hand-over is under way.
    pub has_pending: bool,
    /// Whether a placement of the calendar waits for other scopes, or has got an answer.
    pub has_waiting: bool,
    /// Whether a placement of another calendar waits for scopes, perhaps for this one.
    pub is_waited_for: bool,
}

/// Reads it.
pub async fn context(tx: &mut Tx, key: &ScopeKey) -> Result<Option<ScopeContext>, StoreError> {
    const SQL: &str = concat!(
        "SELECT u.id AS user_id, u.time_zone AS user_zone, a.private_events, c.time_zone, c.access_role, c.title, \
             c.writes, o.writes_paused_until, o.last_good_at, c.frozen, \
             CASE WHEN EXISTS (SELECT 1 ",
        pending_rows!("a.tenant_id", "a.user_id", "c.account_id", "c.calendar_id", "c.writes"),
        ") OR EXISTS (SELECT 1 FROM hand_overs h LEFT JOIN bookings b ON b.tenant_id = h.tenant_id AND b.id = h.booking_id \
                  WHERE h.tenant_id = a.tenant_id AND (h.account_id = c.account_id AND h.calendar_id = c.calendar_id \
                      OR c.writes = 1 AND b.user_id = a.user_id AND h.state <> 'left')) THEN 1 ELSE 0 END AS has_pending, \
             CASE WHEN EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = c.tenant_id AND p.account_id = c.account_id \
                 AND p.calendar_id = c.calendar_id AND p.waiting IS NOT NULL \
                 AND (p.answer IS NOT NULL OR p.waiting = 'lead_lost')) THEN 1 ELSE 0 END AS has_waiting, \
             CASE WHEN EXISTS (SELECT 1 FROM placements q WHERE q.tenant_id = c.tenant_id AND q.waiting = 'lead_lost' \
                 AND NOT (q.account_id = c.account_id AND q.calendar_id = c.calendar_id)) THEN 1 ELSE 0 END AS is_waited_for \
         FROM calendars c JOIN accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id \
         JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.user_id \
         JOIN sync_scopes o ON o.tenant_id = c.tenant_id AND o.account_id = c.account_id AND o.calendar_id = c.calendar_id \
         WHERE c.tenant_id = $1 AND c.account_id = $2 AND c.calendar_id = $3"
    );
    let row = tx
        .fetch_optional(SQL, args![key.tenant, key.account, &key.calendar])
        .await?;
    row.map(|row| {
        Ok(ScopeContext {
            user_id: row.parse("user_id")?,
            user_zone: row.text("user_zone")?,
            private_shown: row.text("private_events")? == "shown",
            calendar_zone: row.text("time_zone")?,
            access_role: row.parse("access_role")?,
            title: row.text("title")?,
            is_write_calendar: row.flag("writes")?,
            frozen: row.opt_text("frozen")?,
            writes_paused_until: row.int("writes_paused_until")?,
            last_good_at: row.int("last_good_at")?,
            has_pending: row.int("has_pending")? != 0,
            has_waiting: row.int("has_waiting")? != 0,
            is_waited_for: row.int("is_waited_for")? != 0,
        })
    })
    .transpose()
}

/// What a pass over contacts needs to know before its first request, in one row.
#[derive(Debug, Clone)]
pub struct ContactsContext {
    /// The user whose account this is.
    pub user_id: UserId,
    /// What the user lets be read and written, as far as the tenant lets it; `None`: nothing.
    pub choice: Option<ContactsChoice>,
    /// The contact group that holds what Accord created.
    pub group: Option<String>,
    /// Until when nothing is written (ms).
    pub writes_paused_until: i64,
    /// When the last full listing that the sync token goes back to began (ms).
    pub listed_at: i64,
    /// Whether customers have something to push.
    pub has_pending: bool,
    /// Whether a person has answered about a link or a match, or a match cannot be any more.
    pub has_answers: bool,
    /// When the oldest create with an unknown outcome was sent (ms).
    pub unsure_since: Option<i64>,
    /// Whether one of those has not been looked for in any full listing.
    pub has_unlooked: bool,
}

/// Reads it. `None`: there is no such account.
pub async fn contacts_context(tx: &mut Tx, key: &ScopeKey) -> Result<Option<ContactsContext>, StoreError> {
    const SQL: &str = concat!(
        "SELECT a.user_id, a.contacts, a.contacts_label, a.contacts_label_name, a.tenant_contacts, a.contact_group, o.writes_paused_until, o.listed_at, \
             CASE WHEN EXISTS (SELECT 1 ",
        pending_customers!("a.tenant_id", "a.user_id", "a.id"),
        ") THEN 1 ELSE 0 END AS has_pending, \
             CASE WHEN EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = a.tenant_id AND l.account_id = a.id \
                 AND l.answer IS NOT NULL AND l.state <> 'gone') \
             OR EXISTS (SELECT 1 FROM contact_matches m WHERE m.tenant_id = a.tenant_id AND m.account_id = a.id \
                 AND (m.answer IS NOT NULL OR ",
        is_stale!(),
        ")) THEN 1 ELSE 0 END AS has_answers, \
             (SELECT MIN(l.attempted_at) FROM contact_links l WHERE l.tenant_id = a.tenant_id AND l.account_id = a.id \
                 AND l.state = 'creating' AND l.attempted_at > 0) AS unsure_since, \
             CASE WHEN EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = a.tenant_id AND l.account_id = a.id \
                 AND l.state = 'creating' AND l.attempted_at > 0 AND l.absences = 0) THEN 1 ELSE 0 END AS has_unlooked \
         FROM accounts a JOIN sync_scopes o ON o.tenant_id = a.tenant_id AND o.account_id = a.id AND o.calendar_id = '' \
         WHERE a.tenant_id = $1 AND a.id = $2"
    );
    let row = tx.fetch_optional(SQL, args![key.tenant, key.account]).await?;
    row.map(|row| {
        Ok(ContactsContext {
            user_id: row.parse("user_id")?,
            choice: accounts::contacts_choice(&row)?.filter(|_| row.flag("tenant_contacts").unwrap_or(false)),
            group: row.opt_text("contact_group")?,
            writes_paused_until: row.int("writes_paused_until")?,
            listed_at: row.int("listed_at")?,
            has_pending: row.int("has_pending")? != 0,
            has_answers: row.int("has_answers")? != 0,
            unsure_since: row.opt_int("unsure_since")?,
            has_unlooked: row.int("has_unlooked")? != 0,
        })
    })
    .transpose()
}

/// Keeps the sync token of a full listing that has been applied, and when that listing began (ms).
pub async fn keep_listing(
    tx: &mut Tx,
    claim: &Claim,
    sync_token: &str,
    fingerprint: &str,
    listed_at: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = $5, fingerprint = $6, listed_at = $7 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    let values = args![
        key.tenant,
        key.account,
        &key.calendar,
        claim.fence,
        sync_token,
        fingerprint,
        listed_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// A scope as a claim would see it, without claiming it: for plans that do nothing.
pub async fn peek(tx: &mut Tx, key: &ScopeKey) -> Result<Option<Claim>, StoreError> {
    const SQL: &str = "SELECT tenant_id, account_id, calendar_id, fence, sync_token, fingerprint, failures FROM sync_scopes \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND enabled = 1";
    let row = tx
        .fetch_optional(SQL, args![key.tenant, key.account, &key.calendar])
        .await?;
    row.as_ref().map(claim_of).transpose()
}

/// Keeps the sync token of what has been applied, before the pass is over.
pub async fn keep_token(tx: &mut Tx, claim: &Claim, sync_token: &str, fingerprint: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET sync_token = $5, fingerprint = $6 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    tx.execute(
        SQL,
        args![
            key.tenant,
            key.account,
            &key.calendar,
            claim.fence,
            sync_token,
            fingerprint
        ],
    )
    .await
    .map(drop)
}

/// Whether a lost lead may be decided: every active scope of the account but this one, and of the accounts of the booking's
/// other placements, has begun and ended a good pass since `since` (ms). Paused and failing scopes are not waited for.
pub async fn all_looked_since(tx: &mut Tx, key: &ScopeKey, booking: BookingId, since: i64) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM sync_scopes s WHERE s.tenant_id = $1 AND s.enabled = 1 AND s.failures = 0 \
         AND s.calendar_id <> '' AND NOT (s.account_id = $2 AND s.calendar_id = $3) \
         AND (s.account_id = $2 OR EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = s.tenant_id AND p.booking_id = $4 \
              AND p.calendar_id = s.calendar_id AND p.account_id = s.account_id)) \
         AND (s.last_started_at <= $5 OR s.last_good_at < s.last_started_at)";
    let rows = tx
        .fetch_all(SQL, args![key.tenant, key.account, &key.calendar, booking, since])
        .await?;
    rows.first().map_or(Ok(true), |row| Ok(row.int("n")? == 0))
}

/// What [`all_looked_since`] waits for.
pub async fn others(tx: &mut Tx, key: &ScopeKey, booking: BookingId) -> Result<Vec<ScopeKey>, StoreError> {
    const SQL: &str = "SELECT s.account_id, s.calendar_id FROM sync_scopes s \
         WHERE s.tenant_id = $1 AND s.enabled = 1 AND s.failures = 0 AND s.calendar_id <> '' \
         AND NOT (s.account_id = $2 AND s.calendar_id = $3) \
         AND (s.account_id = $2 OR EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = s.tenant_id \
              AND p.booking_id = $4 AND p.calendar_id = s.calendar_id AND p.account_id = s.account_id))";
    let rows = tx
        .fetch_all(SQL, args![key.tenant, key.account, &key.calendar, booking])
        .await?;
    let other = |row: &Row| {
        Ok(ScopeKey {
            tenant: key.tenant,
            account: row.parse("account_id")?,
            calendar: CalendarId(row.text("calendar_id")?),
        })
    };
    rows.iter().map(other).collect()
}

/// Makes one scope due now, unless it has failed and waits for its next try.
pub async fn make_scope_due(tx: &mut Tx, key: &ScopeKey) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET due_at = 0 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND failures = 0";
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar])
        .await
        .map(drop)
}

/// Nothing is written to this calendar until then; reading goes on.
pub async fn pause_writes(tx: &mut Tx, claim: &Claim, until: i64, error: &str) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET writes_paused_until = $5, last_error = $6 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND fence = $4";
    let key = &claim.key;
    tx.execute(
        SQL,
        args![key.tenant, key.account, &key.calendar, claim.fence, until, error],
    )
    .await
    .map(drop)
}

/// Whether a scope could be claimed now; a look that takes no lock.
pub async fn is_any_due(tx: &mut Tx, now: i64) -> Result<bool, StoreError> {
    const SQL: &str =
        "SELECT 1 AS found FROM sync_scopes WHERE enabled = 1 AND due_at <= $1 AND lease_until < NOW_MS() LIMIT 1";
    Ok(tx.fetch_optional(SQL, args![now]).await?.is_some())
}
