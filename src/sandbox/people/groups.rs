//! Contact groups and who is in them.
use super::Ctx;
use super::body::{GROUP_FIELDS, Mask, mask, object};
use super::errors::{Answer, Code, Refusal};
use super::state::{Account, Group, Object, State, Version, time_text};
use super::sync::Question;
use super::write;
use serde_json::{Value, json};

const DEFAULT_PAGE: usize = 30;
/// Most groups of one `batchGet`.
const BATCH: usize = 200;
/// Most names, added and removed together, of one `members.modify`.
const MODIFY: usize = 1000;

impl State {
    /// `contactGroups.list`.
    pub(super) fn list_groups(&mut self, ctx: &Ctx<'_>) -> Answer {
        let mask = read_mask("groupFields", ctx.params.text("groupFields"), true)?;
        let size = match ctx.params.count("pageSize") {
            None | Some(0) => DEFAULT_PAGE,
            Some(size) => size,
        };
        let question = Question {
            stream: "contactGroups",
            shape: format!("{mask:?} {size}"),
            size,
            syncable: true,
            ctx,
        };
        let page = self.page(&question, |state, since| {
            let groups = state.account(&ctx.user)?.groups.values();
            let shown = groups.filter(|group| match since {
                None => !group.deleted,
                Some(seen) => group.changed > seen.position,
            });
            Ok(shown.map(|group| group.id.clone()).collect())
        })?;
        let account = self.account(&ctx.user)?;
        let groups: Vec<Value> = page
            .keys
            .iter()
            .filter_map(|id| account.groups.get(id))
            .filter(|group| !group.deleted || page.since.is_some())
            .map(|group| shown(account, group, &mask))
            .collect();
        let mut answer = page.next;
        if !groups.is_empty() {
            answer.insert("contactGroups".into(), json!(groups));
        }
        if page.total > 0 {
            answer.insert("totalItems".into(), json!(page.total));
        }
        Ok(answer.into())
    }

    /// `contactGroups.get`.
    pub(super) fn get_group(&self, ctx: &Ctx<'_>) -> Answer {
        let mask = read_mask("groupFields", ctx.params.text("groupFields"), true)?;
        let account = self.account(&ctx.user)?;
        let group = find(account, &ctx.resource())?;
        Ok(with_members(account, group, &mask, ctx.params.count("maxMembers")))
    }

    /// `contactGroups.batchGet`.
    pub(super) fn batch_get_groups(&self, ctx: &Ctx<'_>) -> Answer {
        let mask = read_mask("groupFields", ctx.params.text("groupFields"), true)?;
        let account = self.account(&ctx.user)?;
        let names = ctx.params.texts("resourceNames");
        if names.is_empty() || names.len() > BATCH {
            return Err(Refusal::invalid_field("resource_names", "takes 1 to 200"));
        }
        let responses: Vec<Value> = names
            .iter()
            .map(|name| match find(account, name) {
                Ok(group) => json!({"requestedResourceName": name, "status": {},
                    "contactGroup": with_members(account, group, &mask, ctx.params.count("maxMembers"))}),
                Err(refusal) => json!({"requestedResourceName": name, "status": refusal.status()}),
            })
            .collect();
        Ok(json!({"responses": responses}))
    }

    /// `contactGroups.create`.
    pub(super) fn create_group(&mut self, ctx: &Ctx<'_>) -> Answer {
        let mask = read_mask(
            "readGroupFields",
            ctx.body.get("readGroupFields").and_then(Value::as_str),
            false,
        )?;
        let (name, client_data) = sent_group(ctx)?;
        let account = self.account_mut(&ctx.user)?;
        check_name(account, &name, None)?;
        let id = format!("{:x}", account.new_id());
        let group = Group {
            id: id.clone(),
            formatted: name.clone(),
            name,
            client_data,
            updated_us: account.stamp(ctx.now),
            changed: account.position,
            ..Group::default()
        };
        account.groups.insert(id.clone(), group);
        Ok(shown(account, &account.groups[&id], &mask))
    }

    /// `contactGroups.update`.
    pub(super) fn update_group(&mut self, ctx: &Ctx<'_>) -> Answer {
        let mask = read_mask(
            "readGroupFields",
            ctx.body.get("readGroupFields").and_then(Value::as_str),
            false,
        )?;
        let text = ctx
            .body
            .get("updateGroupFields")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let fields = match text {
            "" => Mask::from(["name"]),
            text => super::body::mask("updateGroupFields", text, &["clientData", "name"])?,
        };
        let account = self.account_mut(&ctx.user)?;
        let group = find(account, &ctx.resource())?.clone();
        if group.system {
            return Err(Refusal::invalid_field(
                "resource_name",
                "a system group cannot be changed",
            ));
        }
        let sent =
            object(&ctx.body, "contactGroup").ok_or_else(|| Refusal::invalid_field("contact_group", "is required"))?;
        match sent.get("etag").and_then(Value::as_str) {
            None | Some("") => return Err(Refusal::invalid_field("contact_group.etag", "is required")),
            Some(etag) if etag != group.etag() => {
                return Err(Refusal::new(
                    Code::FailedPrecondition,
                    "Request contactGroup.etag is different than the current contactGroup.etag.",
                ));
            }
            Some(_) => {}
        }
        let (name, client_data) = if fields.contains("name") {
            sent_group(ctx)?
        } else {
            (group.name.clone(), client_data(sent))
        };
        check_name(account, &name, Some(&group.id))?;
        account.position += 1;
        let (changed, updated_us) = (account.position, account.stamp(ctx.now));
        if let Some(group) = account.groups.get_mut(&group.id) {
            (group.changed, group.updated_us) = (changed, updated_us);
            (group.formatted, group.name) = (name.clone(), name);
            if fields.contains("clientData") {
                group.client_data = client_data;
            }
        }
        Ok(shown(account, &account.groups[&group.id], &mask))
    }

    /// `contactGroups.delete`. The members stay contacts, or go with it.
    pub(super) fn delete_group(&mut self, ctx: &Ctx<'_>) -> Answer {
        let account = self.account(&ctx.user)?;
        let group = find(account, &ctx.resource())?.clone();
        if group.system {
            return Err(Refusal::invalid_field(
                "resource_name",
                "a system group cannot be deleted",
            ));
        }
        let members: Vec<(u64, Version)> = account
            .members(&group.id)
            .into_iter()
            .map(|contact| (contact.id, contact.latest().clone()))
            .collect();
        for (id, mut version) in members {
            if ctx.params.flag("deleteContacts") {
                self.delete(ctx, id)?;
                continue;
            }
            version.groups.retain(|known| *known != group.id);
            if version.groups.is_empty() {
                version.groups = write::default_groups();
            }
            self.put(ctx, id, version)?;
        }
        let account = self.account_mut(&ctx.user)?;
        account.position += 1;
        let (changed, updated_us) = (account.position, account.stamp(ctx.now));
        if let Some(group) = account.groups.get_mut(&group.id) {
            (group.changed, group.updated_us, group.deleted) = (changed, updated_us, true);
        }
        Ok(json!({}))
    }

    /// `contactGroups.members.modify`.
    pub(super) fn modify_members(&mut self, ctx: &Ctx<'_>) -> Answer {
        let account = self.account(&ctx.user)?;
        let group = find(account, &ctx.resource())?.id.clone();
        let (add, remove) = (ctx.texts("resourceNamesToAdd"), ctx.texts("resourceNamesToRemove"));
        if add.len() + remove.len() > MODIFY {
            return Err(Refusal::invalid_field(
                "resource_names_to_add",
                "takes, with those to remove, at most 1000",
            ));
        }
        if !add.is_empty() && !write::takes_members(account, &group) {
            return Err(Refusal::invalid_field(
                "resource_name",
                "this system group takes no members",
            ));
        }
        let (mut not_found, mut last, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, joins) in add
            .iter()
            .map(|name| (name, true))
            .chain(remove.iter().map(|name| (name, false)))
        {
            let Some(contact) = account.find(name) else {
                not_found.push(name.clone());
                continue;
            };
            let mut version = contact.latest().clone();
            let is_member = version.groups.contains(&group);
            match (joins, is_member) {
                (true, false) => version.groups.push(group.clone()),
                (false, true) if version.groups.len() == 1 => {
                    last.push(name.clone());
                    continue;
                }
                (false, true) => version.groups.retain(|known| *known != group),
                _ => continue,
            }
            changed.push((contact.id, version));
        }
        for (id, version) in changed {
            self.put(ctx, id, version)?;
        }
        let mut answer = Object::new();
        for (key, names) in [
            ("notFoundResourceNames", not_found),
            ("canNotRemoveLastContactGroupResourceNames", last),
        ] {
            if !names.is_empty() {
                answer.insert(key.into(), json!(names));
            }
        }
        Ok(answer.into())
    }
}

/// `groupFields` and `readGroupFields`; `counted` says whether the number of members is shown when nothing was asked for.
fn read_mask(name: &str, text: Option<&str>, counted: bool) -> Result<Mask, Refusal> {
    let mask = mask(name, text.unwrap_or_default(), GROUP_FIELDS)?;
    if !mask.is_empty() {
        return Ok(mask);
    }
    let mut default = Mask::from(["groupType", "metadata", "name"]);
    if counted {
        default.insert("memberCount");
    }
    Ok(default)
}

fn find<'a>(account: &'a Account, resource: &str) -> Result<&'a Group, Refusal> {
    let id = resource.strip_prefix("contactGroups/").unwrap_or_default();
    let group = account.groups.get(id).filter(|group| !group.deleted);
    group.ok_or_else(Refusal::not_found)
}

fn check_name(account: &Account, name: &str, own: Option<&str>) -> Result<(), Refusal> {
    let taken = account
        .groups
        .values()
        .any(|group| !group.deleted && Some(group.id.as_str()) != own && group.name == name);
    if taken {
        return Err(Refusal::new(Code::AlreadyExists, "Contact group name already exists."));
    }
    Ok(())
}

fn sent_group(ctx: &Ctx<'_>) -> Result<(String, Vec<Value>), Refusal> {
    let group =
        object(&ctx.body, "contactGroup").ok_or_else(|| Refusal::invalid_field("contact_group", "is required"))?;
    let name = group
        .get("name")
        .and_then(Value::as_str)
        .map(str::trim)
        .unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::invalid_field("contact_group.name", "is required"));
    }
    Ok((name.to_owned(), client_data(group)))
}

fn client_data(group: &Object) -> Vec<Value> {
    group
        .get("clientData")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn shown(account: &Account, group: &Group, mask: &Mask) -> Value {
    let mut view = json!({"resourceName": group.resource(), "etag": group.etag()});
    if group.deleted {
        if mask.contains("metadata") {
            view["metadata"] = json!({"deleted": true});
        }
        return view;
    }
    if mask.contains("metadata") && !group.system {
        view["metadata"] = json!({"updateTime": time_text(group.updated_us)});
    }
    if mask.contains("groupType") {
        let kind = if group.system {
            "SYSTEM_CONTACT_GROUP"
        } else {
            "USER_CONTACT_GROUP"
        };
        view["groupType"] = json!(kind);
    }
    if mask.contains("name") {
        view["name"] = json!(group.name);
        view["formattedName"] = json!(group.formatted);
    }
    let count = account.members(&group.id).len();
    if mask.contains("memberCount") && count > 0 {
        view["memberCount"] = json!(count);
    }
    if mask.contains("clientData") && !group.client_data.is_empty() {
        view["clientData"] = json!(group.client_data);
    }
    view
}

/// Without `maxMembers` there are none.
fn with_members(account: &Account, group: &Group, mask: &Mask, most: Option<usize>) -> Value {
    let mut view = shown(account, group, mask);
    let members = account.members(&group.id);
    let names: Vec<&str> = members
        .iter()
        .take(most.unwrap_or(0))
        .map(|contact| contact.latest().name.as_str())
        .collect();
    if !names.is_empty() {
        view["memberResourceNames"] = json!(names);
    }
    view
}
