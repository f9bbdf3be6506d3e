//! A workspace, records for `raw`, a vault in memory, and a log that fails on demand.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use consent::{Gate, Origin, Preferences, Signals, Stamp};
use control::{Directory, Tenant};
use event::{Call, Clock, Fingerprint, Millis};
use eventlog::memory::MemoryLog;
use eventlog::record::{Processed, Raw};
use eventlog::{Append, AppendError, EventLog, Lease, Owned, Partition, Position, ReadError, Record, Usage};
use pipeline::dedup::{Index, Options};
use pipeline::stage::{Deduplicate, Identify, Route, Validate};
use pipeline::{Ended, Metrics, Observer, Pipeline, Site};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vault::{Fingerprints, IdentifierTable, Inserted, Pair, Sighting, Surrogates, VaultError};

pub(crate) const NOW: Millis = Millis(1_763_762_400_000);

#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        NOW
    }
}

/// The vault's table, which does not answer the first `refusals` questions.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pairs: Mutex<HashMap<Fingerprint, Sighting>>,
    pub(crate) refusals: AtomicU64,
}

#[async_trait]
impl IdentifierTable for Table {
    async fn sightings(&self, _: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        let refused = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            return Err(VaultError("locked".to_owned()));
        }
        let pairs = self.pairs.lock().expect("no holder panics");
        Ok(of.iter().map(|fingerprint| pairs.get(fingerprint).copied()).collect())
    }

    async fn insert(&self, _: &str, new: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        let mut pairs = self.pairs.lock().expect("no holder panics");
        let known: Vec<_> = new
            .iter()
            .filter_map(|pair| Some((pair.identifier.fingerprint, *pairs.get(&pair.identifier.fingerprint)?)))
            .collect();
        if !known.is_empty() {
            return Ok(Inserted::Known(known));
        }
        pairs.extend(new.iter().map(|pair| (pair.identifier.fingerprint, pair.sighting)));
        Ok(Inserted::All)
    }
}

const WORKSPACE: &str = r"
workspace: NAME
sources:
  - { name: web, kind: browser, write_key: wk_NAME }
  - { name: api, kind: server, write_key: wk_NAME_server, basis: contract }
destinations:
  - { name: echo, kind: webhook, sources: [web, api], purpose: analytics, categories: [performance] }
  - { name: web-only, kind: webhook, sources: [web], purpose: analytics, categories: [performance] }
  - { name: switched-off, kind: webhook, sources: [web], purpose: analytics, enabled: false }
";

pub(crate) fn directory(names: &[&str], table: &Arc<Table>) -> Arc<Directory> {
    let tenant = |name: &&str| {
        let workspace = workspace::parse(&WORKSPACE.replace("NAME", name), &|_| None).expect("a workspace");
        let table: Arc<dyn IdentifierTable> = table.clone();
        Arc::new(Tenant {
            gate: Gate::new(&workspace.consent),
            fingerprints: Fingerprints::new(&[7; 32]),
            surrogates: Surrogates::new(workspace.name().shared(), table),
            recent: control::Recent::default(),
            learning: control::Learning::default(),
            workspace,
        })
    };
    let directory = Directory::default();
    directory.replace(names.iter().map(tenant).collect());
    Arc::new(directory)
}

pub(crate) fn raw(workspace: &str, partition: u16, message_id: &str, user: &str) -> Append {
    let json =
        format!(r#"{{"type":"track","event":"Or\"der","messageId":"{message_id}","integrations":{{"All":true}}}}"#);
    let raw = Raw {
        source: "web",
        received_at: NOW,
        call: Call::Track,
        message_id,
        anonymous_id: Some("a1"),
        user_id: Some(user),
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
    Append { partition: Partition(partition), workspace: workspace.into(), payload: raw.encode().into() }
}

/// What the log does instead of appending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refuses.
    Refuse,
    /// Appends and then says that it failed.
    FailAfter,
    /// Never answers, nothing appended: the crash before.
    HangBefore,
    /// Appends and never answers: the crash after.
    HangAfter,
}

/// A log in memory that fails at some appends, counted from 0.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<MemoryLog>,
    faults: HashMap<u64, Fault>,
    appends: AtomicU64,
    pub(crate) hangs: Notify,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<MemoryLog>, faults: impl IntoIterator<Item = (u64, Fault)>) -> Arc<Self> {
        let faults = faults.into_iter().collect();
        Arc::new(Self { inner, faults, appends: AtomicU64::new(0), hangs: Notify::new() })
    }
}

#[async_trait]
impl EventLog for Faulty {
    fn partitions(&self) -> u16 {
        self.inner.partitions()
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        let count = self.appends.fetch_add(1, Ordering::SeqCst);
        let fault = self.faults.get(&count).copied();
        let broken = || AppendError::Broken { detail: "a fault was asked for".to_owned() };
        if fault == Some(Fault::Refuse) {
            return Err(broken());
        }
        if fault == Some(Fault::HangBefore) {
            self.hangs.notify_one();
            return std::future::pending().await;
        }
        let positions = self.inner.append(batch).await?;
        match fault {
            Some(Fault::FailAfter) => Err(broken()),
            Some(Fault::HangAfter) => {
                self.hangs.notify_one();
                std::future::pending().await
            }
            _ => Ok(positions),
        }
    }

    fn accepts(&self) -> Result<(), AppendError> {
        self.inner.accepts()
    }

    async fn read(&self, at: Partition, after: Option<Position>, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        self.inner.read(at, after, bytes_max).await
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

/// The pieces of one installation.
pub(crate) struct Bed {
    pub(crate) raw: Arc<MemoryLog>,
    /// Read instead of `raw`, when a test needs an engine that can be damaged.
    pub(crate) instead: Option<Arc<dyn EventLog>>,
    pub(crate) processed: Arc<MemoryLog>,
    pub(crate) table: Arc<Table>,
    pub(crate) metrics: Metrics,
    pub(crate) observer: Observer,
    pub(crate) dedup: tempfile::TempDir,
    pub(crate) workspaces: Vec<&'static str>,
}

impl Bed {
    pub(crate) fn new(partitions: u16) -> Self {
        Self {
            raw: Arc::new(MemoryLog::new(partitions)),
            instead: None,
            processed: Arc::new(MemoryLog::new(partitions)),
            table: Arc::default(),
            metrics: Metrics::default(),
            observer: Observer::nobody(),
            dedup: tempfile::tempdir().expect("a temporary directory"),
            workspaces: vec!["acme", "zeta"],
        }
    }

    pub(crate) fn index_path(&self) -> std::path::PathBuf {
        self.dedup.path().join("index")
    }

    pub(crate) fn pipeline(&self, processed: Arc<dyn EventLog>) -> Pipeline {
        self.pipeline_for(directory(&self.workspaces, &self.table), processed)
    }

    /// With the workspaces of a server that just started, or of one that runs.
    pub(crate) fn pipeline_for(&self, directory: Arc<Directory>, processed: Arc<dyn EventLog>) -> Pipeline {
        let partitions = processed.partitions();
        let marks: Vec<_> = (0..partitions).map(|partition| processed.watermark(Partition(partition))).collect();
        let index = Index::open(Options::new(self.index_path(), partitions), &marks).expect("opens");
        let site = Site {
            directory,
            clock: Arc::new(Still),
            metrics: self.metrics.clone(),
            observer: self.observer.clone(),
            tracer: event::Tracer::default(),
        };
        Pipeline::reading(self.instead.clone().unwrap_or_else(|| self.raw.clone()))
            .then(Deduplicate::new(Arc::new(index)))
            .then(Validate::new())
            .then(Identify::new())
            .then(Route::new())
            .into(processed, site)
    }

    /// Runs until everything in `raw` is handled, then stops.
    pub(crate) async fn run_dry(&self, processed: Arc<dyn EventLog>) -> Vec<(Partition, Ended)> {
        let stop = CancellationToken::new();
        let running = tokio::spawn(self.pipeline(processed).run(stop.clone()));
        let partitions = (0..self.raw.partitions()).map(Partition);
        for partition in partitions.filter(|partition| !self.metrics.is_stopped(*partition)) {
            while !running.is_finished() && !self.metrics.is_stopped(partition) && self.has_more(partition).await {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        stop.cancel();
        running.await.expect("does not panic").expect("starts")
    }

    /// Records are trimmed when they are handled.
    async fn has_more(&self, partition: Partition) -> bool {
        match self.raw.read(partition, None, 1).await {
            Ok(records) => !records.is_empty(),
            Err(_) => true,
        }
    }

    /// Workspace and message id of all that was processed, by partition.
    pub(crate) async fn processed(&self) -> Vec<Vec<(String, String, Position)>> {
        let mut all = Vec::new();
        for partition in 0..self.processed.partitions() {
            let records = self.processed.read(Partition(partition), None, usize::MAX).await.expect("reads");
            let row = |record: &Record| {
                let processed = Processed::decode(&record.payload).expect("decodes");
                (record.workspace.to_string(), processed.event.message_id.to_owned(), processed.raw_position)
            };
            all.push(records.iter().map(row).collect());
        }
        all
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("copies");
    }
}
