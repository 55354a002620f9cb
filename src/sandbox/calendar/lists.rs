//! The calendar list: each user's own view of the calendars they have added.
//!
//! Its deltas show what the user changed, not what changed in the calendars themselves: a renamed calendar or a lowered
//! role is not in them.
use super::Ctx;
use super::errors::{Answer, Refusal, no_content, ok};
use super::merge;
use super::methods::Method;
use super::paging::{self, Key, Listing};
use super::state::{ListEntry, Object, Role, State};
use super::tokens::SyncToken;
use serde_json::{Value, json};

const STREAM: &str = "calendarList";
const WRITABLE: [&str; 7] = [
    "colorId",
    "hidden",
    "selected",
    "summaryOverride",
    "defaultReminders",
    "notificationSettings",
    "autoAcceptInvitations",
];
const RGB: [&str; 2] = ["backgroundColor", "foregroundColor"];

impl State {
    /// `calendarList.list`.
    pub(super) fn list_entries(&mut self, ctx: &Ctx<'_>) -> Answer {
        let epoch = self.users.get(&ctx.user).map_or(0, |user| user.list_epoch);
        let params = &ctx.params;
        let since = paging::sync_token(params, STREAM, &ctx.user, epoch, 0)?;
        if since.is_some() {
            let restricted = params.has("minAccessRole")
                || params.has("showOwnOrganizationOnly")
                || params.denied("showDeleted")
                || params.denied("showHidden");
            if restricted {
                return Err(Refusal::sync_restrictions());
            }
        }
        let (token, listing) = match self.later_page(params, STREAM, &ctx.user, epoch)? {
            Some(found) => found,
            None => {
                let listing = self.entry_listing(ctx, since, epoch);
                self.first_page(listing)
            }
        };
        let size = params.count("maxResults").unwrap_or(100).min(250);
        let page = paging::cut(&token, listing, size, &self.switches);
        let items: Vec<Value> = page
            .keys
            .iter()
            .filter_map(|key| match key {
                Key::Stored(id) => self.entry(&ctx.user, id),
                _ => None,
            })
            .collect();
        let mut body = Object::from_iter([
            ("kind".to_owned(), json!("calendar#calendarList")),
            ("etag".to_owned(), paging::collection_etag(page.listing.token.position)),
        ]);
        body.extend(page.next);
        body.insert("items".into(), Value::Array(items));
        ok(Value::Object(body))
    }

    fn entry_listing(&self, ctx: &Ctx<'_>, since: Option<SyncToken>, epoch: u64) -> Listing {
        let params = &ctx.params;
        let least = params.text("minAccessRole").and_then(Role::parse);
        let mut keys = Vec::new();
        for (id, entry) in self.users.get(&ctx.user).into_iter().flat_map(|user| &user.list) {
            let shown = match &since {
                Some(since) => entry.changed > since.position,
                None => {
                    let hidden = entry.fields.get("hidden") == Some(&json!(true));
                    (!entry.deleted || params.flag("showDeleted"))
                        && (!hidden || params.flag("showHidden"))
                        && least.is_none_or(|least| self.role(&ctx.user, id) >= Some(least))
                }
            };
            if shown {
                keys.push(Key::Stored(id.clone()));
            }
        }
        Listing {
            token: SyncToken {
                stream: STREAM.into(),
                user: ctx.user.clone(),
                epoch,
                position: self.position,
                shape: String::new(),
                window: (None, None),
            },
            fingerprint: paging::fingerprint(params),
            keys,
            delta: since.is_some(),
            syncable: true,
        }
    }

    /// One entry as its user sees it; `None` when it was never there.
    fn entry(&self, user: &str, id: &str) -> Option<Value> {
        let entry = self.users.get(user)?.list.get(id)?;
        let mut shown = Object::from_iter([
            ("kind".to_owned(), json!("calendar#calendarListEntry")),
            ("etag".to_owned(), json!(format!("\"{}\"", entry.stamp))),
            ("id".to_owned(), json!(id)),
        ]);
        let calendar = self.calendars.get(id);
        let (Some(calendar), Some(role), false) = (calendar, self.role(user, id), entry.deleted) else {
            shown.insert("defaultReminders".into(), json!([]));
            shown.insert("deleted".into(), json!(true));
            return Some(Value::Object(shown));
        };
        for key in ["summary", "description", "location", "timeZone"] {
            if let Some(value) = calendar.fields.get(key) {
                shown.insert(key.into(), value.clone());
            }
        }
        shown.insert("colorId".into(), json!("14"));
        shown.insert("backgroundColor".into(), json!("#9fe1e7"));
        shown.insert("foregroundColor".into(), json!("#000000"));
        shown.insert("defaultReminders".into(), json!([]));
        for (key, value) in &entry.fields {
            if *value != json!(false) {
                shown.insert(key.clone(), value.clone());
            }
        }
        shown.insert("accessRole".into(), json!(role.as_str()));
        if calendar.primary_of.as_deref() == Some(user) {
            shown.insert("primary".into(), json!(true));
        }
        if calendar.primary_of.is_none() {
            shown.insert("dataOwner".into(), json!(calendar.data_owner));
        }
        let conference = json!({"allowedConferenceSolutionTypes": ["hangoutsMeet"]});
        shown.insert("conferenceProperties".into(), conference);
        Some(Value::Object(shown))
    }

    /// The id of an entry that is in the user's list and still readable.
    fn listed(&self, ctx: &Ctx<'_>) -> Result<String, Refusal> {
        let id = self.calendar_id(&ctx.user, ctx.segment(3));
        let entry = self.users.get(&ctx.user).and_then(|user| user.list.get(&id));
        match entry {
            Some(entry) if !entry.deleted && self.role(&ctx.user, &id).is_some() => Ok(id),
            _ => Err(Refusal::not_found()),
        }
    }

    /// `calendarList.get`.
    pub(super) fn get_entry(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.listed(ctx)?;
        let entry = self.entry(&ctx.user, &id).ok_or_else(Refusal::not_found)?;
        if entry["etag"].as_str().is_some_and(|etag| ctx.is_unchanged(etag)) {
            return super::errors::not_modified();
        }
        ok(entry)
    }

    /// `calendarList.insert`: adds a calendar that the user may read.
    pub(super) fn insert_entry(&mut self, ctx: &Ctx<'_>) -> Answer {
        let body = ctx.body()?;
        let id = body.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| Refusal::required("Missing calendar id."))?;
        let (id, _) = self.visible(&ctx.user, id)?;
        let fields = entry_fields(ctx, &body, Object::new())?;
        self.put_entry(&ctx.user, &id, fields, ctx.now);
        ok(self.entry(&ctx.user, &id).unwrap_or_default())
    }

    /// `calendarList.update` and `calendarList.patch`.
    pub(super) fn change_entry(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.listed(ctx)?;
        let old = self.users.get(&ctx.user).and_then(|user| user.list.get(&id));
        let old = old.cloned().unwrap_or_default();
        ctx.check_match(&format!("\"{}\"", old.stamp))?;
        let base = match ctx.method {
            Method::CalendarListPatch => old.fields.clone(),
            _ => Object::new(),
        };
        let fields = entry_fields(ctx, &ctx.body()?, base)?;
        if fields != old.fields {
            self.put_entry(&ctx.user, &id, fields, ctx.now);
        }
        ok(self.entry(&ctx.user, &id).unwrap_or_default())
    }

    /// `calendarList.delete`.
    pub(super) fn delete_entry(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.listed(ctx)?;
        if self.calendar(&id)?.data_owner == ctx.user {
            return Err(Refusal::forbidden(
                "The data owner of a calendar cannot remove such a calendar from their calendar list.",
            ));
        }
        self.drop_entry(&ctx.user, &id, ctx.now);
        no_content()
    }

    /// Adds or replaces an entry; the next delta shows it.
    pub(super) fn put_entry(&mut self, user: &str, id: &str, fields: Object, now: i64) {
        let (changed, stamp) = (self.next_position(), self.stamp(now));
        let entry = ListEntry {
            fields,
            deleted: false,
            changed,
            stamp,
        };
        if let Some(user) = self.users.get_mut(user) {
            user.list.insert(id.to_owned(), entry);
        }
    }

    /// Marks an entry as removed; the next delta shows `deleted`.
    pub(super) fn drop_entry(&mut self, user: &str, id: &str, now: i64) {
        let (changed, stamp) = (self.next_position(), self.stamp(now));
        let entry = self.users.get_mut(user).and_then(|user| user.list.get_mut(id));
        if let Some(entry) = entry.filter(|entry| !entry.deleted) {
            entry.deleted = true;
            entry.changed = changed;
            entry.stamp = stamp;
        }
    }
}

fn entry_fields(ctx: &Ctx<'_>, body: &Object, mut base: Object) -> Result<Object, Refusal> {
    let mut writable = merge::pick(body, &WRITABLE);
    if ctx.params.flag("colorRgbFormat") {
        writable.extend(merge::pick(body, &RGB));
    }
    for (key, value) in &writable {
        let fits = match key.as_str() {
            _ if value.is_null() => true,
            "hidden" | "selected" | "autoAcceptInvitations" => value.is_boolean(),
            "defaultReminders" => value.is_array(),
            "notificationSettings" => value.is_object(),
            _ => value.is_string(),
        };
        if !fits {
            return Err(Refusal::invalid_field(key));
        }
    }
    writable.remove("autoAcceptInvitations"); // read-only; tolerated in bodies
    merge::patch(&mut base, &writable);
    base.retain(|_, value| *value != json!(false));
    Ok(base)
}
