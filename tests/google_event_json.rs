//! Google's event JSON into the domain and back.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use accord::domain::access::AccessRole;
use accord::domain::booking::{Content, Status};
use accord::domain::event::{Event, EventContent, EventState, OwnResponse, Words};
use accord::domain::ids::{BookingId, EventId};
use accord::domain::merge::Changed;
use accord::domain::time::{Fold, OriginalStart, Span, When, Zoned};
use accord::google::calendar::event_json::parse;
use accord::google::calendar::{Broken, ParsedItem, Reading, Target, insert_body, patch_body};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const OWNER: Reading = Reading {
    zone: Tz::Europe__Prague,
    role: AccessRole::Owner,
    show_private: false,
};

fn read(item: &Value, reading: &Reading) -> ParsedItem {
    parse(&RawValue::from_string(item.to_string()).unwrap(), reading)
}

fn event(item: &Value) -> Event {
    event_as(item, &OWNER)
}

fn event_as(item: &Value, reading: &Reading) -> Event {
    match read(item, reading) {
        ParsedItem::Event(event) => *event,
        ParsedItem::Broken(broken) => panic!("{} {}", broken.reason, broken.raw),
    }
}

fn broken(item: &Value) -> Broken {
    broken_as(&item.to_string(), &OWNER)
}

fn broken_as(item: &str, reading: &Reading) -> Broken {
    match parse(&RawValue::from_string(item.to_owned()).unwrap(), reading) {
        ParsedItem::Broken(broken) => *broken,
        ParsedItem::Event(event) => panic!("was understood: {event:?}"),
    }
}

fn content(event: &Event) -> &EventContent {
    match &event.state {
        EventState::Live(content) => content,
        EventState::Cancelled => panic!("is cancelled"),
    }
}

fn local(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The answer to an insert as recorded (reduced to our mask).
fn meeting() -> Value {
    json!({
        "kind": "calendar#event", "etag": "\"3044897856406000\"", "id": "3if6lf59tove1e037baa75l54t",
        "status": "confirmed", "updated": "2018-03-30T22:28:48.203Z", "summary": "Cool Meeting about stuff",
        "description": "We shall <b>meet</b>", "location": "Meeting Room", "organizer": {"self": true},
        "start": {"dateTime": "2018-04-01T10:30:00+02:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2018-04-01T11:30:00+02:00", "timeZone": "Europe/Prague"},
        "iCalUID": "3if6lf59tove1e037baa75l54t@google.com", "eventType": "default"
    })
}

fn with(changes: Value) -> Value {
    let mut item = meeting();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            item.as_object_mut().unwrap().remove(key);
        } else {
            item[key] = value.clone();
        }
    }
    item
}

#[test]
fn a_recorded_event_is_understood() {
    let prague = |text| Zoned {
        local: local(text),
        zone: Tz::Europe__Prague,
        fold: Fold::Earlier,
    };
    let expected = Event {
        id: "3if6lf59tove1e037baa75l54t".into(),
        etag: "\"3044897856406000\"".into(),
        ical_uid: Some("3if6lf59tove1e037baa75l54t@google.com".into()),
        updated_at: 1522448928203,
        instance_of: None,
        mark: None,
        organizer: true,
        own_response: OwnResponse::None,
        has_guests: false,
        words: Words::Shared,
        ordinary: true,
        state: EventState::Live(EventContent {
            title: "Cool Meeting about stuff".into(),
            description: "We shall <b>meet</b>".into(),
            location: "Meeting Room".into(),
            when: When {
                span: Span::Timed {
                    start: prague("2018-04-01T10:30:00"),
                    end: prague("2018-04-01T11:30:00"),
                },
                recurrence: vec![],
            },
        }),
    };
    assert_eq!(event(&meeting()), expected);
}

#[test]
fn times_are_read_in_the_zone_of_the_event_and_else_of_the_calendar() {
    let item = with(json!({
        "start": {"dateTime": "2018-04-01T10:30:00+02:00", "timeZone": "America/New_York"},
        "end": {"dateTime": "2018-04-01T12:30:00+02:00"}
    }));
    let Span::Timed { start, end } = content(&event(&item)).when.span else {
        panic!()
    };
    assert_eq!(
        (start.local, start.zone),
        (local("2018-04-01T04:30:00"), Tz::America__New_York)
    );
    assert_eq!(
        (end.local, end.zone),
        (local("2018-04-01T12:30:00"), Tz::Europe__Prague)
    );
}

#[test]
fn the_second_of_two_equal_hours_is_told_apart() {
    let item = with(json!({
        "start": {"dateTime": "2026-10-25T02:30:00+02:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-10-25T02:30:00+01:00", "timeZone": "Europe/Prague"}
    }));
    let Span::Timed { start, end } = content(&event(&item)).when.span else {
        panic!()
    };
    assert_eq!(start.local, end.local);
    assert_eq!((start.fold, end.fold), (Fold::Earlier, Fold::Later));
}

#[test]
fn an_all_day_series_keeps_its_lines_as_they_are() {
    let lines = ["EXDATE;VALUE=DATE:20260308", "RRULE:FREQ=WEEKLY;UNTIL=20261231"];
    let item = with(json!({"start": {"date": "2026-03-01"}, "end": {"date": "2026-03-02"}, "recurrence": lines}));
    let event = event(&item);
    assert!(event.is_master());
    let when = &content(&event).when;
    assert_eq!(
        when.span,
        Span::AllDay {
            start: date("2026-03-01"),
            end: date("2026-03-02")
        }
    );
    assert_eq!(when.recurrence, lines);
}

#[test]
fn an_occurrence_names_its_series_and_its_original_start() {
    let item =
        with(json!({"recurringEventId": "abcde", "originalStartTime": {"dateTime": "2018-04-01T09:00:00+02:00"}}));
    let instance = event(&item).instance_of.unwrap();
    assert_eq!(instance.series, EventId::from("abcde"));
    assert_eq!(
        instance.original_start,
        OriginalStart::At("2018-04-01T07:00:00Z".parse().unwrap())
    );
    let item = with(json!({"recurringEventId": "abcde", "originalStartTime": {"date": "2018-04-01"}}));
    assert_eq!(
        event(&item).instance_of.unwrap().original_start,
        OriginalStart::Date(date("2018-04-01"))
    );
}

#[test]
fn every_form_of_a_tombstone_is_understood() {
    let bare = event(&json!({"id": "abcde", "status": "cancelled"}));
    assert_eq!(
        (bare.state, bare.instance_of, bare.etag.as_str()),
        (EventState::Cancelled, None, "")
    );
    let occurrence = event(
        &json!({"kind": "calendar#event", "etag": "\"1\"", "id": "abcde_20221030", "status": "cancelled",
        "recurringEventId": "abcde", "originalStartTime": {"date": "2022-10-30"}}),
    );
    assert_eq!(
        occurrence.instance_of.unwrap().original_start,
        OriginalStart::Date(date("2022-10-30"))
    );
    let full = event(&with(json!({"status": "cancelled"})));
    assert_eq!(full.state, EventState::Cancelled);
}

#[test]
fn words_of_private_events_are_withheld_unless_their_user_shows_them() {
    for visibility in ["private", "confidential", "a-word-of-2030"] {
        let item = with(json!({"visibility": visibility}));
        let hidden = event(&item);
        assert_eq!(hidden.words, Words::Withheld, "{visibility}");
        let words = content(&hidden);
        assert_eq!((&*words.title, &*words.description, &*words.location), ("", "", ""));
        let shown = event_as(
            &item,
            &Reading {
                show_private: true,
                ..OWNER
            },
        );
        assert_eq!(
            (shown.words, content(&shown).title.as_str()),
            (Words::Shared, "Cool Meeting about stuff")
        );
    }
    for visibility in ["default", "public"] {
        assert_eq!(event(&with(json!({"visibility": visibility}))).words, Words::Shared);
    }
}

#[test]
fn a_role_that_cannot_read_the_words_withholds_them() {
    let shown = |role, item: &Value| {
        event_as(
            item,
            &Reading {
                role,
                show_private: true,
                ..OWNER
            },
        )
        .words
    };
    let private = with(json!({"visibility": "private", "summary": null, "description": null, "location": null}));
    use AccessRole::*;
    let expected = [
        (FreeBusyReader, Words::Withheld, Words::Withheld),
        (Reader, Words::Shared, Words::Withheld),
        (WriterWithoutPrivateAccess, Words::Shared, Words::Withheld),
        (Writer, Words::Shared, Words::Shared),
        (Owner, Words::Shared, Words::Shared),
    ];
    for (role, public_words, private_words) in expected {
        assert_eq!(
            (shown(role, &meeting()), shown(role, &private)),
            (public_words, private_words),
            "{role:?}"
        );
    }
}

#[test]
fn an_event_of_another_type_is_known_but_without_words() {
    let read = event(&with(json!({"eventType": "fromGmail"})));
    assert!(!read.ordinary);
    assert_eq!(content(&read).title, "");
    assert!(event(&with(json!({"eventType": null}))).ordinary);
}

#[test]
fn guests_are_a_yes_or_no_and_the_own_answer_is_read() {
    let guests = |changes| {
        let event = event(&with(changes));
        (event.has_guests, event.own_response)
    };
    let own = |answer: &str| json!({"self": true, "responseStatus": answer});
    assert_eq!(guests(json!({})), (false, OwnResponse::None));
    assert_eq!(
        guests(json!({"attendees": [own("declined")]})),
        (false, OwnResponse::Declined)
    );
    assert_eq!(
        guests(json!({"attendees": [own("accepted")], "attendeesOmitted": true})),
        (true, OwnResponse::Accepted)
    );
    assert_eq!(
        guests(json!({"attendees": [{"responseStatus": "declined"}]})),
        (true, OwnResponse::None)
    );
    assert_eq!(guests(json!({"attendeesOmitted": true})), (true, OwnResponse::None));
    assert_eq!(
        guests(json!({"attendees": [own("perhaps-in-2030")]})),
        (false, OwnResponse::NeedsAction)
    );
    assert_eq!(
        guests(json!({"attendees": [own("tentative")]})).1,
        OwnResponse::Tentative
    );
    assert!(!event(&with(json!({"organizer": {"email": "eve@example.com"}}))).organizer);
}

#[test]
fn only_an_id_of_ours_is_a_mark() {
    let marked = |private: Value| event(&with(json!({"extendedProperties": {"private": private}}))).mark;
    let id = "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e";
    assert_eq!(
        marked(json!({"accord.booking": id, "other": "x"})),
        Some(id.parse().unwrap())
    );
    assert_eq!(marked(json!({"accord.booking": "nonsense"})), None);
    assert_eq!(marked(json!({"accord.booking": id.to_uppercase()})), None);
    assert_eq!(marked(json!({})), None);
}

#[test]
fn nonsense_is_set_aside_with_a_reason() {
    let time = |text: &str| json!({"dateTime": text, "timeZone": "Europe/Prague"});
    let table = [
        (json!({"id": null}), "it has no id"),
        (json!({"etag": null}), "it has no etag"),
        (json!({"start": null}), "it has no start"),
        (json!({"end": null}), "it has no end"),
        (json!({"start": {}}), "its start has neither a date nor a time"),
        (json!({"start": {"date": "2018-04-01"}}), "it mixes a date with a time"),
        (
            json!({"start": {"date": "2018-04-01", "dateTime": "2018-04-01T10:30:00Z"}}),
            "its start has both a date and a time",
        ),
        (
            json!({"end": time("2018-03-01T10:30:00+02:00")}),
            "it ends before it starts",
        ),
        (
            json!({"start": {"date": "2018-04-01"}, "end": {"date": "2018-04-01"}}),
            "it ends when it starts",
        ),
        (
            json!({"start": {"dateTime": "2018-04-01T10:30:00+02:00", "timeZone": "Mars/Olympus"}}),
            "its start has an unknown time zone",
        ),
        (json!({"start": time("1st of April")}), "its start cannot be read"),
        (
            json!({"start": time("2018-04-01T10:30:00")}),
            "its start cannot be read",
        ),
        (json!({"start": {"date": "2018-02-30"}}), "its start cannot be read"),
        (
            json!({"end": time("+262142-12-31T23:59:59Z")}),
            "its end is out of range",
        ),
        (json!({"end": time("9999-12-31T23:59:59Z")}), "its end is out of range"),
        (json!({"attendees": "Eve"}), "its attendees cannot be read"),
        (json!({"updated": "Eve"}), "its updated cannot be read"),
        (json!({"summary": "a\u{0}b"}), "its summary contains the character NUL"),
        (
            json!({"recurrence": ["RRULE:\u{0}"]}),
            "its recurrence contains the character NUL",
        ),
        (
            json!({"recurringEventId": "abcde"}),
            "it is an occurrence without originalStartTime",
        ),
    ];
    for (changes, reason) in table {
        assert_eq!(broken(&with(changes.clone())).reason, reason, "{changes}");
    }
    assert_eq!(broken(&json!("Eve")).reason, "it is no JSON object");
    assert_eq!(broken(&json!(["Eve"])).raw, "{}");
}

#[test]
fn a_broken_item_can_still_be_found_again() {
    let broken = broken(&with(json!({"start": null})));
    assert_eq!(broken.id, Some("3if6lf59tove1e037baa75l54t".into()));
    assert_eq!(broken.etag.as_deref(), Some("\"3044897856406000\""));
    assert_eq!(broken.updated, Some(1522448928203));
}

#[test]
fn a_broken_item_keeps_neither_guests_nor_foreign_properties_nor_words_that_may_not_be_known() {
    let secrets = json!({"start": null, "attendees": [{"email": "guest@example.com"}], "conferenceData": {"x": "hangout"},
        "extendedProperties": {"private": {"other": "foreign"}}, "organizer": {"email": "boss@example.com"}});
    let mut item = with(secrets);
    let kept = broken(&item).raw;
    for secret in ["guest", "hangout", "foreign", "boss"] {
        assert!(!kept.contains(secret), "{kept}");
    }
    assert!(kept.contains("Cool Meeting"), "{kept}");
    for visibility in [json!("private"), json!("confidential"), json!(7)] {
        item["visibility"] = visibility;
        let kept = broken(&item);
        assert!(!format!("{kept:?}{}", kept.raw).contains("eeting"), "{}", kept.raw);
    }
    item["visibility"] = json!("default");
    let free_busy = Reading {
        role: AccessRole::FreeBusyReader,
        ..OWNER
    };
    assert!(!broken_as(&item.to_string(), &free_busy).raw.contains("eeting"));
    item["eventType"] = json!("fromGmail");
    assert!(!broken(&item).raw.contains("eeting"));
}

#[test]
fn a_broken_item_is_cut_at_64_kilobytes_between_characters() {
    let raw = broken(&with(json!({"start": null, "description": "č".repeat(100_000)}))).raw;
    assert!(raw.len() <= 64 * 1024 && raw.len() > 64 * 1024 - 4, "{}", raw.len());
}

#[test]
fn a_lone_surrogate_breaks_only_its_own_event() {
    let text = meeting().to_string().replace("Cool Meeting", r"\ud800 Meeting");
    let broken = broken_as(&text, &OWNER);
    assert_eq!(broken.reason, "its summary cannot be read");
    assert!(broken.id.is_some() && broken.raw.contains(r"\ud800"), "{}", broken.raw);
}

#[test]
fn other_control_characters_pass_unchanged() {
    let text = "line\r\nnext\ttab \u{7} \u{200b}\u{202e}";
    assert_eq!(content(&event(&with(json!({"description": text})))).description, text);
}

fn booking(when: When) -> Content {
    Content {
        title: "Dinner".into(),
        description: String::new(),
        location: "a note from Google".into(),
        resource_id: None,
        when,
        status: Status::Confirmed,
    }
}

fn all_day() -> When {
    When {
        span: Span::AllDay {
            start: date("2026-03-01"),
            end: date("2026-03-02"),
        },
        recurrence: vec![],
    }
}

fn timed(start: &str, end: &str, fold: Fold) -> When {
    let at = |text| Zoned {
        local: local(text),
        zone: Tz::Europe__Prague,
        fold,
    };
    When {
        span: Span::Timed {
            start: at(start),
            end: at(end),
        },
        recurrence: vec![],
    }
}

fn booking_id() -> BookingId {
    "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e".parse().unwrap()
}

#[test]
fn an_insert_holds_what_we_may_write_and_nothing_else() {
    let when = timed("2026-03-01T09:00:00", "2026-03-01T10:00:00", Fold::Earlier);
    let body = insert_body(&"0190f3c45b1e".into(), &booking(when), Some("Room 1"), booking_id());
    let expected = json!({
        "id": "0190f3c45b1e", "summary": "Dinner", "location": "Room 1",
        "start": {"dateTime": "2026-03-01T09:00:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-03-01T10:00:00", "timeZone": "Europe/Prague"},
        "extendedProperties": {"private": {"accord.booking": "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e"}}
    });
    assert_eq!(body, expected);
}

#[test]
fn the_note_from_google_is_never_written_back() {
    let content = booking(all_day());
    let insert = insert_body(&"abcde".into(), &content, None, booking_id());
    let patch = patch_body(Changed::ALL, None, &content, "", Target::Event);
    assert_eq!(
        (insert.get("location"), patch.get("location")),
        (None, Some(&json!("")))
    );
}

#[test]
fn a_patch_holds_only_what_changed() {
    let content = booking(all_day());
    let patch = |changed| patch_body(changed, None, &content, "", Target::Event);
    assert_eq!(patch(Changed::default()), json!({}));
    assert_eq!(
        patch(Changed {
            title: true,
            ..Changed::default()
        }),
        json!({"summary": "Dinner"})
    );
    assert_eq!(
        patch(Changed {
            description: true,
            ..Changed::default()
        }),
        json!({"description": ""})
    );
    let revived = patch_body(Changed::default(), Some(Status::Confirmed), &content, "", Target::Event);
    assert_eq!(revived, json!({"status": "confirmed"}));
}

#[test]
fn a_patch_from_timed_to_all_day_and_back_clears_the_other_form() {
    let when = Changed {
        when: true,
        ..Changed::default()
    };
    let expected = json!({
        "start": {"date": "2026-03-01", "dateTime": null, "timeZone": null},
        "end": {"date": "2026-03-02", "dateTime": null, "timeZone": null},
        "recurrence": null
    });
    assert_eq!(patch_body(when, None, &booking(all_day()), "", Target::Event), expected);
    let content = booking(timed("2026-03-01T09:00:00", "2026-03-01T10:00:00", Fold::Earlier));
    let expected = json!({
        "start": {"date": null, "dateTime": "2026-03-01T09:00:00", "timeZone": "Europe/Prague"},
        "end": {"date": null, "dateTime": "2026-03-01T10:00:00", "timeZone": "Europe/Prague"}
    });
    assert_eq!(patch_body(when, None, &content, "", Target::Occurrence), expected);
}

#[test]
fn an_hour_that_exists_twice_or_never_is_written_with_its_offset() {
    let start = |when: When| {
        patch_body(Changed::ALL, None, &booking(when), "", Target::Event)["start"]["dateTime"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let repeated = |fold| start(timed("2026-10-25T02:30:00", "2026-10-25T05:00:00", fold));
    assert_eq!(repeated(Fold::Earlier), "2026-10-25T02:30:00+02:00");
    assert_eq!(repeated(Fold::Later), "2026-10-25T02:30:00+01:00");
    let skipped = start(timed("2026-03-29T02:30:00", "2026-03-29T05:00:00", Fold::Earlier));
    assert_eq!(skipped, "2026-03-29T03:30:00+02:00", "shifted forward by the gap");
}

/// What Google would answer: both forms become one with the offset of the zone.
fn as_google_answers(mut body: Value) -> Value {
    for bound in ["start", "end"] {
        let time = body[bound].as_object_mut().unwrap();
        time.retain(|_, value| !value.is_null());
        let Some(text) = time.get("dateTime").and_then(Value::as_str) else {
            continue;
        };
        let zone: Tz = time["timeZone"].as_str().unwrap().parse().unwrap();
        let instant = match DateTime::parse_from_rfc3339(text) {
            Ok(exact) => exact.to_utc(),
            Err(_) => zone
                .from_local_datetime(&text.parse().unwrap())
                .single()
                .expect("needs an offset")
                .to_utc(),
        };
        let answered = instant.with_timezone(&Tz::Asia__Tokyo).to_rfc3339();
        time.insert("dateTime".into(), answered.into());
    }
    body["kind"] = "calendar#event".into();
    body["etag"] = "\"1\"".into();
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    body
}

fn zones() -> impl Strategy<Value = Tz> {
    // Summer time both ways, half-hour shifts, odd offsets, none.
    prop::sample::select(vec![
        Tz::Europe__Prague,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
        Tz::America__St_Johns,
        Tz::Africa__Casablanca,
        Tz::UTC,
    ])
}

fn zoned(instant: DateTime<Utc>, zone: Tz) -> Zoned {
    let local = instant.with_timezone(&zone).naive_local();
    let later = zone.from_local_datetime(&local).latest().unwrap() == instant;
    let once = zone.from_local_datetime(&local).single().is_some();
    Zoned {
        local,
        zone,
        fold: if later && !once { Fold::Later } else { Fold::Earlier },
    }
}

fn spans() -> impl Strategy<Value = Span> {
    // Around the last Sunday of October, or anywhere within 70 years.
    let instant = prop_oneof![1_792_880_000i64..1_793_000_000, 0i64..2_200_000_000];
    let timed = (instant, 1i64..200_000, zones(), zones()).prop_map(|(start, length, here, there)| {
        let at = |seconds, zone| {
            zoned(
                DateTime::from_timestamp(seconds, 0)
                    .unwrap()
                    .with_nanosecond(0)
                    .unwrap(),
                zone,
            )
        };
        Span::Timed {
            start: at(start, here),
            end: at(start + length, there),
        }
    });
    let days = (0u64..40_000, 1u64..50).prop_map(|(start, length)| {
        let start = date("1970-01-01") + Days::new(start);
        Span::AllDay {
            start,
            end: start + Days::new(length),
        }
    });
    prop_oneof![3 => timed, 1 => days]
}

fn contents() -> impl Strategy<Value = Content> {
    let words = "[^\u{0}]{0,20}";
    let lines = prop::collection::vec("(RRULE|EXDATE|RDATE):[A-Z0-9=;]{1,20}", 0..3);
    (words, words, spans(), lines).prop_map(|(title, description, span, recurrence)| Content {
        title,
        description,
        location: String::new(),
        resource_id: None,
        when: When { span, recurrence },
        status: Status::Confirmed,
    })
}

proptest! {
    #[test]
    fn what_is_written_comes_back_as_it_was(content in contents(), room in "[^\u{0}]{0,10}") {
        let body = insert_body(&"abcde".into(), &content, Some(&room), booking_id());
        let event = event(&as_google_answers(body));
        let expected = EventContent {
            title: content.title, description: content.description, location: room, when: content.when,
        };
        prop_assert_eq!(event.mark, Some(booking_id()));
        prop_assert_eq!(event.state, EventState::Live(expected));
    }

    #[test]
    fn a_patch_turns_any_event_into_any_other(before in contents(), after in contents()) {
        let mut merged = insert_body(&"abcde".into(), &before, None, booking_id());
        json_patch(&mut merged, &patch_body(Changed::ALL, None, &after, "Room", Target::Event));
        let event = event(&as_google_answers(merged));
        let expected = EventContent {
            title: after.title, description: after.description, location: "Room".into(), when: after.when,
        };
        prop_assert_eq!(event.state, EventState::Live(expected));
    }

    #[test]
    fn nothing_makes_the_reader_panic(key in "(id|etag|status|summary|start|end|recurrence|updated|attendees|visibility|originalStartTime|extendedProperties)", value in any_json()) {
        let mut item = meeting();
        item[key] = value;
        read(&item, &OWNER);
    }
}

/// RFC 7396, as Google's PATCH merges.
fn json_patch(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            json_patch(&mut target[key], value);
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let date_time = prop_oneof![
        "[+-]?[0-9]{1,6}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|[+-][0-2][0-9]:[0-5][0-9])",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        date_time.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("(date|dateTime|timeZone|private|self|x)", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}
