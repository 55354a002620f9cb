//! What an answer about customers and contacts means for the next pass over an account's contacts.
//!
//! Nothing is merged, linked or removed here: the answer is noted beside the links and matches that it is about.
use super::AnswerError;
use crate::domain::ids::{CustomerId, TenantId};
use crate::engine::Engine;
use crate::store::contact_links::LinkWaiting;
use crate::store::questions::QuestionRow;
use crate::store::{Tx, accounts, contact_links, contact_matches, customer_states, customers};
use serde_json::Value;

/// Notes an answer, and lets everything of the user that waits for one be looked at again.
pub(super) async fn note(
    tx: &mut Tx,
    engine: &Engine,
    tenant: TenantId,
    question: &QuestionRow,
    answer: &str,
) -> Result<(), AnswerError> {
    match question.kind.as_str() {
        "match" => matched(tx, tenant, question, answer).await?,
        "brake" => brake(tx, engine, tenant, question, answer).await?,
        _ => {
            let customer: Option<CustomerId> = question.subject_id.parse().ok();
            contact_links::set_answer(tx, tenant, customer.as_slice(), LinkWaiting::Conflict, answer).await?;
        }
    }
    if let Some(account) = accounts::get(tx, tenant, question.account_id).await? {
        customer_states::look_again(tx, tenant, account.user_id).await?;
    }
    Ok(())
}

/// Which of the customers a contact is, if it is one of them.
async fn matched(tx: &mut Tx, tenant: TenantId, question: &QuestionRow, answer: &str) -> Result<(), AnswerError> {
    let (account, contact) = (question.account_id, question.subject_id.as_str());
    let customer: Option<CustomerId> = match answer.strip_prefix("link:") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| AnswerError::NoSuchCustomer)?),
    };
    if let Some(customer) = customer {
        let row = customers::get(tx, tenant, customer).await?;
        row.ok_or(AnswerError::NoSuchCustomer)?;
    }
    match contact_matches::set_answer(tx, tenant, account, contact, customer).await? {
        // The contact waits for nobody any more, or no longer for this customer.
        0 => Err(AnswerError::NotOpen),
        _ => Ok(()),
    }
}

/// A held removal that is approved is carried out; one that is rejected is undone on the side that removed.
async fn brake(
    tx: &mut Tx,
    engine: &Engine,
    tenant: TenantId,
    question: &QuestionRow,
    answer: &str,
) -> Result<(), AnswerError> {
    let id = question.id.to_string();
    let detail = engine.open("questions", "detail_sealed", tenant, &id, &question.detail_sealed)?;
    let detail: Value = serde_json::from_slice(&detail).unwrap_or(Value::Null);
    let ids = detail["customer_ids"].as_array().into_iter().flatten();
    let ids: Vec<CustomerId> = ids.filter_map(|id| id.as_str()?.parse().ok()).collect();
    let rows = customers::get_many(tx, tenant, &ids).await?;
    // Of a customer that is still there the contact was removed; one that is gone was removed in the app.
    let (present, gone): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| rows.iter().any(|row| row.id == *id));
    let (google, app) = if answer == "approve" {
        ("google", "app")
    } else {
        ("app", "google")
    };
    contact_links::set_answer(tx, tenant, &present, LinkWaiting::Brake, google).await?;
    contact_links::set_answer(tx, tenant, &gone, LinkWaiting::Brake, app).await?;
    Ok(())
}
