//! What an entry looks like, and which changes a chain shows.
use super::chain::{Chain, OutsideHead};
use super::*;
use crate::domain::ids::{BookingId, UserId};
use proptest::prelude::*;
use uuid::Uuid;

const KEY: [u8; 32] = [7; 32];
const TENANT: TenantId = TenantId(Uuid::from_u128(1));

fn message() -> MessageId {
    MessageId(Uuid::from_u128(2))
}

fn salts() -> Salts {
    let salts = [
        (recipient_owner(&KEY), vec![1; 32]),
        (message_owner(message()), vec![2; 32]),
    ];
    salts.into_iter().collect()
}

fn proposed(address: &str) -> Event<'_> {
    Event::Proposed {
        message: message(),
        booking: BookingId(Uuid::from_u128(3)),
        user: UserId(Uuid::from_u128(4)),
        kind: "confirmation",
        recipient_key: &KEY,
        address,
        content_hash: [5; 32],
        expires_at: 99,
    }
}

#[test]
fn an_entry_is_one_line_whose_members_have_one_order() {
    let hmac = |salt: u8, value: &[u8]| {
        let text = [&(value.len() as u64).to_be_bytes(), value].concat();
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<Sha256>::new_from_slice(&[salt; 32]).unwrap();
        mac.update(&text);
        hex(&mac.finalize().into_bytes())
    };
    let entry = proposed("eva@example.com").entry(4, 1000, &salts()).unwrap();
    let uuid = |last: u8| format!("00000000-0000-0000-0000-00000000000{last}");
    let (recipient, address, content) = (hmac(1, &KEY), hmac(1, b"eva@example.com"), hmac(2, &[5; 32]));
    let (message, booking, user) = (uuid(2), uuid(3), uuid(4));
    assert_eq!(
        entry,
        format!(
            r#"{{"seq":4,"at":1000,"event":"proposed","message":"{message}","booking":"{booking}","user":"{user}","kind":"confirmation","recipient":"{recipient}","address":"{address}","content":"{content}","expires_at":99}}"#
        )
    );
    assert_eq!(Place::of(&entry), Some(Place { seq: 4, at: 1000 }));
}

#[test]
fn what_is_committed_to_needs_its_salt() {
    let error = proposed("eva@example.com").entry(1, 0, &Salts::new()).unwrap_err();
    assert_eq!(error, NoSalt(recipient_owner(&KEY)));
    let mut needed = proposed("eva@example.com").owners();
    needed.sort();
    assert!(needed.iter().eq(salts().keys()));
}

#[test]
fn hex_reads_back_and_has_one_form() {
    assert_eq!(from_hex(&hex(&[0, 15, 255])).unwrap(), [0, 15, 255]);
    for wrong in ["0", "0G", "AB", " 1", "+1", "é"] {
        assert_eq!(from_hex(wrong), None, "{wrong}");
    }
}

proptest! {
    /// What a caller hands over as a word may be a text by mistake.
    #[test]
    fn no_text_gets_into_an_entry(text in "\\PC{0,30}", address in "[a-zé.]{8,20}@[a-z]{5,10}\\.example") {
        let events = [
            Event::Withdrawn { message: message(), by: &text, reason: &text },
            Event::Declined { message: message(), user: UserId(Uuid::nil()), how: &text, key_id: None },
            Event::Result { message: message(), attempt: 1, result: &text, answer_code: Some(550) },
            Event::Suppressed { recipient_key: &KEY, address: Some(&address), message: message() },
            proposed(&address),
        ];
        for event in events {
            let entry = event.entry(1, 0, &salts()).unwrap();
            prop_assert!(!entry.contains(&address) && !entry.contains(&hex(&KEY)), "{}", entry);
            prop_assert!(entry.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"{}\":,_-".contains(&b)), "{}", entry);
            let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&entry).unwrap();
            for word in ["by", "reason", "how", "result"] {
                let is_word = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                let shown = members.get(word).and_then(|value| value.as_str());
                prop_assert!(shown.is_none_or(|shown| shown == "other" || (is_word && shown == text)));
            }
        }
    }

    #[test]
    fn one_change_of_a_chain_is_found_where_it_is(count in 2..12i64, at in 1..12i64, how in 0..6usize) {
        let at = at.min(count);
        let mut rows = chain(count);
        let index = usize::try_from(at - 1).unwrap();
        let (mut expected, mut found_at) = (1, at);
        match how {
            0 => rows[index].2 = rows[index].2.replace("paused", "resumed"),
            1 => rows[index].1 += 1,
            2 => { rows[index].3[0] ^= 1; expected = if at < count { 2 } else { 1 }; }
            3 if at < count => { rows.remove(index); }
            // The last row cannot be missed by the rows.
            3 => { rows.remove(index); expected = 0; }
            4 if at < count => {
                let (a, b) = (rows[index].clone(), rows[index + 1].clone());
                (rows[index], rows[index + 1]) = ((a.0, b.1, b.2, b.3), (b.0, a.1, a.2, a.3));
                // Each is in the wrong place and follows from another row than the one before it; so does the one after.
                expected = if at + 1 < count { 5 } else { 4 };
            }
            4 => expected = 0,
            _ => { rows.insert(0, (0, 0, String::new(), Vec::new())); found_at = 0; }
        }
        let (problems, count) = checked(&rows, None);
        prop_assert_eq!(count, expected, "{:?}", problems);
        prop_assert!(expected == 0 || problems[0].seq == Some(found_at), "{:?}", problems);
    }
}

type Row = (i64, i64, String, Vec<u8>);

fn chain(count: i64) -> Vec<Row> {
    let mut hash = first_hash(TENANT);
    (1..=count)
        .map(|seq| {
            let user = UserId(Uuid::nil());
            let entry = Event::Paused { user }.entry(seq, 10 * seq, &Salts::new()).unwrap();
            hash = next_hash(&hash, &entry);
            (seq, 10 * seq, entry, hash.to_vec())
        })
        .collect()
}

fn checked(rows: &[Row], outside: Option<OutsideHead>) -> (Vec<chain::Problem>, usize) {
    let mut chain = Chain::new(TENANT, outside);
    for (seq, at, entry, hash) in rows {
        chain.row(*seq, *at, entry, hash);
    }
    chain.end()
}

#[test]
fn a_head_from_outside_shows_a_cut_tail_and_a_chain_that_was_made_anew() {
    let rows = chain(5);
    let outside = |seq: usize| {
        let hash = if seq == 0 {
            first_hash(TENANT)
        } else {
            rows[seq - 1].3.clone().try_into().unwrap()
        };
        Some(OutsideHead {
            seq: seq.try_into().unwrap(),
            hash,
        })
    };
    for seq in 0..=5 {
        assert_eq!(checked(&rows, outside(seq)).1, 0, "row {seq}");
    }
    let (problems, _) = checked(&rows[..3], outside(5));
    assert!(
        problems[0].seq == Some(5) && problems[0].problem.contains("cut off"),
        "{problems:?}"
    );
    let other = Some(OutsideHead { seq: 4, hash: [0; 32] });
    let (problems, _) = checked(&rows, other);
    assert_eq!((problems.len(), problems[0].seq), (1, Some(4)));
}

#[test]
fn of_very_many_problems_a_thousand_are_told_and_all_are_counted() {
    let mut rows = chain(1500);
    for row in &mut rows {
        row.1 += 1;
    }
    let (problems, count) = checked(&rows, None);
    assert_eq!((problems.len(), count), (1000, 1500));
}
