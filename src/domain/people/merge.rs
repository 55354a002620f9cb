//! Three-way merge of a customer with its contact, field by field and, in lists, value by value.
//!
//! Works like the merge of bookings: each side is compared with its own form of the last agreement, and the memory moves as if
//! both had agreed on what Google shows, so that whatever the app still wants differs from it and is pushed, now or later.
//! Whether one of the two is gone is not decided here.
use super::Verdict;
use super::values::{self, Entry, Sides};
use crate::domain::booking::Side;
use crate::domain::customer::{Birthday, Details};
use crate::domain::policy::ConflictPolicy;
use crate::domain::validate::canonical_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A mirrored field of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named like the fields of Details")]
pub enum PersonField {
    GivenName,
    FamilyName,
    Emails,
    Phones,
    Organizations,
    Addresses,
    Birthday,
    Gender,
}

impl PersonField {
    /// Every field.
    pub const ALL: [PersonField; 8] = [
        PersonField::GivenName,
        PersonField::FamilyName,
        PersonField::Emails,
        PersonField::Phones,
        PersonField::Organizations,
        PersonField::Addresses,
        PersonField::Birthday,
        PersonField::Gender,
    ];

    /// The word in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            PersonField::GivenName => "given_name",
            PersonField::FamilyName => "family_name",
            PersonField::Emails => "emails",
            PersonField::Phones => "phones",
            PersonField::Organizations => "organizations",
            PersonField::Addresses => "addresses",
            PersonField::Birthday => "birthday",
            PersonField::Gender => "gender",
        }
    }
}

/// What both sides last agreed on, each in its own form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PersonBase {
    /// The customer.
    pub local: Details,
    /// The contact.
    pub remote: Details,
}

/// What decides when both sides changed the same value differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonRules {
    /// Who wins a conflict.
    pub policy: ConflictPolicy,
    /// Who made the customer.
    pub origin: Side,
    /// Who wins, as a person said about this very customer.
    pub answer: Option<Side>,
    /// The two meet for the first time: what differs changes neither side.
    pub is_first: bool,
}

impl PersonRules {
    fn verdict(&self) -> Verdict {
        if self.is_first {
            return Verdict::Neither;
        }
        let winner = self.answer.or(match self.policy {
            ConflictPolicy::Origin => Some(self.origin),
            ConflictPolicy::Google => Some(Side::Google),
            ConflictPolicy::App => Some(Side::App),
            ConflictPolicy::Ask => None,
        });
        match winner {
            Some(Side::App) => Verdict::App,
            Some(Side::Google) => Verdict::Google,
            None => Verdict::Neither,
        }
    }

    fn rule(&self) -> &'static str {
        if self.is_first {
            "first_link"
        } else {
            self.policy.as_str()
        }
    }
}

/// A value that both sides changed differently. No value is lost: all three are here, `null` for one that a side has not.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonConflict {
    /// Which field.
    pub field: PersonField,
    /// Who won; `None` while it is asked, and where each side keeps its own.
    pub winner: Option<Side>,
    /// `origin`, `google`, `app`, `ask` or `first_link`.
    pub rule: &'static str,
    /// At the last agreement.
    pub base: Value,
    /// In the app.
    pub app: Value,
    /// In Google.
    pub google: Value,
}

/// What follows from a merge.
#[derive(Debug, Clone, PartialEq)]
pub enum PersonDecision {
    /// Do this.
    Act(Box<PersonOutcome>),
    /// The policy is `ask`: nothing happens to this customer until somebody has answered.
    Wait(Vec<PersonConflict>),
}

/// What the sides become.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonOutcome {
    /// What the customer is to hold.
    pub local: Details,
    /// What the contact is to hold.
    pub remote: Details,
    /// The agreement once `local` is written: what Google shows now, in both forms.
    pub base: PersonBase,
    /// To be kept as records.
    pub conflicts: Vec<PersonConflict>,
}

/// Merges the details of a customer with those of its contact.
pub fn reconcile(base: &PersonBase, local: &Details, remote: &Details, rules: &PersonRules) -> PersonDecision {
    let mut merger = Merger {
        rules,
        conflicts: Vec::new(),
    };
    let mut out = PersonOutcome {
        local: Details::default(),
        remote: Details::default(),
        base: PersonBase {
            local: Details::default(),
            remote: remote.clone(),
        },
        conflicts: Vec::new(),
    };
    macro_rules! single {
        ($field:ident, $name:ident) => {
            let sides = [
                &base.local.$field,
                &base.remote.$field,
                &local.$field,
                &remote.$field,
            ];
            let merged = merger.single(PersonField::$name, sides);
            (out.local.$field, out.remote.$field, out.base.local.$field) = merged;
        };
    }
    macro_rules! list {
        ($field:ident, $name:ident) => {
            let sides = Sides {
                base_local: &base.local.$field,
                base_remote: &base.remote.$field,
                local: &local.$field,
                remote: &remote.$field,
            };
            let merged = merger.list(PersonField::$name, &sides);
            (out.local.$field, out.remote.$field, out.base.local.$field) = merged;
        };
    }
    single!(given_name, GivenName);
    single!(family_name, FamilyName);
    list!(emails, Emails);
    list!(phones, Phones);
    list!(organizations, Organizations);
    list!(addresses, Addresses);
    single!(birthday, Birthday);
    single!(gender, Gender);
    out.conflicts = merger.conflicts;
    let asks = !rules.is_first && rules.verdict() == Verdict::Neither && !out.conflicts.is_empty();
    if asks {
        PersonDecision::Wait(out.conflicts)
    } else {
        PersonDecision::Act(Box::new(out))
    }
}

/// The fields in which two forms differ for a reader.
pub fn differing(a: &Details, b: &Details) -> Vec<PersonField> {
    PersonField::ALL
        .into_iter()
        .filter(|field| differs(*field, a, b))
        .collect()
}

fn differs(field: PersonField, a: &Details, b: &Details) -> bool {
    match field {
        PersonField::GivenName => !a.given_name.is_same(&b.given_name),
        PersonField::FamilyName => !a.family_name.is_same(&b.family_name),
        PersonField::Emails => !values::same_list(&a.emails, &b.emails),
        PersonField::Phones => !values::same_list(&a.phones, &b.phones),
        PersonField::Organizations => !values::same_list(&a.organizations, &b.organizations),
        PersonField::Addresses => !values::same_list(&a.addresses, &b.addresses),
        PersonField::Birthday => a.birthday != b.birthday,
        PersonField::Gender => !a.gender.is_same(&b.gender),
    }
}

/// A field with one value.
trait Single: Clone + Serialize {
    /// Whether no person would call them different.
    fn is_same(&self, other: &Self) -> bool;
    /// Whether there is none.
    fn is_none(&self) -> bool;
}

impl Single for String {
    fn is_same(&self, other: &Self) -> bool {
        canonical_text(self.trim_start()) == canonical_text(other.trim_start())
    }
    fn is_none(&self) -> bool {
        self.trim().is_empty()
    }
}

impl Single for Option<Birthday> {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
    fn is_none(&self) -> bool {
        Option::is_none(self)
    }
}

struct Merger<'r> {
    rules: &'r PersonRules,
    conflicts: Vec<PersonConflict>,
}

impl Merger<'_> {
    /// What the app holds, what Google is to hold, and the app's form of what Google shows. The sides come as base of the
    /// app, base of Google, app, Google.
    fn single<T: Single>(
        &mut self,
        field: PersonField,
        [base_local, base_remote, local, remote]: [&T; 4],
    ) -> (T, T, T) {
        let app_edited = !local.is_same(base_local);
        let google_edited = !remote.is_same(base_remote);
        match (app_edited, google_edited) {
            (false, false) => (local.clone(), remote.clone(), base_local.clone()),
            (true, false) => (local.clone(), local.clone(), base_local.clone()),
            (false, true) => (remote.clone(), remote.clone(), remote.clone()),
            (true, true) if local.is_same(remote) => (local.clone(), remote.clone(), local.clone()),
            // At the first meeting both are "edited" as soon as they hold something: empty takes filled.
            (true, true) if self.rules.is_first && remote.is_none() => {
                (local.clone(), local.clone(), base_local.clone())
            }
            (true, true) if self.rules.is_first && local.is_none() => (remote.clone(), remote.clone(), remote.clone()),
            (true, true) => {
                self.record(field, json(Some(base_local)), json(Some(local)), json(Some(remote)));
                match self.rules.verdict() {
                    Verdict::App => (local.clone(), local.clone(), remote.clone()),
                    Verdict::Google => (remote.clone(), remote.clone(), remote.clone()),
                    Verdict::Neither => (local.clone(), remote.clone(), local.clone()),
                }
            }
        }
    }

    fn list<E: Entry + Serialize>(&mut self, field: PersonField, sides: &Sides<'_, E>) -> (Vec<E>, Vec<E>, Vec<E>) {
        let merged = values::merge(sides, self.rules.verdict());
        for conflict in merged.conflicts {
            self.record(
                field,
                json(conflict.base.as_ref()),
                json(conflict.app.as_ref()),
                json(conflict.google.as_ref()),
            );
        }
        (merged.local, merged.remote, merged.base_local)
    }

    fn record(&mut self, field: PersonField, base: Value, app: Value, google: Value) {
        let winner = match self.rules.verdict() {
            Verdict::App => Some(Side::App),
            Verdict::Google => Some(Side::Google),
            Verdict::Neither => None,
        };
        self.conflicts.push(PersonConflict {
            field,
            winner,
            rule: self.rules.rule(),
            base,
            app,
            google,
        });
    }
}

fn json<T: Serialize>(value: Option<&T>) -> Value {
    value
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or(Value::Null)
}
