//! A collector on a free port with doubles around it, and a client that can send what no client library would.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use collector::{ChoiceRecorder, Collector, Edge, Metrics, Observation, Observer, Options, Probes, ServeLimits};
use consent::{Gate, Held, Words};
use control::{ChoiceMade, Directory, Receipt, Recorded, StoreError, Tenant};
use event::{Clock, Fingerprint, Millis, SubjectId};
use eventlog::memory::MemoryLog;
use eventlog::record::Raw;
use eventlog::{Append, AppendError, EventLog, Lease, Owned, Partition, Position, ReadError, Record, Usage};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use vault::surrogate::{Inserted, Pair, Sighting};
use vault::{Fingerprints, IdentifierTable, Surrogates, VaultError};

/// 2026-11-21T22:00:00Z.
pub(crate) const NOW: Millis = Millis(1_795_298_400_000);

pub(crate) const WORKSPACE: &str = "
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_web }
  - { name: us, kind: browser, write_key: wk_us, region: US-CA }
  - { name: segment, kind: browser, write_key: wk_compat, compat: segment }
  - { name: api, kind: server, write_key: wk_api, basis: contract }
  - { name: 'off', kind: server, write_key: wk_off, basis: contract, enabled: false }
consent:
  children: { name: band, denied: [teen, under_13], parent: [under_13] }
  choice_traits: { newsletter: targeting, stats: performance }
  regions: { US: opt-out }
  banner:
    version: 3
    languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } }
    vendors: [{ id: ga, name: Google Analytics, category: performance }]
";

/// Stands still until a test moves it.
#[derive(Debug)]
pub(crate) struct Watch(AtomicI64);

impl Watch {
    pub(crate) fn forward_days(&self, days: i64) {
        self.forward_ms(days * 86_400_000);
    }

    pub(crate) fn forward_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Nobody resolves subjects at the edge.
#[derive(Debug)]
struct NoTable;

#[async_trait]
impl IdentifierTable for NoTable {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        Ok(vec![None; of.len()])
    }

    async fn insert(&self, _: &str, _: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        Err(VaultError("nothing is inserted at the edge".to_owned()))
    }
}

/// A log that can be told to fail.
#[derive(Debug)]
pub(crate) struct FaultyLog {
    pub(crate) inner: MemoryLog,
    pub(crate) fault: Mutex<Option<AppendError>>,
}

#[async_trait]
impl EventLog for FaultyLog {
    fn partitions(&self) -> u16 {
        self.inner.partitions()
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        let fault = self.fault.lock().expect("nobody panics here").take();
        match fault {
            Some(fault) => Err(fault),
            None => self.inner.append(batch).await,
        }
    }

    fn accepts(&self) -> Result<(), AppendError> {
        let fault = self.fault.lock().expect("nobody panics here").take();
        fault.map_or_else(|| self.inner.accepts(), Err)
    }

    async fn read(&self, at: Partition, after: Option<Position>, max: usize) -> Result<Vec<Record>, ReadError> {
        self.inner.read(at, after, max).await
    }

    fn watermark(&self, partition: Partition) -> Option<Position> {
        self.inner.watermark(partition)
    }

    async fn changed(&self, partition: Partition, after: Option<Position>) {
        self.inner.changed(partition, after).await;
    }

    async fn trim(&self, partition: Partition, through: Position) {
        self.inner.trim(partition, through).await;
    }

    fn own(&self, partition: Partition) -> Result<Lease, Owned> {
        self.inner.own(partition)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

/// Records in memory, when it is let.
#[derive(Debug)]
pub(crate) struct Notary {
    pub(crate) made: Mutex<Vec<ChoiceMade>>,
    /// A permit per choice; none means that the caller waits.
    pub(crate) permits: Semaphore,
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl ChoiceRecorder for Notary {
    async fn record(&self, made: ChoiceMade) -> Result<Recorded, StoreError> {
        self.permits.acquire().await.expect("never closed").forget();
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::Failed { doing: "record a choice", reason: "it was told to fail".to_owned() });
        }
        let id = |id: &Option<event::Pii<String>>| id.as_ref().map(|id| id.expose().clone());
        let (anonymous, user) = (id(&made.anonymous_id), id(&made.user_id));
        let identifiers = made.tenant.fingerprints.of_event(anonymous.as_deref(), user.as_deref());
        let at = made.made_at.unwrap_or(made.received_at);
        made.tenant.gate.apply(&identifiers, Held::said(made.choice, at, Words::OTHERS));
        self.made.lock().expect("nobody panics here").push(made);
        Ok(Recorded::Known { receipt: Receipt([1; 16]), subject: SubjectId([2; 16]), identifiers })
    }
}

/// A running collector.
pub(crate) struct World {
    pub(crate) clock: Arc<Watch>,
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) notary: Arc<Notary>,
    pub(crate) seen: Arc<Mutex<Vec<Observation>>>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) served: tokio::task::JoinHandle<()>,
    /// What the process tells about itself.
    pub(crate) process: Arc<Mutex<Result<Vec<String>, String>>>,
    registry: Arc<Registry>,
}

pub(crate) fn tenant(yaml: &str) -> Arc<Tenant> {
    let workspace = workspace::parse(yaml, &|_| None).expect("a valid workspace");
    Arc::new(Tenant {
        gate: Gate::new(&workspace.consent),
        fingerprints: Fingerprints::new(&[7; 32]),
        surrogates: Surrogates::new(workspace.name().shared(), Arc::new(NoTable)),
        recent: control::Recent::default(),
        learning: control::Learning::default(),
        workspace,
    })
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Edge::default(), ServeLimits::default()).await
    }

    pub(crate) async fn with(edge: Edge, limits: ServeLimits) -> Self {
        Self::serving(WORKSPACE, edge, limits).await
    }

    /// With another workspace.
    pub(crate) async fn of(yaml: &str) -> Self {
        Self::serving(yaml, Edge::default(), ServeLimits::default()).await
    }

    async fn serving(yaml: &str, edge: Edge, limits: ServeLimits) -> Self {
        let directory = Arc::new(Directory::default());
        directory.replace(vec![tenant(yaml)]);
        let log = Arc::new(FaultyLog { inner: MemoryLog::new(4), fault: Mutex::default() });
        let notary =
            Arc::new(Notary { made: Mutex::default(), permits: Semaphore::new(1000), fails: AtomicBool::new(false) });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tell = {
            let seen = Arc::clone(&seen);
            move |observation| seen.lock().expect("nobody panics here").push(observation)
        };
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let registry = Arc::new(registry);
        let for_probe = Arc::clone(&registry);
        let process = Arc::new(Mutex::new(Ok(Vec::new())));
        let ready = {
            let process = Arc::clone(&process);
            move || process.lock().expect("nobody panics here").clone()
        };
        let clock = Arc::new(Watch(AtomicI64::new(NOW.0)));
        let collector = Arc::new(Collector::new(Options {
            directory,
            log: Arc::<FaultyLog>::clone(&log),
            clock: Arc::<Watch>::clone(&clock),
            recorder: Arc::<Notary>::clone(&notary),
            metrics,
            observer: Observer::new(Arc::new(AtomicBool::new(true)), Arc::new(tell)),
            tracer: event::Tracer::default(),
            probes: Probes { ready: Arc::new(ready), metrics: Arc::new(move || exposition(&for_probe)) },
            edge,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(collector::serve(listener, collector, limits, async {
            stopped.await.expect("the world says when to stop");
        }));
        Self { address, clock, log, notary, seen, stop: Some(stop), served, process, registry }
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in [("Host", "cdp.test")].iter().chain(headers) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("it reads what it refuses");
        Reply::read(&mut stream).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[], body.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    /// The events in the log, as (source, JSON), in order of partition and position.
    pub(crate) async fn stored(&self) -> Vec<(String, serde_json::Value)> {
        let mut events = Vec::new();
        for partition in 0..self.log.partitions() {
            let records = self.log.read(Partition(partition), None, usize::MAX).await.expect("memory reads");
            for record in records {
                let raw = Raw::decode(&record.payload).expect("a record");
                events.push((raw.source.to_owned(), serde_json::from_str(raw.json).expect("JSON")));
            }
        }
        events
    }

    /// The value of a counter, by the start of its line.
    pub(crate) fn counter(&self, line: &str) -> u64 {
        let text = exposition(&self.registry);
        let found = text.lines().find(|found| found.starts_with(line));
        found.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }
}

fn exposition(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("a string takes it");
    text
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Reads to the end of the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("an answer");
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    /// Status and code, as `400 bad_json`; a success is `200`.
    pub(crate) fn short(&self) -> String {
        match serde_json::from_slice::<serde_json::Value>(&self.body) {
            Ok(json) if json["success"] == false => format!("{} {}", self.status, json["code"].as_str().unwrap_or("?")),
            _ => self.status.to_string(),
        }
    }
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes it")
}

pub(crate) fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes it")
}

pub(crate) fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes it")
}
