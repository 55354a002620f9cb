//! "Other contacts": seen with a right of their own, never changed, and the one way from there to a contact.
use super::Ctx;
use super::body::{COPY_FIELDS, OTHER_FIELDS, PERSON_FIELDS, mask, required_mask};
use super::connections::{page_size, shape};
use super::errors::{Answer, Refusal};
use super::render::View;
use super::state::{Book, Gone, MY_CONTACTS, State, Version};
use super::sync::Question;
use serde_json::{Value, json};

impl State {
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

    /// `otherContacts.copyOtherContactToMyContactsGroup`: the other contact ends, a contact with a new name begins.
    pub(super) fn copy_other(&mut self, ctx: &Ctx<'_>) -> Answer {
        let text = |key: &str| ctx.body.get(key).and_then(Value::as_str);
        let copied = required_mask("copyMask", text("copyMask"), COPY_FIELDS)?;
        let mut shown = mask("readMask", text("readMask").unwrap_or_default(), PERSON_FIELDS)?;
        if shown.is_empty() {
            shown = copied.iter().copied().chain(["metadata", "memberships"]).collect();
        }
        let resource = ctx.resource();
        let others = &self.account(&ctx.user)?.others;
        let found = others
            .values()
            .find(|other| other.latest().gone.is_none() && other.latest().name == resource);
        let other = found.ok_or_else(Refusal::not_found)?;
        let (other_id, mut ended) = (other.id, other.latest().clone());
        let mut fields = ended.fields.clone();
        fields.retain(|field, _| copied.contains(field.as_str()));
        let id = self.create(
            ctx,
            Version {
                fields,
                groups: vec![MY_CONTACTS.to_owned()],
                ..Version::default()
            },
        )?;
        ended.gone = Some(Gone::Deleted);
        let visible_us = self.visible_us(&ctx.user, ctx.now);
        let account = self.account_mut(&ctx.user)?;
        account.write(Book::Others, other_id, ended, true, ctx.now, visible_us);
        self.latest(ctx, id, &View::of(shown).with_sources(&ctx.texts("sources")))
    }
}
