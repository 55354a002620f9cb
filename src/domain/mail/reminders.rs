//! How long before its start customers are reminded of a booking.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Offsets before the start, the longest first, each once. Written `24h, 1h`; empty: nobody is reminded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reminders(Vec<u32>);

/// Most offsets.
const MOST: usize = 5;
/// The longest: 60 days, in minutes.
const LONGEST: u32 = 60 * 24 * 60;

impl Reminders {
    /// The offsets in minutes, the longest first.
    pub fn minutes(&self) -> &[u32] {
        &self.0
    }

    /// When a reminder stops being of use, in minutes before the start: when the next one is due, or at the start.
    pub fn until(&self, minutes: u32) -> u32 {
        self.0.iter().copied().find(|other| *other < minutes).unwrap_or(0)
    }
}

/// A text that is no list of offsets. The message continues the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most 5 different lengths of time from 5m to 60d, such as `24h, 1h`")]
pub struct NotReminders;

impl FromStr for Reminders {
    type Err = NotReminders;

    fn from_str(text: &str) -> Result<Self, NotReminders> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let mut minutes = parts.map(offset).collect::<Option<Vec<u32>>>().ok_or(NotReminders)?;
        minutes.sort_unstable_by(|a, b| b.cmp(a));
        let all = minutes.len();
        minutes.dedup();
        if all > MOST || minutes.len() < all {
            return Err(NotReminders);
        }
        Ok(Self(minutes))
    }
}

fn offset(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].trim().parse().ok()?;
    let minutes = number.checked_mul(unit)?;
    (5..=LONGEST).contains(&minutes).then_some(minutes)
}

impl fmt::Display for Reminders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, minutes) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match minutes {
                whole if whole % (24 * 60) == 0 && *whole > 24 * 60 => write!(f, "{comma}{}d", whole / (24 * 60))?,
                whole if whole % 60 == 0 => write!(f, "{comma}{}h", whole / 60)?,
                minutes => write!(f, "{comma}{minutes}m")?,
            }
        }
        Ok(())
    }
}

impl From<Reminders> for String {
    fn from(reminders: Reminders) -> Self {
        reminders.to_string()
    }
}

impl TryFrom<String> for Reminders {
    type Error = NotReminders;

    fn try_from(text: String) -> Result<Self, NotReminders> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_in_any_order_and_written_the_longest_first() {
        let reminders: Reminders = "1h,2d, 90m,24h".parse().unwrap();
        assert_eq!(reminders.minutes(), [2880, 1440, 90, 60]);
        assert_eq!(reminders.to_string(), "2d, 24h, 90m, 1h");
        assert_eq!(reminders.to_string().parse::<Reminders>().unwrap(), reminders);
        assert_eq!((reminders.until(1440), reminders.until(60)), (90, 0));
        assert!("".parse::<Reminders>().unwrap().minutes().is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["soon", "1", "1h, 60m", "-1h", "61d", "4m", "1h,2h,3h,4h,5h,6h", "1é"] {
            assert_eq!(text.parse::<Reminders>(), Err(NotReminders), "{text}");
        }
    }
}
