//! `people.connections.list` and `otherContacts.list`.
use super::Ctx;
use super::body::{Mask, OTHER_FIELDS, required_mask};
use super::errors::{Answer, Refusal};
use super::render::{View, person};
use super::state::{Book, Contact, Object, State, Version};
use super::sync::{Page, Question};
use serde_json::{Value, json};
use std::cmp::Reverse;

const DEFAULT_PAGE: usize = 100;

impl State {
    /// `people.connections.list`.
    pub(super) fn list_connections(&mut self, ctx: &Ctx<'_>) -> Answer {
        if ctx.segment(1) != "me" {
            return Err(Refusal::invalid_field("resource_name", "only people/me is valid"));
        }
        let mask = ctx.person_mask()?;
        let order = ctx.params.text("sortOrder").unwrap_or("LAST_MODIFIED_ASCENDING");
        let syncable = ctx.params.flag("requestSyncToken");
        if order == "LAST_MODIFIED_DESCENDING" && (syncable || ctx.params.has("syncToken")) {
            return Err(Refusal::invalid_argument());
        }
        let question = Question {
            stream: "connections",
            shape: shape(ctx, &mask, order),
            size: page_size(ctx),
            syncable,
            ctx,
        };
        let view = View::of(mask).with_sources(ctx.params.texts("sources"));
        let profiles_only = view.profile && !view.contact;
        let page = self.page(&question, |state, since| {
            let account = state.account_mut(&ctx.user)?;
            if since.is_none() && account.empty_lists > 0 {
                account.empty_lists -= 1;
                return Ok(Vec::new());
            }
            let ids = state.listed(ctx, Book::Contacts, since)?;
            let contacts = &state.account(&ctx.user)?.contacts;
            let mut shown: Vec<(&Contact, &Version)> = ids
                .iter()
                .filter_map(|id| contacts.get(id))
                .filter_map(|contact| Some((contact, contact.visible(ctx.now)?)))
                .filter(|(_, version)| !profiles_only || version.profile.is_some())
                .collect();
            sort(&mut shown, order);
            Ok(shown.iter().map(|(contact, _)| contact.id.to_string()).collect())
        })?;
        let people = self.shown(ctx, Book::Contacts, &page, view)?;
        let mut answer = page.next;
        if !people.is_empty() {
            answer.insert("connections".into(), json!(people));
        }
        if page.total > 0 {
            answer.insert("totalItems".into(), json!(page.total));
            answer.insert("totalPeople".into(), json!(page.total));
        }
        Ok(answer.into())
    }

    /// `otherContacts.list`.
    pub(super) fn list_others(&mut self, ctx: &Ctx<'_>) -> Answer {
        let mask = required_mask("readMask", ctx.params.text("readMask"), OTHER_FIELDS)?;
        let sources = ctx.params.texts("sources");
        let has = |name: &str| sources.iter().any(|source| source == name);
        if sources
            .iter()
            .any(|source| !source.ends_with("_CONTACT") && !source.ends_with("_PROFILE"))
            || has("READ_SOURCE_TYPE_PROFILE") && !has("READ_SOURCE_TYPE_CONTACT")
            || has("READ_SOURCE_TYPE_DOMAIN_CONTACT")
            || has("READ_SOURCE_TYPE_OTHER_CONTACT")
        {
            return Err(Refusal::invalid_field(
                "sources",
                "READ_SOURCE_TYPE_CONTACT, alone or with READ_SOURCE_TYPE_PROFILE",
            ));
        }
        let question = Question {
            stream: "otherContacts",
            shape: shape(ctx, &mask, ""),
            size: page_size(ctx),
            syncable: ctx.params.flag("requestSyncToken"),
            ctx,
        };
        let page = self.page(&question, |state, since| {
            let ids = state.listed(ctx, Book::Others, since)?;
            Ok(ids.iter().map(u64::to_string).collect())
        })?;
        let people = self.shown(ctx, Book::Others, &page, View::of(mask))?;
        let mut answer = page.next;
        if !people.is_empty() {
            answer.insert("otherContacts".into(), json!(people));
        }
        if page.total > 0 {
            answer.insert("totalSize".into(), json!(page.total));
        }
        Ok(answer.into())
    }

    /// The persons of a page as they are at this page; who is gone since the first page is left out of a full list.
    fn shown(&self, ctx: &Ctx<'_>, book: Book, page: &Page, view: View) -> Result<Vec<Value>, Refusal> {
        let view = View {
            listed: true,
            since: page.since,
            ..view
        };
        let contacts = self.account(&ctx.user)?.book(book);
        let persons = page.keys.iter().filter_map(|key| {
            let contact = contacts.get(&key.parse().ok()?)?;
            let version = contact.visible(ctx.now)?;
            let told = version.gone.is_none() || page.since.is_some();
            told.then(|| person(contact, version, book, &view, &self.switches))
        });
        Ok(persons.collect())
    }
}

fn page_size(ctx: &Ctx<'_>) -> usize {
    match ctx.params.count("pageSize") {
        None | Some(0) => DEFAULT_PAGE,
        Some(size) => size,
    }
}

/// "All other request parameters must match the first call": the effective ones, in any order.
fn shape(ctx: &Ctx<'_>, mask: &Mask, order: &str) -> String {
    let mut sources = ctx.params.texts("sources").to_vec();
    sources.sort();
    sources.dedup();
    let size = page_size(ctx);
    let sync = ctx.params.flag("requestSyncToken");
    format!("{mask:?} {sources:?} {size} {order} {sync}")
}

fn sort(shown: &mut [(&Contact, &Version)], order: &str) {
    let name = |version: &Version, part: &str| {
        let name = version.fields.get("names").and_then(|names| names.get(0));
        let text = name.and_then(|name| name[part].as_str().or(name["displayName"].as_str()));
        text.unwrap_or_default().to_lowercase()
    };
    match order {
        "LAST_MODIFIED_DESCENDING" => shown.sort_by_key(|(_, version)| Reverse((version.updated_us, version.position))),
        "FIRST_NAME_ASCENDING" => shown.sort_by_cached_key(|(_, version)| name(version, "givenName")),
        "LAST_NAME_ASCENDING" => shown.sort_by_cached_key(|(_, version)| name(version, "familyName")),
        _ => shown.sort_by_key(|(_, version)| (version.updated_us, version.position)),
    }
}

/// The body of a Person as it is sent, seen from inside a request message.
pub fn object<'a>(body: &'a Object, key: &str) -> Option<&'a Object> {
    body.get(key).and_then(Value::as_object)
}
