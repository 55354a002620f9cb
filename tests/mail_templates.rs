//! The mails as their recipients get them, and what a tenant may put in their places.
//!
//! Every mail is written in every language from its sample; values from outside stay values, whatever they hold; a tenant's
//! template that computes, loads, hides or leaves out what it must have is refused when it is loaded.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
use accord::domain::language::Language;
use accord::templates::mail::{
    BookingMail, Context, Mail, MailTemplates, OverrideProblem, Rendered, Sample, TemplateError, load_folder, samples,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn templates() -> MailTemplates {
    MailTemplates::embedded().unwrap()
}

fn sample(mail: Mail, language: Language) -> Sample {
    let is_it = |sample: &Sample| (sample.mail, sample.language) == (mail, language);
    samples().into_iter().find(is_it).unwrap()
}

fn booking(change: impl FnOnce(&mut BookingMail)) -> Context {
    let Context::Booking(mut booking) = sample(Mail::BookingConfirmed, Language::En).context else {
        unreachable!("a confirmation is about a booking")
    };
    change(&mut booking);
    booking.into()
}

fn confirmed(change: impl FnOnce(&mut BookingMail)) -> Rendered {
    let context = booking(change);
    templates()
        .render(Mail::BookingConfirmed, Language::En, &context)
        .unwrap()
}

#[test]
fn every_mail_is_written_in_every_language() {
    let all = samples();
    assert_eq!(all.len(), Mail::ALL.len() * Language::ALL.len());
    let templates = templates();
    for Sample {
        mail,
        language,
        context,
    } in all
    {
        let rendered = templates.render(mail, language, &context).unwrap();
        let (text, html) = (&rendered.text, &rendered.html);
        let name = format!("{mail} {language}\n{text}");
        assert!(html.contains(&format!("lang=\"{language}\"")), "{name}");
        for part in [&rendered.subject, text, html] {
            assert!(
                !part.contains("{{") && !part.contains("{%") && !part.contains("none, "),
                "{name}"
            );
            assert!(
                !part.contains("INTERNAL-NOTE"),
                "our own templates show no description: {name}"
            );
            assert!(!part.contains('\r'));
        }
        let (tenant, user, words) = match &context {
            Context::Booking(it) => {
                let mut words = vec![it.customer.as_str(), &it.when.when, &it.when.repeats];
                words.extend([it.title.as_deref().unwrap(), it.place.as_deref().unwrap()]);
                assert!(rendered.subject.contains(&it.when.day), "{name}");
                (&it.tenant, &it.user, words)
            }
            Context::ConsentRequest(it) => {
                assert!(
                    rendered.subject.contains('5'),
                    "two are listed and three are not: {name}"
                );
                (
                    &it.tenant,
                    &it.user,
                    vec![it.waiting[0].recipient.as_str(), &it.waiting[1].when, &it.expires],
                )
            }
            Context::ReconnectGoogle(it) => (&it.tenant, &it.user, Vec::new()),
        };
        for word in words.into_iter().chain([tenant.as_str(), user]) {
            assert!(text.contains(word), "{word:?} is missing in the text: {name}");
            assert!(html.contains(word), "{word:?} is missing in the HTML: {name}");
        }
        if mail != Mail::ReconnectGoogle {
            assert!(text.contains("(Europe/Madrid, UTC+1)"), "the zone is named: {name}");
        }
    }
}

#[test]
fn text_is_tidy_and_a_subject_is_one_line() {
    let templates = templates();
    for Sample {
        mail,
        language,
        context,
    } in samples()
    {
        let rendered = templates.render(mail, language, &context).unwrap();
        assert!(rendered.text.ends_with('\n') && !rendered.text.ends_with("\n\n"));
        assert!(!rendered.text.contains("\n\n\n\n"), "{}", rendered.text);
        assert!(rendered.text.lines().all(|line| line == line.trim_end()));
        assert!(!rendered.subject.chars().any(char::is_control));
    }
}

#[test]
fn html_loads_nothing_and_leads_only_where_it_was_told() {
    let templates = templates();
    for Sample {
        mail,
        language,
        context,
    } in samples()
    {
        let html = templates.render(mail, language, &context).unwrap().html;
        for outside in ["<img", "<link", "<script", "url(", "@import", "src="] {
            assert!(!html.contains(outside), "{mail} {language} has {outside}");
        }
        let links: Vec<_> = html.match_indices("href=\"").map(|(at, _)| &html[at + 6..]).collect();
        assert!(!links.is_empty());
        assert!(
            links
                .iter()
                .all(|link| link.starts_with("https://accord.example.com/mail/b3f1c0de\""))
        );
        assert!(html.contains("name=\"color-scheme\"") && html.contains("prefers-color-scheme: dark"));
    }
}

#[test]
fn only_an_update_says_what_changed() {
    let templates = templates();
    let of = |mail| templates.render(mail, Language::En, &booking(|_| {})).unwrap();
    let update = of(Mail::BookingUpdated);
    for part in [&update.text, &update.html] {
        assert!(part.contains("What changed") && part.contains("Room 1, 14 Quay Street"));
    }
    for mail in [Mail::BookingConfirmed, Mail::BookingCancelled, Mail::BookingReminder] {
        assert!(!of(mail).text.contains("Room 1"), "{mail}");
    }
}

#[test]
fn withheld_words_are_an_appointment() {
    let rendered = confirmed(|booking| {
        booking.title = None;
        booking.place = None;
        booking.customer = String::new();
    });
    assert!(rendered.subject.contains("an appointment"));
    assert!(rendered.text.starts_with("Hello,\n") && rendered.text.contains("What: an appointment\n"));
    assert!(!rendered.text.contains("Where:") && !rendered.html.contains(">Where<"));
    let context = booking(|booking| booking.title = Some(" ".to_owned()));
    let german = templates()
        .render(Mail::BookingReminder, Language::De, &context)
        .unwrap();
    assert!(german.text.contains("Was: ein Termin\n"));
}

#[test]
fn no_value_becomes_markup() {
    let evil = [
        "<script>alert(1)</script>",
        "</mj-text><mj-raw><b>x</b></mj-raw><mj-text>",
        "]]><![CDATA[<b>x</b>]]>",
        "<!-- --><!--[if mso]><b>x</b><![endif]-->",
        "\" onmouseover=\"x\" '<b>x</b>",
        "</title></head><body><b>x</b>",
        "&lt;b&gt;x&lt;/b&gt; &amp; &#60;b&#62;",
        "{{ unsubscribe_url }} {% include 'layout.mjml' %} {# x #}",
        "<mj-include path=\"/etc/passwd\" />",
        "<%= x %> ${x} <?php x ?>",
    ];
    let plain = confirmed(|_| {}).html;
    let tags = |html: &str| html.matches('<').count();
    for evil in evil {
        let rendered = confirmed(|booking| {
            booking.title = Some(evil.to_owned());
            booking.customer = evil.to_owned();
            booking.place = Some(evil.to_owned());
            booking.user = evil.to_owned();
            booking.tenant = evil.to_owned();
        });
        assert_eq!(tags(&rendered.html), tags(&plain), "{evil}");
        assert!(
            !rendered.html.contains("<b>") && !rendered.html.contains("\" onmouseover"),
            "{evil}"
        );
        let escaped = evil
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;");
        assert!(
            rendered.html.contains(&escaped),
            "a reader sees exactly the value: {evil}"
        );
        assert!(rendered.text.contains(evil), "text is not escaped: {evil}");
    }
}

#[test]
fn no_value_becomes_a_header_or_a_line() {
    let rendered = confirmed(|booking| {
        booking.title = Some("Cut\r\nBcc: eve@example.com\r\n\r\nHello\u{0}\u{85}\u{2028}there\u{202E}gnp".to_owned());
    });
    assert!(
        rendered
            .subject
            .starts_with("Confirmed: Cut Bcc: eve@example.com Hello there"),
        "{}",
        rendered.subject
    );
    assert!(
        !rendered
            .subject
            .chars()
            .any(|c| c.is_control() || c == '\u{202E}' || c == '\u{2028}')
    );
    assert!(
        rendered
            .text
            .contains("What: Cut Bcc: eve@example.com Hello theregnp\n")
    );
}

#[test]
fn long_values_have_an_end() {
    let rendered = confirmed(|booking| {
        booking.title = Some("ü".repeat(200_000));
        booking.description = Some("d".repeat(200_000));
    });
    assert_eq!(rendered.subject.chars().count(), 150);
    assert!(rendered.subject.ends_with('…'));
    assert!(rendered.html.len() < 30_000);
}

#[test]
fn a_mail_leads_to_pages_of_ours_only() {
    for url in [
        "",
        "javascript:alert(1)",
        "http://accord.example.com/u",
        "http://127.0.0.1.example.com/u",
        "http://localhost@example.com/u",
        "https://a.example/\" onclick=\"x",
        "https://a.example/\r\nx",
        "//a.example",
    ] {
        let context = booking(|booking| booking.unsubscribe_url = url.to_owned());
        let refused = templates().render(Mail::BookingConfirmed, Language::En, &context);
        assert!(
            matches!(refused, Err(TemplateError::Link("unsubscribe_url"))),
            "{url:?}"
        );
    }
    for url in [
        "https://a.example/u?a=1&b=2",
        "http://127.0.0.1:8080/u",
        "http://localhost/u",
        "http://[::1]:1/u",
    ] {
        let rendered = confirmed(|booking| booking.unsubscribe_url = url.to_owned());
        assert!(rendered.text.contains(&format!("\n{url}\n")));
        assert!(
            rendered
                .html
                .contains(&format!("href=\"{}\"", url.replace('&', "&amp;")))
        );
    }
}

#[test]
fn a_mail_is_written_from_its_own_values_only() {
    let context = sample(Mail::ReconnectGoogle, Language::En).context;
    for mail in [Mail::ConsentRequest, Mail::BookingConfirmed] {
        let refused = templates().render(mail, Language::En, &context);
        assert!(matches!(refused, Err(TemplateError::Context(it)) if it == mail));
    }
}

#[test]
fn one_waiting_mail_is_not_called_many() {
    let Context::ConsentRequest(mut request) = sample(Mail::ConsentRequest, Language::De).context else {
        unreachable!("it is a request for consent")
    };
    request.waiting.truncate(1);
    request.more = 0;
    let one = templates()
        .render(Mail::ConsentRequest, Language::De, &request.clone().into())
        .unwrap();
    assert!(one.subject.starts_with("Eine E-Mail wartet"), "{}", one.subject);
    assert!(!one.text.contains("weitere"));
    request.waiting = request.waiting.into_iter().cycle().take(500).collect();
    let many = templates()
        .render(Mail::ConsentRequest, Language::De, &request.into())
        .unwrap();
    assert!(many.subject.starts_with("500 E-Mails") && many.text.contains("und 450 weitere"));
    assert!(
        many.html.len() < 100_000,
        "Gmail cuts what is longer than 102 KB: {}",
        many.html.len()
    );
}

#[test]
fn all_languages_have_the_same_files_that_use_the_same_values() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/mail");
    let mut folders = 0;
    for mail in Mail::ALL {
        for file in ["subject.txt", "body.txt", "body.mjml"] {
            let uses = |language: Language| {
                let text = fs::read_to_string(folder.join(format!("{mail}/{language}/{file}"))).unwrap();
                let tags = text
                    .split("{{")
                    .skip(1)
                    .map(|tag| tag.split("}}").next().unwrap().trim().to_owned());
                tags.chain(text.matches("{% block").map(str::to_owned))
                    .fold(BTreeMap::new(), |mut uses, tag| {
                        *uses.entry(tag).or_insert(0) += 1;
                        uses
                    })
            };
            let [en, es, de] = Language::ALL.map(uses);
            assert_eq!(en, es, "{mail} {file}");
            assert_eq!(en, de, "{mail} {file}");
        }
        folders += fs::read_dir(folder.join(mail.as_str())).unwrap().count();
    }
    assert_eq!(
        folders,
        Mail::ALL.len() * Language::ALL.len(),
        "there is no folder that nobody reads"
    );
}

// What a tenant may change.

const FILE: &str = "booking_confirmed/de/body.txt";
const HTML: &str = "booking_confirmed/de/body.mjml";

fn with(file: &str, text: &str) -> Result<MailTemplates, OverrideProblem> {
    templates().with_overrides(&BTreeMap::from([(file.to_owned(), text.to_owned())]))
}

#[track_caller]
fn refuses(file: &str, text: &str, line: Option<usize>, part: &str) {
    let problem = with(file, text).map(drop).unwrap_err();
    assert_eq!(problem.file, file);
    assert!(problem.what.contains(part), "{text:.300}: {problem}");
    assert_eq!(problem.line, line, "{problem}");
}

fn mjml(inside: &str) -> String {
    format!(
        "<mjml>\n<mj-body><mj-section><mj-column>\n<mj-text>{inside}</mj-text>\n<mj-text><a href=\"{{{{ unsubscribe_url }}}}\">{{{{ \
         words.unsubscribe }}}}</a></mj-text></mj-column></mj-section></mj-body></mjml>"
    )
}

#[test]
fn a_tenant_may_replace_one_file_and_keep_the_others() {
    let text = "Liebe Kundin {{ customer|upper }},\n{% if place %}\nOrt: {{ place }}\n{% endif %}\nNotiz: {{ description }}\n{% for detail in details %}\n\
                {{ detail.label }}: {{ detail.value }}\n{% endfor %}\n{{ unsubscribe_url }}\n";
    let with = with(FILE, text).unwrap();
    let Sample { context, .. } = sample(Mail::BookingConfirmed, Language::De);
    let (mine, ours) = (
        with.render(Mail::BookingConfirmed, Language::De, &context).unwrap(),
        templates()
            .render(Mail::BookingConfirmed, Language::De, &context)
            .unwrap(),
    );
    assert!(
        mine.text
            .starts_with("Liebe Kundin MARIA SCHÄFER,\nOrt: Raum 2, Kaistraße 14\nNotiz: Röntgenbilder"),
        "{}",
        mine.text
    );
    assert_eq!((mine.subject, mine.html), (ours.subject, ours.html));
    let english = sample(Mail::BookingConfirmed, Language::En).context;
    assert_eq!(
        with.render(Mail::BookingConfirmed, Language::En, &english).unwrap(),
        templates()
            .render(Mail::BookingConfirmed, Language::En, &english)
            .unwrap()
    );
}

#[test]
fn a_tenants_html_is_escaped_like_ours() {
    let html = mjml("<strong>{{ title }}</strong><br />{% for change in changes %}{{ change.now }}{% endfor %}");
    let with = with(HTML, &html).unwrap();
    let context = booking(|booking| booking.title = Some("<b>\"&'</b>".to_owned()));
    let rendered = with.render(Mail::BookingConfirmed, Language::De, &context).unwrap();
    assert!(
        rendered
            .html
            .contains("<strong>&lt;b&gt;&quot;&amp;&#39;&lt;/b&gt;</strong>"),
        "{}",
        rendered.html
    );
}

#[test]
fn a_broken_template_is_refused_with_its_line_and_ours_stays() {
    let link = "\n{{ unsubscribe_url }}";
    refuses(
        FILE,
        &format!("a\nb {{{{ titel }}}}{link}"),
        Some(2),
        "unknown variable titel",
    );
    refuses(
        FILE,
        &format!("{{{{ title|shout }}}}{link}"),
        Some(1),
        "unknown filter shout",
    );
    refuses(FILE, &format!("{{% for c in changes %}}{link}"), Some(2), "endfor");
    refuses(
        FILE,
        &format!("{{% for i in range(1000000000) %}}x{{% endfor %}}{link}"),
        Some(1),
        "not allowed",
    );
    refuses(
        FILE,
        &format!("\n{{{{ 'x' * 100000000 }}}}{link}"),
        Some(2),
        "not allowed",
    );
    refuses(
        FILE,
        &format!("{{% include 'booking.txt' %}}{link}"),
        Some(1),
        "not allowed",
    );
    refuses(FILE, &"x".repeat(100 * 1024 * 1024), None, "larger than 64 KB");
    refuses(
        "booking_confirmed/fr/body.txt",
        "x",
        None,
        "is not the name of a template",
    );
    refuses("../../etc/passwd", "x", None, "booking_confirmed, booking_updated");
    refuses("layout.mjml", "x", None, "subject.txt, body.txt, body.mjml");
    refuses(
        "booking_confirmed/de/subject.txt",
        "{{ subject }}",
        Some(1),
        "unknown variable subject",
    );
    refuses(
        "booking_confirmed/de/subject.txt",
        "{% if not title %}x{% endif %}",
        None,
        "subject is empty",
    );
}

#[test]
fn loops_inside_of_loops_are_refused_when_they_cost_too_much() {
    let depth = 12;
    let deep = "{% for c in details %}".repeat(depth) + "x" + &"{% endfor %}".repeat(depth) + "{{ unsubscribe_url }}";
    let problem = with(FILE, &deep).map(drop).unwrap_err();
    assert!(problem.what.contains("fails with a sample"), "{problem}");
    let long = "{% for a in details %}{% for b in details %}{{ description }}{{ description }}{% endfor %}{% endfor %}{{ unsubscribe_url }}";
    refuses(FILE, long, None, "too long");
}

#[test]
fn the_way_to_get_no_more_mail_cannot_be_left_out() {
    refuses(FILE, "Hallo", None, "leaves out {{ unsubscribe_url }}");
    refuses(
        FILE,
        "{% if customer %}{{ unsubscribe_url }}{% endif %}",
        None,
        "leaves out",
    );
    refuses("consent_request/de/body.txt", "Hallo", None, "leaves out {{ link }}");
    let without = mjml("x").replace("{{ unsubscribe_url }}", "https://example.com");
    refuses(HTML, &without, None, "leaves out {{ unsubscribe_url }}");
    // What no sample shows is refused when it happens.
    let tricky = "{% if title != 'Secret' %}{{ unsubscribe_url }}{% endif %}x";
    let with = with("booking_confirmed/en/body.txt", tricky).unwrap();
    let secret = booking(|booking| booking.title = Some("Secret".to_owned()));
    let refused = with.render(Mail::BookingConfirmed, Language::En, &secret);
    assert!(matches!(refused, Err(TemplateError::LinkMissing { .. })));
}

#[test]
fn a_tenants_html_loads_runs_and_hides_nothing() {
    for (inside, part) in [
        ("<img src=\"https://x.example/a.png\" />", "<img>, which is not allowed"),
        ("<script>x</script>", "<script>, which is not allowed"),
        ("<mj-raw>x</mj-raw>", "<mj-raw>"),
        ("<SCRIPT>x</SCRIPT>", "<SCRIPT>"),
        ("<!-- x -->", "<!-->"),
        ("<![CDATA[x]]>", "<![CDATA[x>"),
        ("<p onclick=\"x\">x</p>", "attribute onclick"),
        ("<p background=\"x\">x</p>", "attribute background"),
        ("<p style=\"background:url(x)\">x</p>", "loads nothing"),
        ("<p style=\"background:u\\72l(x)\">x</p>", "loads nothing"),
        ("<p style=\"background:u&#114;l(x)\">x</p>", "has & in"),
        ("<p style=\"color:{{ title }}\">x</p>", "only href may"),
        ("<p style=color>x</p>", "double quotes"),
        ("<p{% if title %} dir=\"rtl\"{% endif %}>x</p>", "no attribute"),
        ("<scr{# x #}ipt>x</script>", "<scr>"),
        ("<{{ title }}>x", "<>"),
        (
            "<a href=\"{{ title }}\">x</a>",
            "only {{ unsubscribe_url }} may be an address",
        ),
        ("<a href=\"javascript:x\">x</a>", "write https://"),
        ("<a href=\"java{# x #}script:x\">x</a>", "write https://"),
        ("<a href=\"https://x.example/{{ customer }}\">x</a>", "write https://"),
    ] {
        refuses(HTML, &mjml(inside), Some(3), part);
    }
    let styled = mjml("x").replace(
        "<mj-body>",
        "<mj-head><mj-style>\np { background: URL(x) }</mj-style></mj-head><mj-body>",
    );
    refuses(HTML, &styled, Some(2), "loads nothing");
}

#[test]
fn html_that_is_not_mjml_is_refused_with_its_line() {
    refuses(
        HTML,
        &mjml("x")
            .replace("<mj-section>", "<p>")
            .replace("</mj-section>", "</p>"),
        Some(2),
        "MJML",
    );
    refuses(
        HTML,
        &mjml("x").replace("<mjml>", "<mjml scope=\"x\">"),
        Some(1),
        "unexpected attribute",
    );
    refuses(HTML, "\nHallo {{ unsubscribe_url }}", Some(1), "text outside");
    refuses(HTML, "", None, "no mjml element");
    refuses(HTML, &mjml(&"<div>".repeat(5_000)), Some(3), "nested");
    refuses(HTML, &mjml("<div>"), Some(3), "</mj-text> where it does not belong");
    refuses(HTML, &mjml("x").replace("</mjml>", ""), Some(4), "ends without </mjml>");
    for inside in [
        "{% for a in details %}<div>{% endfor %}</div>",
        "<div>{% for a in details %}</div>{% endfor %}",
        "{% if title %}<p>{% else %}<p dir=\"rtl\">{% endif %}x</p>",
        "{% if title %}<p>x</p></mj-text><mj-text>{% endif %}",
    ] {
        let problem = with(HTML, &mjml(inside)).map(drop).unwrap_err();
        assert_eq!(problem.line, Some(3), "{inside}: {problem}");
    }
    let fine =
        "{% for a in details %}<p>{% if a.value %}<b>{{ a.value }}</b>{% else %}<br />{% endif %}</p>{% endfor %}";
    with(HTML, &mjml(fine)).unwrap();
}

#[test]
fn our_own_text_is_accepted_from_a_tenant_once_it_stands_alone() {
    // The names that a tenant may use are those that ours use.
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/mail/booking.txt")).unwrap();
    let text = text.replace(
        "{% block sentence %}{% endblock %}\n",
        "Hier sind die Einzelheiten zu Ihrem Termin mit {{ user }}.",
    );
    let Sample { context, .. } = sample(Mail::BookingConfirmed, Language::De);
    let mine = with(FILE, &text)
        .unwrap()
        .render(Mail::BookingConfirmed, Language::De, &context)
        .unwrap();
    let ours = templates()
        .render(Mail::BookingConfirmed, Language::De, &context)
        .unwrap();
    assert_eq!(mine.text, ours.text);
}

#[test]
fn a_folder_is_read_and_what_does_not_belong_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let load = || load_folder(folder.path());
    write(FILE, "Grüße {{ unsubscribe_url }}".as_bytes());
    write(".git/config", b"x");
    assert_eq!(
        load().unwrap(),
        BTreeMap::from([(FILE.to_owned(), "Grüße {{ unsubscribe_url }}".to_owned())])
    );

    #[track_caller]
    fn refuses(folder: &Path, file: &str, line: Option<usize>, part: &str) {
        let problem = load_folder(folder).unwrap_err();
        assert_eq!((problem.file.as_str(), problem.line), (file, line), "{problem}");
        assert!(problem.what.contains(part), "{problem}");
        let bad = folder.join(file);
        if bad.is_dir() {
            fs::remove_dir_all(bad).unwrap()
        } else {
            fs::remove_file(bad).unwrap()
        }
    }
    write("booking_confirmed/de/body.html", b"x");
    refuses(
        folder.path(),
        "booking_confirmed/de/body.html",
        None,
        "is not the name of a template",
    );
    write("notes.txt", b"x");
    refuses(folder.path(), "notes.txt", None, "is not the name of a template");
    write("booking_updated/de/body.txt", b"a\nb\xff");
    refuses(folder.path(), "booking_updated/de/body.txt", Some(2), "is not UTF-8");
    write("booking_updated/de/body.txt", &vec![b'x'; 64 * 1024 + 1]);
    refuses(folder.path(), "booking_updated/de/body.txt", None, "larger than 64 KB");
    fs::create_dir_all(folder.path().join("booking_updated/de/body.txt")).unwrap();
    refuses(folder.path(), "booking_updated/de/body.txt", None, "is not a file");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("booking_updated/de/body.txt")).unwrap();
    refuses(
        folder.path(),
        "booking_updated/de/body.txt",
        None,
        "leads out of the folder",
    );
    std::os::unix::fs::symlink(
        folder.path().join(FILE),
        folder.path().join("booking_confirmed/de/subject.txt"),
    )
    .unwrap();
    assert_eq!(load().unwrap().len(), 2, "a link within the folder is followed");
    assert!(
        load_folder(Path::new("/nowhere/at/all"))
            .unwrap_err()
            .what
            .contains("cannot be read")
    );
}
