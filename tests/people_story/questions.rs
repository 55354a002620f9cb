//! Who answers what the daemon asks about people, at any time, any way.
use super::Story;
use super::sides::Sides;
use accord::domain::ids::CustomerId;
use accord::engine::questions::{self, AnswerError, Answerer, Question};
use std::collections::BTreeSet;

/// Who and what waits for an answer: there the sides may differ.
#[derive(Debug, Default)]
pub struct Asked {
    pub customers: BTreeSet<CustomerId>,
    pub contacts: BTreeSet<u64>,
}

impl Story {
    /// The kth open question is answered with one of its choices.
    pub(super) async fn somebody_answers(&mut self, k: usize, choice: usize) -> bool {
        let open = self.people.open_questions().await;
        if open.is_empty() {
            return false;
        }
        self.answer(&open[k % open.len()], choice).await
    }

    /// Everything that is open is answered, one way and the other. `false`: nothing was open.
    pub(super) async fn answer_all(&mut self, round: usize) -> bool {
        let open = self.people.open_questions().await;
        for (number, question) in open.iter().enumerate() {
            self.answer(question, number + round).await;
        }
        !open.is_empty()
    }

    async fn answer(&mut self, question: &Question, choice: usize) -> bool {
        let choice = &question.choices[choice % question.choices.len()];
        let by = match question.user_id {
            Some(user) if question.addressee == "user" => Answerer::User(user),
            _ => Answerer::Admin,
        };
        let (engine, tenant) = (&self.people.engine, self.people.tenant);
        match questions::answer(engine, tenant, question.id, choice, by).await {
            Ok(_) => {}
            // The app has deleted the customer meanwhile.
            Err(AnswerError::NoSuchCustomer) => return false,
            Err(error) => panic!("an open question takes its answer: {error}"),
        }
        if choice == "reject" {
            self.notes.kept.extend(customers(question));
        }
        true
    }

    pub(super) async fn asked(&self, sides: &Sides) -> Asked {
        let mut asked = Asked::default();
        for question in self.people.open_questions().await {
            asked.customers.extend(customers(&question));
            let name = question.detail["contact_id"].as_str();
            let named = sides
                .contacts
                .iter()
                .filter(|(_, contact)| Some(contact.name.as_str()) == name);
            asked.contacts.extend(named.map(|(id, _)| *id));
        }
        let contacts = asked
            .customers
            .iter()
            .flat_map(|customer| self.notes.contacts_of(*customer));
        let contacts: Vec<u64> = contacts.collect();
        asked.contacts.extend(contacts);
        asked
    }
}

/// The customers that a question is about.
fn customers(question: &Question) -> Vec<CustomerId> {
    let detail = &question.detail;
    let listed = detail["customer_ids"].as_array().into_iter().flatten();
    let candidates = detail["candidates"].as_array().into_iter().flatten();
    let all = listed
        .chain(candidates.map(|candidate| &candidate["customer_id"]))
        .chain([&detail["customer_id"]]);
    all.filter_map(|id| id.as_str()?.parse().ok()).collect()
}
