//! Customers, and the keys they are found by. The app writes the table in SQL too.
use super::bookings::RowProblem;
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::booking::Side;
use crate::domain::customer::{Birthday, Customer, Details};
use crate::domain::ids::{AccountId, CustomerId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The mirrored columns as they are stored. Also what a deletion remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerText {
    /// First names.
    pub given_name: String,
    /// Family names.
    pub family_name: String,
    /// JSON array.
    pub emails: String,
    /// JSON array.
    pub phones: String,
    /// JSON array.
    pub organizations: String,
    /// JSON array.
    pub addresses: String,
    /// As [`Birthday::to_text`].
    pub birthday: Option<String>,
    /// Free text.
    pub gender: String,
}

/// How a customer reads mails: columns that are the app's alone and are not mirrored. What was written in SQL may name a language
/// or a zone that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reader {
    /// BCP 47 tag; `None`: the tenant's language.
    pub language: Option<String>,
    /// IANA name; `None`: the zone of the booking.
    pub time_zone: Option<String>,
}

/// A row of `customers` as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Id.
    pub id: CustomerId,
    /// Whose customer.
    pub user_id: UserId,
    /// The mirrored columns.
    pub text: CustomerText,
    /// How they read mails.
    pub reader: Reader,
    /// `app` or `google`.
    pub origin: Side,
    /// Set by triggers.
    pub version: i64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl CustomerText {
    /// The columns for these details.
    pub fn of(details: &Details) -> CustomerText {
        // Details always serialize: they hold texts, numbers and lists of them.
        let json = serde_json::to_value(details).unwrap_or_default();
        CustomerText {
            given_name: details.given_name.clone(),
            family_name: details.family_name.clone(),
            emails: json["emails"].to_string(),
            phones: json["phones"].to_string(),
            organizations: json["organizations"].to_string(),
            addresses: json["addresses"].to_string(),
            birthday: details.birthday.map(Birthday::to_text),
            gender: details.gender.clone(),
        }
    }

    /// The mirrored fields.
    ///
    /// # Errors
    /// The first column that cannot be understood.
    pub fn details(&self) -> Result<Details, RowProblem> {
        let birthday = match self.birthday.as_deref() {
            None => None,
            Some(text) => Some(Birthday::parse(text).ok_or_else(|| RowProblem {
                column: "birthday",
                problem: "is no day: write YYYY-MM-DD, or --MM-DD without a year".to_owned(),
            })?),
        };
        Ok(Details {
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            emails: column("emails", &self.emails)?.emails,
            phones: column("phones", &self.phones)?.phones,
            organizations: column("organizations", &self.organizations)?.organizations,
            addresses: column("addresses", &self.addresses)?.addresses,
            birthday,
            gender: self.gender.clone(),
        })
    }
}

/// Details of which only one list is set, read from its column.
fn column(column: &'static str, text: &str) -> Result<Details, RowProblem> {
    let read = |text: &str| {
        let members = Map::from_iter([(column.to_owned(), serde_json::from_str::<Value>(text)?)]);
        serde_json::from_value::<Details>(Value::Object(members))
    };
    read(text).map_err(|error| RowProblem {
        column,
        problem: format!("cannot be read: {error}"),
    })
}

impl CustomerRow {
    /// Understands the row.
    ///
    /// # Errors
    /// The first column that cannot be understood.
    pub fn read(&self) -> Result<Customer, RowProblem> {
        Ok(Customer {
            tenant_id: self.tenant_id,
            id: self.id,
            user_id: self.user_id,
            details: self.text.details()?,
            origin: self.origin,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    fn from_row(row: &Row) -> Result<CustomerRow, StoreError> {
        Ok(CustomerRow {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            user_id: row.parse("user_id")?,
            text: CustomerText {
                given_name: row.text("given_name")?,
                family_name: row.text("family_name")?,
                emails: row.text("emails")?,
                phones: row.text("phones")?,
                organizations: row.text("organizations")?,
                addresses: row.text("addresses")?,
                birthday: row.opt_text("birthday")?,
                gender: row.text("gender")?,
            },
            reader: Reader {
                language: row.opt_text("language")?,
                time_zone: row.opt_text("time_zone")?,
            },
            origin: if row.text("origin")? == "google" {
                Side::Google
            } else {
                Side::App
            },
            version: row.int("version")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// A customer that is to be inserted.
#[derive(Debug, Clone)]
pub struct NewCustomer {
    /// Id.
    pub id: CustomerId,
    /// Whose customer.
    pub user_id: UserId,
    /// The mirrored columns.
    pub text: CustomerText,
    /// How they read mails.
    pub reader: Reader,
    /// Who created it.
    pub origin: Side,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// Inserts customers.
pub async fn insert(tx: &mut Tx, tenant: TenantId, customers: &[NewCustomer]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name, family_name, emails, phones, organizations, \
         addresses, birthday, gender, language, time_zone, origin, created_at) VALUES ROWS";
    let rows = customers.iter().map(|new| {
        args![
            tenant,
            new.id,
            new.user_id,
            &new.text.given_name,
            &new.text.family_name,
            &new.text.emails,
            &new.text.phones,
            &new.text.organizations,
            &new.text.addresses,
            new.text.birthday.clone(),
            &new.text.gender,
            new.reader.language.clone(),
            new.reader.time_zone.clone(),
            new.origin.as_str(),
            new.created_at
        ]
    });
    tx.put_rows(SQL, rows.collect()).await.map(drop)
}

/// The customers of a user that have no link in an account, tombstones included.
pub async fn unlinked(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    account: AccountId,
) -> Result<Vec<CustomerRow>, StoreError> {
    const SQL: &str = "SELECT * FROM customers c WHERE c.tenant_id = $1 AND c.user_id = $2 \
         AND NOT EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = c.tenant_id AND l.account_id = $3 \
             AND l.customer_id = c.id) ORDER BY c.id";
    Ok(readable(&tx.fetch_all(SQL, args![tenant, user, account]).await?))
}

/// Whether a booking `b` with its times `t` is confirmed and not over at $3 (ms): such a one needs its customers.
macro_rules! is_open {
    () => {
        "b.status = 'confirmed' AND (t.booking_id IS NULL OR b.recurrence = '' AND t.ends_at > $3 \
         OR b.recurrence <> '' AND COALESCE(t.last_ends_at, $3 + 1) > $3)"
    };
}
pub(super) use is_open;

/// Takes a customer off the bookings that do not need it: all but the confirmed ones that are not over at `now` (ms). Returns
/// whether any booking still names it.
pub async fn take_off_bookings(tx: &mut Tx, tenant: TenantId, id: CustomerId, now: i64) -> Result<bool, StoreError> {
    const TAKE: &str = concat!(
        "DELETE FROM booking_customers WHERE tenant_id = $1 AND customer_id = $2 AND NOT EXISTS ( \
             SELECT 1 FROM bookings b LEFT JOIN booking_times t ON t.tenant_id = b.tenant_id AND t.booking_id = b.id \
             WHERE b.tenant_id = $1 AND b.id = booking_customers.booking_id AND ",
        is_open!(),
        ")"
    );
    const LEFT: &str = "SELECT 1 AS found FROM booking_customers WHERE tenant_id = $1 AND customer_id = $2 LIMIT 1";
    tx.execute(TAKE, args![tenant, id, now]).await?;
    Ok(tx.fetch_optional(LEFT, args![tenant, id]).await?.is_some())
}

/// Whether a confirmed booking that is not over at `now` (ms) names a customer.
pub async fn is_needed(tx: &mut Tx, tenant: TenantId, id: CustomerId, now: i64) -> Result<bool, StoreError> {
    const SQL: &str = concat!(
        "SELECT 1 AS found FROM booking_customers n \
         JOIN bookings b ON b.tenant_id = n.tenant_id AND b.id = n.booking_id \
         LEFT JOIN booking_times t ON t.tenant_id = b.tenant_id AND t.booking_id = b.id \
         WHERE n.tenant_id = $1 AND n.customer_id = $2 AND ",
        is_open!(),
        " LIMIT 1"
    );
    Ok(tx.fetch_optional(SQL, args![tenant, id, now]).await?.is_some())
}

/// One customer.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: CustomerId) -> Result<Option<CustomerRow>, StoreError> {
    Ok(get_many(tx, tenant, &[id]).await?.pop())
}

/// These customers, as far as they exist.
pub async fn get_many(tx: &mut Tx, tenant: TenantId, ids: &[CustomerId]) -> Result<Vec<CustomerRow>, StoreError> {
    const SQL: &str = "SELECT * FROM customers WHERE tenant_id = $1 AND id IN LIST($2)";
    Ok(readable(&tx.fetch_all(SQL, args![tenant, list(ids)]).await?))
}

/// Rows that a database with foreign keys off may hold, of nobody or of bytes that are no text, harm no other: they are
/// left out, and named in the log.
fn readable(rows: &[Row]) -> Vec<CustomerRow> {
    let read = |row: &Row| match CustomerRow::from_row(row) {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::warn!(id = row.text("id").unwrap_or_default(), %error, "a customer was written in SQL that cannot be read");
            None
        }
    };
    rows.iter().filter_map(read).collect()
}

/// Which customers are asked for.
#[derive(Debug, Clone, Default)]
pub struct CustomerFilter {
    /// Only this user's.
    pub user_id: Option<UserId>,
    /// Only those with this email, as [`customer_keys`](set_keys) hold it.
    pub email: Option<String>,
    /// Only those with this telephone number in E.164 form.
    pub phone: Option<String>,
}

/// Customers in id order, after a given id.
pub async fn list_after(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &CustomerFilter,
    after: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<CustomerRow>, StoreError> {
    const SQL: &str = "SELECT * FROM customers c \
         WHERE c.tenant_id = $1 AND c.id > COALESCE($2, '') AND ($3 IS NULL OR c.user_id = $3) \
           AND ($4 IS NULL OR c.id IN (SELECT customer_id FROM customer_keys WHERE tenant_id = $1 AND kind = 'email' AND value = $4)) \
           AND ($5 IS NULL OR c.id IN (SELECT customer_id FROM customer_keys WHERE tenant_id = $1 AND kind = 'phone' AND value = $5)) \
         ORDER BY c.id LIMIT $6";
    let args = args![
        tenant,
        after,
        filter.user_id,
        filter.email.clone(),
        filter.phone.clone(),
        limit
    ];
    Ok(readable(&tx.fetch_all(SQL, args).await?))
}

/// Writes the mirrored columns and how the customer reads mails, if the row still has `planned_version`; `false` when it has not.
pub async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    id: CustomerId,
    planned_version: i64,
    text: &CustomerText,
    reader: &Reader,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE customers SET given_name = $4, family_name = $5, emails = $6, phones = $7, organizations = $8, \
         addresses = $9, birthday = $10, gender = $11, language = $12, time_zone = $13 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3";
    let args = args![
        tenant,
        id,
        planned_version,
        &text.given_name,
        &text.family_name,
        &text.emails,
        &text.phones,
        &text.organizations,
        &text.addresses,
        text.birthday.clone(),
        &text.gender,
        reader.language.clone(),
        reader.time_zone.clone()
    ];
    Ok(tx.execute(SQL, args).await? == 1)
}

/// Deletes a customer if it still has `planned_version`; `false` when it has not.
///
/// # Errors
/// [`StoreError::ForeignKey`] while a booking names it.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: CustomerId, planned_version: i64) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM customers WHERE tenant_id = $1 AND id = $2 AND version = $3";
    Ok(tx.execute(SQL, args![tenant, id, planned_version]).await? == 1)
}

/// Replaces what these customers are found by: user, kind (`email` as `email_key` makes it, or `phone` in E.164), value and
/// customer of each key.
pub async fn set_keys(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[CustomerId],
    keys: BTreeSet<(UserId, &'static str, String, CustomerId)>,
) -> Result<(), StoreError> {
    const CLEAR: &str = "DELETE FROM customer_keys WHERE tenant_id = $1 AND customer_id IN LIST($2)";
    tx.execute(CLEAR, args![tenant, list(ids)]).await?;
    add_keys(tx, tenant, keys).await
}

/// Adds to what customers are found by.
pub async fn add_keys(
    tx: &mut Tx,
    tenant: TenantId,
    keys: BTreeSet<(UserId, &'static str, String, CustomerId)>,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO customer_keys (tenant_id, user_id, kind, value, customer_id) VALUES ROWS";
    let rows = keys
        .into_iter()
        .map(|(user, kind, value, id)| args![tenant, user, kind, value, id]);
    tx.put_rows(SQL, rows.collect()).await.map(drop)
}

/// Lets the keys of a tenant's customers be derived again: its region has changed.
pub async fn forget_noticed(tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET noticed_version = 0 WHERE tenant_id = $1 AND kind = 'customer'";
    tx.execute(SQL, args![tenant]).await.map(drop)
}
