//! A good receipt verifies, and nothing else does.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::Commitment;
use crate::key::LogKey;
use crate::tiles::Edge;
use crate::tree::{inclusion, leaf_hash};

const ORIGIN: &str = "example.com/ledger/acme";

fn key() -> LogKey {
    LogKey::new(ORIGIN, &[7; 32]).expect("a key")
}

fn notice() -> Record {
    let controller =
        json!({ "name": "Acme", "address": "1 High Street", "contact": "privacy@example.com", "type": "controller" });
    Record::new(&json!({ "controllers": [controller], "language": "en", "retention": "P6M" })).expect("a record")
}

fn opening() -> Opening {
    let record = json!({
        "kind": "choice", "id": "00112233", "made_at": "2026-11-22T12:00:00.000Z",
        "choices": [{ "purpose": "performance", "state": "refused" }, { "purpose": "targeting", "state": "given" }],
        "notice": notice_reference(&notice()), "subject": "s-0011", "text": "Größe \u{1f600}",
    });
    Opening { record: Record::new(&record).expect("a record"), salt: Salt::new([5; 32]) }
}

/// A receipt for leaf 3 of 5.
fn receipt() -> Receipt {
    let leaves: Vec<Commitment> =
        (0..5_u8).map(|n| if n == 3 { opening().commitment() } else { Commitment([n; 32]) }).collect();
    let hash = |range: std::ops::Range<u64>| {
        let mut edge = Edge::empty();
        let range = usize::try_from(range.start).expect("small")..usize::try_from(range.end).expect("small");
        for leaf in &leaves[range] {
            edge.push(*leaf, &mut Vec::new());
        }
        edge.root()
    };
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 5, root: hash(0..5) }.sign(&key());
    let hashes = inclusion(3, 5).expect("a leaf").into_iter().map(hash).collect();
    Receipt::new(opening(), Some(notice()), Inclusion { index: 3, hashes, checkpoint })
}

fn check(text: &str) -> Result<Verified, WhyNot> {
    verify(text, key().verifier())
}

#[test]
fn a_good_receipt_verifies_offline() {
    let verified = check(&receipt().to_text()).expect("verifies");
    assert_eq!((verified.index, verified.checkpoint.size), (3, 5));
    assert_eq!((verified.record, verified.notice), (opening().record, Some(notice())));
    let bare = Receipt { notice: None, ..receipt() };
    assert_eq!(check(&bare.to_text()).expect("verifies").notice, None);
}

#[test]
fn with_any_byte_changed_added_or_taken_away_it_does_not() {
    let good = receipt().to_text().into_bytes();
    let passes = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| check(text).is_ok());
    assert!(passes(&good));
    for place in 0..good.len() {
        for change in [0x01_u8, 0x10, 0x20, 0x80] {
            let mut changed = good.clone();
            changed[place] ^= change;
            assert!(!passes(&changed), "byte {place} changed by {change:02x}");
        }
        let mut shorter = good.clone();
        shorter.remove(place);
        assert!(!passes(&shorter), "without byte {place}");
    }
    for place in 0..=good.len() {
        for added in [b' ', b'0'] {
            let mut longer = good.clone();
            longer.insert(place, added);
            assert!(!passes(&longer), "{:?} added at {place}", char::from(added));
        }
    }
}

#[test]
fn each_part_is_bound_and_the_reason_is_told() {
    let told = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt();
        change(&mut receipt);
        check(&receipt.to_text()).expect_err("does not verify").to_string()
    };
    let other = Record::new(&json!({ "notice": notice_reference(&notice()) })).expect("a record");
    assert_snapshot!(told(&|r| r.record = other.clone()), @"the record is not in the log at this place: record, salt, index or path was changed");
    assert_snapshot!(told(&|r| r.salt = Salt::new([6; 32])), @"the record is not in the log at this place: record, salt, index or path was changed");
    assert_snapshot!(told(&|r| r.index = 2), @"the record is not in the log at this place: record, salt, index or path was changed");
    assert_snapshot!(told(&|r| r.hashes[0] = leaf_hash(b"x")), @"the record is not in the log at this place: record, salt, index or path was changed");
    assert_snapshot!(told(&|r| r.notice = Some(Record::new(&json!({})).expect("a record"))), @"the notice in the receipt is not the one that was recorded: its hash is another one");
    assert_snapshot!(told(&|r| r.checkpoint = r.checkpoint.replace("\n5\n", "\n6\n")), @"the receipt's checkpoint proves nothing: the signature of `example.com/ledger/acme` does not fit the text: it was changed after it was signed");
    assert_snapshot!(told(&|r| r.checkpoint = LogKey::new(ORIGIN, &[8; 32]).map(|key| Checkpoint { origin: ORIGIN.to_owned(), size: 5, root: leaf_hash(b"") }.sign(&key)).expect("signs").note().to_owned()), @"the receipt's checkpoint proves nothing: the note is not signed by `example.com/ledger/acme`: is this the key of that log?");
    let line = receipt().checkpoint.lines().last().expect("a line").to_owned();
    assert_snapshot!(told(&|r| r.checkpoint.push_str(&format!("{line}\n").replace("example", "witness"))), @"the receipt was changed: it is not written byte by byte as receipts are (white space counts too)");
}

#[test]
fn a_spelling_of_its_own_and_a_newer_version_are_refused() {
    let text = receipt().to_text();
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(check(&serde_json::to_string_pretty(&value).expect("JSON")), Err(WhyNot::Spelling));
    assert_eq!(check(&text.replacen('{', r#"{"more":1,"#, 1)), Err(WhyNot::Spelling));
    assert_eq!(check(&text.replacen(r#""version":1"#, r#""version":2"#, 1)), Err(WhyNot::Newer(2)));
    assert!(matches!(check("[]"), Err(WhyNot::NoReceipt(_))));
    assert!(matches!(check(""), Err(WhyNot::NoReceipt(_))));
}

/// Its fields have the names of the standard's vocabulary for everybody who reads JSON-LD.
#[test]
fn every_member_of_a_record_and_notice_has_a_word_of_the_vocabulary() {
    for member in
        opening().record.value().as_object().into_iter().chain(notice().value().as_object()).flat_map(|m| m.keys())
    {
        let known = context().get(member).is_some() || member == "text";
        assert!(known, "{member}");
    }
}

/// Made by the first release that gave receipts, and never changed: people keep them for years.
#[test]
fn a_receipt_of_the_first_version_verifies() {
    let golden = include_str!("../../tests/golden/receipt/v1.json");
    assert_eq!(golden, receipt().to_text(), "what is made today is the same");
    assert_eq!(check(golden).expect("verifies").index, 3);
}
