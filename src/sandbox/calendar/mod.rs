//! Calendar v3 in memory: calendar lists, calendars, sharing, events.
//!
//! A pure function of its own state: no sockets, no clock of its own, no randomness. It promises Google's documented and
//! recorded behaviour, and where these are silent the stricter reading, so that a client's mistake shows. It refuses to
//! know about tokens, quotas, `fields=` and batches; the HTTP front does those.
mod acl;
mod calendars;
mod control;
mod errors;
mod events;
mod freebusy;
mod lists;
mod merge;
mod methods;
mod paging;
mod recurrence;
mod settings;
mod state;
mod time;
mod tokens;

use super::params::Params;
use super::wire::{Call, Reply};
use errors::{Answer, Refusal};
use methods::Method;
use serde_json::Value;
use state::{Object, Role, State};

/// The pretend Google Calendar of all pretend users.
#[derive(Debug, Default)]
pub struct CalendarService {
    state: State,
}

/// One call, found valid as far as its method, scopes and parameters go.
struct Ctx<'a> {
    call: &'a Call,
    method: Method,
    params: Params,
    user: String,
    now: i64,
}

impl Ctx<'_> {
    /// A path segment; routing made sure that it is there.
    fn segment(&self, index: usize) -> &str {
        self.call.path.get(index).map_or("", String::as_str)
    }

    /// The body as a JSON object.
    fn body(&self) -> Result<Object, Refusal> {
        match serde_json::from_slice(&self.call.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Refusal::new(400, "global", "parseError", "Parse Error")),
        }
    }

    /// Whether the token has one of these scopes (without the URL before them).
    fn has_scope(&self, names: &[&str]) -> bool {
        let granted = |name: &&str| {
            let scope = format!("https://www.googleapis.com/auth/{name}");
            self.call.scopes.contains(&scope)
        };
        names.iter().any(granted)
    }

    /// 412 unless the call's `If-Match`, if any, names this etag.
    fn check_match(&self, etag: &str) -> Result<(), Refusal> {
        match &self.call.if_match {
            Some(sent) if !names_etag(sent, etag) => Err(Refusal::condition_not_met()),
            _ => Ok(()),
        }
    }

    /// Whether `If-None-Match` names this etag.
    fn is_unchanged(&self, etag: &str) -> bool {
        let sent = self.call.if_none_match.as_deref();
        sent.is_some_and(|sent| names_etag(sent, etag))
    }
}

/// Parameters that the HTTP front handles, valid everywhere.
const COMMON: [&str; 7] = [
    "alt",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "userIp",
];

fn names_etag(sent: &str, etag: &str) -> bool {
    sent.split(',').any(|one| {
        let one = one.trim();
        one == "*" || one == etag
    })
}

impl CalendarService {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called when a pretend user is made: gives them a primary calendar whose id and title are the e-mail.
    pub fn add_user(&mut self, email: &str, time_zone: &str, now_us: i64) {
        self.state.add_user(&email.to_lowercase(), time_zone, now_us);
    }

    /// One API call below `/calendar/v3`.
    pub fn handle(&mut self, call: &Call) -> Reply {
        self.answer(call).unwrap_or_else(Reply::from)
    }

    /// Switches for tests; see `control.rs` for the commands. Answers JSON or an error text.
    pub fn control(&mut self, command: &str, body: &Value, now_us: i64) -> Result<Value, String> {
        self.state.control(command, body, now_us)
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        if path.last() == Some(&"watch") {
            return Err(Refusal::new(
                400,
                "global",
                "pushNotSupportedForRequestedResource",
                "Push notifications are not supported by this resource.",
            ));
        }
        let method = Method::route(&call.method, &path).ok_or_else(Refusal::not_found)?;
        let mut ctx = Ctx {
            call,
            method,
            params: Params::default(),
            user: call.user.to_lowercase(),
            now: call.now_us,
        };
        if !ctx.has_scope(method.scopes()) {
            return Err(Refusal::scope(&method.name()));
        }
        ctx.params = Params::read(&call.query, &COMMON, method.params())?;
        self.state.check_narrow_scopes(&ctx)?;
        self.state.let_rooms_answer(ctx.now);
        self.state.dispatch(&ctx)
    }
}

impl State {
    fn dispatch(&mut self, ctx: &Ctx<'_>) -> Answer {
        match ctx.method {
            Method::CalendarListList => self.list_entries(ctx),
            Method::CalendarListGet => self.get_entry(ctx),
            Method::CalendarListInsert => self.insert_entry(ctx),
            Method::CalendarListUpdate | Method::CalendarListPatch => self.change_entry(ctx),
            Method::CalendarListDelete => self.delete_entry(ctx),
            Method::CalendarsGet => self.get_calendar(ctx),
            Method::CalendarsInsert => self.insert_calendar(ctx),
            Method::CalendarsUpdate | Method::CalendarsPatch => self.change_calendar(ctx),
            Method::CalendarsDelete => self.delete_calendar(ctx),
            Method::CalendarsClear => self.clear_calendar(ctx),
            Method::AclList => self.list_rules(ctx),
            Method::AclGet => self.get_rule(ctx),
            Method::AclInsert => self.insert_rule(ctx),
            Method::AclUpdate | Method::AclPatch => self.change_rule(ctx),
            Method::AclDelete => self.delete_rule(ctx),
            Method::SettingsList => self.list_settings(ctx),
            Method::SettingsGet => self.get_setting(ctx),
            Method::ColorsGet => settings::colors(),
            Method::FreebusyQuery => self.query_free_busy(ctx),
            Method::EventsList => self.list_events(ctx),
            Method::EventsGet => self.get_event(ctx),
            Method::EventsInsert => self.insert_event(ctx),
            Method::EventsImport => self.import_event(ctx),
            Method::EventsQuickAdd => self.quick_add(ctx),
            Method::EventsUpdate | Method::EventsPatch => self.change_event(ctx),
            Method::EventsDelete => self.delete_event(ctx),
            Method::EventsMove => self.move_event(ctx),
            Method::EventsInstances => self.list_instances(ctx),
        }
    }

    /// Scopes that reach only some calendars: those the app created, those the user owns, public ones.
    fn check_narrow_scopes(&self, ctx: &Ctx<'_>) -> Result<(), Refusal> {
        let id = match (ctx.segment(0), ctx.segment(2)) {
            ("calendars", _) if ctx.call.path.len() > 1 => ctx.segment(1),
            ("users", "calendarList") if ctx.call.path.len() > 3 => ctx.segment(3),
            _ => return Ok(()),
        };
        let id = self.calendar_id(&ctx.user, id);
        let Some(calendar) = self.calendars.get(&id) else {
            return Ok(());
        };
        // Secondary calendars exist here only because some app created them.
        let created_by_app = calendar.primary_of.is_none() && calendar.data_owner == ctx.user;
        let owned = self.role(&ctx.user, &id) == Some(Role::Owner);
        let public = calendar.acl.get("default").is_some_and(|rule| rule.role.is_some());
        let reaches = |scope: &&str| match *scope {
            "calendar.app.created" => created_by_app,
            "calendar.events.owned" | "calendar.events.owned.readonly" => owned,
            "calendar.events.public.readonly" => public,
            _ => true,
        };
        let useful: Vec<&str> = ctx
            .method
            .scopes()
            .iter()
            .copied()
            .filter(|scope| reaches(scope))
            .collect();
        if ctx.has_scope(&useful) {
            Ok(())
        } else {
            Err(Refusal::scope(&ctx.method.name()))
        }
    }
}
