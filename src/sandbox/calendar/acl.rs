//! Sharing: who may do what with a calendar. Every change of a rule ends that calendar's sync tokens.
use super::Ctx;
use super::errors::{Answer, Refusal, no_content, ok};
use super::methods::Method;
use super::paging::{self, Key, Listing};
use super::state::{Object, Role, Rule, State};
use super::tokens::SyncToken;
use serde_json::{Value, json};

impl State {
    fn rule_resource(&self, calendar: &str, id: &str) -> Option<Value> {
        let rule = self.calendars.get(calendar)?.acl.get(id)?;
        let scope = match id.split_once(':') {
            Some((kind, value)) => json!({"type": kind, "value": value}),
            None => json!({"type": id}),
        };
        Some(json!({
            "kind": "calendar#aclRule",
            "etag": format!("\"{}\"", rule.stamp),
            "id": id,
            "scope": scope,
            "role": rule.role.map_or("none", Role::as_str),
        }))
    }

    /// `acl.list`.
    pub(super) fn list_rules(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let stream = format!("acl:{id}");
        let params = &ctx.params;
        let since = paging::sync_token(params, &stream, &ctx.user, 0, 0)?;
        if since.is_some() && params.denied("showDeleted") {
            return Err(Refusal::sync_restrictions());
        }
        let (token, listing) = match self.later_page(params, &stream, &ctx.user, 0)? {
            Some(found) => found,
            None => {
                let shown = |rule: &Rule| match &since {
                    Some(since) => rule.changed > since.position,
                    None => rule.role.is_some() || params.flag("showDeleted"),
                };
                let rules = self.calendar(&id)?.acl.iter();
                let keys = rules
                    .filter(|(_, rule)| shown(rule))
                    .map(|(id, _)| Key::Stored(id.clone()))
                    .collect();
                let listing = Listing {
                    token: SyncToken {
                        stream,
                        user: ctx.user.clone(),
                        epoch: 0,
                        position: self.position,
                        shape: String::new(),
                        window: (None, None),
                    },
                    fingerprint: paging::fingerprint(params),
                    keys,
                    delta: since.is_some(),
                    syncable: true,
                };
                self.first_page(listing)
            }
        };
        let size = params.count("maxResults").unwrap_or(100).min(250);
        let page = paging::cut(&token, listing, size, &self.switches);
        let items: Vec<Value> = page
            .keys
            .iter()
            .filter_map(|key| match key {
                Key::Stored(rule) => self.rule_resource(&id, rule),
                _ => None,
            })
            .collect();
        let mut body = Object::from_iter([
            ("kind".to_owned(), json!("calendar#acl")),
            ("etag".to_owned(), paging::collection_etag(page.listing.token.position)),
        ]);
        body.extend(page.next);
        body.insert("items".into(), Value::Array(items));
        ok(Value::Object(body))
    }

    /// `acl.get`.
    pub(super) fn get_rule(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let rule = ctx.segment(3).to_lowercase();
        ok(self.rule_resource(&id, &rule).ok_or_else(Refusal::not_found)?)
    }

    /// `acl.insert`: also replaces the rule of the same scope.
    pub(super) fn insert_rule(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let body = ctx.body()?;
        let scope = body.get("scope").and_then(Value::as_object);
        let scope = scope.ok_or_else(|| Refusal::required("Missing scope."))?;
        let text = |key| scope.get(key).and_then(Value::as_str).unwrap_or_default();
        let rule = match (text("type"), text("value")) {
            ("default", "") => "default".to_owned(),
            (kind @ ("user" | "group" | "domain"), value) if !value.is_empty() => {
                format!("{kind}:{}", value.to_lowercase())
            }
            _ => return Err(Refusal::invalid("Invalid scope value.")),
        };
        let role = role(&body)?.ok_or_else(|| Refusal::required("Missing role."))?;
        self.write_rule(&ctx.user, &id, &rule, role, ctx.now)?;
        ok(self.rule_resource(&id, &rule).unwrap_or_default())
    }

    /// `acl.update` and `acl.patch`.
    pub(super) fn change_rule(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let rule = ctx.segment(3).to_lowercase();
        let old = self.calendar(&id)?.acl.get(&rule).cloned();
        let old = old.filter(|old| old.role.is_some()).ok_or_else(Refusal::not_found)?;
        ctx.check_match(&format!("\"{}\"", old.stamp))?;
        let role = match role(&ctx.body()?)? {
            Some(role) => role,
            None if ctx.method == Method::AclPatch => old.role,
            None => return Err(Refusal::required("Missing role.")),
        };
        self.write_rule(&ctx.user, &id, &rule, role, ctx.now)?;
        ok(self.rule_resource(&id, &rule).unwrap_or_default())
    }

    /// `acl.delete`.
    pub(super) fn delete_rule(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let rule = ctx.segment(3).to_lowercase();
        let old = self.calendar(&id)?.acl.get(&rule);
        let old = old.filter(|old| old.role.is_some()).ok_or_else(Refusal::not_found)?;
        ctx.check_match(&format!("\"{}\"", old.stamp))?;
        self.write_rule(&ctx.user, &id, &rule, None, ctx.now)?;
        no_content()
    }

    fn write_rule(
        &mut self,
        user: &str,
        calendar: &str,
        rule: &str,
        role: Option<Role>,
        now: i64,
    ) -> Result<(), Refusal> {
        let owner = format!("user:{}", self.calendar(calendar)?.data_owner);
        if rule == owner || rule == format!("user:{user}") {
            return Err(Refusal::new(
                403,
                "calendar",
                "cannotChangeOwnAcl",
                "Cannot change your own access level.",
            ));
        }
        self.set_rule(calendar, rule, role, now);
        Ok(())
    }

    /// Sets a rule without asking who wants it. A rule that stays as it is changes nothing; any other ends the
    /// calendar's sync tokens, and whoever loses access loses the entry in their list.
    pub(super) fn set_rule(&mut self, id: &str, rule: &str, role: Option<Role>, now: i64) {
        let (changed, stamp) = (self.next_position(), self.stamp(now));
        let Some(calendar) = self.calendars.get_mut(id) else {
            return;
        };
        if calendar.acl.get(rule).and_then(|old| old.role) == role {
            return;
        }
        let new = Rule { role, changed, stamp };
        calendar.acl.insert(rule.to_owned(), new);
        calendar.epoch += 1;
        let users: Vec<String> = self.users.keys().cloned().collect();
        for user in users {
            if self.role(&user, id).is_none() && self.users[&user].list.contains_key(id) {
                self.drop_entry(&user, id, now);
            }
        }
    }
}

/// The body's role: absent, or a role (`none` takes access away).
fn role(body: &Object) -> Result<Option<Option<Role>>, Refusal> {
    match body.get("role") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text == "none" => Ok(Some(None)),
        Some(Value::String(text)) => match Role::parse(text) {
            Some(role) => Ok(Some(Some(role))),
            None => Err(Refusal::invalid("Invalid role value.")),
        },
        Some(_) => Err(Refusal::invalid_field("role")),
    }
}
