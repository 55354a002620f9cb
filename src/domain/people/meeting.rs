//! The first meeting of the two sides: which customer and which contact are the same person.
//!
//! Certain is only what cannot reasonably be otherwise: the same email, nobody else on either side with that email, and names
//! that do not contradict. Whatever else looks alike, a shared telephone number above all, is a question for the user.
use super::email_key;
use super::phone;
use crate::domain::customer::Details;
use crate::domain::validate::canonical_text;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the two sides of a meeting are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    given_name: String,
    family_name: String,
}

impl Traits {
    /// The traits of a person; `region` as for [`phone::e164`]. What no library can read as a number is not compared.
    pub fn of(details: &Details, region: Option<&str>) -> Self {
        let name = |text: &str| canonical_text(text).trim().to_lowercase();
        Self {
            emails: details
                .emails
                .iter()
                .map(|email| email_key(&email.value))
                .filter(|key| !key.is_empty())
                .collect(),
            phones: details
                .phones
                .iter()
                .filter_map(|phone| phone::e164(&phone.value, region))
                .collect(),
            given_name: name(&details.given_name),
            family_name: name(&details.family_name),
        }
    }

    /// What others may have in common with the person: emails and telephone numbers.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.emails.iter().chain(&self.phones).map(String::as_str)
    }

    /// Whether both have a first or a family name and these differ.
    fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: &str, b: &str| !a.is_empty() && !b.is_empty() && a != b;
        differ(&self.given_name, &other.given_name) || differ(&self.family_name, &other.family_name)
    }
}

/// How a meeting ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting<C, P> {
    /// Certainly the same person.
    pub certain: Vec<(C, P)>,
    /// May be the same person: each contact with its candidates. Neither is created on the other side until it is decided.
    pub ambiguous: BTreeMap<P, BTreeSet<C>>,
}

/// Lets unlinked customers and unlinked contacts meet. Ids are of any type; the result does not depend on the order.
pub fn meet<C: Copy + Ord, P: Clone + Ord>(customers: &[(C, Traits)], contacts: &[(P, Traits)]) -> Meeting<C, P> {
    let by_email = index(customers, |traits| &traits.emails);
    let by_phone = index(customers, |traits| &traits.phones);
    let mut alike: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut same_email: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut contacts_of: HashMap<usize, usize> = HashMap::new();
    for (at, (_, traits)) in contacts.iter().enumerate() {
        let found: BTreeSet<usize> = candidates(&by_email, &traits.emails);
        for customer in &found {
            *contacts_of.entry(*customer).or_default() += 1;
        }
        let either = found.union(&candidates(&by_phone, &traits.phones)).copied().collect();
        same_email.insert(at, found);
        alike.insert(at, either);
    }
    let mut meeting = Meeting {
        certain: Vec::new(),
        ambiguous: BTreeMap::new(),
    };
    let mut decided = BTreeSet::new();
    for (at, found) in &same_email {
        let mut found_iter = found.iter();
        if let (Some(customer), None) = (found_iter.next(), found_iter.next())
            && contacts_of.get(customer) == Some(&1)
            && !customers[*customer].1.contradicts(&contacts[*at].1)
        {
            meeting.certain.push((customers[*customer].0, contacts[*at].0.clone()));
            decided.insert(*customer);
            alike.remove(at);
        }
    }
    for (at, either) in alike {
        let open: BTreeSet<C> = either
            .difference(&decided)
            .map(|customer| customers[*customer].0)
            .collect();
        if !open.is_empty() {
            meeting.ambiguous.insert(contacts[at].0.clone(), open);
        }
    }
    meeting
}

fn index<'t, C>(
    customers: &'t [(C, Traits)],
    of: impl Fn(&'t Traits) -> &'t BTreeSet<String>,
) -> HashMap<&'t str, Vec<usize>> {
    let mut index: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, (_, traits)) in customers.iter().enumerate() {
        for value in of(traits) {
            index.entry(value).or_default().push(at);
        }
    }
    index
}

fn candidates(index: &HashMap<&str, Vec<usize>>, values: &BTreeSet<String>) -> BTreeSet<usize> {
    values
        .iter()
        .filter_map(|value| index.get(value.as_str()))
        .flatten()
        .copied()
        .collect()
}
