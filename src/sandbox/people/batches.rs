//! Many contacts at once. A batch that writes is checked whole before any of it is done, and one bad item spoils it all, as
//! Google's error details say.
use super::Ctx;
use super::body::{object, required_mask, writable_fields};
use super::errors::{Answer, Refusal};
use super::render::View;
use super::state::{Object, State};
use serde_json::{Value, json};

/// Most people of one `getBatchGet`, and contacts of one batch that creates or updates.
const BATCH: usize = 200;
/// Most contacts of one batch that deletes.
const BATCH_DELETE: usize = 500;

impl State {
    /// `people.getBatchGet`.
    pub(super) fn get_people(&self, ctx: &Ctx<'_>) -> Answer {
        let view = View::of(ctx.person_mask()?).with_sources(ctx.params.texts("sources"));
        let names = ctx.params.texts("resourceNames");
        within(names.len(), BATCH, "resource_names")?;
        let responses: Vec<Value> = names
            .iter()
            .map(|name| match self.read(ctx, name, &view) {
                Ok(person) => response(name, person),
                Err(refusal) => {
                    json!({"httpStatusCode": 404, "requestedResourceName": name, "status": refusal.status()})
                }
            })
            .collect();
        Ok(json!({"responses": responses}))
    }

    /// `people.batchCreateContacts`.
    pub(super) fn batch_create(&mut self, ctx: &Ctx<'_>) -> Answer {
        let view = self.batch_view(ctx)?;
        let contacts = ctx
            .body
            .get("contacts")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        within(contacts.len(), BATCH, "contacts")?;
        let (mut versions, mut errors) = (Vec::new(), Vec::new());
        for (index, item) in contacts.iter().enumerate() {
            let nobody = Refusal::invalid_field(&format!("contacts[{index}].contact_person"), "is required");
            let person = item.get("contactPerson").and_then(Value::as_object).ok_or(nobody);
            match person.and_then(|person| self.to_create(ctx, person)) {
                Ok(version) => versions.push(version),
                Err(refusal) => errors.push((index.to_string(), refusal)),
            }
        }
        if !errors.is_empty() {
            return Err(Refusal::batch("BatchCreateContactsErrorDetails", errors));
        }
        self.check_room(ctx, versions.len())?;
        let mut created = Vec::new();
        for version in versions {
            let id = self.create(ctx, version)?;
            if let Some(view) = &view {
                let person = self.latest(ctx, id, view)?;
                let name = person["resourceName"].as_str().unwrap_or_default().to_owned();
                created.push(response(&name, person));
            }
        }
        Ok(match view {
            Some(_) => json!({"createdPeople": created}),
            None => json!({}),
        })
    }

    /// `people.batchUpdateContacts`.
    pub(super) fn batch_update(&mut self, ctx: &Ctx<'_>) -> Answer {
        let text = ctx.body.get("updateMask").and_then(Value::as_str);
        let mask = required_mask("updateMask", text, &writable_fields())?;
        let view = self.batch_view(ctx)?;
        let contacts = object(&ctx.body, "contacts").cloned().unwrap_or_default();
        within(contacts.len(), BATCH, "contacts")?;
        let (mut versions, mut errors) = (Vec::new(), Vec::new());
        for (name, sent) in &contacts {
            let nothing = Object::new();
            match self.to_update(ctx, name, sent.as_object().unwrap_or(&nothing), &mask) {
                Ok((id, version)) => versions.push((name.clone(), id, version)),
                Err(refusal) => errors.push((name.clone(), refusal)),
            }
        }
        if !errors.is_empty() {
            return Err(Refusal::batch("BatchUpdateContactsErrorDetails", errors));
        }
        let mut results = Object::new();
        for (name, id, version) in versions {
            self.put(ctx, id, version)?;
            if let Some(view) = &view {
                let person = self.latest(ctx, id, view)?;
                results.insert(name.clone(), response(&name, person));
            }
        }
        Ok(match view {
            Some(_) => json!({"updateResult": results}),
            None => json!({}),
        })
    }

    /// `people.batchDeleteContacts`. One that is not there spoils the batch.
    pub(super) fn batch_delete(&mut self, ctx: &Ctx<'_>) -> Answer {
        let names = ctx.texts("resourceNames");
        within(names.len(), BATCH_DELETE, "resource_names")?;
        let ids: Vec<u64> = names
            .iter()
            .map(|name| self.deletable(ctx, name))
            .collect::<Result<_, _>>()?;
        for id in ids {
            self.delete(ctx, id)?;
        }
        Ok(json!({}))
    }

    fn batch_view(&self, ctx: &Ctx<'_>) -> Result<Option<View>, Refusal> {
        let text = ctx.body.get("readMask").and_then(Value::as_str);
        self.answer_view(ctx, "readMask", text, &ctx.texts("sources"))
    }
}

fn response(requested: &str, person: Value) -> Value {
    json!({"httpStatusCode": 200, "person": person, "requestedResourceName": requested, "status": {}})
}

fn within(count: usize, limit: usize, field: &str) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::invalid_field(field, "is required")),
        count if count > limit => Err(Refusal::invalid_field(field, &format!("takes at most {limit}"))),
        _ => Ok(()),
    }
}
