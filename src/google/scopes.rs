//! Which scopes each feature needs, and which of them a user granted.
//!
//! Google lets users untick single scopes, merges earlier grants, and renames `email` in its answers, so the granted list
//! is compared per feature and a broader scope counts for a narrower one.

/// Proves who connected: gives the `sub`.
pub const OPENID: &str = "openid";
/// The verified address of the account.
pub const EMAIL: &str = "email";
/// Reads and writes events, nothing else of a calendar.
pub const CALENDAR_EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
/// Names, zones and roles of the user's calendars.
pub const CALENDAR_LIST: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";
/// Reads and writes contacts and their groups; People API has no narrower scope that writes.
pub const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";

/// What cannot be left out: without it nobody knows whose account it is.
pub const IDENTITY: &[&str] = &[OPENID, EMAIL];

/// What a user can connect, each with its own scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// Bookings and events.
    Calendar,
    /// Customers and contacts.
    Contacts,
}

impl Feature {
    /// The narrowest scopes with which the feature works.
    pub fn needed(self) -> &'static [&'static str] {
        match self {
            Feature::Calendar => &[CALENDAR_EVENTS, CALENDAR_LIST],
            Feature::Contacts => &[CONTACTS],
        }
    }

    /// The needed scopes that are not among the granted ones; empty when the feature can work.
    pub fn missing(self, granted: &[String]) -> Vec<&'static str> {
        missing(self.needed(), granted)
    }

    /// Whether the feature can work.
    pub fn is_granted(self, granted: &[String]) -> bool {
        self.missing(granted).is_empty()
    }
}

/// What to ask the user for: identity and the features' scopes.
pub fn requested(features: &[Feature]) -> Vec<&'static str> {
    IDENTITY
        .iter()
        .chain(features.iter().flat_map(|feature| feature.needed()))
        .copied()
        .collect()
}

/// For each feature the scopes that it lacks; features that can work are not listed.
pub fn granted(features: &[Feature], granted: &[String]) -> Vec<(Feature, Vec<&'static str>)> {
    features
        .iter()
        .map(|feature| (*feature, feature.missing(granted)))
        .filter(|(_, missing)| !missing.is_empty())
        .collect()
}

/// The scopes of identity that were not granted.
pub fn missing_identity(granted: &[String]) -> Vec<&'static str> {
    missing(IDENTITY, granted)
}

fn missing(needed: &[&'static str], granted: &[String]) -> Vec<&'static str> {
    let has = |scope: &str| {
        granted
            .iter()
            .any(|given| given == scope || includes(given).contains(&scope))
    };
    needed.iter().copied().filter(|scope| !has(scope)).collect()
}

/// What else a granted scope allows, after the scope lists of each method in Google's discovery document.
fn includes(given: &str) -> &'static [&'static str] {
    match given {
        "https://www.googleapis.com/auth/userinfo.email" => &[EMAIL],
        "https://www.googleapis.com/auth/calendar" => &[CALENDAR_EVENTS, CALENDAR_LIST],
        "https://www.googleapis.com/auth/calendar.calendarlist" => &[CALENDAR_LIST],
        "https://www.googleapis.com/auth/calendar.readonly" => &[CALENDAR_LIST],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| scope.to_string()).collect()
    }

    #[test]
    fn an_unticked_scope_is_named_for_its_feature() {
        let given = list(&[OPENID, CALENDAR_EVENTS]);
        assert_eq!(
            granted(&[Feature::Calendar], &given),
            [(Feature::Calendar, vec![CALENDAR_LIST])]
        );
        assert_eq!(missing_identity(&given), [EMAIL]);
    }

    #[test]
    fn broader_scopes_and_googles_other_name_for_email_count() {
        let given = list(&[
            OPENID,
            "https://www.googleapis.com/auth/userinfo.email",
            "https://www.googleapis.com/auth/calendar",
        ]);
        assert!(granted(&[Feature::Calendar], &given).is_empty());
        assert!(missing_identity(&given).is_empty());
    }

    #[test]
    fn reading_everything_does_not_allow_writing() {
        let given = list(&["https://www.googleapis.com/auth/calendar.readonly"]);
        assert_eq!(Feature::Calendar.missing(&given), [CALENDAR_EVENTS]);
    }

    #[test]
    fn an_unticked_box_stops_its_own_feature_only() {
        let calendar = list(&[CALENDAR_EVENTS, CALENDAR_LIST]);
        assert!(Feature::Calendar.is_granted(&calendar) && !Feature::Contacts.is_granted(&calendar));
        assert!(Feature::Contacts.is_granted(&list(&[CONTACTS])));
        let reading = list(&["https://www.googleapis.com/auth/contacts.readonly"]);
        assert!(
            !Feature::Contacts.is_granted(&reading),
            "reading does not allow writing"
        );
    }

    #[test]
    fn nothing_is_asked_for_beyond_the_features() {
        assert_eq!(requested(&[]), [OPENID, EMAIL]);
        assert_eq!(
            requested(&[Feature::Calendar]),
            [OPENID, EMAIL, CALENDAR_EVENTS, CALENDAR_LIST]
        );
        assert_eq!(requested(&[Feature::Contacts]), [OPENID, EMAIL, CONTACTS]);
    }
}
