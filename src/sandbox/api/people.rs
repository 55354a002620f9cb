//! From a request to an answer of the People service: credentials, enablement, quota, one write at a time, masks.
//!
//! The same order as for Calendar, in People's own words.
use super::super::{
    answer::{Answer, Content},
    oauth::scopes,
    people::{
        SHAPES,
        errors::{Code, Refusal},
        methods::Method,
    },
    quota::Window,
    request::Request,
    wire::{Call, Reply},
    world::World,
};
use super::{fields::Mask, granted_scopes};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the API's paths begin. `/v1/userinfo` is another service's.
const BASE: &str = "/v1/";

/// The method that a request means, when it is one of the People API.
pub fn method_of(request: &Request) -> Option<Method> {
    let segments = request.segments_below(BASE)?;
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    Method::route(&request.method, &path)
}

/// Whether a path belongs to the People API, known method or not.
pub fn is_people(path: &str) -> bool {
    ["people", "contactGroups", "otherContacts"]
        .iter()
        .any(|collection| path.strip_prefix(BASE).is_some_and(|rest| rest.starts_with(collection)))
}

/// Answers a call. An unknown path gets the page that Google's web servers show.
pub fn answer(world: &mut World, request: &Request) -> Answer {
    let Some(method) = method_of(request) else {
        return Answer::plain_page(404);
    };
    let reply = checked_call(world, request, method).unwrap_or_else(|refusal| shown(refusal.into()));
    reply
        .with_header("cache-control", "private")
        .with_header("vary", "X-Origin, Referer, Origin,Accept-Encoding")
}

/// A refusal as an answer; People sends no `ETag` header.
pub fn shown(reply: Reply) -> Answer {
    Answer {
        status: reply.status,
        headers: Vec::new(),
        content: reply.body.map_or(Content::Empty, Content::Json),
    }
}

fn checked_call(world: &mut World, request: &Request, method: Method) -> Result<Answer, Refusal> {
    if request.credential().is_none() {
        return Err(Refusal::credentials_missing(&method.name()));
    }
    let user = world
        .user_of(request)
        .cloned()
        .ok_or_else(|| Refusal::invalid_credentials(&method.name()))?;
    let scopes = match request.person() {
        Some(_) => scopes::all(),
        None => {
            if world.switches.people_api_disabled {
                return Err(Refusal::api_disabled());
            }
            let now_us = world.clock.now_us();
            world.people_quota.spend(&user.sub, method, request, now_us)?;
            granted_scopes(world, request)
        }
    };
    let mask = well_formed(request, method)?;
    let reply = world.people.handle(&Call {
        method: request.method.clone(),
        path: request.segments_below(BASE).unwrap_or_default(),
        query: request.query.clone(),
        if_match: None,
        if_none_match: None,
        body: request.body.clone(),
        user: user.email,
        scopes,
        now_us: world.clock.now_us(),
    });
    let mut answer = shown(reply);
    if answer.is_success()
        && let (Some(mask), Content::Json(body)) = (mask, &mut answer.content)
    {
        *body = mask.apply(body);
    }
    Ok(answer)
}

fn well_formed(request: &Request, method: Method) -> Result<Option<Mask>, Refusal> {
    if let Some(alt) = request.parameter("alt").filter(|alt| *alt != "json") {
        let words = format!("Invalid JSON payload received. Unknown alt value \"{alt}\".");
        return Err(Refusal::new(Code::InvalidArgument, words));
    }
    let Some(text) = request.parameter("fields").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let mask = Mask::parse(text).and_then(|mask| mask.check(&SHAPES, method.answer()).map(|()| mask));
    mask.map(Some).map_err(|path| {
        let words = format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.");
        Refusal::invalid_field(&path, &words)
    })
}

/// What a user may spend in a sliding minute, by metric. The numbers were read in consoles, not in documents; Google raises
/// them by project, except the one for full syncs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `critical_read_requests`.
    pub critical_reads: u32,
    /// `critical_write_requests`.
    pub critical_writes: u32,
    /// `read_requests` of groups and other contacts.
    pub reads: u32,
    /// `write_requests`: deletions and groups.
    pub writes: u32,
    /// First pages of full syncs; refused by the back end in words of its own.
    pub full_syncs: u32,
    /// `daily_contact_writes`, a day.
    pub daily_writes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            critical_reads: 60,
            critical_writes: 30,
            reads: 90,
            writes: 30,
            full_syncs: 30,
            daily_writes: 100_000,
        }
    }
}

/// What was spent of it.
#[derive(Debug, Default)]
pub struct PeopleQuota {
    /// How much may be.
    pub limits: Limits,
    spent: BTreeMap<(String, Metric), Window>,
    days: BTreeMap<String, (i64, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Metric {
    CriticalReads,
    CriticalWrites,
    Reads,
    Writes,
    FullSyncs,
}

impl PeopleQuota {
    /// Takes what a call costs, or refuses and takes nothing.
    fn spend(&mut self, user: &str, method: Method, request: &Request, now_us: i64) -> Result<(), Refusal> {
        let (price, daily) = price(method, request);
        for (metric, units) in &price {
            let limit = self.limit(*metric);
            let window = self.spent.entry((user.to_owned(), *metric)).or_default();
            if window.spent(now_us) + units > limit {
                return Err(metric.refusal());
            }
        }
        let day = now_us.div_euclid(86_400_000_000);
        let spent = self.days.entry(user.to_owned()).or_insert((day, 0));
        if spent.0 != day {
            *spent = (day, 0);
        }
        if spent.1 + daily > self.limits.daily_writes {
            let words = "Daily Contact Writes (Total)";
            return Err(Refusal::quota(
                words,
                "DailyContactWritesPerDayPerProjectPerUser",
                "daily_contact_writes",
            ));
        }
        spent.1 += daily;
        for (metric, units) in price {
            if let Some(window) = self.spent.get_mut(&(user.to_owned(), metric)) {
                window.take(now_us, units);
            }
        }
        Ok(())
    }

    fn limit(&self, metric: Metric) -> u32 {
        match metric {
            Metric::CriticalReads => self.limits.critical_reads,
            Metric::CriticalWrites => self.limits.critical_writes,
            Metric::Reads => self.limits.reads,
            Metric::Writes => self.limits.writes,
            Metric::FullSyncs => self.limits.full_syncs,
        }
    }
}

impl Metric {
    fn refusal(self) -> Refusal {
        let (words, limit, metric) = match self {
            Metric::CriticalReads => (
                "Critical read requests (Contact and Profile Reads)",
                "CriticalReadsPerMinutePerProjectPerUser",
                "critical_read_requests",
            ),
            Metric::CriticalWrites => (
                "Critical write requests (Contact and Profile Writes)",
                "CriticalWritesPerMinutePerProjectPerUser",
                "critical_write_requests",
            ),
            Metric::Reads => ("Read requests", "ReadsPerMinutePerProjectPerUser", "read_requests"),
            Metric::Writes => ("Write requests", "WritesPerMinutePerProjectPerUser", "write_requests"),
            Metric::FullSyncs => return Refusal::back_end_quota(),
        };
        Refusal::quota(words, limit, metric)
    }
}

/// What a call costs, and how many of the day's contact writes.
fn price(method: Method, request: &Request) -> (Vec<(Metric, u32)>, u32) {
    use Metric::*;
    let asked = |name: &str| request.parameter(name).is_some_and(|value| !value.is_empty());
    match method {
        Method::CreateContact | Method::UpdateContact => (vec![(CriticalReads, 1), (CriticalWrites, 1)], 1),
        Method::BatchCreateContacts | Method::BatchUpdateContacts => {
            (vec![(CriticalReads, 6), (CriticalWrites, 6)], 200)
        }
        Method::DeleteContact => (vec![(Writes, 1)], 0),
        Method::BatchDeleteContacts => (vec![(Writes, 10)], 0),
        Method::ListConnections => {
            let first_of_all = !asked("pageToken") && !asked("syncToken");
            let mut price = vec![(CriticalReads, 1)];
            if first_of_all && request.parameter("requestSyncToken") == Some("true") {
                price.push((FullSyncs, 1));
            }
            (price, 0)
        }
        Method::GetPerson | Method::GetPeople => (vec![(CriticalReads, 1)], 0),
        method if method.is_write() => (vec![(Writes, 1)], 0),
        _ => (vec![(Reads, 1)], 0),
    }
}

/// What happens to a write that comes while another of the same user is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// 409 `ABORTED`.
    #[default]
    Aborted,
    /// 503 `UNAVAILABLE`.
    Unavailable,
    /// It is done as well.
    Allowed,
}

/// Who is writing. "Mutate requests for the same user should be sent sequentially": here they must.
#[derive(Debug, Default)]
pub struct Turns {
    /// What happens to the second of two.
    pub overlap: Overlap,
    /// How long a write takes, milliseconds of real time.
    pub write_ms: u64,
    /// How many writes came too early.
    pub overlaps: u64,
    writing: BTreeSet<String>,
}

impl Turns {
    /// Whether a request is a write that has to take its turn.
    pub fn concerns(request: &Request) -> bool {
        request.person().is_none() && method_of(request).is_some_and(Method::is_write)
    }

    /// A user's turn begins. The error answers a write that came too early; `Ok(false)` is no turn of its own.
    pub fn begin(&mut self, user: &str) -> Result<bool, Answer> {
        if self.writing.insert(user.to_owned()) {
            return Ok(true);
        }
        self.overlaps += 1;
        match self.overlap {
            Overlap::Aborted => Err(shown(Refusal::aborted().into())),
            Overlap::Unavailable => Err(shown(Refusal::unavailable().into())),
            Overlap::Allowed => Ok(false),
        }
    }

    /// It ends.
    pub fn end(&mut self, user: &str) {
        self.writing.remove(user);
    }
}
