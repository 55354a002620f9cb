//! Contact groups: the one that Accord puts its contacts into, and whether it is still there.
//!
//! Only names and kinds of groups are read, to find our own; members only of a group that the caller names.
use super::{PeopleApi, resource_url};
use crate::google::error::GoogleError;
use crate::google::url;
use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most contacts that one change of members may name.
pub const MODIFY: usize = 1000;
const GROUP_FIELDS: &str = "groupType,metadata,name";
const GROUP_MASK: &str = "resourceName,name,groupType,metadata(deleted)";

/// A contact group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `contactGroups/…`.
    pub resource_name: String,
    /// As the user sees it; of Google's own groups in English.
    pub name: String,
    /// One of Google's own, such as `contactGroups/myContacts`: it can be neither renamed nor deleted.
    pub is_system: bool,
    /// Resource names of contacts in it, as many as were asked for.
    pub members: Vec<String>,
}

/// What a change of members left undone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modified {
    /// Contacts that are not there.
    pub not_found: Vec<String>,
    /// Contacts that are in no other group, so that they could not be taken out.
    pub in_last_group: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupsPage {
    contact_groups: Option<Vec<WireGroup>>,
    next_page_token: Option<String>,
    next_sync_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGroup {
    resource_name: String,
    name: Option<String>,
    group_type: Option<String>,
    metadata: Option<Value>,
    member_resource_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireModified {
    not_found_resource_names: Option<Vec<String>>,
    can_not_remove_last_contact_group_resource_names: Option<Vec<String>>,
}

impl WireGroup {
    fn into_group(self) -> Result<Group, GoogleError> {
        let name = self.name.unwrap_or_default();
        if self.resource_name.is_empty() || [&self.resource_name, &name].iter().any(|text| text.contains('\0')) {
            return Err(GoogleError::protocol("a contact group has a name that cannot be kept"));
        }
        Ok(Group {
            resource_name: self.resource_name,
            name,
            is_system: self.group_type.as_deref() == Some("SYSTEM_CONTACT_GROUP"),
            members: self.member_resource_names.unwrap_or_default(),
        })
    }

    fn is_deleted(&self) -> bool {
        self.metadata
            .as_ref()
            .is_some_and(|metadata| metadata["deleted"] == true)
    }
}

impl PeopleApi {
    /// All groups of the user, Google's own too, without their members; all pages.
    pub async fn groups(&self, access: &SecretString) -> Result<Vec<Group>, GoogleError> {
        let fields = format!("nextPageToken,nextSyncToken,contactGroups({GROUP_MASK})");
        let mut groups = Vec::new();
        let mut page_token: Option<String> = None;
        loop {
            let mut query = vec![("pageSize", "1000"), ("groupFields", GROUP_FIELDS), ("fields", &fields)];
            query.extend(page_token.as_deref().map(|token| ("pageToken", token)));
            let url = url::join(&self.base_url, &["contactGroups"], &query)?;
            let page: GroupsPage = self.read(access, url).await?;
            for group in page.contact_groups.unwrap_or_default() {
                if !group.is_deleted() {
                    groups.push(group.into_group()?);
                }
            }
            match page.next_page_token {
                next @ Some(_) if next == page_token => {
                    return Err(GoogleError::protocol("a page names itself as the next"));
                }
                next @ Some(_) => page_token = next,
                // Every user has Google's own groups, so an end without any and without its token is no end.
                None if groups.is_empty() && page.next_sync_token.is_none() => {
                    return Err(GoogleError::protocol(
                        "a page has neither a page token nor a sync token",
                    ));
                }
                None => return Ok(groups),
            }
        }
    }

    /// One group with the first `members` of its contacts. A deleted one is an error of class `Gone`.
    pub async fn get_group(&self, access: &SecretString, group: &str, members: u32) -> Result<Group, GoogleError> {
        let members = members.to_string();
        let fields = format!("{GROUP_MASK},memberResourceNames");
        let query = [
            ("groupFields", GROUP_FIELDS),
            ("maxMembers", members.as_str()),
            ("fields", &fields),
        ];
        let path = resource_url(&self.base_url, "contactGroups", group)?;
        let group: WireGroup = self.read(access, url::join(&path, &[], &query)?).await?;
        group.into_group()
    }

    /// Creates a group. A name that the user already has is an error of class `Duplicate409`.
    pub async fn create_group(&self, access: &SecretString, name: &str) -> Result<Group, GoogleError> {
        let url = url::join(&self.base_url, &["contactGroups"], &[("fields", GROUP_MASK)])?;
        let body = json!({ "contactGroup": { "name": name }, "readGroupFields": GROUP_FIELDS });
        let group: WireGroup = self.write(access, Method::POST, url, &body).await?;
        group.into_group()
    }

    /// Puts contacts into a group and takes others out, at most [`MODIFY`] together.
    pub async fn modify_group(
        &self,
        access: &SecretString,
        group: &str,
        add: &[&str],
        remove: &[&str],
    ) -> Result<Modified, GoogleError> {
        let count = add.len() + remove.len();
        if count == 0 || count > MODIFY {
            return Err(GoogleError::unsendable(format!(
                "a change of members names 1 to {MODIFY} contacts, not {count}"
            )));
        }
        let path = resource_url(&self.base_url, "contactGroups", group)?;
        let url = format!("{path}/members:modify");
        let body = json!({ "resourceNamesToAdd": add, "resourceNamesToRemove": remove });
        let modified: WireModified = self.write(access, Method::POST, url, &body).await?;
        Ok(Modified {
            not_found: modified.not_found_resource_names.unwrap_or_default(),
            in_last_group: modified
                .can_not_remove_last_contact_group_resource_names
                .unwrap_or_default(),
        })
    }
}
