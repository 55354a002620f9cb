//! What a customer may contain.
//!
//! As for bookings there are two sets of limits: the app is held to what Google keeps whole; what comes from Google is taken as it
//! is unless it would harm the database. A problem names the field as the API calls it and continues it as a sentence.
use crate::domain::customer::Details;
use crate::domain::settings::is_address;
use crate::domain::validate::FieldProblem;

/// Most values that the app may put into one field. Google's listings show at most 100 emails and phones of a person.
pub const APP_VALUES: usize = 100;
/// Most values that are taken from Google in one field.
pub const GOOGLE_VALUES: usize = 1000;
/// Longest single text of the app, in characters.
const APP_CHARS: usize = 1024;
/// Longest single text from Google, in characters.
const GOOGLE_CHARS: usize = 64 * 1024;

/// The problems of details that the app wants to write, all of them.
pub fn app_problems(details: &Details) -> Vec<FieldProblem> {
    let mut problems = common(details, APP_VALUES, APP_CHARS, false);
    let mut report = |field, problem: String| problems.push(FieldProblem { field, problem });
    for email in &details.emails {
        if !is_address(email.value.trim()) {
            report(
                "emails",
                format!("must hold email addresses; {:?} is none", shortened(&email.value)),
            );
        }
    }
    if details.phones.iter().any(|phone| phone.value.trim().is_empty()) {
        report("phones", "must not hold empty values".to_owned());
    }
    if details
        .organizations
        .iter()
        .any(|organization| organization.name.trim().is_empty() && organization.title.trim().is_empty())
    {
        report(
            "organizations",
            "must not hold a value without name and title".to_owned(),
        );
    }
    for address in &details.addresses {
        let parts = [
            &address.street,
            &address.city,
            &address.region,
            &address.postal_code,
            &address.country_code,
        ];
        if parts.iter().all(|part| part.trim().is_empty()) {
            report("addresses", "must not hold an empty address".to_owned());
        }
        let code = &address.country_code;
        if !(code.is_empty() || code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            report(
                "addresses",
                format!(
                    "must name countries by two capital letters (ISO 3166-1); {:?} is not so",
                    shortened(code)
                ),
            );
        }
    }
    if details.birthday.is_some_and(|birthday| !birthday.exists()) {
        report("birthday", "must be a day of the calendar".to_owned());
    }
    problems
}

/// The problems of details that Google shows: what the database could not hold, or nobody could use.
pub fn google_problems(details: &Details) -> Vec<FieldProblem> {
    common(details, GOOGLE_VALUES, GOOGLE_CHARS, true)
}

fn common(details: &Details, most: usize, longest: usize, controls: bool) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let lists = [
        ("emails", details.emails.len()),
        ("phones", details.phones.len()),
        ("organizations", details.organizations.len()),
        ("addresses", details.addresses.len()),
    ];
    for (field, count) in lists {
        if count > most {
            problems.push(FieldProblem {
                field,
                problem: format!("must hold at most {most} values, not {count}"),
            });
        }
    }
    for (field, text) in texts(details) {
        if text.chars().count() > longest {
            problems.push(FieldProblem {
                field,
                problem: format!("must have at most {longest} characters in one text"),
            });
        }
        let refused = |c: char| c == '\0' || !controls && c < ' ' && !matches!(c, '\n' | '\r' | '\t');
        if let Some(refused) = text.chars().find(|c| refused(*c)) {
            let problem = format!("must not contain the control character U+{:04X}", u32::from(refused));
            problems.push(FieldProblem { field, problem });
        }
    }
    problems
}

fn texts(details: &Details) -> Vec<(&'static str, &str)> {
    let mut texts: Vec<(&'static str, &str)> = vec![
        ("given_name", &details.given_name),
        ("family_name", &details.family_name),
        ("gender", &details.gender),
    ];
    for email in &details.emails {
        texts.extend([("emails", email.value.as_str()), ("emails", email.label.as_str())]);
    }
    for phone in &details.phones {
        texts.extend([("phones", phone.value.as_str()), ("phones", phone.label.as_str())]);
    }
    for organization in &details.organizations {
        texts.extend([
            ("organizations", organization.name.as_str()),
            ("organizations", organization.title.as_str()),
        ]);
    }
    for address in &details.addresses {
        let parts = [
            &address.street,
            &address.city,
            &address.region,
            &address.postal_code,
            &address.country_code,
            &address.label,
        ];
        texts.extend(parts.map(|part| ("addresses", part.as_str())));
    }
    texts
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
