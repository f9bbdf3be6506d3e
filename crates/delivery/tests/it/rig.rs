//! A log that can fail, a workspace and a destination that posts `id,id,…` and reads a status per event in a 207.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use consent::{Choice, Gate, Held, Origin, Permitted, Preferences, Signals, Stamp, Told, Words};
use control::{Directory, Tenant};
use delivery::response::{Verdicts, classify};
use delivery::{
    Attempt, BacklogBudget, Batching, Deletion, Delivery, Destination, Inexpressible, Kind, Mapped, Metrics, Observed,
    Observer, Options, Outcome, RetryPolicy, SettingsError, SubjectKeys, WaitingLimits,
};
use egress::{Answer, HttpRequest, Request};
use event::{Call, Clock, Fingerprint, Millis, Slug, SubjectId};
use eventlog::memory::MemoryLog;
use eventlog::record::{Processed, Raw};
use eventlog::{Append, AppendError, EventLog, Lease, Owned, Partition, Position, ReadError, Record, Usage};
use serde_json::{Map, Value};
use testkit::vendor::{Received, Vendor};
use vault::{Fingerprints, Inserted, Pair, Sighting, Surrogates};
use vault::{IdentifierTable, VaultError};
use workspace::{Basis, Purpose, Regime};

use crate::history::Chronicle;

pub(crate) static KIND: Kind =
    Kind { slug: "test", title: "Test", docs: "For tests.", settings: &[], purposes: &[Purpose::Analytics], open };

#[derive(Debug)]
struct Posting {
    url: url::Url,
    events_max: usize,
}

fn open(_: &Slug, settings: &Map<String, Value>) -> Result<Box<dyn Destination>, SettingsError> {
    let url: url::Url = settings["url"].as_str().expect("a URL").parse().expect("a URL");
    if url.scheme() == "broken" {
        return Err(SettingsError("a test".to_owned()));
    }
    let events_max = settings["events_max"].as_u64().expect("a number");
    Ok(Box::new(Posting { url, events_max: usize::try_from(events_max).expect("fits") }))
}

impl Destination for Posting {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn batching(&self) -> Batching {
        Batching { events_max: self.events_max, bytes_max: 1 << 20, wait_ms: if self.events_max > 1 { 5 } else { 0 } }
    }

    fn egress(&self) -> egress::Options {
        egress::Options { allow_private: true, timeout_ms: 60_000, ..egress::Options::default() }
    }

    fn request(&self, events: &[Permitted<Mapped<'_>>], _: Attempt) -> Result<Request, Inexpressible> {
        if self.url.scheme() == "echo" {
            let bodies = events.iter().map(|event| Bytes::copy_from_slice(event.get().json.as_bytes())).collect();
            return Ok(Request::Echo(egress::EchoRequest { name: "echo".into(), bodies }));
        }
        let ids: Vec<_> = events.iter().map(|event| event.get().message_id).collect();
        let body = Bytes::from(ids.join(","));
        Ok(Request::Http(HttpRequest { method: http::Method::POST, url: self.url.clone(), headers: Vec::new(), body }))
    }

    fn withdrawal(&self, told: &Permitted<Told>, _: Attempt) -> Request {
        let body = Bytes::copy_from_slice(told.get().json().as_bytes());
        Request::Http(HttpRequest { method: http::Method::POST, url: self.url.clone(), headers: Vec::new(), body })
    }

    fn classify(&self, answer: &Answer, now: Millis) -> Verdicts {
        if answer.status.as_u16() != 207 {
            return Verdicts::All(classify(answer, now));
        }
        let codes = std::str::from_utf8(&answer.body).expect("text").split(',');
        let codes = codes.map(|code| Answer::of(code.parse().expect("a status")));
        Verdicts::Each(codes.map(|answer| classify(&answer, now)).collect())
    }

    fn deletion(&self, _: &Permitted<SubjectKeys>) -> Deletion {
        Deletion::Unsupported { reason: "a test" }
    }
}

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        Millis(i64::try_from(since.as_millis()).expect("fits"))
    }
}

#[derive(Debug)]
struct NoTable;

#[async_trait::async_trait]
impl IdentifierTable for NoTable {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        Ok(vec![None; of.len()])
    }

    async fn insert(&self, _: &str, _: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        Err(VaultError("tests resolve nobody".to_owned()))
    }
}

/// How a block fails to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Shredded,
    Damaged,
    /// The disk says nothing, for so many reads.
    Io(u32),
}

/// A log in memory of which some blocks cannot be read.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<MemoryLog>,
    faults: Mutex<HashMap<u64, Fault>>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<MemoryLog>, faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self { inner, faults: Mutex::new(faults.into_iter().collect()) }
    }
}

#[async_trait::async_trait]
impl EventLog for Faulty {
    fn partitions(&self) -> u16 {
        self.inner.partitions()
    }

    fn accepts(&self) -> Result<(), AppendError> {
        self.inner.accepts()
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        self.inner.append(batch).await
    }

    async fn read(&self, of: Partition, after: Option<Position>, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let mut records = self.inner.read(of, after, bytes_max).await?;
        let mut faults = self.faults.lock().expect("no holder panics");
        let good = records.iter().take_while(|record| !faults.contains_key(&record.position.block)).count();
        let Some(bad) = records.get(good).filter(|_| good == 0) else {
            records.truncate(good);
            return Ok(records);
        };
        let block = bad.position.block;
        let last = records.iter().rfind(|record| record.position.block == block).expect("it is there").position;
        if let Some(Fault::Io(left)) = faults.get_mut(&block) {
            *left -= 1;
            if *left == 0 {
                faults.remove(&block);
            }
            return Err(ReadError::Io(std::io::Error::other("a test")));
        }
        match faults[&block] {
            Fault::Io(_) => unreachable!("above"),
            Fault::Shredded => Err(ReadError::Shredded { block, next: last }),
            Fault::Damaged => Err(ReadError::Damaged { block, detail: "a test".to_owned() }),
        }
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

fn model(urls: &[String], events_max: usize) -> workspace::Workspace {
    let mut yaml = "workspace: acme\nsources: [{ name: web, kind: browser, write_key: k }]\ndestinations:\n".to_owned();
    for (number, url) in urls.iter().enumerate() {
        writeln!(
            yaml,
            "  - {{ name: d{number}, kind: test, sources: [web], categories: [performance], purpose: analytics, \
             recipient: service_provider, settings: {{ url: \"{url}\", events_max: {events_max} }} }}"
        )
        .expect("writing to a string cannot fail");
    }
    if urls.is_empty() {
        yaml = yaml.replace("destinations:\n", "");
    }
    workspace::parse(&yaml, &|_| None).expect("a workspace")
}

fn tenant(workspace: workspace::Workspace, gate: &Arc<Gate>) -> Arc<Tenant> {
    Arc::new(Tenant {
        gate: Arc::clone(gate),
        fingerprints: Fingerprints::new(&[1; 32]),
        surrogates: Surrogates::new("acme".into(), Arc::new(NoTable)),
        recent: control::Recent::default(),
        learning: control::Learning::default(),
        workspace,
    })
}

type Seen = Arc<Mutex<Vec<(Observed, Outcome)>>>;

pub(crate) struct Rig {
    log: Arc<Faulty>,
    seen: Seen,
    directory: Arc<Directory>,
    gate: Arc<Gate>,
    pub(crate) data: tempfile::TempDir,
    pub(crate) history: Arc<Chronicle>,
    pub(crate) backlog: BacklogBudget,
    pub(crate) retry: RetryPolicy,
    pub(crate) waiting: WaitingLimits,
}

impl Rig {
    /// A workspace with destinations `d0`, `d1`, … of these URLs.
    pub(crate) fn new(urls: &[String], events_max: usize) -> Self {
        let workspace = model(urls, events_max);
        let gate = Gate::new(&workspace.consent);
        let directory = Arc::new(Directory::default());
        directory.replace(vec![tenant(workspace, &gate)]);
        let retry = RetryPolicy { first_ms: 5, wait_ms_max: 20, ..RetryPolicy::default() };
        let data = tempfile::tempdir().expect("a directory");
        let log = Arc::new(Faulty::new(Arc::new(MemoryLog::new(2)), []));
        let seen = Seen::default();
        Self {
            log,
            seen,
            directory,
            gate,
            data,
            history: Arc::default(),
            backlog: BacklogBudget::default(),
            retry,
            waiting: WaitingLimits::default(),
        }
    }

    /// Of the choices and of what was told about them.
    pub(crate) fn generation(&self) -> consent::Generation {
        self.gate.generation()
    }

    /// Other destinations from now on; say so to delivery.
    pub(crate) fn configure(&self, urls: &[String], events_max: usize) {
        self.configure_as(urls, events_max, |_| {});
    }

    /// The same, with changes to each destination.
    pub(crate) fn configure_as(&self, urls: &[String], events_max: usize, change: fn(&mut workspace::Destination)) {
        let mut workspace = model(urls, events_max);
        workspace.destinations.iter_mut().for_each(change);
        self.directory.replace(vec![tenant(workspace, &self.gate)]);
        self.gate.outdate();
    }

    pub(crate) async fn start(&self) -> Delivery {
        self.start_in(self.data.path()).await
    }

    async fn start_in(&self, data: &Path) -> Delivery {
        let log: Arc<dyn EventLog> = Arc::<Faulty>::clone(&self.log);
        let seen = Arc::clone(&self.seen);
        Delivery::start(Options {
            log,
            directory: Arc::clone(&self.directory),
            registry: Arc::new(|slug| (slug == "test").then_some(&KIND)),
            data_dir: data.to_owned(),
            clock: Arc::new(Wall),
            tracer: event::Tracer::default(),
            observer: Observer {
                wanted: Arc::new(|| true),
                tell: Arc::new(move |told| {
                    let is_poison = matches!(&told.of, Observed::Event(id) if id == "poison");
                    let is_poison = is_poison && !told.outcome.is_final();
                    assert!(!is_poison, "a test lets a courier panic");
                    seen.lock().expect("no holder panics").push((told.of, told.outcome));
                }),
            },
            metrics: Metrics::default(),
            echoes: Arc::default(),
            backlog: self.backlog,
            retry: self.retry,
            waiting: self.waiting,
            seed: 7,
            history: Some(self.history.history()),
        })
        .await
        .expect("starts")
    }

    /// Appends events `(message id, subject)` for all destinations; the subject's number is its partition too.
    pub(crate) async fn append(&self, events: &[(String, u8)]) {
        let outputs = ["d0", "d1", "d2", "d3"];
        let batch = events.iter().map(|(id, subject)| Append {
            partition: Partition(u16::from(*subject) % 2),
            workspace: "acme".into(),
            payload: Bytes::from(record(id, *subject, &outputs).encode()),
        });
        self.log.append(batch.collect()).await.expect("appended");
    }

    /// Appends a record of a release to come.
    pub(crate) async fn append_newer(&self, subject: u8) {
        let mut payload = record("newer", subject, &["d0"]).encode();
        payload[0] = u8::MAX;
        let partition = Partition(u16::from(subject) % 2);
        let append = Append { partition, workspace: "acme".into(), payload: Bytes::from(payload) };
        self.log.append(vec![append]).await.expect("appended");
    }

    /// From now on this block cannot be read.
    pub(crate) fn fail(&self, block: u64, fault: Fault) {
        self.log.faults.lock().expect("no holder panics").insert(block, fault);
    }

    /// The log lets go of everything.
    pub(crate) async fn trim(&self) {
        for partition in [Partition(0), Partition(1)] {
            if let Some(last) = self.log.watermark(partition) {
                self.log.trim(partition, last).await;
            }
        }
    }

    /// The last position of a partition.
    pub(crate) fn watermark(&self, partition: Partition) -> Option<Position> {
        self.log.watermark(partition)
    }

    /// What observers were told.
    pub(crate) fn observed(&self) -> Vec<(Observed, Outcome)> {
        self.seen.lock().expect("no holder panics").clone()
    }

    /// Waits until so many events wait at the first destination.
    pub(crate) async fn waits(&self, delivery: &Delivery, events: u64) {
        for _ in 0..2_000 {
            if delivery.overview()[0].status.as_ref().expect("started").waiting == events {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("{events} do not wait: {:?}", delivery.overview());
    }

    /// The subject refuses everything from now on.
    pub(crate) fn withdraw(&self, subject: u8) {
        let choice = Choice::complete(&self.gate.rules().categories, &Preferences::default());
        self.gate.apply(&[Fingerprint([subject; 16])], Held::said(choice, Millis(0), Words::OTHERS));
    }

    /// Waits until a destination has so many final results.
    pub(crate) async fn settled(&self, delivery: &Delivery, destination: usize, events: u64) -> Vec<(Outcome, u64)> {
        for _ in 0..2_000 {
            let status = delivery.overview()[destination].status.clone().expect("started");
            if status.totals.values().sum::<u64>() >= events {
                return status.totals.into_iter().collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("not settled: {:?}", delivery.overview());
    }
}

fn record<'a>(id: &'a str, subject: u8, outputs: &'a [&'a str]) -> Processed<'a> {
    record_at(id, subject, (outputs, Wall.now()))
}

/// A record that was received at a moment.
pub(crate) fn record_at<'a>(id: &'a str, subject: u8, (outputs, received_at): (&[&'a str], Millis)) -> Processed<'a> {
    Processed {
        raw_position: Position { block: 1, index: 0 },
        subject: SubjectId([subject; 16]),
        identifiers: vec![Fingerprint([subject; 16])],
        outputs: outputs.to_vec(),
        name: None,
        event: Raw {
            source: "web",
            received_at,
            call: Call::Track,
            message_id: id,
            anonymous_id: Some("a"),
            user_id: None,
            region: None,
            stamp: Stamp {
                origin: Origin::Sent,
                preferences: Preferences(vec![("performance".into(), true)]),
                signals: Signals::default(),
                regime: Regime::OPT_IN,
                basis: Basis::Consent,
            },
            json: "{}",
        },
        integrations: None,
        metadata: None,
    }
}

/// `count` events of as many subjects as said: `e0`, `e1`, …
pub(crate) fn events(count: usize, subjects: usize) -> Vec<(String, u8)> {
    (0..count).map(|at| (format!("e{at}"), u8::try_from(at % subjects).expect("few subjects"))).collect()
}

/// The ids of a request's body.
pub(crate) fn ids(received: &Received) -> Vec<String> {
    let text = String::from_utf8(received.body.to_vec()).expect("UTF-8");
    text.split(',').map(str::to_owned).collect()
}

/// All ids that arrived, in order.
pub(crate) fn arrived(vendor: &Vendor) -> Vec<String> {
    vendor.received().iter().flat_map(ids).collect()
}
