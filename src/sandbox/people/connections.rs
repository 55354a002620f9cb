//! `people.connections.list`, and what it shares with the list of other contacts.
use super::Ctx;
use super::body::Mask;
use super::errors::{Answer, Refusal};
use super::render::{View, person};
use super::state::{Book, Contact, State, Version};
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
        if order == "LAST_MODIFIED_DESCENDING" && (syncable || ctx.token("syncToken").is_some()) {
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

    /// The persons of a page as they are at this page; who is gone since the first page is left out of a full list.
    pub(super) fn shown(&self, ctx: &Ctx<'_>, book: Book, page: &Page, view: View) -> Result<Vec<Value>, Refusal> {
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

/// Persons a page.
pub fn page_size(ctx: &Ctx<'_>) -> usize {
    match ctx.params.count("pageSize") {
        None | Some(0) => DEFAULT_PAGE,
        Some(size) => size,
    }
}

/// "All other request parameters must match the first call": the effective ones, in any order.
pub fn shape(ctx: &Ctx<'_>, mask: &Mask, order: &str) -> String {
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
