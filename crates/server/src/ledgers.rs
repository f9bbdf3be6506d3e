//! The ledgers of the workspaces, one each, opened and published to by one task. Whoever else asks finds what is open, or
//! nothing: requests of strangers touch no disk and wait for no lock that is held over one.
//!
//! The files under `ledger/` are made from the state's table of leaves and can be made again, so a backup has only the
//! keys (`ledger-keys/`), which lie beside the logs and not in them. A log is opened under the name that its key has;
//! what the settings say counts for new ones alone, because a log that changes its name is another log.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use collector::ReceiptDesk;
use control::{Directory, Evidence, Published, Receipt, Store};
use ledger::{Ledger, LogKey, Options};
use tokio_util::sync::CancellationToken;

use crate::engines::{Engines, Layout};
use crate::settings::Settings;

/// From a choice's 200 to a checkpoint that has it, at most about.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// All ledgers of this server.
pub(crate) struct Ledgers {
    layout: Layout,
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    disk: Arc<dyn disk::Disk>,
    /// What new logs are called, before `/ledger/WORKSPACE`.
    host: String,
    anchors: Option<PathBuf>,
    open: Mutex<HashMap<Arc<str>, Evidence>>,
}

impl fmt::Debug for Ledgers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledgers({})", self.host)
    }
}

#[async_trait]
impl ReceiptDesk for Ledgers {
    async fn receipt(&self, workspace: &str, number: Receipt) -> Result<Published, String> {
        // The first second of a server: the choice waits as one that no checkpoint has yet.
        let Some(evidence) = self.find(workspace) else { return Ok(Published::Waiting) };
        evidence.published(number).await.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }
}

impl Ledgers {
    /// None is opened yet.
    pub(crate) fn new(settings: &Settings, engines: &Engines) -> Arc<Self> {
        let url = settings.public_url.as_deref().unwrap_or("http://localhost");
        let host = url.split("://").nth(1).unwrap_or(url).trim_end_matches('/').to_owned();
        Arc::new(Self {
            layout: engines.layout.clone(),
            store: Arc::clone(&engines.store),
            directory: Arc::clone(&engines.directory),
            disk: Arc::clone(&engines.disk),
            host,
            anchors: settings.ledger_anchor_dir.clone(),
            open: Mutex::default(),
        })
    }

    /// The ledger of a workspace, when it is open.
    pub(crate) fn find(&self, workspace: &str) -> Option<Evidence> {
        self.open.lock().expect("no holder of the table panics").get(workspace).cloned()
    }

    /// The ledger of a workspace, opened if it is not. Works on the disk.
    async fn opened(self: &Arc<Self>, workspace: &Arc<str>) -> anyhow::Result<Evidence> {
        if let Some(evidence) = self.find(workspace) {
            return Ok(evidence);
        }
        let (ledgers, name) = (Arc::clone(self), Arc::clone(workspace));
        let log = tokio::task::spawn_blocking(move || ledgers.open_log(&name)).await?;
        let log = log.with_context(|| format!("the ledger of workspace `{workspace}`"))?;
        let evidence = Evidence::new(Arc::clone(&self.store), Arc::new(log), workspace);
        let mut open = self.open.lock().expect("no holder of the table panics");
        open.insert(Arc::clone(workspace), evidence.clone());
        Ok(evidence)
    }

    fn open_log(&self, workspace: &str) -> anyhow::Result<Ledger> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        vault::keys::fill_random(&mut *seed)?;
        let path = self.layout.ledger_keys().join(format!("{workspace}.key"));
        let new = format!("{}/ledger/{workspace}", self.host);
        let origin = LogKey::origin_in(&path)?.unwrap_or(new);
        let key = LogKey::open(&path, &origin, &seed)?;
        let anchor = self.anchors.as_ref().map(|anchors| anchors.join(format!("{workspace}.checkpoint")));
        let directory = self.layout.ledger().join(workspace);
        Ok(Ledger::open(Options { directory, anchor, key, disk: Arc::clone(&self.disk) })?)
    }

    /// Publishes what was recorded, until the server ends. What fails is tried again and told once, until it works or
    /// fails in another way: choices are recorded all the same.
    pub(crate) async fn publish(self: Arc<Self>, stopping: CancellationToken) {
        let mut told: HashMap<Arc<str>, String> = HashMap::new();
        while stopping.run_until_cancelled(tokio::time::sleep(PUBLISH_EVERY)).await.is_some() {
            for tenant in self.directory.tenants() {
                let workspace = tenant.name();
                let published = match self.opened(&workspace).await {
                    Ok(evidence) => evidence.publish().await.map(drop).map_err(anyhow::Error::from),
                    Err(error) => Err(error),
                };
                match published {
                    Ok(()) => drop(told.remove(&workspace)),
                    Err(error) => {
                        let error = format!("{error:#}");
                        if told.get(&workspace) != Some(&error) {
                            tracing::error!(%workspace, error, "the ledger is not published");
                            told.insert(workspace, error);
                        }
                    }
                }
            }
        }
    }
}
