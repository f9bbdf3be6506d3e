//! Any text as a receipt, a checkpoint, a key, a tile's name: an answer, never a crash. What verifies under the fuzzer's
//! key is one of the seeds, byte by byte: nobody else has the key.
#![no_main]

use ledger::note::Note;
use ledger::tiles::TilePath;
use ledger::{Checkpoint, LogKey, Record, SignedCheckpoint, VerifierKey, verify};
use libfuzzer_sys::fuzz_target;

const GOOD: &str = include_str!("../seeds/ledger_receipt/receipt.json");
const GOOD_NOTE: &str = include_str!("../seeds/ledger_receipt/checkpoint");

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = LogKey::new("example.com/ledger/acme", &[7; 32]).expect("a name");
    if verify(text, key.verifier()).is_ok() {
        assert_eq!(text, GOOD, "a receipt that nobody signed");
    }
    if let Ok(signed) = SignedCheckpoint::verify(text, key.verifier()) {
        assert!(text.starts_with(&GOOD_NOTE[..GOOD_NOTE.find("\n\n").expect("a note")]), "a text that nobody signed");
        assert!(signed.note() == text);
    }
    if let Ok(note) = Note::parse(text) {
        assert!(note.signatures() > 0);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(record) = Record::parse(text) {
        assert_eq!(Record::new(&record.value()).as_ref(), Ok(&record));
    }
});
