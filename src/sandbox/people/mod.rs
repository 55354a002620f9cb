//! People v1 in memory: a user's contacts, their groups, and "other contacts".
//!
//! A pure function of its own state, like the Calendar service beside it: no sockets, no clock of its own, no randomness. It
//! promises Google's documented and recorded behaviour, and where these are silent the stricter reading. It refuses to know
//! about tokens, quotas and `fields=`; the HTTP front does those.
mod batches;
mod body;
mod connections;
mod contacts;
mod control;
pub(super) mod errors;
mod groups;
mod labels;
pub(super) mod methods;
mod names;
mod others;
mod phones;
mod render;
mod state;
mod sync;
mod write;

use super::params::Params;
use super::wire::{Call, Reply};
pub(super) use body::SHAPES;
use body::{Mask, PERSON_FIELDS, required_mask};
use errors::{Answer, Refusal};
use methods::Method;
use serde_json::Value;
use state::{Object, State};

/// Parameters that the HTTP front handles, valid everywhere.
const COMMON: [&str; 11] = [
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
];

/// The pretend Google Contacts of all pretend users.
#[derive(Debug, Default)]
pub struct PeopleService {
    state: State,
}

/// One call, found valid as far as its method, scopes, parameters and the form of its body go.
struct Ctx<'a> {
    call: &'a Call,
    params: Params,
    body: Object,
    user: String,
    now: i64,
}

impl Ctx<'_> {
    /// A path segment; routing made sure that it is there.
    fn segment(&self, index: usize) -> &str {
        self.call.path.get(index).map_or("", String::as_str)
    }

    /// The resource that the path names, such as `people/c1`.
    fn resource(&self) -> String {
        let last = self.segment(1);
        format!("{}/{}", self.segment(0), last.split(':').next().unwrap_or(last))
    }

    /// A token of the query; an empty one is none.
    fn token(&self, name: &str) -> Option<&str> {
        self.params.text(name).filter(|token| !token.is_empty())
    }

    /// A list of texts in the body.
    fn texts(&self, key: &str) -> Vec<String> {
        let items = self.body.get(key).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// The required mask of a read, in its present or its old writing.
    fn person_mask(&self) -> Result<Mask, Refusal> {
        let old = self.params.text("requestMask.includeField");
        let Some(old) = old.filter(|_| !self.params.has("personFields")) else {
            return required_mask("personFields", self.params.text("personFields"), PERSON_FIELDS);
        };
        let mut paths = Vec::new();
        for path in old.split(',').map(str::trim) {
            let field = path.strip_prefix("person.");
            paths.push(field.ok_or_else(|| Refusal::mask_path("requestMask.includeField", path))?);
        }
        required_mask("requestMask.includeField", Some(&paths.join(",")), PERSON_FIELDS)
    }
}

impl PeopleService {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called when a pretend user is made: an account without contacts, with Google's own groups.
    pub fn add_user(&mut self, email: &str, sub: &str, name: &str, time_zone: &str) {
        self.state
            .add_account(email, sub, name, phones::calling_code(time_zone));
    }

    /// One API call below `/v1`.
    pub fn handle(&mut self, call: &Call) -> Reply {
        match self.answer(call) {
            Ok(body) => Reply {
                status: 200,
                body: Some(body),
            },
            Err(refusal) => refusal.into(),
        }
    }

    /// Switches for tests; see `control.rs` for the commands. Answers JSON or an error text.
    pub fn control(&mut self, command: &str, body: &Value, now_us: i64) -> Result<Value, String> {
        self.state.control(command, body, now_us)
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let method = Method::route(&call.method, &path).ok_or_else(Refusal::not_found)?;
        if !method.allowed_by(&call.scopes) {
            return Err(Refusal::scope(&method.name()));
        }
        let ctx = Ctx {
            call,
            params: Params::read(&call.query, &COMMON, method.params())?,
            body: match method.body() {
                Some((type_name, place)) => body::read(&call.body, type_name, place)?,
                None => Object::new(),
            },
            user: call.user.to_lowercase(),
            now: call.now_us,
        };
        self.state.dispatch(method, &ctx)
    }
}

impl State {
    fn dispatch(&mut self, method: Method, ctx: &Ctx<'_>) -> Answer {
        match method {
            Method::ListConnections => self.list_connections(ctx),
            Method::GetPerson => self.get_person(ctx),
            Method::GetPeople => self.get_people(ctx),
            Method::CreateContact => self.create_contact(ctx),
            Method::UpdateContact => self.update_contact(ctx),
            Method::DeleteContact => self.delete_contact(ctx),
            Method::BatchCreateContacts => self.batch_create(ctx),
            Method::BatchUpdateContacts => self.batch_update(ctx),
            Method::BatchDeleteContacts => self.batch_delete(ctx),
            Method::ListContactGroups => self.list_groups(ctx),
            Method::GetContactGroup => self.get_group(ctx),
            Method::BatchGetContactGroups => self.batch_get_groups(ctx),
            Method::CreateContactGroup => self.create_group(ctx),
            Method::UpdateContactGroup => self.update_group(ctx),
            Method::DeleteContactGroup => self.delete_group(ctx),
            Method::ModifyContactGroupMembers => self.modify_members(ctx),
            Method::ListOtherContacts => self.list_others(ctx),
            Method::CopyOtherContact => self.copy_other(ctx),
        }
    }
}
