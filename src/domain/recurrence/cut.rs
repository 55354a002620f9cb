//! "This and following": a series that ends where another begins.
//!
//! Google writes it as UNTIL one second (or one day) before the split and drops COUNT (observed 2026-10); other clients end
//! the series at its last remaining occurrence. Both are a cut: what counts is that no occurrence lies between.
use super::expand::{Series, expand};
use super::lines::Moment;
use crate::domain::time::{Fold, OriginalStart, Span, When, Zoned};
use chrono::TimeDelta;
use chrono_tz::Tz;

/// The UNTIL of a series with one rule: the last moment (inclusive) at which an occurrence may start.
pub fn cut_at(when: &When) -> Option<OriginalStart> {
    let series = Series::read(&when.recurrence, &when.span).ok()?;
    let [rule] = series.rules.as_slice() else { return None };
    Some(match (&when.span, rule.until?) {
        (Span::AllDay { .. }, Moment::Day(day)) => OriginalStart::Date(day),
        (Span::AllDay { .. }, Moment::Local(local)) => OriginalStart::Date(local.date()),
        (Span::AllDay { .. }, Moment::Utc(utc)) => OriginalStart::Date(utc.date_naive()),
        (Span::Timed { start, .. }, until) => OriginalStart::At(match until {
            Moment::Day(day) => Zoned::new(day.and_hms_opt(23, 59, 59)?, start.zone, Fold::Later).instant(),
            Moment::Local(local) => Zoned::new(local, start.zone, Fold::Later).instant(),
            Moment::Utc(utc) => utc,
        }),
    })
}

/// Whether a series that ends by UNTIL would have had its next occurrence at `start`, had it gone on.
pub fn goes_on_at(when: &When, start: OriginalStart) -> bool {
    let Some(cut) = cut_at(when).filter(|cut| *cut < start) else {
        return false;
    };
    let Ok(mut endless) = Series::read(&when.recurrence, &when.span) else {
        return false;
    };
    for rule in &mut endless.rules {
        *rule = rule.endless();
    }
    let range = cut.instant(Tz::UTC)..start.instant(Tz::UTC) + TimeDelta::seconds(1);
    let found = endless.occurrences(range, Tz::UTC, usize::MAX).unwrap_or_default();
    let next = found.iter().map(|found| found.original_start).find(|next| *next > cut);
    next == Some(start)
}

/// Whether `new` is `old` with nothing changed but its end, so that `successor_start` is the first occurrence of `old` that
/// `new` lost, or lies between the two. `successor_start` is where the following series was cut off, in `old`'s terms.
/// RDATE and EXDATE after the cut do not count: Google may keep or drop them.
pub fn is_cut_of(old: &When, new: &When, successor_start: OriginalStart) -> bool {
    let Some(cut) = cut_at(new).filter(|_| old.span == new.span) else {
        return false;
    };
    let (Ok(before), Ok(after)) = (
        Series::read(&old.recurrence, &old.span),
        Series::read(&new.recurrence, &new.span),
    ) else {
        return false;
    };
    let ([old_rule], [new_rule]) = (before.rules.as_slice(), after.rules.as_slice()) else {
        return false;
    };
    let up_to_cut = |dates: &std::collections::BTreeSet<OriginalStart>| -> Vec<_> {
        dates.iter().copied().filter(|date| *date <= cut).collect()
    };
    let same_otherwise = old_rule.endless() == new_rule.endless()
        && before.ex_rules == after.ex_rules
        && up_to_cut(&before.dates) == up_to_cut(&after.dates)
        && up_to_cut(&before.ex_dates) == up_to_cut(&after.ex_dates);
    let was_shortened = cut_at(old).is_none_or(|end| end > cut);
    let kinds_agree = matches!(successor_start, OriginalStart::Date(_)) == old.span.is_all_day();
    if !(same_otherwise && was_shortened && kinds_agree && cut < successor_start) {
        return false;
    }
    let range = cut.instant(Tz::UTC)..successor_start.instant(Tz::UTC);
    let lost_before = expand(old, range, Tz::UTC, usize::MAX).map(|found| {
        found
            .iter()
            .any(|lost| lost.original_start > cut && lost.original_start < successor_start)
    });
    lost_before == Ok(false)
}
