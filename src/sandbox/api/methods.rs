//! The methods of Calendar v3: which path is which method, and the type of its answer.
//!
//! From the discovery document, revision 20261030. Only names live here; what a method does is the service's business.
use axum::http::Method;

/// One API method.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiMethod {
    verb: &'static str,
    path: &'static str,
    /// The method's name, e.g. `events.list`.
    pub name: &'static str,
    /// The type of its answer in `shapes.txt`; `None` when it answers nothing.
    pub answer: Option<&'static str>,
}

const fn method(verb: &'static str, path: &'static str, name: &'static str, answer: &'static str) -> ApiMethod {
    ApiMethod {
        verb,
        path,
        name,
        answer: if answer.is_empty() { None } else { Some(answer) },
    }
}

/// Fixed words stand before `*` at the same place, so the first fit is the right one.
const METHODS: &[ApiMethod] = &[
    method("GET", "users/me/calendarList", "calendarList.list", "CalendarList"),
    method(
        "POST",
        "users/me/calendarList",
        "calendarList.insert",
        "CalendarListEntry",
    ),
    method("POST", "users/me/calendarList/watch", "calendarList.watch", "Channel"),
    method(
        "GET",
        "users/me/calendarList/*",
        "calendarList.get",
        "CalendarListEntry",
    ),
    method(
        "PATCH",
        "users/me/calendarList/*",
        "calendarList.patch",
        "CalendarListEntry",
    ),
    method(
        "PUT",
        "users/me/calendarList/*",
        "calendarList.update",
        "CalendarListEntry",
    ),
    method("DELETE", "users/me/calendarList/*", "calendarList.delete", ""),
    method("GET", "users/me/settings", "settings.list", "Settings"),
    method("POST", "users/me/settings/watch", "settings.watch", "Channel"),
    method("GET", "users/me/settings/*", "settings.get", "Setting"),
    method("POST", "calendars", "calendars.insert", "Calendar"),
    method("GET", "calendars/*", "calendars.get", "Calendar"),
    method("PATCH", "calendars/*", "calendars.patch", "Calendar"),
    method("PUT", "calendars/*", "calendars.update", "Calendar"),
    method("DELETE", "calendars/*", "calendars.delete", ""),
    method("POST", "calendars/*/clear", "calendars.clear", ""),
    method(
        "POST",
        "calendars/*/transferOwnership",
        "calendars.transferOwnership",
        "",
    ),
    method("GET", "calendars/*/acl", "acl.list", "Acl"),
    method("POST", "calendars/*/acl", "acl.insert", "AclRule"),
    method("POST", "calendars/*/acl/watch", "acl.watch", "Channel"),
    method("GET", "calendars/*/acl/*", "acl.get", "AclRule"),
    method("PATCH", "calendars/*/acl/*", "acl.patch", "AclRule"),
    method("PUT", "calendars/*/acl/*", "acl.update", "AclRule"),
    method("DELETE", "calendars/*/acl/*", "acl.delete", ""),
    method("GET", "calendars/*/events", "events.list", "Events"),
    method("POST", "calendars/*/events", "events.insert", "Event"),
    method("POST", "calendars/*/events/import", "events.import", "Event"),
    method("POST", "calendars/*/events/quickAdd", "events.quickAdd", "Event"),
    method("POST", "calendars/*/events/watch", "events.watch", "Channel"),
    method("GET", "calendars/*/events/*/instances", "events.instances", "Events"),
    method("POST", "calendars/*/events/*/move", "events.move", "Event"),
    method("GET", "calendars/*/events/*", "events.get", "Event"),
    method("PATCH", "calendars/*/events/*", "events.patch", "Event"),
    method("PUT", "calendars/*/events/*", "events.update", "Event"),
    method("DELETE", "calendars/*/events/*", "events.delete", ""),
    method("POST", "channels/stop", "channels.stop", ""),
    method("GET", "colors", "colors.get", "Colors"),
    method("POST", "freeBusy", "freebusy.query", "FreeBusyResponse"),
];

/// The method behind an HTTP method and the segments below the API's base.
pub fn find(verb: &Method, segments: &[String]) -> Option<&'static ApiMethod> {
    METHODS.iter().find(|method| {
        let pattern: Vec<&str> = method.path.split('/').collect();
        method.verb == verb.as_str()
            && pattern.len() == segments.len()
            && pattern
                .iter()
                .zip(segments)
                .all(|(part, segment)| (*part == "*" && !segment.is_empty()) || part == segment)
    })
}
