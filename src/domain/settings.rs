//! What a tenant may decide for itself.
//!
//! A setting that a tenant has not made follows the installation's [`TenantDefaults`], also when those change later; that is why
//! [`TenantSettings`] keeps only what was set. It is changed by JSON merge patch (RFC 7396) and refuses what it does not know.
use super::language::Language;
use super::mail::{Mailbox, Reminders};
use super::people::phone::is_region;
use super::policy::{ConflictPolicy, Guests, Inbound};
use super::time::parse_zone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The installation's answers for tenants that have none of their own (`[sync]` and `[mail]` of the configuration).
#[derive(Debug, Clone, PartialEq)]
pub struct TenantDefaults {
    /// Which side wins a conflict.
    pub conflict: ConflictPolicy,
    /// A cancellation made in Google.
    pub inbound_cancel: Inbound,
    /// A move made in Google.
    pub inbound_move: Inbound,
    /// A change from the app to an event with Google guests.
    pub guests: Guests,
    /// Share of the mirrored items (0 to 1) above which deletions wait.
    pub brake_share: f64,
    /// Deletions below this number never wait.
    pub brake_min: u32,
    /// The language of mails.
    pub language: Language,
    /// Who sends mail; without it, and without one of the tenant's own, none is proposed.
    pub sender: Option<Mailbox>,
    /// When customers are reminded.
    pub reminders: Reminders,
}

impl Default for TenantDefaults {
    /// The values of `config/default.toml`.
    fn default() -> Self {
        Self {
            conflict: ConflictPolicy::Origin,
            inbound_cancel: Inbound::Apply,
            inbound_move: Inbound::Apply,
            guests: Guests::Ask,
            brake_share: 0.2,
            brake_min: 10,
            language: Language::En,
            sender: None,
            reminders: Reminders::default(),
        }
    }
}

/// What a tenant has set; also the JSON in `tenants.settings`. `None` follows the installation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// Which side wins a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictPolicy>,
    /// A cancellation made in Google.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_cancel: Option<Inbound>,
    /// A move made in Google.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_move: Option<Inbound>,
    /// A change from the app to an event with Google guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<Guests>,
    /// Share of the mirrored items, above 0 and up to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake_share: Option<f64>,
    /// Deletions below this number never wait; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake_min: Option<u32>,
    /// ISO 3166-1 alpha-2: the country whose telephone numbers may be written without a country code. None when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// IANA name; new users get it unless they bring their own. UTC when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The language of mails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Who sends mail: `Name <address>`. The server of the tenant or of the installation must accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// When customers are reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminders: Option<Reminders>,
    /// Who is told when something waits for the tenant. Required: a tenant without it is not made.
    pub admin_email: String,
}

/// Every setting decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of TenantSettings")]
pub struct EffectiveSettings {
    pub conflict: ConflictPolicy,
    pub inbound_cancel: Inbound,
    pub inbound_move: Inbound,
    pub guests: Guests,
    pub brake_share: f64,
    pub brake_min: u32,
    pub region: Option<String>,
    pub time_zone: String,
    pub language: Language,
    pub sender: Option<String>,
    pub reminders: Reminders,
    pub admin_email: String,
}

impl EffectiveSettings {
    /// Whether the brake holds so many removals, those of the last day (`recent`) among them, beside so many live items.
    pub fn brakes(&self, removals: i64, recent: i64, live: i64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^52")]
        let share = removals as f64 / live.saturating_add(recent).max(1) as f64;
        removals >= i64::from(self.brake_min) && share > self.brake_share
    }
}

/// A setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct SettingProblem {
    /// Its name as it was sent.
    pub setting: String,
    /// The end of a sentence that begins with the name.
    pub problem: String,
}

impl TenantSettings {
    /// Every setting there is, in the order of the manual.
    pub const NAMES: [&'static str; 12] = [
        "conflict",
        "inbound_cancel",
        "inbound_move",
        "guests",
        "brake_share",
        "brake_min",
        "region",
        "time_zone",
        "language",
        "sender",
        "reminders",
        "admin_email",
    ];

    /// The settings of a new tenant.
    ///
    /// # Errors
    /// All that is wrong, a missing `admin_email` included.
    pub fn new(given: &Map<String, Value>) -> Result<Self, Vec<SettingProblem>> {
        Self::default().patched(given)
    }

    /// These settings after a merge patch: a value sets, `null` goes back to the installation's default.
    ///
    /// # Errors
    /// All that is wrong; nothing is changed then.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self, Vec<SettingProblem>> {
        let mut new = self.clone();
        let mut problems = Vec::new();
        for (setting, value) in patch {
            if let Err(problem) = new.set(setting, value) {
                problems.push(SettingProblem {
                    setting: setting.clone(),
                    problem,
                });
            }
        }
        if new.admin_email.is_empty() && !problems.iter().any(|problem| problem.setting == "admin_email") {
            problems.push(SettingProblem {
                setting: "admin_email".to_owned(),
                problem: "is required".to_owned(),
            });
        }
        if problems.is_empty() { Ok(new) } else { Err(problems) }
    }

    fn set(&mut self, setting: &str, value: &Value) -> Result<(), String> {
        match setting {
            "conflict" => self.conflict = word(value)?,
            "inbound_cancel" => self.inbound_cancel = word(value)?,
            "inbound_move" => self.inbound_move = word(value)?,
            "guests" => self.guests = word(value)?,
            "brake_share" => {
                let share = optional(value, Value::as_f64, "must be a number above 0 and up to 1")?;
                if share.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
                    return Err("must be a number above 0 and up to 1".to_owned());
                }
                self.brake_share = share;
            }
            "brake_min" => {
                let whole = |value: &Value| value.as_u64().filter(|n| (1..=1_000_000).contains(n));
                let min = optional(value, whole, "must be a whole number from 1 to 1000000")?;
                self.brake_min = min.and_then(|min| u32::try_from(min).ok());
            }
            "region" => {
                let code = optional(value, Value::as_str, "must be a text or null")?;
                if code.is_some_and(|code| !is_region(code)) {
                    return Err("must be a country's code of two capital letters (ISO 3166-1), such as CZ".to_owned());
                }
                self.region = code.map(str::to_owned);
            }
            "time_zone" => {
                let name = optional(value, Value::as_str, "must be a text or null")?;
                if let Some(name) = name {
                    parse_zone(name).map_err(|unknown| format!("is refused: {unknown}"))?;
                }
                self.time_zone = name.map(str::to_owned);
            }
            "language" => self.language = word(value)?,
            "sender" => {
                let sender = optional(value, Value::as_str, "must be a text or null")?;
                let sender: Option<Mailbox> = sender.map(parsed).transpose()?;
                self.sender = sender.map(|sender| sender.to_string());
            }
            "reminders" => {
                let reminders = optional(value, Value::as_str, "must be a text or null")?;
                self.reminders = reminders.map(parsed).transpose()?;
            }
            "admin_email" => {
                let address = value.as_str().unwrap_or_default();
                if !is_address(address) {
                    return Err("must be an email address; a tenant cannot be without it".to_owned());
                }
                self.admin_email = address.to_owned();
            }
            _ => return Err(format!("is no setting; there are {}", Self::NAMES.join(", "))),
        }
        Ok(())
    }

    /// What is in force.
    pub fn effective(&self, defaults: &TenantDefaults) -> EffectiveSettings {
        EffectiveSettings {
            conflict: self.conflict.unwrap_or(defaults.conflict),
            inbound_cancel: self.inbound_cancel.unwrap_or(defaults.inbound_cancel),
            inbound_move: self.inbound_move.unwrap_or(defaults.inbound_move),
            guests: self.guests.unwrap_or(defaults.guests),
            brake_share: self.brake_share.unwrap_or(defaults.brake_share),
            brake_min: self.brake_min.unwrap_or(defaults.brake_min),
            region: self.region.clone(),
            time_zone: self.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            language: self.language.unwrap_or(defaults.language),
            sender: self
                .sender
                .clone()
                .or_else(|| defaults.sender.as_ref().map(ToString::to_string)),
            reminders: self.reminders.clone().unwrap_or_else(|| defaults.reminders.clone()),
            admin_email: self.admin_email.clone(),
        }
    }
}

fn parsed<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn optional<'v, T>(
    value: &'v Value,
    read: impl Fn(&'v Value) -> Option<T>,
    problem: &str,
) -> Result<Option<T>, String> {
    match value {
        Value::Null => Ok(None),
        value => read(value).map(Some).ok_or_else(|| problem.to_owned()),
    }
}

fn word<T>(value: &Value) -> Result<Option<T>, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    match optional(value, Value::as_str, "must be a text or null")? {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error: T::Err| format!("is refused: {error}")),
    }
}

/// Whether a text has the shape of an email address. Only a message can tell whether somebody reads there.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && !"<>,;\"@".contains(c))
    };
    text.len() <= 254 && plain(local) && plain(domain) && !domain.starts_with('.') && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn settings() -> TenantSettings {
        TenantSettings::new(&map(json!({"admin_email": "admin@tenant.example"}))).unwrap()
    }

    #[test]
    fn a_tenant_without_an_admin_address_is_refused() {
        let problems = TenantSettings::new(&Map::new()).unwrap_err();
        assert_eq!(problems[0].to_string(), "admin_email is required");
        let problems = settings().patched(&map(json!({"admin_email": null}))).unwrap_err();
        assert_eq!(problems[0].setting, "admin_email");
    }

    #[test]
    fn what_is_not_set_follows_the_installation_and_null_goes_back_to_it() {
        let mut defaults = TenantDefaults::default();
        let set = settings()
            .patched(&map(json!({"conflict": "app", "brake_min": 3})))
            .unwrap();
        defaults.guests = Guests::Push;
        let effective = set.effective(&defaults);
        assert_eq!((effective.conflict, effective.brake_min), (ConflictPolicy::App, 3));
        assert_eq!((effective.guests, effective.time_zone.as_str()), (Guests::Push, "UTC"));
        assert_eq!(
            set.patched(&map(json!({"conflict": null, "brake_min": null}))).unwrap(),
            settings()
        );
    }

    #[test]
    fn every_problem_of_a_patch_is_named_at_once() {
        let patch = json!({"conflict": "newest", "brake_share": 0, "brake_min": 1.5, "time_zone": "Prague", "region": "cz", "colour": 1, "guests": 4});
        let problems = settings().patched(&map(patch)).unwrap_err();
        let mut names: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "brake_min",
                "brake_share",
                "colour",
                "conflict",
                "guests",
                "region",
                "time_zone"
            ]
        );
        let unknown = problems.iter().find(|problem| problem.setting == "colour").unwrap();
        assert!(unknown.problem.contains("inbound_cancel"), "{unknown}");
    }

    #[test]
    fn settings_read_back_from_their_own_json_and_every_name_is_settable() {
        let all = json!({"conflict": "ask", "inbound_cancel": "ask", "inbound_move": "apply", "guests": "push",
            "brake_share": 0.5, "brake_min": 2, "region": "CZ", "time_zone": "Europe/Prague", "language": "es",
            "sender": "Acme <mail@acme.example>", "reminders": "2d, 1h", "admin_email": "a@b.example"});
        let set = TenantSettings::new(&map(all.clone())).unwrap();
        assert_eq!(serde_json::to_value(&set).unwrap(), all);
        assert_eq!(serde_json::from_value::<TenantSettings>(all.clone()).unwrap(), set);
        let mut names: Vec<_> = all.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = TenantSettings::NAMES.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn an_address_needs_two_sides_and_nothing_that_could_break_a_header() {
        assert!(is_address("jana.novakova+sync@example.com"));
        for bad in [
            "",
            "a",
            "@b.cz",
            "a@",
            "a b@c.cz",
            "a@b.cz\r\nBcc: x@y.cz",
            "<a@b.cz>",
            "a@@b.cz",
            "a@.cz",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
