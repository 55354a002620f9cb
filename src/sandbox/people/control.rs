//! Commands for tests, outside Google's API: what people do in Google's own screens, and what can go wrong there.
//!
//! `expire_sync_tokens {user?}` · `expiry_form {form}` · `propagation {min_ms, max_ms?}` ·
//! `paging {page_size?, empty_page_every?, duplicate_items?}` · `shuffle_fields {seed|null}` · `unstructured_name {wins}` ·
//! `contact_limit {limit|null}` · `stale_etags {user, for_ms}` · `list_empty {user, times}` · `country {user, calling_code|null}` ·
//! `merge {user, keep, others, forward?}` · `link_profile {user, contact, account?, person?}` · `unlink_profile {user, contact}` ·
//! `touch {user, contact}` · `raw_contact {user, person}` · `other_contact {user, person}` · `copy_contact {user, contact, times}` ·
//! `purge_tombstones {user}` · `dump {}`.
use super::body::writable_fields;
use super::errors::Refusal;
use super::state::{Account, Book, Contact, Former, Gone, Object, Profile, State, Version, digest};
use super::write;
use crate::sandbox::arguments::{flag, number, text};
use serde_json::{Value, json};

impl State {
    /// Runs one command.
    pub(super) fn control(&mut self, command: &str, body: &Value, now: i64) -> Result<Value, String> {
        match command {
            "expire_sync_tokens" => self.expire_sync_tokens(body),
            "expiry_form" => {
                let form = serde_json::from_value(body["form"].clone());
                self.switches.expiry_form = form
                    .map_err(|_| "form is failed_precondition, invalid_argument, gone or without_details".to_owned())?;
                Ok(json!({}))
            }
            "propagation" => {
                let least = number(body, "min_ms")?.ok_or("min_ms is missing")? as u64;
                let most = number(body, "max_ms")?.map_or(least, |most| most as u64);
                if most < least {
                    return Err("max_ms is at least min_ms".into());
                }
                self.switches.propagation_ms = (least, most);
                Ok(json!({}))
            }
            "paging" => self.set_paging(body),
            "shuffle_fields" => {
                self.switches.shuffle_fields = number(body, "seed")?.map(|seed| seed as u64);
                Ok(json!({}))
            }
            "unstructured_name" => {
                self.switches.unstructured_name_wins = flag(body, "wins")?;
                Ok(json!({}))
            }
            "contact_limit" => {
                self.switches.contact_limit = number(body, "limit")?;
                Ok(json!({}))
            }
            "stale_etags" => {
                let ms = number(body, "for_ms")?.ok_or("for_ms is missing")?;
                self.of(body)?.stale_until_us =
                    now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000));
                Ok(json!({}))
            }
            "list_empty" => {
                self.of(body)?.empty_lists = number(body, "times")?.ok_or("times is missing")? as u64;
                Ok(json!({}))
            }
            "country" => {
                let code = body.get("calling_code").and_then(Value::as_str).map(str::to_owned);
                self.of(body)?.calling_code = code;
                Ok(json!({}))
            }
            "merge" => self.merge(body, now),
            "link_profile" => self.link_profile(body, now),
            "unlink_profile" => self.unlink_profile(body, now),
            "touch" => {
                let (id, version) = found(self.of(body)?, text(body, "contact")?)?;
                self.put_version(body, Book::Contacts, id, version, true, now)
            }
            "raw_contact" => {
                let fields = person(body)?;
                self.plant(body, Book::Contacts, fields, now)
            }
            "other_contact" => {
                let fields = self.checked(body)?;
                self.plant(body, Book::Others, fields, now)
            }
            "copy_contact" => self.copy_contact(body, now),
            "purge_tombstones" => self.purge_tombstones(body),
            "dump" => serde_json::to_value(&*self).map_err(|error| error.to_string()),
            _ => Err(format!("unknown command {command}")),
        }
    }

    fn of(&mut self, body: &Value) -> Result<&mut Account, String> {
        let user = text(body, "user")?.to_lowercase();
        self.accounts.get_mut(&user).ok_or_else(|| format!("no user {user}"))
    }

    fn put_version(
        &mut self,
        body: &Value,
        book: Book,
        id: u64,
        version: Version,
        own: bool,
        now: i64,
    ) -> Result<Value, String> {
        let user = text(body, "user")?.to_lowercase();
        let visible_us = self.visible_us(&user, now);
        let name = version.name.clone();
        self.of(body)?.write(book, id, version, own, now, visible_us);
        Ok(json!({"resourceName": name}))
    }

    fn expire_sync_tokens(&mut self, body: &Value) -> Result<Value, String> {
        if body.get("user").is_some() {
            self.of(body)?.epoch += 1;
            return Ok(json!({}));
        }
        for account in self.accounts.values_mut() {
            account.epoch += 1;
        }
        Ok(json!({}))
    }

    /// Replaces all paging switches: what is not named is off.
    fn set_paging(&mut self, body: &Value) -> Result<Value, String> {
        let every = number(body, "empty_page_every")?;
        if every.is_some_and(|every| every < 2) {
            return Err("empty_page_every is at least 2: otherwise no page ever has items".into());
        }
        let duplicates = match body.get("duplicate_items") {
            None => false,
            Some(_) => flag(body, "duplicate_items")?,
        };
        self.switches.page_size = number(body, "page_size")?;
        self.switches.empty_page_every = every;
        self.switches.duplicate_items = duplicates;
        Ok(json!({}))
    }

    /// As "merge duplicates" does: one contact takes the values of the others, single values only where it has none, and the
    /// others are deleted. With `forward` they are not told as deleted: the kept one has their names as former names.
    fn merge(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let account = self.of(body)?;
        let (id, mut kept) = found(account, text(body, "keep")?)?;
        let names = body
            .get("others")
            .and_then(Value::as_array)
            .ok_or("others is missing")?;
        let mut merged = Vec::new();
        for name in names {
            let other = found(account, name.as_str().ok_or("others are resource names")?)?;
            if other.0 == id || merged.iter().any(|(known, _)| *known == other.0) {
                return Err("a contact cannot be merged with itself".into());
            }
            merged.push(other);
        }
        if merged.is_empty() {
            return Err("others is empty".into());
        }
        let forward = body.get("forward").is_some() && flag(body, "forward")?;
        for (other_id, mut other) in merged {
            unite(&mut kept, &other);
            if forward {
                let visible_us = self.visible_us(&text(body, "user")?.to_lowercase(), now);
                let position = self.of(body)?.position + 1;
                kept.former.push(Former {
                    name: other.name.clone(),
                    position,
                    visible_us,
                });
                kept.former.append(&mut other.former);
                other.gone = Some(Gone::MergedInto(id));
            } else {
                other.gone = Some(Gone::Deleted);
            }
            self.put_version(body, Book::Contacts, other_id, other, true, now)?;
        }
        self.put_version(body, Book::Contacts, id, kept, true, now)
    }

    /// Links a contact with a Google profile: it is then named after the profile's account, and remembers its old name.
    fn link_profile(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let (id, version) = found(self.of(body)?, text(body, "contact")?)?;
        let account = match body.get("account").and_then(Value::as_str) {
            Some(account) => account.to_owned(),
            None => format!("1{:020}", digest(&[&id.to_be_bytes()])),
        };
        let fields = match body.get("person") {
            None => Object::new(),
            Some(_) => person(body)?,
        };
        let name = format!("people/{account}");
        let profile = Profile { id: account, fields };
        self.rename(body, id, version, name, Some(profile), now)
    }

    fn unlink_profile(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let (id, version) = found(self.of(body)?, text(body, "contact")?)?;
        self.rename(body, id, version, format!("people/c{id}"), None, now)
    }

    fn rename(
        &mut self,
        body: &Value,
        id: u64,
        mut version: Version,
        name: String,
        profile: Option<Profile>,
        now: i64,
    ) -> Result<Value, String> {
        let visible_us = self.visible_us(&text(body, "user")?.to_lowercase(), now);
        let position = self.of(body)?.position + 1;
        if version.name != name {
            version.former.retain(|former| former.name != name);
            version.former.push(Former {
                name: std::mem::replace(&mut version.name, name),
                position,
                visible_us,
            });
        }
        version.profile = profile;
        self.put_version(body, Book::Contacts, id, version, false, now)
    }

    /// The fields of a `person`, as a write would keep them.
    fn checked(&mut self, body: &Value) -> Result<Object, String> {
        let sent = person(body)?;
        let switches = self.switches.clone();
        let mask = writable_fields().into_iter().collect();
        let written = write::read(&sent, &mask, self.of(body)?, &switches);
        written
            .map(|written| written.fields)
            .map_err(|refusal: Refusal| refusal.status()["message"].to_string())
    }

    /// Puts a contact there. A `raw_contact` is any JSON, unchecked.
    fn plant(&mut self, body: &Value, book: Book, fields: Object, now: i64) -> Result<Value, String> {
        let account = self.of(body)?;
        let id = account.new_id();
        let (name, groups) = match book {
            Book::Contacts => (format!("people/c{id}"), write::default_groups()),
            Book::Others => (format!("otherContacts/c{id}"), Vec::new()),
        };
        let version = Version {
            name,
            fields,
            groups,
            ..Version::default()
        };
        self.put_version(body, book, id, version, true, now)
    }

    /// Fills an account: copies of one contact, each with a numbered family name.
    fn copy_contact(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let (_, model) = found(self.of(body)?, text(body, "contact")?)?;
        let times = number(body, "times")?.ok_or("times is missing")?;
        for copy in 1..=times {
            let mut version = model.clone();
            (version.former, version.profile) = (Vec::new(), None);
            if let Some(name) = version.fields.get_mut("names").and_then(|names| names.get_mut(0)) {
                let given = name["givenName"].as_str().unwrap_or_default().to_owned();
                let mut numbered = Object::new();
                numbered.insert("givenName".into(), json!(given));
                numbered.insert("familyName".into(), json!(copy.to_string()));
                super::names::normalise(&mut numbered, false);
                *name = numbered.into();
            }
            let id = self.of(body)?.new_id();
            version.name = format!("people/c{id}");
            self.put_version(body, Book::Contacts, id, version, true, now)?;
        }
        Ok(json!({"copies": times}))
    }

    /// Forgets tombstones for good; sync tokens that have not seen them die with them.
    fn purge_tombstones(&mut self, body: &Value) -> Result<Value, String> {
        let account = self.of(body)?;
        let gone: Vec<(u64, u64)> = account
            .contacts
            .values()
            .filter(|contact| contact.latest().gone.is_some())
            .map(|contact| (contact.id, contact.latest().position))
            .collect();
        for (id, position) in &gone {
            account.contacts.remove(id);
            account.purged = account.purged.max(*position);
        }
        Ok(json!({"purged": gone.len()}))
    }
}

fn found(account: &Account, resource: &str) -> Result<(u64, Version), String> {
    let contact: &Contact = account.find(resource).ok_or_else(|| format!("no contact {resource}"))?;
    Ok((contact.id, contact.latest().clone()))
}

fn person(body: &Value) -> Result<Object, String> {
    let person = body.get("person").and_then(Value::as_object);
    person.cloned().ok_or_else(|| "person is missing".to_owned())
}

/// Lists unite; of a field that a contact has once, the kept one's stays.
fn unite(kept: &mut Version, other: &Version) {
    for (field, values) in &other.fields {
        let own = kept.fields.entry(field).or_insert_with(|| json!([]));
        let once = matches!(field.as_str(), "biographies" | "birthdays" | "genders" | "names");
        let (Some(own), Some(values)) = (own.as_array_mut(), values.as_array()) else {
            continue;
        };
        for value in values {
            if !(own.contains(value) || once && !own.is_empty()) {
                own.push(value.clone());
            }
        }
    }
    for group in &other.groups {
        if !kept.groups.contains(group) {
            kept.groups.push(group.clone());
        }
    }
}
