//! Addresses of people: one plain `local@domain`, and nothing that could be read as something else.
//!
//! What contacts and apps hand over is looked at here once. Domains leave in lower case and as A-labels, so that they are
//! equal when they are the same; the local part belongs to its server and is kept. Whether anybody lives there is not known.
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// Most octets before the `@` (RFC 5321, 4.5.3.1.1).
pub const MAX_LOCAL: usize = 64;
/// Most octets of a whole address (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const MAX_ADDRESS: usize = 254;

/// Why a text is no address. The message continues the name of the field and never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// Nothing.
    #[error("is empty: write an address such as ana@example.com")]
    Empty,
    /// Line breaks and the like.
    #[error("contains a control character or a space: write only the address, such as ana@example.com")]
    Control,
    /// No `@`.
    #[error("has no @: write an address such as ana@example.com")]
    NoAt,
    /// `a@b@c`.
    #[error("has more than one @: write one address")]
    ManyAts,
    /// `Ana <ana@example.com>`, `a@x, b@y`, `"a b"@x`, `a@x (comment)`.
    #[error("is more than a plain address: leave out names, brackets, quotes, commas and comments")]
    NotPlain,
    /// The part before the `@`.
    #[error("has a part before the @ that no mail server accepts: write an address such as ana@example.com")]
    Local,
    /// The part after the `@`.
    #[error("has a part after the @ that is no domain: write an address such as ana@example.com")]
    Domain,
    /// More than [`MAX_LOCAL`] or [`MAX_ADDRESS`] octets.
    #[error("is longer than an address can be ({MAX_LOCAL} octets before the @, {MAX_ADDRESS} in all)")]
    TooLong,
}

/// Reads one plain address: local part as it is, domain in lower case and as A-labels.
///
/// Local parts beyond ASCII are accepted (RFC 6531); the server must then offer SMTPUTF8. Quoted local parts and domain
/// literals are not: nobody's contacts have them, and tricks do. A domain has a dot, but for `localhost`.
pub fn parse_address(text: &str) -> Result<String, AddressProblem> {
    if text.is_empty() {
        return Err(AddressProblem::Empty);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        // A name before angle brackets has a space too, and deserves the better answer.
        let plain = !text.contains(['<', '>', '"', '(', ',', ';']) || text.chars().any(char::is_control);
        return Err(if plain {
            AddressProblem::Control
        } else {
            AddressProblem::NotPlain
        });
    }
    if text.contains(['<', '>', '"', '(', ')', ',', ';', ':', '\\', '[', ']']) {
        return Err(AddressProblem::NotPlain);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(AddressProblem::NoAt)?;
    if local.contains('@') {
        return Err(AddressProblem::ManyAts);
    }
    if local.len() > MAX_LOCAL || text.len() > 4 * MAX_ADDRESS {
        return Err(AddressProblem::TooLong);
    }
    if !is_local(local) {
        return Err(AddressProblem::Local);
    }
    let domain = ascii_domain(domain).ok_or(AddressProblem::Domain)?;
    let address = format!("{local}@{domain}");
    if address.len() > MAX_ADDRESS {
        return Err(AddressProblem::TooLong);
    }
    // The transport must not be the one to find out.
    address.parse::<lettre::Address>().map_err(|_| AddressProblem::Local)?;
    Ok(address)
}

/// What two spellings of one mailbox share: the whole address without regard to capitals. For suppressions, where it is
/// better to match one too many; most servers do not tell capitals apart. Also of texts that are no address.
pub fn same_mailbox_key(address: &str) -> String {
    let address = address.trim();
    let address = parse_address(address).unwrap_or_else(|_| address.to_owned());
    // Through capitals first: that is where ß and SS, σ and ς meet.
    let folded = address.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.nfkc().collect()
}

/// A dot-atom (RFC 5322, 3.2.3), also beyond ASCII. Its compatibility form must be one too: some servers make an `@` of
/// a full-width one.
fn is_local(local: &str) -> bool {
    let compatible: String = local.nfkc().collect();
    [local, &compatible]
        .into_iter()
        .all(|local| local.split('.').all(|atom| !atom.is_empty()) && local.chars().all(|c| c == '.' || is_atext(c)))
}

fn is_atext(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    // Marks belong to letters; what has no shape of its own or turns the direction hides something.
    let invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}');
    !invisible && !c.is_control() && !c.is_whitespace()
}

fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()?;
    let last = ascii.rsplit('.').next()?;
    // A number at the end is an IP address, or would be taken for one (RFC 3696, section 2).
    let is_host = (ascii.contains('.') || ascii == "localhost") && !last.bytes().all(|b| b.is_ascii_digit());
    is_host.then(|| ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_addresses_are_read_and_their_domains_normalised() {
        for (given, read) in [
            ("Ana.O'Neil+x@Example.COM", "Ana.O'Neil+x@example.com"),
            ("ana@bücher.example", "ana@xn--bcher-kva.example"),
            ("ana@BÜCHER。example", "ana@xn--bcher-kva.example"),
            ("ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"),
            ("Jörg@example.com", "Jörg@example.com"),
            ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
            ("test@localhost", "test@localhost"),
        ] {
            assert_eq!(parse_address(given).as_deref(), Ok(read));
        }
    }

    #[test]
    fn tricks_are_refused_by_what_they_are() {
        use AddressProblem::*;
        for (given, problem) in [
            ("", Empty),
            ("ana", NoAt),
            ("Eve <eve@example.com>", NotPlain),
            ("<eve@example.com>", NotPlain),
            ("\"ana@example.com\" <eve@example.com>", NotPlain),
            ("ana@example.com,eve@example.com", NotPlain),
            ("ana@example.com, eve@example.com", NotPlain),
            ("ana(eve)@example.com", NotPlain),
            ("\"a b\"@example.com", NotPlain),
            ("ana@[127.0.0.1]", NotPlain),
            ("group:ana@example.com;", NotPlain),
            ("ana@eve.example@example.com", ManyAts),
            ("ana@example.com\r\nRCPT TO:<eve@example.com>", Control),
            ("ana@example.com\0", Control),
            ("ana @example.com", Control),
            (".ana@example.com", Local),
            ("a..na@example.com", Local),
            ("@example.com", Local),
            ("ana\u{202e}@example.com", Local),
            ("ana\u{200b}@example.com", Local),
            ("ana＠eve.example@example.com", Local),
            ("ana＜@example.com", Local),
            ("ana@", Domain),
            ("ana@example", Domain),
            ("ana@127.0.0.1", Domain),
            ("ana@exa_mple.com", Domain),
            ("ana@-example.com", Domain),
            ("ana@example..com", Domain),
            ("ana@example.com.", Domain),
            ("ana@example．com/evil", Domain),
        ] {
            assert_eq!(parse_address(given), Err(problem), "{given:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_rfc_5321() {
        assert!(parse_address(&format!("{}@example.com", "x".repeat(64))).is_ok());
        assert_eq!(
            parse_address(&format!("{}@example.com", "x".repeat(65))),
            Err(AddressProblem::TooLong)
        );
        let label = "y".repeat(61);
        let domain = format!("{label}.{label}.{label}.com");
        assert_eq!(domain.len(), 189);
        assert!(
            parse_address(&format!("{}@{domain}", "x".repeat(64))).is_ok(),
            "254 octets"
        );
        assert_eq!(
            parse_address(&format!("{}@a{domain}", "x".repeat(64))),
            Err(AddressProblem::TooLong)
        );
        assert!(parse_address(&"@".repeat(1_000_000)).is_err());
    }

    #[test]
    fn one_mailbox_has_one_key() {
        for spelling in ["ANA@Bücher.example", " ana@xn--bcher-kva.example", "Ana@BÜCHER.EXAMPLE"] {
            assert_eq!(same_mailbox_key(spelling), "ana@xn--bcher-kva.example");
        }
        assert_eq!(
            same_mailbox_key("STRASSE@x.example"),
            same_mailbox_key("straße@x.example")
        );
        assert_eq!(
            same_mailbox_key("ΣΊΣΥΦΟΣ@x.example"),
            same_mailbox_key("σίσυφος@x.example")
        );
        assert_ne!(same_mailbox_key("ana@x.example"), same_mailbox_key("anna@x.example"));
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_as_itself(text in "\\PC{0,20}@?[a-zA-Zü.ß-]{0,20}\\.(com|ÉX|中国)") {
            if let Ok(address) = parse_address(&text) {
                prop_assert_eq!(parse_address(&address), Ok(address.clone()));
                prop_assert_eq!(same_mailbox_key(&address), same_mailbox_key(&text));
                prop_assert_eq!(same_mailbox_key(&same_mailbox_key(&text)), same_mailbox_key(&text));
            }
        }
    }
}
