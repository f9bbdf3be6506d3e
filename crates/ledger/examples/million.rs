//! A million leaves: how fast they go in, how large a proof is, how long it takes to make and to verify.
//! `cargo run --release -p ledger --example million -- [LEAVES] [BATCH]`, in a directory on the disk that is meant.

#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use disk::RealDisk;
use ledger::key::KeyFault;
use ledger::{Commitment, Ledger, LogKey, Opening, Options, Receipt, Record, Salt, verify};
use serde_json::json;

type Failed = Box<dyn std::error::Error>;

/// Proofs that are timed.
const PROOFS: u32 = 1_000;

fn key() -> Result<LogKey, KeyFault> {
    LogKey::new("example.com/ledger/acme", &[7; 32])
}

fn open(directory: &Path) -> Result<Ledger, Failed> {
    let anchor = Some(directory.join("anchor"));
    Ok(Ledger::open(Options { directory: directory.join("ledger"), anchor, key: key()?, disk: Arc::new(RealDisk) })?)
}

/// A record as a choice makes it; its number makes each one different.
fn opening(index: u64) -> Result<Opening, Failed> {
    let choices = ["performance", "targeting"].map(|purpose| json!({ "purpose": purpose, "state": "refused" }));
    let record = json!({ "kind": "choice", "id": format!("{index:032x}"), "made_at": "2026-11-22T12:00:00.000Z",
        "received_at": "2026-11-22T12:00:00.100Z", "method": "event", "source": "web", "choices": choices });
    Ok(Opening { record: Record::new(&record)?, salt: Salt::new([7; 32]) })
}

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let leaves = arguments.next().transpose()?.unwrap_or(1_000_000);
    let batch = arguments.next().transpose()?.unwrap_or(256);
    let directory = tempfile::tempdir_in(".")?;
    let log = open(directory.path())?;
    fill(&log, leaves, batch)?;
    prove(&log, u64::from(leaves))?;
    drop(log);
    let begun = Instant::now();
    open(directory.path())?;
    println!("opened again in {:?}", begun.elapsed());
    Ok(())
}

fn fill(log: &Ledger, leaves: u32, batch: u32) -> Result<(), Failed> {
    let begun = Instant::now();
    let commitments: Result<Vec<Commitment>, Failed> =
        (0..u64::from(leaves)).map(|index| Ok(opening(index)?.commitment())).collect();
    let commitments = commitments?;
    println!("records to commitments: {:.0} a second", rate(leaves, begun.elapsed()));
    let begun = Instant::now();
    let mut first = 0;
    for leaves in commitments.chunks(usize::try_from(batch)?) {
        log.append(first, leaves)?;
        first += leaves.len() as u64;
    }
    let (appends, took) = (leaves.div_ceil(batch), begun.elapsed());
    println!("{leaves} leaves, {batch} an append, each append durable and signed: {:.0} leaves/s", rate(leaves, took));
    println!("an append: {:?}", took / appends);
    Ok(())
}

fn prove(log: &Ledger, leaves: u64) -> Result<(), Failed> {
    let begun = Instant::now();
    let indexes = (0..u64::from(PROOFS)).map(|number| number * 7_919 % leaves);
    let proofs = indexes.map(|index| log.prove(index)).collect::<Result<Vec<_>, _>>()?;
    let took = begun.elapsed() / PROOFS;
    let longest = proofs.iter().map(|proof| proof.hashes.len()).max().unwrap_or(0);
    println!("a proof: at most {longest} hashes, {} bytes; made in {took:?}", longest * 32);
    let consistency = log.consistency(leaves / 3, leaves)?;
    println!("consistency with a third: {} hashes, {} bytes", consistency.len(), consistency.len() * 32);
    let receipt = |proof: ledger::Inclusion| Ok(Receipt::new(opening(proof.index)?, None, proof).to_text());
    let receipts = proofs.into_iter().map(receipt).collect::<Result<Vec<_>, Failed>>()?;
    let key = key()?;
    let begun = Instant::now();
    for receipt in &receipts {
        verify(receipt, key.verifier())?;
    }
    println!("a receipt: {} bytes; verified in {:?}", receipts[0].len(), begun.elapsed() / PROOFS);
    Ok(())
}

fn rate(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}
