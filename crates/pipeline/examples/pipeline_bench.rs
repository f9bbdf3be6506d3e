//! What the pipeline costs per event: `cargo run --release --example pipeline_bench -p pipeline -- [EVENTS]`.
//!
//! Events of about 1 KB lie in `raw`, in memory, in blocks of 64 over 4 partitions; every fiftieth is a repeat and every
//! tenth is of a new subject. What is measured is from the first read to the last event handled: decoding, the index of
//! message ids with its files, the surrogates (the table behind them is a map here), routing and encoding. The log's
//! disk is not in it: `append_bench` measures that. CPU is the whole process, user and system.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use consent::{Gate, Origin, Preferences, Signals, Stamp};
use control::{Directory, Tenant};
use event::{Call, Clock, Fingerprint, Millis};
use eventlog::memory::MemoryLog;
use eventlog::record::Raw;
use eventlog::{Append, EventLog, Partition};
use pipeline::dedup::{Index, Options};
use pipeline::stage::{Deduplicate, Identify, Route, Validate};
use pipeline::{Metrics, Observer, Pipeline, Site};
use tokio_util::sync::CancellationToken;
use vault::{Fingerprints, IdentifierTable, Inserted, Pair, Sighting, Surrogates, VaultError};

const PARTITIONS: u16 = 4;
const BLOCK: u64 = 64;
/// The kernel counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);
const WORKSPACE: &str = r"
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk }
destinations:
  - { name: echo, kind: webhook, sources: [web], purpose: analytics, categories: [performance] }
";

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Default)]
struct Table(Mutex<HashMap<Fingerprint, Sighting>>);

#[async_trait]
impl IdentifierTable for Table {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        let pairs = self.0.lock().map_err(|error| VaultError(error.to_string()))?;
        Ok(of.iter().map(|fingerprint| pairs.get(fingerprint).copied()).collect())
    }

    async fn insert(&self, _: &str, new: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        let mut pairs = self.0.lock().map_err(|error| VaultError(error.to_string()))?;
        pairs.extend(new.iter().map(|pair| (pair.identifier.fingerprint, pair.sighting)));
        Ok(Inserted::All)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let events: u64 = std::env::args().nth(1).map_or(Ok(400_000), |count| count.parse())?;
    let raw: Arc<dyn EventLog> = Arc::new(MemoryLog::new(PARTITIONS));
    for block in 0..events / BLOCK {
        raw.append((block * BLOCK..(block + 1) * BLOCK).map(|number| append(number, block)).collect()).await?;
    }
    let files = std::env::temp_dir().join(format!("pipeline-bench-{}", std::process::id()));
    let pipeline = pipeline(&raw, &files)?;
    let (progress, stop) = (pipeline.progress(), CancellationToken::new());
    let (start, cpu_before) = (Instant::now(), cpu()?);
    let running = tokio::spawn(pipeline.run(stop.clone()));
    for partition in (0..PARTITIONS).map(Partition) {
        if let Some(last) = raw.watermark(partition) {
            progress.handled(partition, last).await;
        }
    }
    let (elapsed, cpu) = (start.elapsed(), cpu()?.saturating_sub(cpu_before));
    stop.cancel();
    running.await??;
    std::fs::remove_dir_all(&files)?;
    let count = f64::from(u32::try_from(events / BLOCK * BLOCK)?);
    println!("{:.2} µs of CPU per event", cpu.as_secs_f64() * 1e6 / count);
    println!("{:.0} events/s on {:.1} cores", count / elapsed.as_secs_f64(), cpu.as_secs_f64() / elapsed.as_secs_f64());
    Ok(())
}

fn pipeline(raw: &Arc<dyn EventLog>, files: &std::path::Path) -> Result<Pipeline, Box<dyn Error>> {
    let workspace = workspace::parse(WORKSPACE, &|_| None)?;
    let directory = Directory::default();
    directory.replace(vec![Arc::new(Tenant {
        gate: Gate::new(&workspace.consent),
        fingerprints: Fingerprints::new(&[7; 32]),
        surrogates: Surrogates::new(workspace.name().shared(), Arc::new(Table::default())),
        recent: control::Recent::default(),
        learning: control::Learning::default(),
        workspace,
    })]);
    let site = Site {
        directory: Arc::new(directory),
        clock: Arc::new(Wall),
        metrics: Metrics::default(),
        observer: Observer::nobody(),
        tracer: event::Tracer::default(),
    };
    let marks = vec![None; usize::from(PARTITIONS)];
    let index = Index::open(Options::new(files.to_owned(), PARTITIONS), &marks)?;
    Ok(Pipeline::reading(Arc::clone(raw))
        .then(Deduplicate::new(Arc::new(index)))
        .then(Validate::new())
        .then(Identify::new())
        .then(Route::new())
        .into(Arc::new(MemoryLog::new(PARTITIONS)), site))
}

fn append(number: u64, block: u64) -> Append {
    let message = if number % 50 == 49 { number - 40 } else { number };
    let (message_id, anonymous_id) = (format!("msg-{message:024}"), format!("visitor-{:016}", number / 10));
    let json = format!(
        r#"{{"type":"track","event":"Order Completed","messageId":"{message_id}","anonymousId":"{anonymous_id}","properties":{{"text":"{}"}},"context":{{"consent":{{"categoryPreferences":{{"performance":true}}}}}}}}"#,
        "lorem ipsum ".repeat(70)
    );
    let raw = Raw {
        source: "web",
        received_at: Wall.now(),
        call: Call::Track,
        message_id: &message_id,
        anonymous_id: Some(&anonymous_id),
        user_id: None,
        region: None,
        stamp: Stamp {
            origin: Origin::Sent,
            preferences: Preferences(vec![("performance".into(), true)]),
            signals: Signals { gpc: false, dnt: false },
            regime: workspace::Regime::OPT_IN,
            basis: workspace::Basis::Consent,
        },
        json: &json,
    };
    let partition = Partition(u16::try_from(block % u64::from(PARTITIONS)).unwrap_or_default());
    Append { partition, workspace: "acme".into(), payload: raw.encode().into() }
}

/// User and system time of this process.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The program's name may hold spaces; the fields after it do not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(TICK * (fields[11].parse::<u32>()? + fields[12].parse::<u32>()?))
}
