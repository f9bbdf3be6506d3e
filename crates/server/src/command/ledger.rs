//! `assent ledger verify`: checks a receipt with the public key of its log. It reads two texts and nothing else, so that it
//! does the same on a machine that has never heard of the server.

use std::io::Write as _;

use anyhow::Context as _;
use ledger::VerifierKey;

use crate::cli::{LedgerCommand, Verify};

/// Runs one of them.
pub(crate) fn run(command: &LedgerCommand) -> anyhow::Result<()> {
    match command {
        LedgerCommand::Verify(verify) => check(verify),
    }
}

fn check(verify: &Verify) -> anyhow::Result<()> {
    let path = verify.receipt.display();
    let receipt = std::fs::read_to_string(&verify.receipt).with_context(|| format!("cannot read `{path}`"))?;
    let key: VerifierKey = verify.key.parse().with_context(|| format!("`{}` is not a log's public key", verify.key))?;
    // A file that an editor or a download ended with a line end is still the same receipt.
    let verified = ledger::verify(receipt.trim_end_matches('\n'), &key)
        .with_context(|| format!("`{path}` proves nothing under the key of `{}`", key.name()))?;
    let mut out = std::io::stdout().lock();
    let checkpoint = &verified.checkpoint;
    writeln!(
        out,
        "verified: leaf {} of the {} that `{}` had signed",
        verified.index, checkpoint.size, checkpoint.origin
    )?;
    let record = verified.record.value();
    writeln!(out, "{}", meaning(&record))?;
    writeln!(out, "{}", serde_json::to_string_pretty(&record)?)?;
    Ok(())
}

/// What a record says, in a sentence.
fn meaning(record: &serde_json::Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("?");
    match text("kind") {
        "choice" => format!("a choice, made at {} and received at {}", text("made_at"), text("received_at")),
        "configuration" => format!(
            "version {} of the configuration, by `{}` at {}: the text whose SHA-256 is `{}`",
            record["version"],
            text("actor"),
            text("at"),
            text("configuration").trim_start_matches("sha256:")
        ),
        _ => "a record of a kind that this program does not know".to_owned(),
    }
}
