//! A store in a directory of its own, and values to put into it.

use std::path::PathBuf;
use std::sync::Arc;

use control::{Applied, ApplyError, Sqlite, Store, Tenant, WorkspaceFile};
use event::{Fingerprint, Millis, SubjectId};
use tempfile::TempDir;
use vault::Keys;

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

pub(crate) async fn apply_text(store: &dyn Store, yaml: &str, prune: bool) -> Result<Vec<Applied>, ApplyError> {
    let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml: yaml.to_owned() };
    control::apply(store, &[file], prune, &no_env, NOW).await
}

/// The one tenant of a store that has `ACME`.
pub(crate) async fn tenant(store: &Arc<dyn Store>) -> Arc<Tenant> {
    apply_text(&**store, ACME, false).await.expect("applies");
    let mut tenants = control::load(store, &Keys::default(), &no_env, NOW).await.expect("loads");
    tenants.pop().expect("one workspace")
}
