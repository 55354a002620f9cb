//! How a series repeats, in words, as far as everyday rules go; the lines themselves stand beside them on the page.

/// `every 2 weeks on Monday and Friday, 12 times`; nothing where the rule says more than these words could.
pub fn words(lines: &[&str]) -> Option<String> {
    let [line] = lines else { return None };
    let (mut unit, mut every, mut on, mut end) = ("", 1, String::new(), String::new());
    for part in line.strip_prefix("RRULE:")?.split(';') {
        match part.split_once('=')? {
            ("FREQ", frequency) => {
                unit = match frequency {
                    "DAILY" => "day",
                    "WEEKLY" => "week",
                    "MONTHLY" => "month",
                    "YEARLY" => "year",
                    _ => return None,
                }
            }
            ("INTERVAL", number) => every = number.parse().ok()?,
            ("COUNT", number) => end = format!(", {number} times"),
            ("UNTIL", until) => end = format!(", until {}-{}-{}", until.get(..4)?, until.get(4..6)?, until.get(6..8)?),
            ("BYDAY", days) => {
                on = format!(
                    " on {}",
                    days.split(',').map(day).collect::<Option<Vec<_>>>()?.join(", ")
                )
            }
            ("WKST", _) => {}
            _ => return None,
        }
    }
    match (unit, every) {
        ("", _) => None,
        (_, 1) => Some(format!("every {unit}{on}{end}")),
        _ => Some(format!("every {every} {unit}s{on}{end}")),
    }
}

/// `1TU` is the first Tuesday.
fn day(code: &str) -> Option<String> {
    let (number, day) = code.split_at_checked(code.len().checked_sub(2)?)?;
    let day = match day {
        "MO" => "Monday",
        "TU" => "Tuesday",
        "WE" => "Wednesday",
        "TH" => "Thursday",
        "FR" => "Friday",
        "SA" => "Saturday",
        "SU" => "Sunday",
        _ => return None,
    };
    let which = match number {
        "" => "",
        "1" => "the first ",
        "2" => "the second ",
        "3" => "the third ",
        "4" => "the fourth ",
        "-1" => "the last ",
        _ => return None,
    };
    Some(format!("{which}{day}"))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn an_everyday_rule_has_words_and_a_strange_one_has_none() {
        for (line, expected) in [
            ("RRULE:FREQ=WEEKLY;BYDAY=MO,FR", Some("every week on Monday, Friday")),
            ("RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=12", Some("every 2 weeks, 12 times")),
            ("RRULE:FREQ=MONTHLY;BYDAY=1TU", Some("every month on the first Tuesday")),
            (
                "RRULE:FREQ=DAILY;UNTIL=20310304T090000Z",
                Some("every day, until 2031-03-04"),
            ),
            ("RRULE:FREQ=MONTHLY;BYSETPOS=2", None),
            ("RRULE:FREQ=WEEKLY;BYDAY=É", None),
            ("EXDATE:20310304", None),
        ] {
            assert_eq!(words(&[line]).as_deref(), expected, "{line}");
        }
        assert_eq!(words(&["RRULE:FREQ=DAILY", "EXDATE:20310304"]), None);
    }
}
