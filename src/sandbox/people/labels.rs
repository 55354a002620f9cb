//! `formattedType` and its relatives: the words that people read for a predefined type. A type of one's own is its own label.

const PLACES: &[&str] = &["home", "work", "other"];

/// The types that a field of a Person predefines.
fn predefined(field: &str) -> &'static [&'static str] {
    match field {
        "addresses" | "emailAddresses" | "imClients" => PLACES,
        "phoneNumbers" => &[
            "home",
            "work",
            "mobile",
            "homeFax",
            "workFax",
            "otherFax",
            "pager",
            "workMobile",
            "workPager",
            "main",
            "googleVoice",
            "other",
        ],
        "sipAddresses" => &["home", "work", "mobile", "other"],
        "calendarUrls" => &["home", "freeBusy", "work"],
        "urls" => &[
            "home",
            "work",
            "blog",
            "profile",
            "homePage",
            "ftp",
            "reservations",
            "appInstallPage",
            "other",
        ],
        "events" => &["anniversary", "other"],
        "organizations" => &["work", "school"],
        "externalIds" => &["account", "customer", "loginId", "network", "organization"],
        "relations" => &[
            "spouse",
            "child",
            "mother",
            "father",
            "parent",
            "brother",
            "sister",
            "friend",
            "relative",
            "domesticPartner",
            "manager",
            "assistant",
            "referredBy",
            "partner",
        ],
        "genders" => &["male", "female", "unspecified"],
        _ => &[],
    }
}

/// The label of a value's type, in English.
pub fn label(field: &str, type_name: &str) -> String {
    match type_name {
        "ftp" if field == "urls" => "FTP".to_owned(),
        "freeBusy" if field == "calendarUrls" => "Free/Busy".to_owned(),
        known if predefined(field).contains(&known) => title(known),
        own => own.to_owned(),
    }
}

/// `workFax` as `Work Fax`.
fn title(name: &str) -> String {
    let mut words = String::new();
    for (at, letter) in name.char_indices() {
        if at == 0 {
            words.push(letter.to_ascii_uppercase());
            continue;
        }
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predefined_types_have_labels_and_own_types_are_labels() {
        for (field, type_name, words) in [
            ("phoneNumbers", "workFax", "Work Fax"),
            ("phoneNumbers", "Work fax", "Work fax"),
            ("emailAddresses", "home", "Home"),
            ("emailAddresses", "mobile", "mobile"),
            ("urls", "ftp", "FTP"),
            ("relations", "domesticPartner", "Domestic Partner"),
        ] {
            assert_eq!(label(field, type_name), words);
        }
    }
}
