//! `canonicalForm`: a phone number in E.164, where it can be read at all.
//!
//! Far from Google's library, but on the same side for common writings: international numbers always, national ones by the
//! account's own country.

/// How a country writes its numbers at home: calling code, trunk prefix, least and most digits without it.
const COUNTRIES: [(&str, &str, usize, usize); 16] = [
    ("1", "1", 10, 10),
    ("31", "0", 9, 9),
    ("33", "0", 9, 9),
    ("34", "", 9, 9),
    ("39", "", 6, 11),
    ("41", "0", 9, 9),
    ("420", "", 9, 9),
    ("43", "0", 4, 13),
    ("44", "0", 9, 10),
    ("48", "", 9, 9),
    ("49", "0", 6, 11),
    ("52", "", 10, 10),
    ("55", "0", 10, 11),
    ("61", "0", 9, 9),
    ("91", "0", 10, 10),
    ("351", "", 9, 9),
];

/// E.164, or nothing. `calling_code` is the account's country's.
pub fn canonical(value: &str, calling_code: Option<&str>) -> Option<String> {
    let text = value.trim();
    if text
        .chars()
        .any(|c| !(c.is_ascii_digit() || " -.()/+\u{a0}".contains(c)))
    {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if let Some(rest) = text.strip_prefix('+') {
        return (!rest.contains('+')).then(|| international(&digits)).flatten();
    }
    if text.contains('+') {
        return None;
    }
    if let Some(digits) = digits.strip_prefix("00") {
        return international(digits);
    }
    let (code, trunk, least, most) = COUNTRIES.into_iter().find(|(code, ..)| Some(*code) == calling_code)?;
    let national = match digits.strip_prefix(trunk) {
        Some(rest) if !trunk.is_empty() && rest.len() >= least => rest,
        _ => &digits,
    };
    ((least..=most).contains(&national.len())).then(|| format!("+{code}{national}"))
}

fn international(digits: &str) -> Option<String> {
    ((7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

/// The calling code of the country that a time zone lies in, for the zones that the sandbox's users have.
pub fn calling_code(time_zone: &str) -> Option<&'static str> {
    Some(match time_zone {
        "Europe/Madrid" | "Atlantic/Canary" => "34",
        "Europe/Prague" => "420",
        "Europe/London" => "44",
        "Europe/Berlin" => "49",
        "Europe/Paris" => "33",
        "Europe/Rome" => "39",
        "Europe/Lisbon" => "351",
        "Europe/Vienna" => "43",
        "Europe/Zurich" => "41",
        "Europe/Amsterdam" => "31",
        "Europe/Warsaw" => "48",
        "America/New_York" | "America/Chicago" | "America/Denver" | "America/Los_Angeles" | "America/Toronto" => "1",
        "America/Mexico_City" => "52",
        "America/Sao_Paulo" => "55",
        "Asia/Kolkata" => "91",
        "Australia/Sydney" => "61",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_canonical_only_when_it_can_be_read() {
        let spain = Some("34");
        for (value, code, form) in [
            ("666 12 34 90", spain, Some("+34666123490")),
            ("+34 666-12-34-90", None, Some("+34666123490")),
            ("0034 666 123 490", spain, Some("+34666123490")),
            ("(212) 555-0100", Some("1"), Some("+12125550100")),
            ("1 212 555 0100", Some("1"), Some("+12125550100")),
            ("020 7946 0018", Some("44"), Some("+442079460018")),
            ("666 12 34 90", None, None),
            ("12", spain, None),
            ("call me", spain, None),
            ("+34 666 12 34 90 ext. 5", spain, None),
            ("", spain, None),
        ] {
            assert_eq!(canonical(value, code).as_deref(), form, "{value}");
        }
    }
}
