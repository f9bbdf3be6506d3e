//! `assent bench`: what accepting, the whole path, latency, memory, isolation and replays cost on this machine, beside peers.
//!
//! Read in this order: [`report`] (what is printed), [`machine`], [`process`] (how CPU and memory are read), [`load`]
//! (the generator), [`event`] (what it sends), [`sink`] (the webhook that receives), [`assent`], [`nginx`] and
//! [`baseline`] (what is measured), then one file per measurement.
//!
//! The rules that make the figures worth something:
//! - What is measured is always another process, and its cost is that process's own user and system time. The load
//!   generator and the webhook sink live in this one and cost nothing.
//! - A peer is measured in the same run, round by round with Assent, so that a noisy machine disturbs both. Ratios are
//!   taken within a round; the median of the rounds and their spread are shown.
//! - Wall time is shown but never a bar for throughput: on shared cores it measures the neighbours.
//! - A peer does the same work or it is no peer: the bytes that nginx says it logged are counted in its file.

mod assent;
mod baseline;
mod collect;
mod event;
mod isolation;
mod latency;
mod load;
mod machine;
mod memory;
mod nginx;
mod path;
mod process;
mod replay;
mod report;
mod sink;

use std::io::Write;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::baseline::{Parse, serve as serve_baseline};
use crate::cli::BenchKind;

/// How often each measurement is repeated. Three give a median and show a spread; more cost minutes.
const ROUNDS: usize = 3;

/// Measures `what`, each measurement for `seconds`, and prints a table or JSON to `out`.
pub(crate) async fn run(what: BenchKind, json: bool, seconds: u64, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let place = machine::Place::make()?;
    let machine = machine::describe(&place)?;
    let span = Duration::from_secs(seconds.max(1));
    if !json {
        writeln!(out, "{machine}")?;
    }
    let mut report = report::Report::new(machine);
    tokio::select! {
        done = measure(what, &place, span, &mut report) => done?,
        // Returning drops what was started, and each process that is dropped is killed.
        interrupted = interruption() => { interrupted?; anyhow::bail!("interrupted") }
    }
    if json { report.write_json(out) } else { report.write_table(out) }
}

async fn measure(
    what: BenchKind,
    place: &machine::Place,
    span: Duration,
    report: &mut report::Report,
) -> anyhow::Result<()> {
    match what {
        BenchKind::Collect => collect::measure(place, span, report).await,
        BenchKind::Path => path::measure(place, span, report).await,
        BenchKind::Latency => latency::measure(place, span, report).await,
        BenchKind::Memory => memory::measure(place, span, report).await,
        BenchKind::Isolation => isolation::measure(place, span, report).await,
        BenchKind::Replay => replay::measure(place, span, report).await,
    }
}

async fn interruption() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}
