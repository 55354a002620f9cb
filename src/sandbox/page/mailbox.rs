//! The mailbox: what the mail server took, one box per recipient, and each message as a person, a program and the wire see it.
//!
//! A message is written by somebody else: its HTML is shown in a frame of its own, without scripts, forms and anything
//! from the network; everything else is text.
use super::{clock_text, problem, see_other, shown_time, templates::render};
use crate::sandbox::{
    answer::Answer,
    request::{Request, form_text},
    smtp::{
        mailbox::Received,
        mime::{self, Named},
    },
    world::World,
};
use minijinja::{Value as View, context};

/// What the HTML of a message may do: show itself. Links open in a new tab, where the page behind them is a page like any.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/// Answers `GET /mailbox?to=`, `GET /mailbox/{id}`, `GET /mailbox/{id}/html`, and `POST /mailbox`, which empties it.
pub fn answer(world: &mut World, request: &Request, below: &[&str]) -> Answer {
    match (request.method.as_str(), below) {
        ("GET", []) => list(world, request.parameter("to").filter(|to| !to.is_empty())),
        ("POST", []) => {
            world.mail.mailbox.clear();
            see_other("/mailbox")
        }
        ("GET", [id, rest @ ..]) => {
            let message = id.parse().ok().and_then(|id| world.mail.mailbox.by_id(id));
            match (message, rest) {
                (Some(message), []) => show(world, message),
                (Some(message), ["html"]) => html(message),
                (None, [] | ["html"]) => problem(404, "This message is not here; perhaps the mailbox was emptied."),
                _ => Answer::plain_page(404),
            }
        }
        _ => Answer::plain_page(404),
    }
}

fn list(world: &World, to: Option<&str>) -> Answer {
    let mailbox = &world.mail.mailbox;
    let messages: Vec<View> = mailbox
        .all()
        .iter()
        .rev()
        .filter(|message| to.is_none_or(|to| message.is_for(to)))
        .map(|message| {
            let reading = mime::read(&message.raw);
            context! {
                link => format!("/mailbox/{}", message.id),
                subject => reading.subject,
                from => people(&reading.from),
                to => message.to.join(", "),
                time => shown_time(message.at_us),
                invites => reading.calendar.is_some(),
                unheard => !message.answered,
            }
        })
        .collect();
    let boxes: Vec<View> = mailbox
        .boxes()
        .into_iter()
        .map(|(address, count)| {
            let is_current = to.is_some_and(|to| to.eq_ignore_ascii_case(&address));
            context! { link => format!("/mailbox?{}", form_text(&[("to", &address)])), address, count, is_current }
        })
        .collect();
    let page = context! {
        messages, boxes, to, total => mailbox.all().len(), clock => clock_text(world),
    };
    Answer::html(200, render("mailbox.html", page))
}

fn show(world: &World, message: &Received) -> Answer {
    let reading = mime::read(&message.raw);
    let headers: Vec<View> = reading
        .headers
        .iter()
        .map(|field| context! { name => &field.name, value => &field.value })
        .collect();
    let attachments: Vec<View> = reading
        .attachments
        .iter()
        .map(|file| context! { name => &file.name, content_type => &file.content_type, size => file.size })
        .collect();
    let page = context! {
        id => message.id,
        clock => clock_text(world),
        time => shown_time(message.at_us),
        unheard => !message.answered,
        envelope_from => &message.from,
        envelope_to => message.to.join(", "),
        subject => reading.subject,
        headers,
        html => reading.html.is_some(),
        text => reading.text.as_deref().map(with_links),
        calendar => reading.calendar.map(|calendar| context! { method => calendar.method, text => calendar.text }),
        attachments,
        raw => String::from_utf8_lossy(&message.raw),
        size => message.raw.len(),
    };
    Answer::html(200, render("message.html", page))
}

fn html(message: &Received) -> Answer {
    match mime::read(&message.raw).html {
        None => problem(404, "This message has no HTML."),
        Some(html) => Answer::html(200, in_new_tabs(&html))
            .with_header("content-security-policy", HTML_POLICY)
            .with_header("referrer-policy", "no-referrer"),
    }
}

/// The same document, its links opening in new tabs. A doctype must stay first, or the page is laid out as in 1998.
fn in_new_tabs(html: &str) -> String {
    let start = html.trim_start();
    let has_doctype = start
        .get(..9)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("<!doctype"));
    let (doctype, rest) = match start.find('>') {
        Some(end) if has_doctype => start.split_at(end + 1),
        _ => ("", html),
    };
    format!("{doctype}<base target=\"_blank\">{rest}")
}

fn people(named: &[Named]) -> String {
    let one = |named: &Named| match &named.name {
        Some(name) => format!("{name} <{}>", named.address),
        None => named.address.clone(),
    };
    named.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The text in pieces; the template makes a link of those that are one.
fn with_links(text: &str) -> Vec<View> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| rest.find(scheme))
        .min()
    {
        let (before, tail) = rest.split_at(at);
        let end = tail
            .find(|c: char| c.is_whitespace() || "<>\"".contains(c))
            .unwrap_or(tail.len());
        // A full stop or a bracket behind a link belongs to the sentence.
        let link = tail[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        pieces.push(context! { text => before, is_link => false });
        pieces.push(context! { text => link, is_link => true });
        rest = &tail[link.len()..];
    }
    pieces.push(context! { text => rest, is_link => false });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_a_text_ends_where_the_sentence_goes_on() {
        let pieces = with_links("See http://a.example/x?y=1&z=2. Or (https://b.example), please.");
        let links: Vec<String> = pieces
            .iter()
            .filter(|piece| piece.get_attr("is_link").is_ok_and(|is_link| is_link.is_true()))
            .map(|piece| piece.get_attr("text").unwrap().to_string())
            .collect();
        assert_eq!(links, ["http://a.example/x?y=1&z=2", "https://b.example"]);
        let whole: String = pieces
            .iter()
            .map(|piece| piece.get_attr("text").unwrap().to_string())
            .collect();
        assert_eq!(whole, "See http://a.example/x?y=1&z=2. Or (https://b.example), please.");
    }

    #[test]
    fn the_doctype_stays_first() {
        assert_eq!(
            in_new_tabs("\r\n<!DOCTYPE html><p>x"),
            "<!DOCTYPE html><base target=\"_blank\"><p>x"
        );
        assert_eq!(in_new_tabs("<p>x"), "<base target=\"_blank\"><p>x");
    }
}
