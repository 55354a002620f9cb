//! Conflict records: listing them, and putting the losing value back.
//!
//! `customer.rs`: the losing value of a customer
mod customer;

use super::{Engine, times};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::ids::{BookingId, CalendarId, ConflictId, CustomerId, TenantId, UserId};
use crate::domain::seal::SealError;
use crate::domain::time::When;
use crate::domain::validate;
use crate::store::bookings::{BookingText, NewBooking};
pub use crate::store::conflicts::ConflictFilter;
use crate::store::conflicts::{self, ConflictRow};
use crate::store::{StoreError, Tx, bookings, changes, placements, questions, resources, users};
use serde::Serialize;
use serde_json::Value;

/// A conflict as a person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// Id.
    pub id: ConflictId,
    /// The booking it is about, or
    pub booking_id: Option<BookingId>,
    /// the customer.
    pub customer_id: Option<CustomerId>,
    /// Its user.
    pub user_id: UserId,
    /// Of a booking: `title`, `description`, `location`, `when`, `status` or `owner` (a hand-over that could not be). Of a
    /// customer: a field of its details, or `contact` (it was deleted against an edit of the customer).
    pub field: String,
    /// What decided: `origin`, `google`, `app`, `ask`; `first_link` (nobody: each side keeps its own), `readonly` (the app may not change this event), `replaced` (a
    /// resource's name took the place of a note), `vanished` (the series has no such occurrence any more).
    pub policy: String,
    /// `app` or `google`; absent while it is asked.
    pub winner: Option<String>,
    /// At the last agreement.
    pub base: Value,
    /// The app's value.
    pub app: Value,
    /// Google's value.
    pub google: Value,
    /// `open`, `decided` or `restored`.
    pub state: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub resolved_at: Option<i64>,
}

/// Why a conflict was not resolved. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is no such conflict in this tenant.
    #[error("there is no such conflict")]
    NotFound,
    /// It waits for an answer.
    #[error("this conflict waits for an answer; answer its question instead")]
    StillAsked,
    /// The side that shall win has won already.
    #[error("keep: {0} has won already")]
    WonAlready(&'static str),
    /// The booking or the customer, or the value, cannot take the losing value back.
    #[error("the value cannot be put back: {0}")]
    Impossible(String),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The values cannot be read.
    #[error("{0}")]
    Seal(#[from] SealError),
}

/// Conflicts of a tenant, oldest first, after a given one.
pub async fn list(
    engine: &Engine,
    tenant: TenantId,
    filter: &ConflictFilter,
    after: Option<ConflictId>,
    limit: i64,
) -> Result<Vec<Conflict>, ResolveError> {
    let mut tx = engine.db.read().await?;
    let rows = conflicts::list(&mut tx, tenant, filter, after, limit).await?;
    rows.into_iter().map(|row| shown(engine, tenant, row)).collect()
}

/// One conflict.
pub async fn get(engine: &Engine, tenant: TenantId, id: ConflictId) -> Result<Conflict, ResolveError> {
    let mut tx = engine.db.read().await?;
    let row = conflicts::get(&mut tx, tenant, id)
        .await?
        .ok_or(ResolveError::NotFound)?;
    shown(engine, tenant, row)
}

fn shown(engine: &Engine, tenant: TenantId, row: ConflictRow) -> Result<Conflict, ResolveError> {
    let sealed = &row.values_sealed;
    let values = engine.open("conflicts", "values_sealed", tenant, &row.subject(), sealed)?;
    let mut values: Value = serde_json::from_slice(&values).unwrap_or(Value::Null);
    let mut take = |name: &str| values.get_mut(name).map_or(Value::Null, Value::take);
    Ok(Conflict {
        id: row.id,
        booking_id: row.booking_id,
        customer_id: row.customer_id,
        user_id: row.user_id,
        field: row.field,
        policy: row.policy,
        winner: row.winner,
        base: take("base"),
        app: take("app"),
        google: take("google"),
        state: row.state,
        created_at: row.created_at,
        resolved_at: row.resolved_at,
    })
}

/// Lets the other side win after all: its value becomes an edit of the booking or the customer, which is then pushed like
/// any other.
pub async fn resolve(engine: &Engine, tenant: TenantId, id: ConflictId, keep: Side) -> Result<(), ResolveError> {
    let mut tx = engine.db.begin().await?;
    let row = conflicts::get(&mut tx, tenant, id)
        .await?
        .ok_or(ResolveError::NotFound)?;
    let conflict = shown(engine, tenant, row)?;
    match conflict.winner.as_deref() {
        None if is_asked(&mut tx, tenant, &conflict).await? => return Err(ResolveError::StillAsked),
        Some(winner) if winner == keep.as_str() => return Err(ResolveError::WonAlready(keep.as_str())),
        _ => {}
    }
    let value = if keep == Side::App {
        &conflict.app
    } else {
        &conflict.google
    };
    match (conflict.customer_id, conflict.booking_id) {
        (Some(id), _) => customer::put_back(&mut tx, tenant, id, &conflict, keep).await?,
        (None, Some(booking)) if conflict.policy == "vanished" => {
            put_back_alone(&mut tx, engine, (&conflict, booking), keep, value, tenant).await?;
        }
        (None, Some(booking)) => put_back(&mut tx, tenant, booking, &conflict.field, value).await?,
        (None, None) => return Err(ResolveError::NotFound),
    }
    let now = engine.now_ms();
    if !conflicts::set_state(&mut tx, tenant, id, &conflict.state, "restored", keep.as_str(), now).await? {
        return Err(ResolveError::NotFound);
    }
    changes::record(&mut tx, tenant, "conflict", &id.to_string()).await?;
    tx.commit().await?;
    engine.nudge(tenant, conflict.user_id).await;
    Ok(())
}

/// Whether an open question of the same conflict waits for its answer.
async fn is_asked(tx: &mut Tx, tenant: TenantId, conflict: &Conflict) -> Result<bool, StoreError> {
    let (calendar, subject) = match (conflict.customer_id, conflict.booking_id) {
        (Some(customer), _) => (Some(CalendarId(String::new())), customer.to_string()),
        (None, Some(booking)) => {
            let leads = placements::leads(tx, tenant, &[booking]).await?;
            let lead = leads.into_iter().next();
            (lead.map(|lead| lead.calendar_id), booking.to_string())
        }
        (None, None) => (None, String::new()),
    };
    Ok(match calendar {
        Some(calendar) => questions::open_about(tx, tenant, &calendar, &subject).await?.is_some(),
        None => false,
    })
}

/// A changed occurrence that its series does not have comes back as a booking of its own, with its customers and its
/// resource as far as these still exist.
async fn put_back_alone(
    tx: &mut Tx,
    engine: &Engine,
    (conflict, booking): (&Conflict, BookingId),
    keep: Side,
    value: &Value,
    tenant: TenantId,
) -> Result<(), ResolveError> {
    let impossible = |why: &str| ResolveError::Impossible(why.to_owned());
    let kept: Content = serde_json::from_value(value.clone()).map_err(|_| impossible("it is not kept any more"))?;
    // Of what only Google had, the record is with the series.
    let id = match keep {
        Side::App => booking,
        Side::Google => BookingId(engine.fresh_uuid()),
    };
    if conflict.state == "restored" || bookings::get(tx, tenant, id).await?.is_some() {
        return Err(impossible("it is there already"));
    }
    let user = users::get(tx, tenant, conflict.user_id).await?;
    let user = user.ok_or_else(|| impossible("its user is gone"))?;
    let resources = resources::names(tx, tenant).await?;
    let content = Content {
        status: Status::Confirmed,
        resource_id: kept
            .resource_id
            .filter(|id| resources.iter().any(|(known, _)| known == id)),
        ..kept
    };
    let customers: Vec<CustomerId> = serde_json::from_value(value["customer_ids"].clone()).unwrap_or_default();
    let customers = users::customers_among(tx, tenant, user.id, &customers).await?;
    let new = NewBooking {
        tenant_id: tenant,
        id,
        user_id: user.id,
        text: &BookingText::of(&content, None, None, Side::App),
        customer_ids: &customers,
        created_at: engine.now_ms(),
    };
    bookings::insert(tx, &new).await?;
    times::store(tx, tenant, id, &content, user.time_zone).await?;
    Ok(())
}

async fn put_back(
    tx: &mut Tx,
    tenant: TenantId,
    id: BookingId,
    field: &str,
    value: &Value,
) -> Result<(), ResolveError> {
    let impossible = |why: &str| ResolveError::Impossible(why.to_owned());
    let row = bookings::get(tx, tenant, id)
        .await?
        .ok_or_else(|| impossible("the booking is deleted"))?;
    let lead = placements::leads(tx, tenant, &[id]).await?.pop();
    if lead.is_some_and(|lead| !lead.is_writable) {
        return Err(impossible("the event belongs to somebody else"));
    }
    let content = row
        .text
        .content()
        .map_err(|problem| ResolveError::Impossible(problem.to_string()))?;
    let new = with(content.clone(), field, value).ok_or_else(|| impossible("it is not kept any more"))?;
    // What the booking holds already, from Google perhaps, does not stand against another field.
    let held = validate::validate_content(&content);
    let problems = validate::validate_content(&new);
    if let Some(problem) = problems.iter().find(|problem| !held.contains(problem)) {
        return Err(ResolveError::Impossible(format!(
            "{} {}",
            problem.field, problem.problem
        )));
    }
    if new == content {
        return Err(impossible("the booking holds it already"));
    }
    if !bookings::update(tx, tenant, id, row.version, &new).await? {
        return Err(impossible("the booking was changed at this moment; try again"));
    }
    let user = users::get(tx, tenant, row.user_id).await?;
    if let Some(user) = user {
        times::store(tx, tenant, id, &new, user.time_zone).await?;
    }
    Ok(())
}

/// The content with the losing value in its field. A status that is put back brings the whole content with it.
fn with(content: Content, field: &str, value: &Value) -> Option<Content> {
    let text = || value.as_str().map(str::to_owned);
    Some(match field {
        "title" => Content {
            title: text()?,
            ..content
        },
        "description" => Content {
            description: text()?,
            ..content
        },
        "when" => Content {
            when: serde_json::from_value::<When>(value.clone()).ok()?,
            ..content
        },
        "location" => {
            let resource = value.get("resource_id")?;
            Content {
                resource_id: serde_json::from_value(resource.clone()).ok()?,
                ..content
            }
        }
        "status" => match serde_json::from_value::<Status>(value.clone()) {
            Ok(status) => Content { status, ..content },
            // The app's content as it stood against a cancellation.
            Err(_) => match serde_json::from_value::<Content>(value.clone()) {
                Ok(whole) => Content {
                    status: Status::Confirmed,
                    location: content.location,
                    ..whole
                },
                // Google's edit that lost against a cancellation: the event's texts and times.
                Err(_) => Content {
                    title: value.get("title")?.as_str()?.to_owned(),
                    description: value.get("description")?.as_str()?.to_owned(),
                    when: serde_json::from_value(value.get("when")?.clone()).ok()?,
                    status: Status::Confirmed,
                    ..content
                },
            },
        },
        _ => return None,
    })
}
