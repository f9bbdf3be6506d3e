//! Values that were computed elsewhere: by the reference of the design, by the standards' own examples, by other
//! programs. Ours must be the same.

use ledger::note::Note;
use ledger::tree::{inclusion, leaf_hash, root_of_inclusion};
use ledger::{Checkpoint, Commitment, Hash, Record, Salt, SignedCheckpoint, VerifierKey};
use serde_json::Value;

use crate::setup;

fn vectors(name: &str) -> Value {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file of vectors")).expect("JSON")
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let hex = hex.as_str().expect("hex");
    let byte = |place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).expect("hex");
    std::array::from_fn(byte)
}

/// The eight inputs that certificate transparency's own tests use.
const INPUTS: [&[u8]; 8] = [
    b"",
    &[0],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

#[test]
fn roots_are_those_of_rfc_6962() {
    let roots = vectors("ledger.json")["rfc6962_roots"].as_array().expect("a list").clone();
    let hash = |inputs: &[&[u8]]| {
        let leaves: Vec<Hash> = inputs.iter().map(|input| leaf_hash(input)).collect();
        let parts = ledger::tree::full_subtrees(0..leaves.len() as u64).into_iter().map(|part| {
            let first = usize::try_from(part.index << part.height).expect("small");
            let mut row = leaves[first..first + (1 << part.height)].to_vec();
            while row.len() > 1 {
                row = row.chunks(2).map(|pair| ledger::tree::node_hash(&pair[0], &pair[1])).collect();
            }
            row[0]
        });
        let parts: Vec<Hash> = parts.collect();
        ledger::tree::join(parts.into_iter()).unwrap_or_else(ledger::tree::empty_root)
    };
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(hash(&INPUTS[..size]), Hash(bytes(root)), "{size} leaves");
    }
    assert_eq!(roots.len(), 9);
}

#[test]
fn commitments_are_those_of_the_reference() {
    let vectors = vectors("ledger.json");
    let mut leaves = Vec::new();
    for vector in vectors["commit"].as_array().expect("a list") {
        let record = Record::parse(vector["record"].as_str().expect("a text")).expect("is spelled canonically");
        let commitment = Commitment::to(&record, &Salt::new(bytes(&vector["salt"])));
        assert_eq!(commitment, Commitment(bytes(&vector["commitment"])));
        assert_eq!(commitment.leaf(), Hash(bytes(&vector["leaf_hash"])));
        leaves.push(commitment);
    }
    let tree = &vectors["tree"];
    let root = Hash(bytes(&tree["root"]));
    assert_eq!(setup::root(&leaves), root);
    let path: Vec<Hash> =
        tree["proof_index_3"].as_array().expect("a list").iter().map(|hash| Hash(bytes(hash))).collect();
    assert_eq!(root_of_inclusion(3, 5, leaves[3].leaf(), &path), Some(root));
    assert_eq!(inclusion(3, 5).map(|path| path.len()), Some(3));
}

/// A commitment does not tell its record to somebody who guesses it.
#[test]
fn the_same_record_under_two_salts_has_two_commitments() {
    let record = Record::parse(r#"{"state":"refused"}"#).expect("a record");
    let of = |salt| Commitment::to(&record, &Salt::new([salt; 32]));
    assert_ne!(of(1), of(2));
    assert_eq!(format!("{:?} {record:?}", Salt::new([1; 32])), "Salt(…) Record(19 bytes)");
}

#[test]
fn a_record_has_one_spelling() {
    for wrong in
        [r#"{"b":1,"a":2}"#, r#"{ "a":1}"#, r#"{"a":1,"a":1}"#, r#"{"a":"\u0041"}"#, r#"{"a":1.5}"#, "[]", "1", ""]
    {
        assert!(Record::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn notes_of_other_programs_verify() {
    for vector in vectors("notes.json").as_array().expect("a list") {
        let [key, note] = ["key", "note"].map(|name| vector[name].as_str().expect("a text"));
        let key: VerifierKey = key.parse().expect("a key");
        assert_eq!(key.to_string(), vector["key"]);
        let text = Note::parse(note).expect("a note").verify(&key).expect("verifies");
        assert!(note.starts_with(text));
        assert!(Note::parse(&note.replacen('o', "0", 1)).is_ok_and(|changed| changed.verify(&key).is_err()), "{note}");
        if vector["is_checkpoint"] == true {
            let signed = SignedCheckpoint::verify(note, &key).expect("a checkpoint");
            assert_eq!(signed.checkpoint().to_string(), text);
        } else {
            assert!(Checkpoint::parse(text).is_err());
        }
    }
}
