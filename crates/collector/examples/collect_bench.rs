//! What one event costs the collector in CPU, all in: `cargo run --release -p collector --example collect_bench`.
//!
//! Serves with the log in memory, then with the log in files (synced before each answer), loads each with `wrk` (64
//! kept connections, one thread) by single events of about 1 KB and by batches of 20, and prints this process's user
//! and system time per event; `wrk` is another process and not counted. `assent bench` measures the whole server;
//! this is for tuning one crate. `collect_bench serve` only serves, for a profiler.

#![expect(clippy::print_stdout, reason = "it prints its measurements")]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use collector::{ChoiceRecorder, Collector, Edge, Metrics, Observer, Options, Probes, ServeLimits, serve};
use consent::Gate;
use control::{ChoiceMade, Directory, Recorded, StoreError, Tenant};
use event::{Clock, Fingerprint, Millis};
use eventlog::EventLog;
use eventlog::file::disk::RealDisk;
use eventlog::file::{self, FileLog};
use eventlog::memory::MemoryLog;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use vault::keys::{Epoch, Keys};
use vault::surrogate::{Inserted, Pair, Sighting};
use vault::{Fingerprints, IdentifierTable, Surrogates, VaultError};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SECONDS: u32 = 5;
const PARTITIONS: u16 = 4;

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or_default())
    }
}

#[derive(Debug)]
struct Unused;

#[async_trait]
impl IdentifierTable for Unused {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        Ok(vec![None; of.len()])
    }

    async fn insert(&self, _: &str, _: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        Ok(Inserted::All)
    }
}

#[async_trait]
impl ChoiceRecorder for Unused {
    async fn record(&self, _: ChoiceMade) -> Result<Recorded, StoreError> {
        Err(StoreError::Failed { doing: "record a choice", reason: "the bench sends none".to_owned() })
    }
}

fn directory() -> Result<Arc<Directory>, Box<dyn Error>> {
    let yaml = "workspace: acme\nsources: [{ name: web, kind: browser, write_key: wk_demo }]";
    let workspace = workspace::parse(yaml, &|_| None)?;
    let directory = Arc::new(Directory::default());
    directory.replace(vec![Arc::new(Tenant {
        gate: Gate::new(&workspace.consent),
        fingerprints: Fingerprints::new(&[7; 32]),
        surrogates: Surrogates::new(workspace.name().shared(), Arc::new(Unused)),
        recent: control::Recent::default(),
        learning: control::Learning::default(),
        workspace,
    })]);
    Ok(directory)
}

fn file_log(directory: &Path) -> Result<FileLog, Box<dyn Error>> {
    let keys = Keys::default();
    keys.insert("acme", Epoch(1), &[7; 32]);
    Ok(FileLog::open(file::Options {
        directory: directory.to_owned(),
        stream: "raw".into(),
        partitions: PARTITIONS,
        segment_bytes: file::SEGMENT_BYTES,
        cache_bytes: file::CACHE_BYTES,
        pending_bytes_max: 64 << 20,
        disk_reserve_bytes: 0,
        disk: Arc::new(RealDisk),
        keys,
        clock: Arc::new(Wall),
        metrics: eventlog::Metrics::default(),
    })?)
}

async fn start(log: Arc<dyn EventLog>) -> Result<std::net::SocketAddr, Box<dyn Error>> {
    let mut registry = Registry::default();
    let collector = Arc::new(Collector::new(Options {
        directory: directory()?,
        log,
        clock: Arc::new(Wall),
        recorder: Arc::new(Unused),
        metrics: Metrics::register(&mut registry),
        observer: Observer::nobody(),
        tracer: event::Tracer::default(),
        probes: Probes { ready: Arc::new(|| Ok(Vec::new())), metrics: Arc::new(String::new) },
        edge: Edge::default(),
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, collector, ServeLimits::default(), std::future::pending()));
    Ok(address)
}

/// A script for wrk: fresh ids per request, a stamped browser event of about 1 KB as analytics.js sends it.
fn script(batch: usize) -> String {
    format!(
        r#"local n = 0
local filler = string.rep("x", 420)
local function event()
  n = n + 1
  return '{{"timestamp":"2026-11-21T22:00:00.123Z","integrations":{{}},"anonymousId":"7f1c2d3e-4b5a-4c6d-8e7f-' .. (n % 5000) .. '","event":"Product Viewed","type":"track","properties":{{"sku":"G-32","price":14.99,"note":"' .. filler .. '"}},"context":{{"page":{{"path":"/a","title":"A title","url":"https://shop.test/a"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","locale":"en-US","consent":{{"categoryPreferences":{{"performance":true,"targeting":false}}}},"library":{{"name":"analytics.js","version":"npm:next-1.84.3"}}}},"messageId":"ajs-next-1763762400123-' .. n .. '-4c6d-8e7f-001122334455","_metadata":{{"bundled":["Segment.io"],"unbundled":[],"bundledIds":[]}}}}'
end
local headers = {{ ["Authorization"] = "Basic d2tfZGVtbzo=", ["Content-Type"] = "text/plain" }}
request = function()
  local batch = {batch}
  if batch == 1 then
    return wrk.format("POST", "/v1/t", headers, event())
  end
  local items = {{}}
  for at = 1, batch do items[at] = event() end
  return wrk.format("POST", "/v1/b", headers, '{{"sentAt":"2026-11-21T22:00:01Z","batch":[' .. table.concat(items, ",") .. ']}}')
end
"#
    )
}

/// User and system time of this process so far.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).ok_or("no times in /proc/self/stat");
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

async fn measure(name: &str, log: Arc<dyn EventLog>, batch: usize) -> Result<(), Box<dyn Error>> {
    let address = start(log).await?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(script(batch).as_bytes())?;
    let before = cpu()?;
    let path = file.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let seconds = format!("-d{SECONDS}s");
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c64", &seconds, "--latency", "-s"]).arg(path).arg(format!("http://{address}")).output()
    })
    .await??;
    let used = cpu()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let requests =
        text.lines().find(|line| line.contains("requests in")).and_then(|line| line.split_whitespace().next());
    let requests: u32 = requests.ok_or("wrk said nothing")?.parse()?;
    let events = requests * u32::try_from(batch)?;
    let worst = text.lines().find(|line| line.contains("99%")).unwrap_or_default().trim().to_owned();
    let failed = text.lines().find(|line| line.contains("Non-2xx")).unwrap_or_default();
    let (each, rate) = (used.as_secs_f64() * 1e6 / f64::from(events), f64::from(events) / f64::from(SECONDS));
    println!("{name:8} batch {batch:2}: {each:6.2} µs CPU per event, {rate:8.0} events/s, {worst} {failed}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| "/var/tmp".into()))?;
    if std::env::args().nth(1).as_deref() == Some("serve") {
        println!("http://{}", start(Arc::new(file_log(folder.path())?)).await?);
        std::future::pending::<()>().await;
    }
    for batch in [1, 20] {
        measure("memory", Arc::new(MemoryLog::new(PARTITIONS)), batch).await?;
        let log = file_log(&folder.path().join(batch.to_string()))?;
        measure("file", Arc::new(log), batch).await?;
    }
    Ok(())
}
