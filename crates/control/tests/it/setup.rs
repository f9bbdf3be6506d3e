//! A store in a directory of its own, and values to put into it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use control::{
    Applied, ApplyError, ApplyOptions, Configuration, ConfigurationOptions, Kinds, Principal, SharedEnv, Site, Sqlite,
    Store, Tenant, WorkspaceFile,
};
use event::{Clock, Fingerprint, Millis, SubjectId};
use tempfile::TempDir;
use vault::Keys;
use workspace::ObjectKind;

pub(crate) const NOW: Millis = Millis(1_763_762_400_000);

/// Runs a test on a runtime of two threads, as the server has.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

/// A directory with a store in it.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("state.db")
    }

    pub(crate) async fn sqlite(&self) -> Arc<Sqlite> {
        Arc::new(Sqlite::open(&self.file()).await.expect("opens"))
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.sqlite().await
    }
}

pub(crate) fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint([number; 16])
}

pub(crate) fn subject(number: u8) -> SubjectId {
    SubjectId([number; 16])
}

pub(crate) const ACME: &str = "
workspace: acme
sources:
  - { name: web, kind: browser }
  - { name: api, kind: server, write_key: wk_server, basis: contract }
destinations:
  - { name: echo, kind: echo, sources: [web], categories: [performance], purpose: analytics }
";

/// No environment variable is set.
pub(crate) fn no_env(_: &str) -> Option<String> {
    None
}

/// Kinds as a test has them: `webhook` has a secret `token`, `broken` cannot be opened.
#[derive(Debug)]
pub(crate) struct TestKinds;

impl Kinds for TestKinds {
    fn secrets(&self, kind: &str) -> Option<Vec<&'static str>> {
        match kind {
            "webhook" => Some(vec!["token", "auth.key"]),
            "echo" => Some(Vec::new()),
            _ => None,
        }
    }

    fn addresses(&self, kind: &str) -> Option<Vec<&'static str>> {
        match kind {
            "webhook" => Some(vec!["url"]),
            "echo" => Some(Vec::new()),
            _ => None,
        }
    }

    fn check(&self, destination: &workspace::Destination) -> Result<(), String> {
        match destination.kind.as_str() {
            "webhook" | "echo" => Ok(()),
            other => Err(format!("there is no destination of kind `{other}`")),
        }
    }

    fn check_alert(&self, alert: &workspace::Alert) -> Result<(), String> {
        if alert.name.as_str() == "mute" { Err("alert `mute` cannot be told".to_owned()) } else { Ok(()) }
    }
}

/// A clock that a test moves.
#[derive(Debug)]
pub(crate) struct Hand(pub(crate) AtomicI64);

impl Default for Hand {
    fn default() -> Self {
        Self(AtomicI64::new(NOW.0))
    }
}

impl Hand {
    pub(crate) fn move_by(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) fn site(store: &dyn Store) -> Site<'_> {
    Site { store, env: &no_env, kinds: &TestKinds, now: NOW }
}

pub(crate) fn file(path: &str, yaml: &str) -> WorkspaceFile {
    WorkspaceFile { path: path.to_owned(), yaml: yaml.to_owned() }
}

/// Applies a text as a start with `--workspace acme.yaml` does.
pub(crate) async fn apply_text(store: &dyn Store, yaml: &str, prune: bool) -> Result<Vec<Applied>, ApplyError> {
    apply_how(store, &[file("acme.yaml", yaml)], ApplyOptions::at_start(prune)).await
}

pub(crate) async fn apply_how(
    store: &dyn Store,
    files: &[WorkspaceFile],
    how: ApplyOptions,
) -> Result<Vec<Applied>, ApplyError> {
    control::apply(site(store), &Principal::local("test"), files, how).await
}

/// The configuration of a store, in force.
pub(crate) async fn configuration(store: &Arc<dyn Store>) -> Arc<Configuration> {
    configuration_with(store, Arc::new(no_env)).await
}

/// The same where some variables are set.
pub(crate) async fn configuration_with(store: &Arc<dyn Store>, env: SharedEnv) -> Arc<Configuration> {
    let options = ConfigurationOptions {
        store: Arc::clone(store),
        keys: Keys::default(),
        env,
        kinds: Arc::new(TestKinds),
        clock: Arc::new(Hand::default()),
    };
    Configuration::open(options).await.expect("can be served")
}

/// The write key of a source, as stored.
pub(crate) async fn stored_key(store: &dyn Store, source: &str) -> String {
    let stored = store.configuration().await.expect("reads");
    let workspace = stored.workspace("acme").expect("is stored");
    let source = workspace.object(ObjectKind::Source, source).expect("is stored");
    source.body["write_key"].as_str().expect("a text").to_owned()
}

/// The one tenant of a store that has `ACME`.
pub(crate) async fn tenant(store: &Arc<dyn Store>) -> Arc<Tenant> {
    apply_text(&**store, ACME, false).await.expect("applies");
    let mut tenants = control::load(store, &Keys::default(), &no_env, NOW).await.expect("loads");
    tenants.pop().expect("one workspace")
}
