//! Paths and names as RFC 5321 (4.1.2, 4.1.3) writes them, widened by RFC 6531; nothing is guessed or mended.
use std::net::{Ipv4Addr, Ipv6Addr};

/// Takes `<…>` off the front of `text`: what is between the brackets, and what follows them.
pub fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((&inner[..at], &inner[at + 1..])),
            _ => {}
        }
    }
    None
}

/// The mailbox of a path. A source route (`@a,@b:`) is allowed and forgotten, as RFC 5321 (F.2) wants. `None` is a syntax error.
pub fn mailbox(path: &str) -> Option<&str> {
    let mailbox = match path.strip_prefix('@') {
        None => path,
        Some(_) => {
            let (route, mailbox) = path.split_once(':')?;
            let hops = route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain));
            hops.then_some(mailbox)?
        }
    };
    let (local, domain) = mailbox.rsplit_once('@')?;
    let fits = local.len() <= 64 && domain.len() <= 255 && mailbox.len() <= 254;
    (fits && is_local(local) && is_host(domain)).then_some(mailbox)
}

/// A domain or an address literal, as HELO, EHLO and mailboxes name a host.
pub fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None => is_domain(text),
    }
}

fn is_domain(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_control() && !c.is_whitespace());
    text.len() <= 255
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| is_letter(c) || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn is_local(text: &str) -> bool {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.strip_suffix('"').is_some_and(is_quoted);
    }
    let is_atext = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
    };
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// The inside of a quoted string: printable, and every `"` and `\` behind a `\`.
fn is_quoted(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|next| matches!(next, ' '..='~')),
            '"' => false,
            c => c == ' ' || !(c.is_control() || c.is_whitespace()),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_a_local_part_and_a_host() {
        for good in [
            "ana@example.com",
            "a.b+c@example.co",
            "\"a b\\\"c\"@example.com",
            "ana@[127.0.0.1]",
            "ana@[IPv6:::1]",
            "señor@müller.example",
            "ana@localhost",
        ] {
            assert_eq!(mailbox(good), Some(good));
        }
        assert_eq!(
            mailbox("@a.example,@b.example:ana@example.com"),
            Some("ana@example.com")
        );
        for bad in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a b@example.com",
            "ana@example..com",
            "ana@-a.example",
            "ana@[300.0.0.1]",
            "ana@exa_mple.com",
            "\"a\"b\"@example.com",
            "ana@example.com,bea@example.com",
            "Ana <ana@example.com",
            "ana@example.com\u{7}",
        ] {
            assert_eq!(mailbox(bad), None, "{bad}");
        }
        assert_eq!(mailbox(&format!("{}@example.com", "a".repeat(65))), None);
    }

    #[test]
    fn a_bracket_inside_quotes_does_not_end_the_path() {
        assert_eq!(
            bracketed("<\"a>b\"@example.com> SIZE=1"),
            Some(("\"a>b\"@example.com", " SIZE=1"))
        );
        assert_eq!(bracketed("<> BODY=7BIT"), Some(("", " BODY=7BIT")));
        assert_eq!(bracketed("<ana@example.com"), None);
        assert_eq!(bracketed("ana@example.com"), None);
    }
}
