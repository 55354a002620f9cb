//! Mails in the words of the consent page. Times are in the user's own zone, which is named.
use super::Outcome;
use crate::domain::language::Language;
use crate::domain::mail::{Aspect, Kind, Letter, Method, Reason, State, Told};
use crate::domain::time::Zoned;
use crate::engine::mail::Proposal;
use crate::engine::mail::page::{ConsentPage, Standing, Waiting};
use crate::templates::WhenWords;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use chrono_tz::Tz;
use minijinja::{Value, context};

/// With this many mails or fewer, each is unfolded.
const UNFOLDED: usize = 3;
/// A description that is shorter stands in any text by chance.
const TELLING: usize = 4;

/// Everything about the mails of a page.
pub(super) fn page(page: &ConsentPage, path: &str) -> Value {
    let all = |mails: &[Proposal]| -> Vec<Value> { mails.iter().map(|mail| line(mail, page.zone)).collect() };
    let waiting = page.waiting.iter().map(|mail| waiting(mail, page.zone, path));
    context! {
        tenant => &page.tenant, user => &page.user, zone => page.zone.name(), more => page.more,
        waiting => waiting.collect::<Vec<_>>(), is_unfolded => page.waiting.len() <= UNFOLDED,
        approved => all(&page.approved), recent => all(&page.recent),
        paused => page.is_paused,
    }
}

fn waiting(mail: &Waiting, zone: Tz, path: &str) -> Value {
    let Waiting { proposal, standing, .. } = mail;
    let row = &proposal.row;
    let hash = URL_SAFE_NO_PAD.encode(&row.content_hash);
    context! {
        value => format!("{}.{hash}", row.id),
        changes => changes(proposal, zone),
        is_first => row.kind == Kind::Confirmation.as_str() && proposal.told_before.is_none(),
        due => (row.due_at > row.created_at).then(|| moment(row.due_at, zone)),
        until => moment(row.expires_at, zone),
        can_decide => *standing != Standing::Changing,
        is_certain => *standing != Standing::NotCertain,
        letter => proposal.letter.as_ref().map(|letter| letter_values(letter, &mail.description)),
        html => format!("{path}/{}/html", row.id),
        ..line(proposal, zone)
    }
}

/// The mail as it would arrive.
fn letter_values(letter: &Letter, description: &str) -> Value {
    let text = letter.hide_code(&letter.text);
    let marked = description_in(&text, description);
    let (before, passage, after) = marked.map_or((text.as_str(), "", ""), |(from, to)| {
        (&text[..from], &text[from..to], &text[to..])
    });
    let is_in_html = passage.is_empty() && description_in(&words_of(&letter.html), &one_space(description)).is_some();
    context! {
        subject => letter.hide_code(&letter.subject),
        from => letter.from.to_string(),
        to => letter.to.to_string(),
        reply_to => letter.reply_to.as_ref().map(ToString::to_string),
        before, passage, after,
        has_description => !passage.is_empty() || is_in_html,
        calendar => letter.calendar.as_ref().map(|part| context! {
            words => match part.method {
                Method::Request => "The mail brings the booking into the customer's calendar, or changes it there.",
                Method::Cancel => "The mail takes the booking out of the customer's calendar.",
            },
            raw => part.text.replace("\r\n", "\n"),
        }),
        has_code => text.len() != letter.text.len() || text != letter.text,
    }
}

/// Where the description of the booking stands in a text.
fn description_in(text: &str, description: &str) -> Option<(usize, usize)> {
    let description = description.trim();
    if description.chars().count() < TELLING {
        return None;
    }
    let whole = text.find(description).map(|from| (from, from + description.len()));
    // Templates shorten what is long, and fold lines.
    whole.or_else(|| {
        let lines = description
            .lines()
            .map(str::trim)
            .filter(|line| line.chars().count() >= 2 * TELLING);
        let begun = |line: &str| line.char_indices().nth(200).map_or(line.len(), |(end, _)| end);
        lines
            .map(|line| &line[..begun(line)])
            .find_map(|line| text.find(line).map(|from| (from, from + line.len())))
    })
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What can be read of HTML, near enough to find a text in it.
fn words_of(html: &str) -> String {
    let mut words = String::new();
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                words.push(' ');
            }
            c if !is_tag => words.push(c),
            _ => {}
        }
    }
    let plain = words
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'");
    one_space(&plain.replace("&#x2f;", "/").replace("&amp;", "&"))
}

/// What every list names of a mail.
fn line(mail: &Proposal, zone: Tz) -> Value {
    let row = &mail.row;
    let to = mail.letter.as_ref().map(|letter| &letter.to);
    let name = to.map(|to| to.name.as_str()).filter(|name| !name.is_empty());
    context! {
        id => row.id.to_string(),
        kind => kind(mail),
        name => name.or(to.map(|to| to.address.as_str())).unwrap_or("a customer"),
        address => name.and(to).map(|to| to.address.as_str()),
        title => mail.told.as_ref().map(|told| titled(told).unwrap_or("An appointment")),
        when => mail.told.as_ref().map(|told| when(told, zone)),
        place => mail.told.as_ref().and_then(|told| told.place.as_deref()),
        state => state(mail, zone),
        can_take_back => row.state == State::Queued,
        at => moment(row.updated_at, zone),
    }
}

fn kind(mail: &Proposal) -> String {
    match mail.row.kind.parse() {
        Ok(Kind::Confirmation) => "Confirmation".to_owned(),
        Ok(Kind::Update) => "Change".to_owned(),
        Ok(Kind::Cancellation) => "Cancellation".to_owned(),
        Ok(Kind::Reminder) => format!("Reminder, {} before", length(mail.row.offset_minutes)),
        Err(_) => "Mail".to_owned(),
    }
}

fn length(minutes: i64) -> String {
    let (number, unit) = match minutes {
        whole if whole % 1440 == 0 && whole > 1440 => (whole / 1440, "day"),
        whole if whole % 60 == 0 => (whole / 60, "hour"),
        minutes => (minutes, "minute"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

fn when(told: &Told, zone: Tz) -> String {
    let words = WhenWords::of(Language::En, &told.when, Some(zone), zone);
    match words.repeats.is_empty() {
        true => words.when,
        false => format!("{}, {}", words.when, words.repeats),
    }
}

fn moment(ms: i64, zone: Tz) -> Option<String> {
    let at = DateTime::from_timestamp_millis(ms)?;
    Some(WhenWords::moment(Language::En, &Zoned::from_instant(at, zone)))
}

/// Its title; none when it has none, or one that is withheld.
fn titled(told: &Told) -> Option<&str> {
    told.title.as_deref().filter(|title| !title.is_empty())
}

/// What is different from what the customer was told last.
fn changes(mail: &Proposal, zone: Tz) -> Vec<Value> {
    let (Some(now), Some(before)) = (&mail.told, &mail.told_before) else {
        return Vec::new();
    };
    let nothing = |text: &Option<String>| {
        let text = text.clone().filter(|text| !text.is_empty());
        text.unwrap_or_else(|| "nothing".to_owned())
    };
    let change = |aspect: Aspect| {
        let (field, before, now) = match aspect {
            Aspect::Title => ("What", nothing(&before.title), nothing(&now.title)),
            Aspect::When => ("When", when(before, zone), when(now, zone)),
            Aspect::Place => ("Where", nothing(&before.place), nothing(&now.place)),
            Aspect::User => ("Who meets the customer", "somebody else".to_owned(), "you".to_owned()),
            Aspect::Status => ("Takes place", yes_or_no(before.takes_place), yes_or_no(now.takes_place)),
        };
        context! { field, before, now }
    };
    now.changed_since(before).into_iter().map(change).collect()
}

fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

/// Where a mail stands.
fn state(mail: &Proposal, zone: Tz) -> String {
    let row = &mail.row;
    let words = match row.state {
        State::Proposed => "waits for your decision",
        State::Queued if row.due_at > row.created_at => {
            return match moment(row.due_at, zone) {
                Some(due) => format!("will be sent on {due}"),
                None => "will be sent".to_owned(),
            };
        }
        State::Queued if row.attempts > 0 => "will be sent; the mail server did not take it yet and is asked again",
        State::Queued => "will be sent within a minute or so",
        State::Sending => "is being handed to the mail server just now",
        State::Sent => "sent",
        State::MaybeSent => "maybe sent: the mail server's answer was lost. It is not sent again",
        State::Failed if row.reason.as_deref() == Some(Reason::Unwritable.as_str()) => {
            "not sent: this mail could not be written"
        }
        State::Failed => "not sent: the mail server refused it",
        State::Declined => "not sent: you declined it",
        State::Superseded => "not sent: the booking has changed since",
        State::Withdrawn => return format!("not sent: {}", why(row.reason.as_deref())),
        State::Expired if mail.consent.is_some() => "expired before it could be sent",
        State::Expired => "expired without an answer; not sent",
    };
    words.to_owned()
}

fn why(reason: Option<&str>) -> &'static str {
    let is = |known: Reason| reason == Some(known.as_str());
    match () {
        () if is(Reason::User) => "you took it back",
        () if is(Reason::Cancelled) => "the booking was cancelled, or the customer was taken off it",
        () if is(Reason::Past) => "the booking is over or has begun",
        () if is(Reason::Suppressed) => "the customer wants no more mail",
        () if is(Reason::Paused) => "mails were paused",
        () if is(Reason::Erased) => "the event turned private",
        () if is(Reason::Disconnected) => "the account was disconnected",
        () if is(Reason::Void) => "the stored yes does not hold; please tell the people who run the app",
        () => "it is not of use any more",
    }
}

/// What came of a decision: where the mail stands now, or why it waits as before.
pub(super) fn result(mail: &Proposal, outcome: Outcome, zone: Tz) -> Value {
    let words = match (mail.row.state, outcome) {
        (State::Superseded, _) => {
            "has changed since you saw it and was not sent. What there is to tell now is shown below, with nothing ticked".to_owned()
        }
        (State::Proposed, Outcome::Changed) => {
            "the booking has changed since you saw it, so nothing was sent. The new version is shown here in a few seconds: load the page again".to_owned()
        }
        (State::Proposed, Outcome::NotCertain) => {
            "not sent yet: the change is not certain, it waits for Google or for an answer. It stays below; try again in a few minutes".to_owned()
        }
        (State::Proposed, Outcome::Failed) => {
            "this could not be done, and nothing was changed. It stays below; please try again in a few minutes".to_owned()
        }
        (State::Queued, Outcome::Failed) => {
            format!("this could not be done; it {}", state(mail, zone))
        }
        _ => state(mail, zone),
    };
    context! { words, ..line(mail, zone) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_found_whole_or_by_a_line_and_never_by_chance() {
        let text = "Hello Eva,\n  Bring the old\n  shoes and patience.\nAcme\n";
        let found = |description: &str| description_in(text, description).map(|(from, to)| &text[from..to]);
        assert_eq!(found("shoes and patience."), Some("shoes and patience."));
        assert_eq!(found("Bring the old\nshoes and patience."), Some("Bring the old"));
        assert_eq!(found("Eva"), None, "too short to tell anything");
        assert_eq!(found(""), None);
        assert_eq!(found("bring\na\nhat"), None);
    }

    #[test]
    fn what_can_be_read_of_html_has_no_tags() {
        let html = "<p>Bring <b>old</b>\n shoes &amp; &#x27;patience&#x27;</p>";
        assert_eq!(words_of(html), "Bring old shoes & 'patience'");
    }

    #[test]
    fn lengths_are_told_in_the_largest_unit() {
        let told: Vec<String> = [1440, 60, 90, 2880, 120].map(length).to_vec();
        assert_eq!(told, ["24 hours", "1 hour", "90 minutes", "2 days", "2 hours"]);
    }
}
