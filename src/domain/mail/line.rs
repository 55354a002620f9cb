//! One line of text that is safe to show: titles and names come from calendars, contacts and the app, and go into headers,
//! calendar parts and pages.
//!
//! What could end a line, hide, or turn the reading direction of what follows becomes a space. It does not know what the
//! line is for.
use unicode_normalization::char::is_combining_mark;

/// Most characters of a line that [`clean_line`] returns.
pub const MAX_LINE: usize = 200;

/// The text as one line of at most [`MAX_LINE`] characters: see [`one_line`]; a longer one is cut, never inside what is shown
/// as one character, and ends with `…`. Applying it twice changes nothing.
pub fn clean_line(text: &str) -> String {
    let line = one_line(text);
    let characters: Vec<char> = line.chars().collect();
    if characters.len() <= MAX_LINE {
        return line;
    }
    let mut end = MAX_LINE - 1;
    while end > 0 && (continues(characters[end]) || characters[end - 1] == ZERO_WIDTH_JOINER) {
        end -= 1;
    }
    // Nothing but marks: there is no place to cut that would be better than this one.
    let end = if end == 0 { MAX_LINE - 1 } else { end };
    let cut: String = characters[..end].iter().collect();
    format!("{}…", cut.trim_end())
}

/// The text with control characters, line separators and bidirectional controls turned into spaces, runs of white space
/// into one space, and none at the ends.
pub fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters; U+2028 and U+2029 end lines; the rest decides on the direction of its neighbours (UAX #9), so that a
/// name could make another text read backwards.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Whether this is shown as one character with the one before it. UAX #29 in essence: marks, joiners, variation selectors,
/// skin tones and tags. Two regional indicators are a flag; cutting one in half only shows a letter.
fn continues(c: char) -> bool {
    is_combining_mark(c)
        || c == ZERO_WIDTH_JOINER
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_end_a_line_or_turn_it_round_becomes_a_space() {
        assert_eq!(
            clean_line(" Haircut\r\nBcc: eve@example.com\u{0}\u{85}\u{2028}!"),
            "Haircut Bcc: eve@example.com !"
        );
        assert_eq!(clean_line("invoice\u{202e}gpj.exe"), "invoice gpj.exe");
        assert_eq!(clean_line("\t \u{a0}\u{3000}"), "");
        assert_eq!(clean_line("Zoë, \"Žižka\" 老虎 👩‍👩‍👧"), "Zoë, \"Žižka\" 老虎 👩‍👩‍👧");
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        let plain = clean_line(&"x".repeat(500));
        assert_eq!((plain.chars().count(), plain.ends_with("x…")), (MAX_LINE, true));
        assert_eq!(clean_line(&"y".repeat(MAX_LINE)), "y".repeat(MAX_LINE));
        // The 199th character would be the accent, the joiner, or what the joiner joins.
        for family in ["e\u{301}", "👩\u{200d}👧", "👍\u{1f3fd}"] {
            for before in 190..200 {
                let line = clean_line(&format!("{}{}", "x".repeat(before), family.repeat(20)));
                let inside = line.trim_start_matches('x').trim_end_matches('…');
                assert_eq!(inside.replace(family, ""), "", "{before}: {line}");
            }
        }
        assert!(clean_line(&"\u{301}".repeat(500)).chars().count() <= MAX_LINE);
    }

    proptest! {
        #[test]
        fn a_clean_line_is_one_line_and_stays_as_it_is(text in any::<String>(), times in 1usize..60) {
            let line = clean_line(&text.repeat(times));
            prop_assert!(line.chars().count() <= MAX_LINE);
            prop_assert!(!line.chars().any(is_unsafe));
            prop_assert_eq!(clean_line(&line), line);
        }
    }
}
