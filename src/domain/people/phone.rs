//! Telephone numbers: as typed, and as the one number of the world that they mean.
//!
//! What is typed stays as it is; the E.164 form beside it serves to find the same number in another writing. A text that cannot be
//! read as a number has no E.164 form and is never used to match people.
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// The longest text worth reading as a number (RFC 3966 numbers with extensions are far shorter).
const LONGEST: usize = 100;

/// The E.164 form of a number as typed, for instance `+420601234567`. `region` (ISO 3166-1 alpha-2) tells what a number
/// without a country code means; without one, only international writing is understood. `None`: no possible number.
pub fn e164(typed: &str, region: Option<&str>) -> Option<String> {
    if typed.len() > LONGEST {
        return None;
    }
    let region = region.and_then(|code| code.parse::<Region>().ok());
    let number = PHONE_NUMBER_UTIL.parse(typed, region).ok()?;
    let possible = PHONE_NUMBER_UTIL.is_possible_number(&number);
    possible.then(|| number.format_as(PhoneNumberFormat::E164).into_owned())
}

/// Whether Accord knows how numbers of a country are written.
pub fn is_region(code: &str) -> bool {
    let region = code.parse::<Region>().ok();
    code == code.to_ascii_uppercase()
        && region.is_some_and(|region| PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_and_international_writings_are_one_number() {
        for typed in [
            "601 234 567",
            "+420 601 234 567",
            "00420-601-234-567",
            "(+420) 601234567",
        ] {
            assert_eq!(e164(typed, Some("CZ")).as_deref(), Some("+420601234567"), "{typed}");
        }
        assert_eq!(e164("666 12 34 90", Some("ES")).as_deref(), Some("+34666123490"));
    }

    #[test]
    fn without_a_region_only_international_writing_is_understood() {
        assert_eq!(e164("601 234 567", None), None);
        assert_eq!(e164("+420601234567", None).as_deref(), Some("+420601234567"));
    }

    #[test]
    fn what_is_no_number_has_no_form() {
        for typed in ["", "call me", "12", "+", "ěščř", "\u{202e}123", &"1".repeat(1000)] {
            assert_eq!(e164(typed, Some("CZ")), None, "{typed}");
        }
    }

    #[test]
    fn regions_are_known_by_their_code() {
        assert!(is_region("CZ") && is_region("US"));
        assert!(!is_region("cz") && !is_region("XX") && !is_region(""));
    }
}
