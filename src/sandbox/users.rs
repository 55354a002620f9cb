//! The pretend users: who exists, under which number, name and address.
use super::mint::Mint;
use serde::Serialize;

/// A pretend Google account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Google's stable account number; accounts are keyed by it.
    pub sub: String,
    /// The address, lower case.
    pub email: String,
    /// Full name, as shown by userinfo.
    pub name: String,
    /// IANA zone of the primary calendar.
    pub time_zone: String,
}

/// A person to make when the sandbox starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The address.
    pub email: String,
    /// Full name; the part before the `@` when absent.
    pub name: Option<String>,
    /// IANA zone; `UTC` when absent.
    pub time_zone: Option<String>,
}

/// All pretend users, in order of making.
#[derive(Debug, Default)]
pub struct Users(Vec<Person>);

impl Users {
    /// Everybody.
    pub fn all(&self) -> &[Person] {
        &self.0
    }

    /// The person with this address, in any case.
    pub fn by_email(&self, email: &str) -> Option<&Person> {
        self.0.iter().find(|person| person.email.eq_ignore_ascii_case(email))
    }

    /// The person with this account number.
    pub fn by_sub(&self, sub: &str) -> Option<&Person> {
        self.0.iter().find(|person| person.sub == sub)
    }

    /// The person meant by a `login_hint`: an address or an account number.
    pub fn by_hint(&self, hint: &str) -> Option<&Person> {
        self.by_email(hint).or_else(|| self.by_sub(hint))
    }

    /// Makes a person; an address that cannot be one, or that is taken, is refused.
    pub fn add(&mut self, new: NewPerson, mint: &mut Mint) -> Result<Person, String> {
        let email = new.email.trim().to_lowercase();
        let Some((local, domain)) = email.split_once('@') else {
            return Err(format!("`{email}` is not an e-mail address"));
        };
        if local.is_empty() || domain.is_empty() || email.contains(char::is_whitespace) {
            return Err(format!("`{email}` is not an e-mail address"));
        }
        if self.by_email(&email).is_some() {
            return Err(format!("`{email}` exists already"));
        }
        let person = Person {
            sub: mint.account_number(),
            name: new
                .name
                .filter(|name| !name.trim().is_empty())
                .unwrap_or_else(|| local.to_owned()),
            time_zone: new.time_zone.unwrap_or_else(|| "UTC".to_owned()),
            email,
        };
        self.0.push(person.clone());
        Ok(person)
    }
}
