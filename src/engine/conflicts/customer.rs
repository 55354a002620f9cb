//! Putting the losing value of a customer back.
//!
//! It becomes an edit of the app's side, so that it reaches Google like any other. Of a list only the one value that was
//! fought over moves; its neighbours are nobody's business here.
use super::{Conflict, ResolveError};
use crate::domain::booking::Side;
use crate::domain::customer::Details;
use crate::domain::ids::{CustomerId, TenantId};
use crate::domain::people::check;
use crate::domain::people::values::Entry;
use crate::engine::customers::derive_keys;
use crate::store::contact_links::{self, LinkState};
use crate::store::customers::{self, CustomerText};
use crate::store::{Tx, customer_states};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Lets the customer hold the value of the side that is kept.
pub(super) async fn put_back(
    tx: &mut Tx,
    tenant: TenantId,
    id: CustomerId,
    conflict: &Conflict,
    keep: Side,
) -> Result<(), ResolveError> {
    if conflict.field == "contact" {
        return Err(impossible(
            "Google cannot undelete the contact; let the customer become a new one with POST /customers/{id}/contact",
        ));
    }
    let (lost, won) = match keep {
        Side::App => (&conflict.app, &conflict.google),
        Side::Google => (&conflict.google, &conflict.app),
    };
    let row = customers::get(tx, tenant, id)
        .await?
        .ok_or_else(|| impossible("the customer is deleted"))?;
    let details = row
        .text
        .details()
        .map_err(|problem| ResolveError::Impossible(problem.to_string()))?;
    let new = replaced(&details, &conflict.field, won, lost).ok_or_else(|| impossible("it is not kept any more"))?;
    if new == details {
        // Where each side kept its own, the app's value is there already, and it is Google that has to follow.
        return match (conflict.winner.as_deref(), keep) {
            (None, Side::App) if conflict.policy == "first_link" => insist(tx, tenant, id, conflict).await,
            _ => Err(impossible("the customer holds it already")),
        };
    }
    // What the customer holds already, from Google perhaps, does not stand against another field.
    let held = check::app_problems(&details);
    let problems = check::app_problems(&new);
    if let Some(problem) = problems.iter().find(|problem| !held.contains(problem)) {
        return Err(ResolveError::Impossible(format!(
            "{} {}",
            problem.field, problem.problem
        )));
    }
    if !customers::update(tx, tenant, id, row.version, &CustomerText::of(&new), &row.reader).await? {
        return Err(impossible("the customer was changed at this moment; try again"));
    }
    Ok(derive_keys(tx, tenant, &[id]).await?)
}

/// Lets the app's value count as edited since the last agreement, so that the next pass writes it to the contact.
async fn insist(tx: &mut Tx, tenant: TenantId, id: CustomerId, conflict: &Conflict) -> Result<(), ResolveError> {
    let links = contact_links::of_customers_anywhere(tx, tenant, &[id]).await?;
    let live = links.into_iter().rev().find(|link| link.state == LinkState::Live);
    let mut link = live.ok_or_else(|| impossible("the customer is not linked with a contact any more"))?;
    let forgotten = link
        .base_local
        .as_ref()
        .and_then(|base| replaced(base, &conflict.field, &conflict.app, &conflict.google));
    link.base_local = Some(forgotten.ok_or_else(|| impossible("it is not kept any more"))?);
    contact_links::put(tx, &mut link).await?;
    Ok(customer_states::disagree(tx, tenant, id).await?)
}

fn impossible(why: &str) -> ResolveError {
    ResolveError::Impossible(why.to_owned())
}

/// The details with `to` in a field: of a list, in the place of `from`. `None` for values that cannot be read.
fn replaced(details: &Details, field: &str, from: &Value, to: &Value) -> Option<Details> {
    let text = || match to {
        Value::Null => None,
        value => value.as_str().map(str::to_owned),
    };
    let mut new = details.clone();
    match field {
        "given_name" => new.given_name = text()?,
        "family_name" => new.family_name = text()?,
        "gender" => new.gender = text()?,
        "birthday" => new.birthday = serde_json::from_value(to.clone()).ok()?,
        "emails" => swap(&mut new.emails, from, to)?,
        "phones" => swap(&mut new.phones, from, to)?,
        "organizations" => swap(&mut new.organizations, from, to)?,
        "addresses" => swap(&mut new.addresses, from, to)?,
        _ => return None,
    }
    Some(new)
}

fn swap<E: Entry + PartialEq + DeserializeOwned>(list: &mut Vec<E>, from: &Value, to: &Value) -> Option<()> {
    let read = |value: &Value| serde_json::from_value::<Option<E>>(value.clone()).ok();
    let (from, to) = (read(from)?, read(to)?);
    // The place of the winner, or of the loser where somebody has put it back already.
    let place = [&from, &to].into_iter().flatten().find_map(|entry| find(list, entry));
    match (place, to) {
        (Some(at), Some(to)) => {
            let elsewhere = list
                .iter()
                .enumerate()
                .any(|(other, entry)| other != at && *entry == to);
            if elsewhere {
                list.remove(at);
            } else {
                list[at] = to;
            }
        }
        (None, Some(to)) => list.push(to),
        (Some(at), None) => drop(list.remove(at)),
        // Nothing to put, and nothing to take away; without a winner either there is nothing in this record.
        (None, None) => from.map(drop)?,
    }
    Some(())
}

/// Where a value stands, however it is written: the very same first, then under the same label, then under any.
fn find<E: Entry>(list: &[E], entry: &E) -> Option<usize> {
    let key = entry.key();
    let same = |other: &E| other.text() == entry.text() && other.label() == entry.label();
    let labelled = |other: &E| other.key() == key && other.label() == entry.label();
    let rules: [&dyn Fn(&E) -> bool; 3] = [&same, &labelled, &|other| other.key() == key];
    rules.into_iter().find_map(|rule| list.iter().position(rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn phones(details: &Details) -> Vec<String> {
        let words = details.phones.iter();
        words.map(|phone| format!("{} {}", phone.value, phone.label)).collect()
    }

    fn with_phones(values: Value) -> Details {
        serde_json::from_value(json!({ "phones": values })).unwrap()
    }

    #[test]
    fn a_value_takes_the_place_of_the_other_and_its_neighbours_stay() {
        let details = with_phones(
            json!([{"value": "1"}, {"value": "+420 601 234 567", "type": "home"}, {"value": "3", "type": "work"}]),
        );
        let written_otherwise = json!({"value": "+420601234567", "type": "home"});
        let cases = [
            (json!({"value": "9", "type": "home"}), vec!["1 ", "9 home", "3 work"]),
            (json!({"value": "3", "type": "work"}), vec!["1 ", "3 work"]),
            (Value::Null, vec!["1 ", "3 work"]),
        ];
        for (to, left) in cases {
            let new = replaced(&details, "phones", &written_otherwise, &to).unwrap();
            assert_eq!(phones(&new), left, "{to}");
        }
        let gone = json!({"value": "77", "type": "home"});
        let new = replaced(&details, "phones", &gone, &json!({"value": "9", "type": ""})).unwrap();
        assert_eq!(phones(&new), ["1 ", "+420 601 234 567 home", "3 work", "9 "]);
        assert_eq!(replaced(&details, "phones", &gone, &Value::Null).unwrap(), details);
        assert_eq!(
            replaced(&details, "phones", &Value::Null, &Value::Null),
            None,
            "an erased record"
        );
    }

    #[test]
    fn a_single_value_is_set_and_an_erased_one_is_not() {
        let details: Details =
            serde_json::from_value(json!({"given_name": "Eva", "birthday": {"month": 2, "day": 3}})).unwrap();
        let new = replaced(&details, "given_name", &json!("Eva"), &json!("")).unwrap();
        assert_eq!(new.given_name, "");
        assert_eq!(
            replaced(&details, "birthday", &Value::Null, &Value::Null)
                .unwrap()
                .birthday,
            None
        );
        assert_eq!(replaced(&details, "given_name", &Value::Null, &Value::Null), None);
        assert_eq!(replaced(&details, "notes", &json!("a"), &json!("b")), None);
    }
}
