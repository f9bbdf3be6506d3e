//! An API over a real store, and clients with one login each.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use alerts::Alerts;
use api::{Api, LakeDesk, LakeQuestion, LakeRows, Options, Window};
use axum::Router;
use axum::body::Body;
use control::{
    AccountLimits, Accounts, ApplyOptions, Configuration, ConfigurationOptions, HashingCost, Kinds, NewUser, Principal,
    Rights, Role, Sqlite, Store, WorkspaceFile,
};
use delivery::Delivery;
use event::{Clock, Secret};
use eventlog::EventLog;
use eventlog::memory::MemoryLog;
use futures::StreamExt as _;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "a long enough password";

const WORKSPACE: &str = r#"
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_web }
  - { name: api, kind: server, write_key: wk_api, basis: contract }
destinations:
  - name: hook
    kind: webhook
    sources: [web, api]
    settings: { url: "http://127.0.0.1:9/hook", allow_private: true, secret: "whsec_c2VjcmV0LWtleQ==" }
    categories: [performance]
    purpose: analytics
"#;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The registry, as the server shows it to the configuration.
#[derive(Debug)]
struct Registry;

impl Kinds for Registry {
    fn secrets(&self, kind: &str) -> Option<Vec<&'static str>> {
        let kind = destinations::registry::find(kind)?;
        Some(kind.settings.iter().filter(|setting| setting.secret).map(|setting| setting.key).collect())
    }

    fn addresses(&self, kind: &str) -> Option<Vec<&'static str>> {
        let kind = destinations::registry::find(kind)?;
        Some(kind.settings.iter().filter(|setting| setting.address).map(|setting| setting.key).collect())
    }

    fn check(&self, destination: &workspace::Destination) -> Result<(), String> {
        let kind = destinations::registry::find(destination.kind.as_str()).ok_or("no such kind")?;
        (kind.open)(&destination.name, &destination.settings).map(drop).map_err(|error| error.to_string())
    }

    fn check_alert(&self, alert: &workspace::Alert) -> Result<(), String> {
        alerts::check(alert)
    }
}

/// The workspace, as if somebody had applied its file once.
async fn configured(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Arc<Configuration> {
    let options = ConfigurationOptions {
        store: Arc::clone(store),
        keys: vault::Keys::default(),
        env: Arc::new(|_| None),
        kinds: Arc::new(Registry),
        clock: Arc::clone(clock),
    };
    let configuration = Configuration::open(options).await.expect("it can be served");
    let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml: WORKSPACE.to_owned() };
    let applied = configuration.apply(&Principal::local("test"), &[file], ApplyOptions::once(false, false)).await;
    applied.expect("applied");
    configuration
}

/// One ledger, whatever the workspace.
fn evidence(directory: &Path, store: &Arc<dyn Store>) -> api::EvidenceDesk {
    let key = ledger::LogKey::new("assent.test/ledger/acme", &[7; 32]).expect("a name");
    let disk = Arc::new(disk::RealDisk);
    let options = ledger::Options { directory: directory.join("ledger"), anchor: None, key, disk };
    let log = Arc::new(ledger::Ledger::open(options).expect("it opens"));
    let evidence = control::Evidence::new(Arc::clone(store), log, "acme");
    Arc::new(move |_| Some(evidence.clone()))
}

async fn delivering(
    directory: &Path,
    log: &Arc<dyn EventLog>,
    served: &Arc<control::Directory>,
    clock: &Arc<dyn Clock>,
) -> Arc<Delivery> {
    let options = delivery::Options {
        log: Arc::clone(log),
        directory: Arc::clone(served),
        registry: Arc::new(destinations::registry::find),
        data_dir: directory.join("delivery"),
        clock: Arc::clone(clock),
        observer: delivery::Observer::none(),
        tracer: event::Tracer::default(),
        metrics: delivery::Metrics::default(),
        echoes: Arc::default(),
        backlog: delivery::BacklogBudget { bytes_max: 1 << 20, age_ms_max: 3_600_000 },
        retry: delivery::RetryPolicy::default(),
        waiting: delivery::WaitingLimits::default(),
        seed: 1,
        history: None,
    };
    Arc::new(Delivery::start(options).await.expect("it starts"))
}

/// The API with everything under it.
pub(crate) struct Rig {
    router: Router,
    pub(crate) store: Arc<dyn Store>,
    /// Where the ledger lies.
    pub(crate) directory: tempfile::TempDir,
    /// What is served.
    pub(crate) served: Arc<control::Directory>,
}

impl Rig {
    /// With the workspace `acme` and a user of each role, named as the role.
    pub(crate) async fn new() -> Self {
        let none = |question: LakeQuestion| Err(format!("no lake here for `{}`", question.sql));
        Self::with_lake(none).await
    }

    /// The same over a lake that answers so.
    pub(crate) async fn with_lake(
        answer: impl Fn(LakeQuestion) -> Result<LakeRows, String> + Send + Sync + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&directory.path().join("state.db")).await.expect("a store"));
        let clock: Arc<dyn Clock> = Arc::new(testkit::clock::HandClock::at(event::Millis(1_795_298_400_000)));
        let configuration = configured(&store, &clock).await;
        let served = Arc::clone(configuration.directory());
        // Passwords are many here and worth nothing.
        let limits = AccountLimits { hashing: HashingCost { memory_kib: 8, passes: 1 }, ..AccountLimits::default() };
        let accounts = Accounts::new(Arc::clone(&store), Arc::clone(&clock), limits);
        for role in Role::ALL.into_iter().rev() {
            let rights = Rights { role, personal_data: false };
            let (name, password) = (role.name().to_owned(), Secret::new(PASSWORD.to_owned()));
            let added = accounts.add_user(&Principal::local("test"), NewUser { name, password, rights }).await;
            added.expect("added");
        }
        let (raw, processed): (Arc<dyn EventLog>, Arc<dyn EventLog>) =
            (Arc::new(MemoryLog::new(1)), Arc::new(MemoryLog::new(1)));
        let delivery = delivering(directory.path(), &processed, &served, &clock).await;
        let alerting = alerts::Options {
            store: Arc::clone(&store),
            directory: Arc::clone(&served),
            clock: Arc::clone(&clock),
            figures: Arc::new(|_, _, _| Vec::new()),
            mailer: None,
            public_url: None,
            look_every: std::time::Duration::from_secs(1),
        };
        let options = Options {
            accounts,
            configuration,
            evidence: evidence(directory.path(), &store),
            recorder: control::Recorder::start(Arc::clone(&store), vault::Keys::default()),
            store: Arc::clone(&store),
            directory: Arc::clone(&served),
            alerts: Alerts::new(alerting),
            delivery,
            raw,
            processed,
            kinds: &destinations::registry::DESTINATIONS,
            window: Window::new(|| futures::stream::pending().boxed()),
            history: Arc::default(),
            lake: LakeDesk::new(move |question| Box::pin(std::future::ready(answer(question)))),
            settings: Vec::new(),
            storage: Arc::new(|| None),
            clock,
            stopping: CancellationToken::new(),
            is_https: false,
            version: "0.0.0",
        };
        let router = api::router(&Api::new(options)).expect("every operation is authorised");
        Self { router, store, directory, served }
    }

    /// A request as somebody with a session that was let in: its body, which may have no end.
    pub(crate) async fn begun(&self, cookie: &str, path: &str) -> Body {
        let request = Request::get(path).header("cookie", cookie).body(Body::empty()).expect("a request");
        let request = api::from_peer(request, SocketAddr::from(([127, 0, 0, 1], 5)));
        let Ok(answer) = self.router.clone().oneshot(request).await;
        assert!(answer.status().is_success(), "{answer:?}");
        answer.into_body()
    }

    /// Sends a request from a peer on this machine.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let request = api::from_peer(request, SocketAddr::from(([127, 0, 0, 1], 5)));
        let Ok(answer) = self.router.clone().oneshot(request).await;
        let (head, body) = answer.into_parts();
        // A live view has no end.
        let is_stream = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if is_stream { Body::empty() } else { body };
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Signs in and returns the cookie.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<String, Answer> {
        let body = serde_json::json!({"name": name, "password": password}).to_string();
        let request = Request::post("/api/v1/session").header("content-type", "application/json");
        let answer = self.send(request.body(body.into()).expect("a request")).await;
        let cookie = answer.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        match cookie {
            Some(cookie) if answer.status.is_success() => Ok(cookie.split(';').next().unwrap_or_default().to_owned()),
            _ => Err(answer),
        }
    }

    /// A request as somebody with a session.
    pub(crate) async fn ask(&self, cookie: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("cookie", cookie).header("x-assent", "1");
        let request = request.header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }
}
