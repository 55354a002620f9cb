//! Rows without the engine: a bulk insert of what a pull has stored, and a database that is full already.
use crate::support::world::{Connected, run};
use accord::args;
use accord::domain::ids::TenantId;
use accord::store::{Db, Value};

/// Events per transaction, as in a pass.
const CHUNK: usize = 128;

/// How the plain work inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Manner {
    /// A prepared statement for each row.
    RowByRow,
    /// A prepared statement for all rows of a transaction.
    Bulk,
}

/// A table with its text columns and its number columns; those that triggers write are left out.
struct Table {
    name: &'static str,
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
}

/// What must be there before a booking.
const BEFORE: &[Table] = &[
    Table {
        name: "tenants",
        texts: &["id", "name", "settings"],
        numbers: &["created_at", "updated_at"],
    },
    Table {
        name: "users",
        texts: &["tenant_id", "id", "name", "email", "time_zone"],
        numbers: &["created_at", "updated_at"],
    },
];

/// What a pull writes for each contact.
const OF_CONTACTS: &[Table] = &[
    Table {
        name: "customers",
        texts: &[
            "tenant_id",
            "id",
            "user_id",
            "given_name",
            "family_name",
            "emails",
            "phones",
            "organizations",
            "addresses",
            "birthday",
            "gender",
            "origin",
        ],
        numbers: &["created_at"],
    },
    Table {
        name: "contact_links",
        texts: &[
            "tenant_id",
            "customer_id",
            "id",
            "account_id",
            "contact_id",
            "source_id",
            "state",
            "gone_because",
            "etag",
            "base_local",
            "base_remote",
            "waiting",
            "answer",
        ],
        numbers: &[
            "remote_updated_at",
            "is_ours",
            "is_edited",
            "attempted_at",
            "absences",
            "confirmed_at",
            "revision",
        ],
    },
    Table {
        name: "customer_keys",
        texts: &["tenant_id", "customer_id", "user_id", "kind", "value"],
        numbers: &[],
    },
];

/// What a pull writes for each event.
const OF_EVENTS: &[Table] = &[
    Table {
        name: "booking_identities",
        texts: &["tenant_id", "booking_id", "ical_uid", "original_start"],
        numbers: &[],
    },
    Table {
        name: "bookings",
        texts: &[
            "tenant_id",
            "id",
            "user_id",
            "title",
            "description",
            "location",
            "resource_id",
            "starts_local",
            "ends_local",
            "time_zone",
            "end_time_zone",
            "recurrence",
            "status",
            "series_id",
            "original_start",
            "split_from",
            "origin",
            "mail_wish",
        ],
        numbers: &["fold", "end_fold", "all_day", "created_at"],
    },
    Table {
        name: "booking_times",
        texts: &["tenant_id", "booking_id", "tzdb"],
        numbers: &["starts_at", "ends_at", "last_ends_at"],
    },
    Table {
        name: "placements",
        texts: &[
            "tenant_id",
            "booking_id",
            "calendar_id",
            "event_id",
            "account_id",
            "state",
            "ical_uid",
            "series_event_id",
            "original_start",
            "etag",
            "words",
            "base_local",
            "base_remote",
            "waiting",
            "answer",
        ],
        numbers: &[
            "is_lead",
            "remote_updated_at",
            "is_writable",
            "has_guests",
            "is_ours",
            "confirmed_at",
        ],
    },
];

type Rows = Vec<Vec<Value>>;

fn tables(contacts: bool) -> &'static [Table] {
    if contacts { OF_CONTACTS } else { OF_EVENTS }
}

/// The rows of all tables that a pull of contacts or events writes.
pub async fn read(db: &Db, contacts: bool) -> Vec<Rows> {
    let mut all = Vec::new();
    for table in tables(contacts) {
        all.push(table.read(db).await);
    }
    all
}

/// Copies what must be there before them.
pub async fn prepare(from: &Db, into: &Db) {
    for table in BEFORE {
        for row in table.read(from).await {
            run(into, table.insert(), row).await;
        }
    }
}

/// Inserts them with prepared statements.
pub async fn insert(db: &Db, contacts: bool, all: Vec<Rows>, manner: Manner) {
    let mut tables: Vec<_> = tables(contacts)
        .iter()
        .zip(all.into_iter().map(Vec::into_iter))
        .collect();
    while tables.iter().any(|(_, rows)| rows.len() > 0) {
        let mut tx = db.begin().await.expect("begin");
        for (table, rows) in &mut tables {
            let rows: Rows = rows.by_ref().take(CHUNK).collect();
            match manner {
                Manner::Bulk => {
                    tx.put_rows(table.bulk_insert(), rows).await.expect("rows");
                }
                Manner::RowByRow => {
                    let insert = table.insert();
                    for row in rows {
                        tx.execute(insert, row).await.expect("a row");
                    }
                }
            }
        }
        tx.commit().await.expect("commit");
    }
}

impl Table {
    async fn read(&self, db: &Db) -> Rows {
        // The order of the rows is the order in which a pull wrote them, in every table.
        let order = self.texts[1];
        let columns = [self.texts, self.numbers].concat().join(", ");
        let sql = format!("SELECT {columns} FROM {} ORDER BY {order}", self.name);
        let mut tx = db.read().await.expect("begin");
        let found = tx
            .fetch_all(Box::leak(sql.into_boxed_str()), vec![])
            .await
            .expect("rows");
        let values = |row: &accord::store::Row| {
            let texts = self
                .texts
                .iter()
                .map(|column| Value::Text(row.opt_text(column).expect("a text")));
            let numbers = self
                .numbers
                .iter()
                .map(|column| Value::Int(row.opt_int(column).expect("a number")));
            texts.chain(numbers).collect()
        };
        found.iter().map(values).collect()
    }

    fn insert(&self) -> &'static str {
        let count = self.texts.len() + self.numbers.len();
        let places: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
        self.insert_of(&format!("({})", places.join(", ")))
    }

    fn bulk_insert(&self) -> &'static str {
        self.insert_of("ROWS")
    }

    fn insert_of(&self, values: &str) -> &'static str {
        let columns = [self.texts, self.numbers].concat().join(", ");
        let sql = format!("INSERT INTO {} ({columns}) VALUES {values}", self.name);
        Box::leak(sql.into_boxed_str())
    }
}

/// Fills an empty database with so many agreed bookings, each with its placement.
pub async fn store(db: &Db, who: &Connected, tenant: TenantId, count: usize) {
    const BOOKINGS: &str = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, origin) \
         WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $3) \
         SELECT $1, '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2), $2, 'Stored ' || i, \
             '2026-03-04T10:00:00', '2026-03-04T11:00:00', 'Europe/Madrid', 'google' FROM n";
    const PLACEMENTS: &str = "INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state, etag) \
         SELECT b.tenant_id, $2, 'stored' || b.id, b.id, $3, 1, 'live', '\"1\"' FROM bookings b WHERE b.tenant_id = $1";
    const TIMES: &str = "INSERT INTO booking_times (tenant_id, booking_id, starts_at, ends_at, last_ends_at, tzdb) \
         SELECT b.tenant_id, b.id, 1772614800000, 1772618400000, 1772618400000, 'x' FROM bookings b WHERE b.tenant_id = $1";
    const AGREED: &str =
        "UPDATE row_state SET agreed_version = version, noticed_version = version WHERE tenant_id = $1";
    run(db, BOOKINGS, args![tenant, who.user, count as i64]).await;
    run(db, PLACEMENTS, args![tenant, &who.email, who.account]).await;
    run(db, TIMES, args![tenant]).await;
    run(db, AGREED, args![tenant]).await;
}

/// Fills an empty database with so many agreed customers, each with its link.
pub async fn store_people(db: &Db, who: &Connected, tenant: TenantId, count: usize) {
    const CUSTOMERS: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name, family_name, emails, origin) \
         WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $3) \
         SELECT $1, '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2), $2, 'Stored', 'Person ' || i, \
             '[{\"value\": \"stored' || i || '@example.com\", \"type\": \"\"}]', 'google' FROM n";
    const LINKS: &str = "INSERT INTO contact_links (tenant_id, id, account_id, customer_id, contact_id, source_id, state, etag) \
         SELECT c.tenant_id, c.id, $2, c.id, 'people/stored' || c.id, c.id, 'live', '1' FROM customers c WHERE c.tenant_id = $1";
    const AGREED: &str =
        "UPDATE row_state SET agreed_version = version, noticed_version = version WHERE tenant_id = $1";
    run(db, CUSTOMERS, args![tenant, who.user, count as i64]).await;
    run(db, LINKS, args![tenant, who.account]).await;
    run(db, AGREED, args![tenant]).await;
}

/// So many customers that the app has made and no contact knows yet.
pub async fn store_new_people(db: &Db, who: &Connected, tenant: TenantId, count: usize) {
    const CUSTOMERS: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name, family_name, emails) \
         WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $3) \
         SELECT $1, '00000000-0000-7000-8000-' || substr(CAST(1000000000000 + i AS TEXT), 2), $2, 'New', 'Person ' || i, \
             '[{\"value\": \"new' || i || '@example.com\", \"type\": \"work\"}]' FROM n";
    run(db, CUSTOMERS, args![tenant, who.user, count as i64]).await;
}
