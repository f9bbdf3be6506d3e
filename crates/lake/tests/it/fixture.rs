//! A lake to test: a log in memory, a store, a clock that stands still, a vault of fixed ids, a store that fails on
//! command.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use consent::{Origin, Preferences, Signals, Stamp};
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use event::{Call, Clock, Fingerprint, Millis, SubjectId};
use eventlog::memory::MemoryLog;
use eventlog::record::{Processed, Raw};
use eventlog::{Append, EventLog, Partition, Position, partition_of};
use futures::stream::BoxStream;
use lake::copy::Deleting;
use lake::query::{Format, Identifiers, Limits, Request};
use lake::{FingerprintPrevious, Lake, Maintenance, Metrics, Options, Place, Refusal};
use vault::{Fingerprints, IdentifierKind};
use workspace::{Basis, Regime};

use crate::ground::{Ground, Site};

/// 2026-11-21T22:00:00Z
pub(crate) const NOW: i64 = 1_795_298_400_000;

pub(crate) const PARTITIONS: u16 = 3;

#[derive(Debug)]
pub(crate) struct Still(pub(crate) AtomicI64);

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// A vault that has seen every id that the fixture sent.
#[derive(Debug, Default)]
pub(crate) struct Vault(Mutex<HashMap<Fingerprint, String>>);

fn keyed() -> Fingerprints {
    Fingerprints::new(&[7; 32])
}

impl Vault {
    /// Knows an id no more.
    pub(crate) fn forget(&self, value: &str) {
        self.0.lock().expect("no test panics while it holds this").retain(|_, known| known != value);
    }

    fn learn(&self, kind: IdentifierKind, value: &str) -> Fingerprint {
        let fingerprint = keyed().of(kind, value);
        self.0.lock().expect("no test panics while it holds this").insert(fingerprint, value.to_owned());
        fingerprint
    }
}

impl FingerprintPrevious for Vault {
    fn fingerprint(&self, _: &str, value: &str) -> Option<Fingerprint> {
        Some(self.learn(IdentifierKind::AnonymousId, value))
    }
}

impl lake::replay::Identity for Vault {
    fn of_previous(&self, _: &str, value: &str) -> Option<[Fingerprint; 2]> {
        Some(keyed().of_previous(value))
    }
}

impl Identifiers for Vault {
    fn values(&self, _: &str, fingerprints: &[Fingerprint]) -> std::result::Result<Vec<Option<String>>, String> {
        let known = self.0.lock().expect("no test panics while it holds this");
        Ok(fingerprints.iter().map(|fingerprint| known.get(fingerprint).cloned()).collect())
    }
}

/// What survives a crash: the log, the store, the vault.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) site: Site,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<Still>,
    sent: AtomicU64,
}

/// One event to send.
#[derive(Debug, Clone)]
pub(crate) struct Sent<'a> {
    pub(crate) workspace: &'a str,
    pub(crate) anonymous_id: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) call: Call,
    pub(crate) received_at: i64,
    /// Fields after the ids, starting with a comma.
    pub(crate) rest: &'a str,
}

pub(crate) const TRACK: Sent<'_> = Sent {
    workspace: "acme",
    anonymous_id: Some("anon-secret-1"),
    user_id: None,
    call: Call::Track,
    received_at: NOW,
    rest: r#","event":"Order Completed","properties":{"total":1.50}"#,
};

impl World {
    pub(crate) fn new(ground: &Ground) -> Self {
        Self {
            log: Arc::new(MemoryLog::new(PARTITIONS)),
            site: ground.site(),
            vault: Arc::default(),
            clock: Arc::new(Still(AtomicI64::new(NOW))),
            sent: AtomicU64::new(0),
        }
    }

    /// Appends one batch to `processed`; message ids count from `m0`.
    pub(crate) async fn send(&self, events: &[Sent<'_>]) {
        let batch = events.iter().map(|event| self.record(event)).collect();
        self.log.append(batch).await.expect("the log in memory takes it");
    }

    fn record(&self, sent: &Sent<'_>) -> Append {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let message_id = format!("m{number}");
        let ids: String = [("anonymousId", sent.anonymous_id), ("userId", sent.user_id)]
            .into_iter()
            .filter_map(|(key, id)| id.map(|id| format!(",\"{key}\":\"{id}\"")))
            .collect();
        let received_at = Millis(sent.received_at);
        let json = format!(
            r#"{{"type":"{}","messageId":"{message_id}"{ids},"timestamp":"{received_at}","receivedAt":"{received_at}"{}}}"#,
            sent.call, sent.rest
        );
        let fields = event::Fields::parse(&json).expect("the fixture writes objects");
        let text = |key: &str| fields.get(key).and_then(|text| serde_json::from_str::<String>(text).ok());
        let (name, previous) = match sent.call {
            Call::Track => (text("event"), None),
            Call::Page | Call::Screen => (text("name"), None),
            Call::Alias => (None, text("previousId")),
            Call::Identify | Call::Group => (None, None),
        };
        let previous = previous.iter().flat_map(|id| keyed().of_previous(id));
        let anonymous = sent.anonymous_id.map(|id| self.vault.learn(IdentifierKind::AnonymousId, id));
        let user = sent.user_id.map(|id| self.vault.learn(IdentifierKind::UserId, id));
        let key = sent.anonymous_id.or(sent.user_id).unwrap_or_default();
        let subject = keyed().of(IdentifierKind::UserId, key).0;
        let event = Raw {
            source: "web",
            received_at,
            call: sent.call,
            message_id: &message_id,
            anonymous_id: sent.anonymous_id,
            user_id: sent.user_id,
            region: Some("DE"),
            stamp: Stamp {
                origin: Origin::Sent,
                preferences: Preferences(vec![("performance".into(), true)]),
                signals: Signals { gpc: false, dnt: false },
                regime: Regime::OPT_IN,
                basis: Basis::Consent,
            },
            json: &json,
        };
        let processed = Processed {
            raw_position: Position { block: number, index: 0 },
            subject: SubjectId(subject),
            identifiers: anonymous.into_iter().chain(user).chain(previous).collect(),
            outputs: vec![],
            name: name.as_deref(),
            event,
            integrations: fields.get("integrations").filter(|text| *text != "null"),
            metadata: fields.get("_metadata").filter(|text| *text != "null"),
        };
        let partition = partition_of(sent.workspace, key, PARTITIONS);
        Append { partition, workspace: sent.workspace.into(), payload: processed.encode().into() }
    }

    pub(crate) fn place(&self) -> Place {
        self.site.place()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    pub(crate) fn options(&self, place: Place) -> Options {
        Options {
            place,
            owner: None,
            log: Arc::clone(&self.log) as Arc<dyn EventLog>,
            stream: "processed".into(),
            previous: Arc::clone(&self.vault) as Arc<dyn FingerprintPrevious>,
            clock: self.clock(),
            metrics: Metrics::default(),
            tracer: event::Tracer::default(),
            commit_wait_ms: 20,
            pending_bytes_max: 1 << 20,
            maintenance: Maintenance { every_s: 3_600, ..Maintenance::default() },
            deleting: Deleting::default(),
            refusal: Refusal::default(),
        }
    }

    /// Follows the log until everything in it is committed, and stops.
    pub(crate) async fn land_all(&self) {
        let lake = Lake::follow(self.options(self.place())).expect("starts");
        self.landed(&lake).await;
        lake.shutdown().await.expect("stops cleanly");
    }

    pub(crate) async fn landed(&self, lake: &Lake) {
        let marks: Vec<_> = (0..PARTITIONS).map(|partition| self.log.watermark(Partition(partition))).collect();
        let mut reached = lake.watch();
        let all = reached.wait_for(|reached| reached.iter().zip(&marks).all(|(reached, mark)| reached >= mark));
        tokio::time::timeout(Duration::from_mins(1), all).await.expect("in time").expect("the lake lives");
    }

    pub(crate) async fn ask(&self, workspace: &str, format: Format, sql: &str) -> String {
        let answer = self.try_ask(workspace, format, sql, Limits::default()).await;
        answer.unwrap_or_else(|error| unreachable!("{sql}: {error}"))
    }

    pub(crate) async fn try_ask(
        &self,
        workspace: &str,
        format: Format,
        sql: &str,
        limits: Limits,
    ) -> std::result::Result<String, lake::query::QueryError> {
        let request = Request {
            place: self.place(),
            workspace: workspace.into(),
            sql: sql.to_owned(),
            format,
            limits,
            identifiers: Some(Arc::clone(&self.vault) as Arc<dyn Identifiers>),
            content: true,
            purpose: None,
        };
        lake::query::start(request)?.text().await
    }

    /// Rows, and distinct events, of a workspace.
    pub(crate) async fn counts(&self, workspace: &str) -> (u64, u64) {
        let sql = "SELECT count(*) AS rows, count(DISTINCT message_id) AS events FROM events";
        let answer: serde_json::Value =
            serde_json::from_str(&self.ask(workspace, Format::Json, sql).await).expect("JSON");
        let number = |name: &str| answer[0][name].as_u64().expect("a count");
        (number("rows"), number("events"))
    }
}

/// What a store does with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Nothing is written.
    Before,
    /// It is written, and the answer is an error all the same.
    After,
}

type Judge = dyn Fn(&str) -> Fault + Send + Sync;

/// A store whose writes fail as a function says.
pub(crate) struct Faulty {
    inner: Arc<dyn ObjectStore>,
    judge: Box<Judge>,
}

impl Faulty {
    pub(crate) fn place(site: &Site, judge: impl Fn(&str) -> Fault + Send + Sync + 'static) -> Place {
        let inner = Arc::clone(&site.store);
        Place::object_store(site.root.clone(), Arc::new(Self { inner, judge: Box::new(judge) }))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let fault = (self.judge)(location.as_ref());
        if fault != Fault::Before {
            self.inner.put_opts(location, payload, opts).await?;
        }
        if fault == Fault::None {
            return Ok(PutResult { e_tag: None, version: None });
        }
        Err(Error::Generic { store: "faulty", source: "as the test asked".into() })
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
