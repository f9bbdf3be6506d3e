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
    writeln!(out, "{}", serde_json::to_string_pretty(&verified.record.value())?)?;
    Ok(())
}
