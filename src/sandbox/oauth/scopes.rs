//! The scopes that this Google knows, and what they are called on the consent page.
use std::collections::BTreeSet;

/// A set of full scope names.
pub type Scopes = BTreeSet<String>;

/// Prefix of most scopes.
pub const PREFIX: &str = "https://www.googleapis.com/auth/";

/// The identity scope behind `email`.
pub const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
/// The identity scope behind `profile`.
pub const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

/// Scope (without the prefix) and its words on the consent page.
const KNOWN: &[(&str, &str)] = &[
    (
        "calendar",
        "See, edit, share, and permanently delete all the calendars you can access using Google Calendar",
    ),
    (
        "calendar.acls",
        "See and change the sharing permissions of Google calendars you own",
    ),
    (
        "calendar.acls.readonly",
        "See the sharing permissions of Google calendars you own",
    ),
    (
        "calendar.app.created",
        "Make secondary Google calendars, and see, create, change, and delete events on them",
    ),
    (
        "calendar.calendarlist",
        "See, add, and remove Google calendars you\u{2019}re subscribed to",
    ),
    (
        "calendar.calendarlist.readonly",
        "See the list of Google calendars you\u{2019}re subscribed to",
    ),
    (
        "calendar.calendars",
        "See and change the properties of Google calendars you have access to, and create secondary calendars",
    ),
    (
        "calendar.calendars.readonly",
        "See the title, description, default time zone, and other properties of Google calendars",
    ),
    ("calendar.events", "View and edit events on all your calendars"),
    (
        "calendar.events.freebusy",
        "See the availability on Google calendars you have access to",
    ),
    (
        "calendar.events.owned",
        "See, create, change, and delete events on Google calendars you own",
    ),
    (
        "calendar.events.owned.readonly",
        "See the events on Google calendars you own",
    ),
    ("calendar.events.public.readonly", "See the events on public calendars"),
    ("calendar.events.readonly", "View events on all your calendars"),
    ("calendar.freebusy", "View your availability in your calendars"),
    (
        "calendar.readonly",
        "See and download any calendar you can access using your Google Calendar",
    ),
    ("calendar.settings.readonly", "View your Calendar settings"),
    ("contacts", "See, edit, download, and permanently delete your contacts"),
    (
        "contacts.other.readonly",
        "See and download contact info automatically saved in your \u{201c}Other contacts\u{201d}",
    ),
    ("contacts.readonly", "See and download your contacts"),
    (
        "directory.readonly",
        "See and download your organization\u{2019}s Google Workspace directory",
    ),
    ("gmail.readonly", "View your email messages and settings"),
    ("gmail.send", "Send email on your behalf"),
];

/// Reads a space-separated scope parameter into full names. The error lists what is no scope.
pub fn parse(text: &str) -> Result<Scopes, Vec<String>> {
    let (known, unknown): (Vec<_>, Vec<_>) = text
        .split_whitespace()
        .map(full_name)
        .partition(|scope| is_known(scope));
    if unknown.is_empty() {
        Ok(known.into_iter().collect())
    } else {
        Err(unknown)
    }
}

/// `email` and `profile` are short for userinfo scopes, and tokens name the long ones.
fn full_name(scope: &str) -> String {
    match scope {
        "email" => EMAIL.to_owned(),
        "profile" => PROFILE.to_owned(),
        other => other.to_owned(),
    }
}

fn is_known(scope: &str) -> bool {
    is_identity(scope) || description(scope).is_some()
}

/// Identity scopes are not ticked one by one, and they alone do not make a grant time-based in testing.
pub fn is_identity(scope: &str) -> bool {
    scope == "openid" || scope == EMAIL || scope == PROFILE
}

/// A password change ends tokens that can read mail, and only those.
pub fn is_mail(scope: &str) -> bool {
    scope
        .strip_prefix(PREFIX)
        .is_some_and(|rest| rest.starts_with("gmail."))
}

/// What the consent page says about a scope that can be ticked.
pub fn description(scope: &str) -> Option<&'static str> {
    let rest = scope.strip_prefix(PREFIX)?;
    KNOWN.iter().find(|(name, _)| *name == rest).map(|(_, words)| *words)
}

/// The `scope` field of a token reply.
pub fn joined(scopes: &Scopes) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Every scope, for persons in Google's own screens.
pub fn all() -> Vec<String> {
    KNOWN.iter().map(|(name, _)| format!("{PREFIX}{name}")).collect()
}
