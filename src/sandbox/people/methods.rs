//! The methods of People v1 that exist here: path, names, accepted scopes, parameters, the type of body and answer.
//!
//! Written from the discovery document of revision 20251117. What is not in this table answers 404. Not here: photos, search
//! and the directory.
use super::super::params::Kind::{Count, Flag, Text, Texts, Word, Words};
use super::super::params::Param;
use axum::http::Method as Http;

/// One method of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    ListConnections,
    GetPerson,
    GetPeople,
    CreateContact,
    UpdateContact,
    DeleteContact,
    BatchCreateContacts,
    BatchUpdateContacts,
    BatchDeleteContacts,
    ListContactGroups,
    GetContactGroup,
    BatchGetContactGroups,
    CreateContactGroup,
    UpdateContactGroup,
    DeleteContactGroup,
    ModifyContactGroupMembers,
    ListOtherContacts,
    CopyOtherContact,
}

/// The read sources by Google's names.
pub const SOURCES: &[&str] = &[
    "READ_SOURCE_TYPE_CONTACT",
    "READ_SOURCE_TYPE_DOMAIN_CONTACT",
    "READ_SOURCE_TYPE_OTHER_CONTACT",
    "READ_SOURCE_TYPE_PROFILE",
];
const ORDERS: &[&str] = &[
    "LAST_MODIFIED_ASCENDING",
    "LAST_MODIFIED_DESCENDING",
    "FIRST_NAME_ASCENDING",
    "LAST_NAME_ASCENDING",
];
const READ: &[Param] = &[
    ("personFields", Text),
    ("requestMask.includeField", Text),
    ("sources", Words(SOURCES)),
];
const READ_CONTACTS: &[&str] = &["contacts", "contacts.readonly"];

impl Method {
    /// The method that an HTTP call below `/v1` means.
    pub fn route(http: &Http, path: &[&str]) -> Option<Self> {
        use Method::*;
        let verb = path.last().and_then(|last| last.split_once(':')).map(|(_, verb)| verb);
        Some(match (http.as_str(), path, verb) {
            ("GET", ["people", _, "connections"], None) => ListConnections,
            ("GET", ["people", _], None) => GetPerson,
            ("GET", ["people:batchGet"], _) => GetPeople,
            ("POST", ["people:createContact"], _) => CreateContact,
            ("PATCH", ["people", _], Some("updateContact")) => UpdateContact,
            ("DELETE", ["people", _], Some("deleteContact")) => DeleteContact,
            ("POST", ["people:batchCreateContacts"], _) => BatchCreateContacts,
            ("POST", ["people:batchUpdateContacts"], _) => BatchUpdateContacts,
            ("POST", ["people:batchDeleteContacts"], _) => BatchDeleteContacts,
            ("GET", ["contactGroups"], None) => ListContactGroups,
            ("GET", ["contactGroups:batchGet"], _) => BatchGetContactGroups,
            ("GET", ["contactGroups", _], None) => GetContactGroup,
            ("POST", ["contactGroups"], None) => CreateContactGroup,
            ("PUT", ["contactGroups", _], None) => UpdateContactGroup,
            ("DELETE", ["contactGroups", _], None) => DeleteContactGroup,
            ("POST", ["contactGroups", _, "members:modify"], _) => ModifyContactGroupMembers,
            ("GET", ["otherContacts"], None) => ListOtherContacts,
            ("POST", ["otherContacts", _], Some("copyOtherContactToMyContactsGroup")) => CopyOtherContact,
            _ => return None,
        })
    }

    /// The name in error details.
    pub fn name(self) -> String {
        use Method::*;
        let service = match self {
            ListContactGroups
            | GetContactGroup
            | BatchGetContactGroups
            | CreateContactGroup
            | UpdateContactGroup
            | DeleteContactGroup
            | ModifyContactGroupMembers => "ContactGroupsService",
            ListOtherContacts | CopyOtherContact => "OtherContactsService",
            _ => "PeopleService",
        };
        let method = match self {
            GetPeople => "GetPeople".to_owned(),
            CopyOtherContact => "CopyOtherContactToMyContactsGroup".to_owned(),
            other => format!("{other:?}"),
        };
        format!("google.people.v1.{service}.{method}")
    }

    /// The discovery document's id, without the API's own name: the class in the request log.
    pub fn class(self) -> &'static str {
        use Method::*;
        match self {
            ListConnections => "people.connections.list",
            GetPerson => "people.get",
            GetPeople => "people.getBatchGet",
            CreateContact => "people.createContact",
            UpdateContact => "people.updateContact",
            DeleteContact => "people.deleteContact",
            BatchCreateContacts => "people.batchCreateContacts",
            BatchUpdateContacts => "people.batchUpdateContacts",
            BatchDeleteContacts => "people.batchDeleteContacts",
            ListContactGroups => "contactGroups.list",
            GetContactGroup => "contactGroups.get",
            BatchGetContactGroups => "contactGroups.batchGet",
            CreateContactGroup => "contactGroups.create",
            UpdateContactGroup => "contactGroups.update",
            DeleteContactGroup => "contactGroups.delete",
            ModifyContactGroupMembers => "contactGroups.members.modify",
            ListOtherContacts => "otherContacts.list",
            CopyOtherContact => "otherContacts.copyOtherContactToMyContactsGroup",
        }
    }

    /// Whether it changes anything; such calls of one user must come one after the other.
    pub fn is_write(self) -> bool {
        use Method::*;
        !matches!(
            self,
            ListConnections
                | GetPerson
                | GetPeople
                | ListContactGroups
                | GetContactGroup
                | BatchGetContactGroups
                | ListOtherContacts
        )
    }

    /// Whether a token with these scopes (full URLs) may call it.
    pub fn allowed_by(self, scopes: &[String]) -> bool {
        use Method::*;
        let has = |name: &&str| {
            let scope = format!("https://www.googleapis.com/auth/{name}");
            scopes.contains(&scope)
        };
        match self {
            ListConnections | GetPerson | GetPeople | ListContactGroups | GetContactGroup | BatchGetContactGroups => {
                READ_CONTACTS.iter().any(has)
            }
            ListOtherContacts => has(&"contacts.other.readonly"),
            CopyOtherContact => has(&"contacts") && has(&"contacts.other.readonly"),
            _ => has(&"contacts"),
        }
    }

    /// Documented query parameters.
    pub fn params(self) -> &'static [Param] {
        use Method::*;
        match self {
            ListConnections => &[
                ("pageSize", Count(0, 1000)),
                ("pageToken", Text),
                ("personFields", Text),
                ("requestMask.includeField", Text),
                ("requestSyncToken", Flag),
                ("sortOrder", Word(ORDERS)),
                ("sources", Words(SOURCES)),
                ("syncToken", Text),
            ],
            GetPerson => READ,
            GetPeople => &[
                ("personFields", Text),
                ("requestMask.includeField", Text),
                ("resourceNames", Texts),
                ("sources", Words(SOURCES)),
            ],
            CreateContact => &[("personFields", Text), ("sources", Words(SOURCES))],
            UpdateContact => &[
                ("personFields", Text),
                ("sources", Words(SOURCES)),
                ("updatePersonFields", Text),
            ],
            ListContactGroups => &[
                ("groupFields", Text),
                ("pageSize", Count(0, 1000)),
                ("pageToken", Text),
                ("syncToken", Text),
            ],
            GetContactGroup => &[("groupFields", Text), ("maxMembers", Count(0, i32::MAX as u64))],
            BatchGetContactGroups => &[
                ("groupFields", Text),
                ("maxMembers", Count(0, i32::MAX as u64)),
                ("resourceNames", Texts),
            ],
            DeleteContactGroup => &[("deleteContacts", Flag)],
            ListOtherContacts => &[
                ("pageSize", Count(0, 1000)),
                ("pageToken", Text),
                ("readMask", Text),
                ("requestSyncToken", Flag),
                ("sources", Words(SOURCES)),
                ("syncToken", Text),
            ],
            _ => &[],
        }
    }

    /// The type of the body with the name of the request's field that it fills; `None` when there is no body.
    pub fn body(self) -> Option<(&'static str, &'static str)> {
        use Method::*;
        Some(match self {
            CreateContact | UpdateContact => ("Person", "person"),
            BatchCreateContacts => ("BatchCreateContactsRequest", ""),
            BatchUpdateContacts => ("BatchUpdateContactsRequest", ""),
            BatchDeleteContacts => ("BatchDeleteContactsRequest", ""),
            CreateContactGroup => ("CreateContactGroupRequest", ""),
            UpdateContactGroup => ("UpdateContactGroupRequest", ""),
            ModifyContactGroupMembers => ("ModifyContactGroupMembersRequest", ""),
            CopyOtherContact => ("CopyOtherContactToMyContactsGroupRequest", ""),
            _ => return None,
        })
    }

    /// The type of the answer in `shapes.txt`.
    pub fn answer(self) -> &'static str {
        use Method::*;
        match self {
            ListConnections => "ListConnectionsResponse",
            GetPerson | CreateContact | UpdateContact | CopyOtherContact => "Person",
            GetPeople => "GetPeopleResponse",
            BatchCreateContacts => "BatchCreateContactsResponse",
            BatchUpdateContacts => "BatchUpdateContactsResponse",
            DeleteContact | BatchDeleteContacts | DeleteContactGroup => "Empty",
            ListContactGroups => "ListContactGroupsResponse",
            GetContactGroup | CreateContactGroup | UpdateContactGroup => "ContactGroup",
            BatchGetContactGroups => "BatchGetContactGroupsResponse",
            ModifyContactGroupMembers => "ModifyContactGroupMembersResponse",
            ListOtherContacts => "ListOtherContactsResponse",
        }
    }
}
