//! The methods of Calendar v3 that exist here: path, accepted scopes, parameters.
//!
//! Written from the discovery document of revision 20261030. What is not in this table answers 404.
use super::super::params::Kind::{Count, Flag, Instant, Text, Texts, Word, Words};
use super::super::params::Param;
use axum::http::Method as Http;

/// One method of the API, by Google's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    CalendarListList,
    CalendarListGet,
    CalendarListInsert,
    CalendarListUpdate,
    CalendarListPatch,
    CalendarListDelete,
    CalendarsGet,
    CalendarsInsert,
    CalendarsUpdate,
    CalendarsPatch,
    CalendarsDelete,
    CalendarsClear,
    AclList,
    AclGet,
    AclInsert,
    AclUpdate,
    AclPatch,
    AclDelete,
    SettingsList,
    SettingsGet,
    ColorsGet,
    FreebusyQuery,
    EventsList,
    EventsGet,
    EventsInsert,
    EventsImport,
    EventsQuickAdd,
    EventsUpdate,
    EventsPatch,
    EventsDelete,
    EventsMove,
    EventsInstances,
}

const ANY: u64 = i32::MAX as u64;
const SEND: &[&str] = &["all", "externalOnly", "none"];
const ROLES: &[&str] = &[
    "freeBusyReader",
    "owner",
    "reader",
    "writer",
    "writerWithoutPrivateAccess",
];
/// The known event types.
pub const EVENT_TYPES: &[&str] = &[
    "birthday",
    "default",
    "focusTime",
    "fromGmail",
    "outOfOffice",
    "workingLocation",
];
const READ_EVENTS: &[&str] = &[
    "calendar",
    "calendar.app.created",
    "calendar.events",
    "calendar.events.freebusy",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.events.readonly",
    "calendar.readonly",
];
const WRITE_EVENTS: &[&str] = &[
    "calendar",
    "calendar.app.created",
    "calendar.events",
    "calendar.events.owned",
];
const WRITE: &[Param] = &[
    ("alwaysIncludeEmail", Flag),
    ("conferenceDataVersion", Count(0, 1)),
    ("eventLabelVersion", Count(0, 1)),
    ("maxAttendees", Count(1, ANY)),
    ("sendNotifications", Flag),
    ("sendUpdates", Word(SEND)),
    ("supportsAttachments", Flag),
];

impl Method {
    /// The method that an HTTP call below `/calendar/v3` means.
    pub fn route(http: &Http, path: &[&str]) -> Option<Self> {
        use Method::*;
        let verb = http.as_str();
        Some(match (verb, path) {
            ("GET", ["users", "me", "calendarList"]) => CalendarListList,
            ("POST", ["users", "me", "calendarList"]) => CalendarListInsert,
            ("GET", ["users", "me", "calendarList", _]) => CalendarListGet,
            ("PUT", ["users", "me", "calendarList", _]) => CalendarListUpdate,
            ("PATCH", ["users", "me", "calendarList", _]) => CalendarListPatch,
            ("DELETE", ["users", "me", "calendarList", _]) => CalendarListDelete,
            ("GET", ["users", "me", "settings"]) => SettingsList,
            ("GET", ["users", "me", "settings", _]) => SettingsGet,
            ("GET", ["colors"]) => ColorsGet,
            ("POST", ["freeBusy"]) => FreebusyQuery,
            ("POST", ["calendars"]) => CalendarsInsert,
            ("GET", ["calendars", _]) => CalendarsGet,
            ("PUT", ["calendars", _]) => CalendarsUpdate,
            ("PATCH", ["calendars", _]) => CalendarsPatch,
            ("DELETE", ["calendars", _]) => CalendarsDelete,
            ("POST", ["calendars", _, "clear"]) => CalendarsClear,
            ("GET", ["calendars", _, "acl"]) => AclList,
            ("POST", ["calendars", _, "acl"]) => AclInsert,
            ("GET", ["calendars", _, "acl", _]) => AclGet,
            ("PUT", ["calendars", _, "acl", _]) => AclUpdate,
            ("PATCH", ["calendars", _, "acl", _]) => AclPatch,
            ("DELETE", ["calendars", _, "acl", _]) => AclDelete,
            ("GET", ["calendars", _, "events"]) => EventsList,
            ("POST", ["calendars", _, "events"]) => EventsInsert,
            ("POST", ["calendars", _, "events", "import"]) => EventsImport,
            ("POST", ["calendars", _, "events", "quickAdd"]) => EventsQuickAdd,
            ("GET", ["calendars", _, "events", _]) => EventsGet,
            ("PUT", ["calendars", _, "events", _]) => EventsUpdate,
            ("PATCH", ["calendars", _, "events", _]) => EventsPatch,
            ("DELETE", ["calendars", _, "events", _]) => EventsDelete,
            ("POST", ["calendars", _, "events", _, "move"]) => EventsMove,
            ("GET", ["calendars", _, "events", _, "instances"]) => EventsInstances,
            _ => return None,
        })
    }

    /// The name in `details[].metadata.method`.
    pub fn name(self) -> String {
        let words = format!("{self:?}");
        let service = [
            "CalendarList",
            "Calendars",
            "Acl",
            "Settings",
            "Colors",
            "Freebusy",
            "Events",
        ]
        .into_iter()
        .find(|service| words.len() > service.len() && words.starts_with(service))
        .unwrap_or_default();
        format!("calendar.v3.{service}.{}", &words[service.len()..])
    }

    /// Accepted scopes, without `https://www.googleapis.com/auth/`.
    pub fn scopes(self) -> &'static [&'static str] {
        use Method::*;
        match self {
            CalendarListList => &[
                "calendar",
                "calendar.calendarlist",
                "calendar.calendarlist.readonly",
                "calendar.readonly",
            ],
            CalendarListGet => &[
                "calendar",
                "calendar.app.created",
                "calendar.calendarlist",
                "calendar.calendarlist.readonly",
                "calendar.readonly",
            ],
            CalendarListInsert => &["calendar", "calendar.calendarlist"],
            CalendarListUpdate | CalendarListPatch | CalendarListDelete => {
                &["calendar", "calendar.app.created", "calendar.calendarlist"]
            }
            CalendarsGet => &[
                "calendar",
                "calendar.app.created",
                "calendar.calendars",
                "calendar.calendars.readonly",
                "calendar.readonly",
            ],
            CalendarsInsert | CalendarsUpdate | CalendarsPatch | CalendarsDelete => {
                &["calendar", "calendar.app.created", "calendar.calendars"]
            }
            CalendarsClear => &["calendar", "calendar.calendars"],
            AclList => &["calendar", "calendar.acls", "calendar.acls.readonly"],
            AclGet => &[
                "calendar",
                "calendar.acls",
                "calendar.acls.readonly",
                "calendar.readonly",
            ],
            AclInsert | AclUpdate | AclPatch | AclDelete => &["calendar", "calendar.acls"],
            SettingsList | SettingsGet => &[
                "calendar",
                "calendar.readonly",
                "calendar.settings",
                "calendar.settings.readonly",
            ],
            ColorsGet => &[
                "calendar",
                "calendar.app.created",
                "calendar.calendarlist",
                "calendar.calendarlist.readonly",
                "calendar.events.freebusy",
                "calendar.events.owned",
                "calendar.events.owned.readonly",
                "calendar.events.public.readonly",
                "calendar.readonly",
            ],
            FreebusyQuery => &[
                "calendar",
                "calendar.events.freebusy",
                "calendar.freebusy",
                "calendar.readonly",
            ],
            EventsList | EventsGet | EventsInstances => READ_EVENTS,
            EventsMove => &["calendar", "calendar.events", "calendar.events.owned"],
            EventsInsert | EventsImport | EventsQuickAdd | EventsUpdate | EventsPatch | EventsDelete => WRITE_EVENTS,
        }
    }

    /// Documented query parameters.
    pub fn params(self) -> &'static [Param] {
        use Method::*;
        match self {
            CalendarListList => &[
                ("maxResults", Count(1, ANY)),
                ("minAccessRole", Word(ROLES)),
                ("pageToken", Text),
                ("showDeleted", Flag),
                ("showHidden", Flag),
                ("showOwnOrganizationOnly", Flag),
                ("syncToken", Text),
            ],
            CalendarListInsert | CalendarListUpdate | CalendarListPatch => &[("colorRgbFormat", Flag)],
            AclList => &[
                ("maxResults", Count(1, ANY)),
                ("pageToken", Text),
                ("showDeleted", Flag),
                ("syncToken", Text),
            ],
            AclInsert | AclUpdate | AclPatch => &[("sendNotifications", Flag)],
            SettingsList => &[("maxResults", Count(1, ANY)), ("pageToken", Text), ("syncToken", Text)],
            EventsList => &[
                ("alwaysIncludeEmail", Flag),
                ("eventTypes", Words(EVENT_TYPES)),
                ("iCalUID", Text),
                ("maxAttendees", Count(1, ANY)),
                ("maxResults", Count(1, ANY)),
                ("orderBy", Word(&["startTime", "updated"])),
                ("pageToken", Text),
                ("privateExtendedProperty", Texts),
                ("q", Text),
                ("sharedExtendedProperty", Texts),
                ("showDeleted", Flag),
                ("showHiddenInvitations", Flag),
                ("singleEvents", Flag),
                ("syncToken", Text),
                ("timeMax", Instant),
                ("timeMin", Instant),
                ("timeZone", Text),
                ("updatedMin", Instant),
            ],
            EventsGet => &[
                ("alwaysIncludeEmail", Flag),
                ("maxAttendees", Count(1, ANY)),
                ("timeZone", Text),
            ],
            EventsInstances => &[
                ("alwaysIncludeEmail", Flag),
                ("maxAttendees", Count(1, ANY)),
                ("maxResults", Count(1, ANY)),
                ("originalStart", Text),
                ("pageToken", Text),
                ("showDeleted", Flag),
                ("timeMax", Instant),
                ("timeMin", Instant),
                ("timeZone", Text),
            ],
            // Libraries send `sendUpdates` on import too; it is ignored there.
            EventsInsert | EventsUpdate | EventsPatch | EventsImport => WRITE,
            EventsDelete => &[("sendNotifications", Flag), ("sendUpdates", Word(SEND))],
            EventsMove => &[
                ("destination", Text),
                ("sendNotifications", Flag),
                ("sendUpdates", Word(SEND)),
            ],
            EventsQuickAdd => &[("sendNotifications", Flag), ("sendUpdates", Word(SEND)), ("text", Text)],
            _ => &[],
        }
    }
}
