//! Single contacts: get, create, update, delete. What a write needs is checked apart from doing it, so that batches can check
//! everything first.
use super::Ctx;
use super::body::{Mask, PERSON_FIELDS, mask, object, required_mask, writable_fields};
use super::errors::{Answer, Refusal};
use super::render::{View, person, source_etag_of};
use super::state::{Account, Book, Contact, Gone, Object, State, Version};
use super::write;
use serde_json::{Value, json};

/// Most contacts of an account.
const ACCOUNT: usize = 25_000;

impl State {
    /// `people.get`.
    pub(super) fn get_person(&self, ctx: &Ctx<'_>) -> Answer {
        let view = View::of(ctx.person_mask()?).with_sources(ctx.params.texts("sources"));
        self.read(ctx, &ctx.resource(), &view)
    }

    /// A person as it is now. `people/me` is the user's own profile.
    pub(super) fn read(&self, ctx: &Ctx<'_>, resource: &str, view: &View) -> Answer {
        let account = self.account(&ctx.user)?;
        if let Some(contact) = account.find(resource) {
            return Ok(person(contact, contact.latest(), Book::Contacts, view, &self.switches));
        }
        if resource == "people/me" || resource == format!("people/{}", account.sub) {
            return Ok(own_profile(&ctx.user, account, &view.mask));
        }
        Err(Refusal::not_found())
    }

    /// `people.createContact`.
    pub(super) fn create_contact(&mut self, ctx: &Ctx<'_>) -> Answer {
        let view = self.answer_view(
            ctx,
            "personFields",
            ctx.params.text("personFields"),
            ctx.params.texts("sources"),
        )?;
        let version = self.to_create(ctx, &ctx.body)?;
        self.check_room(ctx, 1)?;
        let id = self.create(ctx, version)?;
        self.latest(ctx, id, &view.unwrap_or_else(all))
    }

    /// `people.updateContact`.
    pub(super) fn update_contact(&mut self, ctx: &Ctx<'_>) -> Answer {
        let text = ctx.params.text("updatePersonFields");
        let mask = required_mask("updatePersonFields", text, &writable_fields())?;
        let view = self.answer_view(
            ctx,
            "personFields",
            ctx.params.text("personFields"),
            ctx.params.texts("sources"),
        )?;
        let (id, version) = self.to_update(ctx, &ctx.resource(), &ctx.body, &mask)?;
        self.put(ctx, id, version)?;
        self.latest(ctx, id, &view.unwrap_or_else(all))
    }

    /// `people.deleteContact`.
    pub(super) fn delete_contact(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.deletable(ctx, &ctx.resource())?;
        self.delete(ctx, id)?;
        Ok(json!({}))
    }

    pub(super) fn deletable(&self, ctx: &Ctx<'_>, resource: &str) -> Result<u64, Refusal> {
        let account = self.account(&ctx.user)?;
        match account.find(resource) {
            Some(contact) => Ok(contact.id),
            None if resource == "people/me" || resource == format!("people/{}", account.sub) => {
                Err(Refusal::invalid_field("resource_name", "is no contact"))
            }
            None => Err(Refusal::not_found()),
        }
    }

    /// Leaves a tombstone.
    pub(super) fn delete(&mut self, ctx: &Ctx<'_>, id: u64) -> Result<(), Refusal> {
        let Some(contact) = self.account(&ctx.user)?.contacts.get(&id) else {
            return Ok(());
        };
        let mut version = contact.latest().clone();
        if version.gone.is_some() {
            return Ok(());
        }
        version.gone = Some(Gone::Deleted);
        self.put(ctx, id, version)
    }

    pub(super) fn check_room(&self, ctx: &Ctx<'_>, more: usize) -> Result<(), Refusal> {
        let limit = self.switches.contact_limit.unwrap_or(ACCOUNT);
        if self.account(&ctx.user)?.live().count() + more > limit {
            return Err(Refusal::too_many_contacts());
        }
        Ok(())
    }

    pub(super) fn to_create(&self, ctx: &Ctx<'_>, sent: &Object) -> Result<Version, Refusal> {
        let account = self.account(&ctx.user)?;
        let everything: Mask = writable_fields().into_iter().collect();
        let written = write::read(sent, &everything, account, &self.switches)?;
        let groups = written.groups.unwrap_or_else(write::default_groups);
        if let Some(group) = groups.iter().find(|group| !write::takes_members(account, group)) {
            let words = format!("contactGroups/{group} takes no members");
            return Err(Refusal::invalid_field("person.memberships", &words));
        }
        Ok(Version {
            fields: written.fields,
            groups,
            ..Version::default()
        })
    }

    pub(super) fn create(&mut self, ctx: &Ctx<'_>, mut version: Version) -> Result<u64, Refusal> {
        let account = self.account_mut(&ctx.user)?;
        let id = account.new_id();
        version.name = format!("people/c{id}");
        self.put(ctx, id, version)?;
        Ok(id)
    }

    /// Writes down a contact whose own data changed.
    pub(super) fn put(&mut self, ctx: &Ctx<'_>, id: u64, version: Version) -> Result<(), Refusal> {
        let visible_us = self.visible_us(&ctx.user, ctx.now);
        let account = self.account_mut(&ctx.user)?;
        account.write(Book::Contacts, id, version, true, ctx.now, visible_us);
        Ok(())
    }

    pub(super) fn to_update(
        &self,
        ctx: &Ctx<'_>,
        resource: &str,
        sent: &Object,
        mask: &Mask,
    ) -> Result<(u64, Version), Refusal> {
        let id = self.deletable(ctx, resource)?;
        let account = self.account(&ctx.user)?;
        let contact = account.contacts.get(&id).ok_or_else(Refusal::not_found)?;
        check_etag(account, contact, sent, ctx.now)?;
        let written = write::read(sent, mask, account, &self.switches)?;
        let mut version = contact.latest().clone();
        for field in mask {
            match written.fields.get(*field) {
                Some(values) => version.fields.insert((*field).to_owned(), values.clone()),
                None => version.fields.remove(*field),
            };
        }
        if mask.contains("memberships") {
            let groups = written.groups.ok_or_else(|| {
                Refusal::invalid_field("person.memberships", "a contact is in at least one contact group")
            })?;
            let joined = groups
                .iter()
                .find(|group| !version.groups.contains(group) && !write::takes_members(account, group));
            if let Some(group) = joined {
                let words = format!("contactGroups/{group} takes no members");
                return Err(Refusal::invalid_field("person.memberships", &words));
            }
            version.groups = groups;
        }
        Ok((id, version))
    }

    /// What an answer to a write shows; `None` when it asks for nothing.
    pub(super) fn answer_view(
        &self,
        ctx: &Ctx<'_>,
        name: &str,
        text: Option<&str>,
        sources: &[String],
    ) -> Result<Option<View>, Refusal> {
        self.account(&ctx.user)?;
        let mask = mask(name, text.unwrap_or_default(), PERSON_FIELDS)?;
        Ok((!mask.is_empty()).then(|| View::of(mask).with_sources(sources)))
    }

    /// A contact as it is now.
    pub(super) fn latest(&self, ctx: &Ctx<'_>, id: u64, view: &View) -> Answer {
        let contact = self
            .account(&ctx.user)?
            .contacts
            .get(&id)
            .ok_or_else(Refusal::not_found)?;
        Ok(person(contact, contact.latest(), Book::Contacts, view, &self.switches))
    }
}

/// The etag of the contact's source decides, from `metadata.sources` or from inside `person.etag`.
fn check_etag(account: &Account, contact: &Contact, sent: &Object, now: i64) -> Result<(), Refusal> {
    let sources = object(sent, "metadata").and_then(|metadata| metadata.get("sources")?.as_array());
    let own = sources.and_then(|sources| sources.iter().find(|source| source["type"] == "CONTACT"));
    if sources.is_some_and(|sources| !sources.is_empty()) && own.is_none() {
        return Err(Refusal::invalid_field(
            "person.metadata.sources",
            "has no contact source",
        ));
    }
    if let Some(id) = own.and_then(|source| source["id"].as_str())
        && id != contact.source_id()
    {
        return Err(Refusal::invalid_field(
            "person.metadata.sources",
            "is another contact's source",
        ));
    }
    let of_source = own.and_then(|source| source["etag"].as_str());
    let of_person = sent.get("etag").and_then(Value::as_str).filter(|etag| !etag.is_empty());
    let current = contact.latest().etag_text(contact.id);
    let matches = match (of_source, of_person) {
        (Some(etag), _) => etag == format!("#{current}"),
        (None, Some(etag)) => source_etag_of(etag).ok_or_else(Refusal::invalid_argument)? == current,
        (None, None) => return Err(Refusal::etag_missing()),
    };
    if !matches || now < account.stale_until_us {
        return Err(Refusal::stale_etag());
    }
    Ok(())
}

/// `people/me`: name and address of the account, from the profile.
fn own_profile(email: &str, account: &Account, mask: &Mask) -> Value {
    let source = json!({"type": "PROFILE", "id": account.sub});
    let mut person = json!({"resourceName": format!("people/{}", account.sub), "etag": "%EgMBAgMaBAECBQc="});
    if mask.contains("metadata") {
        person["metadata"] = json!({"objectType": "PERSON", "sources": [{"type": "PROFILE", "id": account.sub,
            "profileMetadata": {"objectType": "PERSON", "userTypes": ["GOOGLE_USER"]}}]});
    }
    if mask.contains("names") {
        person["names"] = json!([{"displayName": account.name, "unstructuredName": account.name,
            "metadata": {"primary": true, "sourcePrimary": true, "source": source}}]);
    }
    if mask.contains("emailAddresses") {
        person["emailAddresses"] = json!([{"value": email, "metadata": {"primary": true, "verified": true,
            "sourcePrimary": true, "source": {"type": "ACCOUNT", "id": account.sub}}}]);
    }
    person
}

fn all() -> View {
    View::of(PERSON_FIELDS.iter().copied().collect())
}
