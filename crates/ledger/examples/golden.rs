//! Writes the golden directory of the current format: `cargo run -p ledger --example golden -- DIR`. Run once for each
//! version of the format, by the release that has it first; the files never change afterwards.

use std::sync::Arc;

use disk::RealDisk;
use ledger::{Commitment, Ledger, LogKey, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("name the directory to write")?;
    let key = LogKey::new("example.com/ledger/acme", &[7; 32])?;
    let log = Ledger::open(Options { directory: directory.into(), anchor: None, key, disk: Arc::new(RealDisk) })?;
    let leaf = |index: u64| {
        let mut bytes = [1; 32];
        bytes[..8].copy_from_slice(&index.to_be_bytes());
        Commitment(bytes)
    };
    log.append(0, &(0..300).map(leaf).collect::<Vec<_>>())?;
    Ok(())
}
