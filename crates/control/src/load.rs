//! From the stored configuration to tenants that can be served, at the start and while running.

use std::sync::Arc;

use consent::{Categories, Gate, Held, TooManyCategories};
use event::{Fingerprint, Millis};
use vault::{IdentifierTable, Keys, Surrogates};
use workspace::{ParseError, Workspace};

use crate::configuration::{Env, StoredConfiguration, StoredWorkspace};
use crate::linking::{Joining, Linking};
use crate::write_keys::{self, SameWriteKey};
use crate::{Directory, Learning, PublishedWords, Recent, Store, StoreError, Tenant, keys};

/// Standings read at once: large enough that a million load in a few seconds, small enough to be no peak in memory.
const PAGE_ROWS: u32 = 20_000;

/// Why the workspaces cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// What is stored is no longer a workspace, usually because an environment variable is gone.
    #[error("workspace `{workspace}`: {error}")]
    Parse {
        /// The workspace.
        workspace: String,
        /// What is wrong.
        error: ParseError,
    },
    /// Two workspaces claim the same events.
    #[error(transparent)]
    SameWriteKey(#[from] SameWriteKey),
    /// The categories changed too often.
    #[error(transparent)]
    TooManyCategories(#[from] TooManyCategories),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a tenant of every stored workspace, with its keys in `keys` and its choices in its gate. Call it at start:
/// choices recorded while it runs may be missing from the new gates.
pub async fn load(
    store: &Arc<dyn Store>,
    keys: &Keys,
    env: Env<'_>,
    now: Millis,
) -> Result<Vec<Arc<Tenant>>, LoadError> {
    let stored = store.configuration().await?;
    let directory = Directory::default();
    // Nothing is served yet, so nothing is held: what cannot be read is an error.
    Loader { store, keys, env, now }.reload(&directory, &stored).await?;
    Ok(directory.tenants())
}

/// The choices of a workspace as they are on record, for a command that reads beside the server, under rules for which it
/// needs no secrets: `${NAME}` in them stands for nothing that choices are judged by.
pub async fn choices_on_record(store: &dyn Store, stored: &StoredWorkspace) -> Result<Arc<Gate>, LoadError> {
    let read = stored.read(&|name| Some(name.to_owned()));
    let workspace = read.map_err(|error| LoadError::Parse { workspace: stored.name.clone(), error })?;
    let gate = Gate::new(&workspace.consent);
    pages(store, &workspace.name().shared(), &gate.rules().categories, |page| gate.load(page)).await?;
    Ok(gate)
}

/// What making tenants needs.
pub(crate) struct Loader<'l> {
    pub(crate) store: &'l Arc<dyn Store>,
    pub(crate) keys: &'l Keys,
    pub(crate) env: Env<'l>,
    pub(crate) now: Millis,
}

impl Loader<'_> {
    /// Makes tenants of what is stored now, for a directory that serves while this runs. A workspace that is served
    /// already keeps its gate, its subjects and what it knows of events under way; one that cannot be read now (its
    /// variable is not set here) goes on as it was served, so that it holds up nobody else's changes, and its error is
    /// returned beside. On any other error the directory serves what it served.
    pub(crate) async fn reload(
        &self,
        directory: &Directory,
        stored: &StoredConfiguration,
    ) -> Result<Option<LoadError>, LoadError> {
        let mut tenants = Vec::new();
        write_keys::check(stored, self.env)?;
        let mut held = None;
        for stored in &stored.workspaces {
            let read = stored.read(self.env);
            tenants.push(match (directory.tenant(&stored.name), read) {
                (Some(served), Ok(workspace)) => self.succeed(&served, workspace).await?,
                (None, Ok(workspace)) => self.open(workspace).await?,
                (Some(served), Err(error)) => {
                    held = Some(LoadError::Parse { workspace: stored.name.clone(), error });
                    served
                }
                (None, Err(error)) => return Err(LoadError::Parse { workspace: stored.name.clone(), error }),
            });
        }
        // Rules first. In between, an old model meets new rules: a category that is gone still has its bit, which
        // nobody grants any more, so less is let through and never more.
        for tenant in &tenants {
            let served = directory.tenant(&tenant.name());
            if served.is_some_and(|served| served.workspace.consent != tenant.workspace.consent) {
                tenant.gate.follow(&tenant.workspace.consent);
            }
        }
        let gates: Vec<Arc<Gate>> = tenants.iter().map(|tenant| Arc::clone(&tenant.gate)).collect();
        directory.replace(tenants);
        // What was permitted for a destination as it was and has not begun is asked for again, and finds it changed.
        for gate in gates {
            gate.outdate();
        }
        Ok(held)
    }

    /// Keeps the words that visitors are about to see: a choice on record names them by their hash.
    async fn publish_words(&self, workspace: &Workspace) -> Result<(), StoreError> {
        let words: Vec<PublishedWords> = consent::everything_shown(workspace)
            .into_iter()
            .map(|shown| PublishedWords {
                hash: shown.hash,
                version: shown.version,
                language: shown.language,
                words: shown.text,
                since: self.now,
            })
            .collect();
        self.store.publish_words(&workspace.name().shared(), &words).await
    }

    /// The tenant that takes the place of one that is served.
    async fn succeed(&self, served: &Tenant, workspace: Workspace) -> Result<Arc<Tenant>, LoadError> {
        // Also what a receipt says beside the words, which destinations are a part of.
        self.publish_words(&workspace).await?;
        if served.workspace.consent != workspace.consent
            && let Some(categories) = served.gate.expect(&workspace.consent)?
        {
            // People may have spoken about a category before the workspace had it, or had it again.
            let name = workspace.name().shared();
            pages(&**self.store, &name, &categories, |page| served.gate.fill(page)).await?;
        }
        Ok(Arc::new(Tenant {
            workspace,
            gate: Arc::clone(&served.gate),
            fingerprints: served.fingerprints.clone(),
            surrogates: served.surrogates.clone(),
            recent: served.recent.clone(),
            learning: served.learning.clone(),
        }))
    }

    async fn open(&self, workspace: Workspace) -> Result<Arc<Tenant>, StoreError> {
        self.publish_words(&workspace).await?;
        let name = workspace.name().shared();
        let fingerprints = keys::open(&**self.store, self.keys, &name, self.now).await?;
        let gate = Gate::new(&workspace.consent);
        let rules = gate.rules();
        pages(&**self.store, &name, &rules.categories, |page| gate.load(page)).await?;
        let table: Arc<dyn IdentifierTable> =
            Arc::new(Linking { store: Arc::clone(self.store), gate: Arc::clone(&gate), joining: Joining::default() });
        let surrogates = Surrogates::new(name, table);
        let (recent, learning) = (Recent::default(), Learning::default());
        Ok(Arc::new(Tenant { workspace, gate, fingerprints, surrogates, recent, learning }))
    }
}

/// Reads every choice on record, page by page.
async fn pages(
    store: &dyn Store,
    workspace: &str,
    categories: &Categories,
    mut put: impl FnMut(Vec<(Fingerprint, Held)>),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.standings(workspace, after, PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        put(page.iter().map(|(identifier, standing)| (*identifier, standing.held(categories))).collect());
    }
}
