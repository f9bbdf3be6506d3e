//! From stored workspaces to tenants that can be served.

use std::sync::Arc;

use consent::Gate;
use event::Millis;
use vault::{IdentifierTable, Keys, Surrogates};
use workspace::{ParseError, Workspace};

use crate::apply::Env;
use crate::linking::Linking;
use crate::write_keys::{self, SameWriteKey};
use crate::{Recent, Store, StoreError, StoredWorkspace, Tenant, keys};

/// Standings read at once: large enough that a million load in a few seconds, small enough to be no peak in memory.
const PAGE_ROWS: u32 = 20_000;

/// Why the workspaces cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// What is stored is no longer a workspace, usually because an environment variable is gone.
    #[error("workspace `{workspace}`, last applied from `{file}`: {error}")]
    Parse {
        /// The workspace.
        workspace: String,
        /// Its file.
        file: String,
        /// What is wrong.
        error: ParseError,
    },
    /// A source without a write key.
    #[error("source `{source_name}` of workspace `{workspace}` has no write key on record: apply `{file}` again")]
    NoWriteKey {
        /// The workspace.
        workspace: String,
        /// The source.
        source_name: String,
        /// Its file.
        file: String,
    },
    /// Two workspaces claim the same events.
    #[error(transparent)]
    SameWriteKey(#[from] SameWriteKey),
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
    let stored = store.workspaces().await?;
    let models = stored.iter().map(|stored| model(stored, env)).collect::<Result<Vec<Workspace>, _>>()?;
    write_keys::check(models.iter().zip(stored.iter().map(|stored| stored.file.as_str())))?;
    let mut tenants = Vec::new();
    for (stored, workspace) in stored.iter().zip(models) {
        let fingerprints = keys::open(&**store, keys, &stored.name, now).await?;
        let gate = Gate::new(&workspace.consent);
        load_choices(&**store, &stored.name, &gate).await?;
        let table: Arc<dyn IdentifierTable> = Arc::new(Linking { store: Arc::clone(store), gate: Arc::clone(&gate) });
        let surrogates = Surrogates::new(workspace.name().shared(), table);
        tenants.push(Arc::new(Tenant { workspace, gate, fingerprints, surrogates, recent: Recent::default() }));
    }
    Ok(tenants)
}

/// The model with every secret and write key in place.
pub(crate) fn model(stored: &StoredWorkspace, env: Env<'_>) -> Result<Workspace, LoadError> {
    let mut workspace = workspace::parse(&stored.yaml, env).map_err(|error| LoadError::Parse {
        workspace: stored.name.clone(),
        file: stored.file.clone(),
        error,
    })?;
    for source in workspace.sources.iter_mut().filter(|source| source.write_key.is_none()) {
        let key = stored.generated_keys.get(source.name.as_str()).ok_or_else(|| LoadError::NoWriteKey {
            workspace: stored.name.clone(),
            source_name: source.name.to_string(),
            file: stored.file.clone(),
        })?;
        source.write_key = Some(key.clone());
    }
    Ok(workspace)
}

/// Puts every choice on record into a gate, page by page.
async fn load_choices(store: &dyn Store, workspace: &str, gate: &Gate) -> Result<(), StoreError> {
    let rules = gate.rules();
    let mut after = None;
    loop {
        let page = store.standings(workspace, after, PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        gate.load(page.iter().map(|(identifier, standing)| (*identifier, standing.choice(&rules.categories))));
    }
}
