//! From workspace files to stored workspaces.
//!
//! The database is the truth; a file is a way to change it. A file whose text is the one applied last changes
//! nothing. A workspace whose file is no longer given stays as it is. What a file no longer declares is removed only
//! when the operator says so (`--prune`): a destination that vanishes by a slip of the editor would silently stop
//! disclosures that a contract may ask for, and a source would answer 401 to every SDK in the field.
//!
//! The text is stored as written, so `${env:NAME}` stays a reference and no secret reaches the database from a file.

use std::collections::{BTreeMap, BTreeSet};

use event::{Millis, Secret};
use sha2::{Digest as _, Sha256};
use vault::KeyError;
use workspace::{ParseError, Workspace};

use crate::hex::hex;
use crate::load::{self, LoadError};
use crate::write_keys::{self, SameWriteKey};
use crate::{Store, StoreError, StoredWorkspace};

/// Answers `${env:NAME}`.
pub(crate) type Env<'e> = &'e (dyn Fn(&str) -> Option<String> + Sync);

/// A file that was read.
#[derive(Debug, Clone)]
pub struct WorkspaceFile {
    /// Where it lies, for messages.
    pub path: String,
    /// What it says.
    pub yaml: String,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The workspace that it describes.
    pub workspace: String,
    /// What changed.
    pub outcome: Outcome,
}

/// What a file changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its text is the one applied last.
    Unchanged,
    /// It was stored. Objects are named as `source web`; with both lists empty, only settings changed.
    Changed {
        /// What it declares for the first time.
        added: Vec<String>,
        /// What it no longer declares.
        removed: Vec<String>,
    },
}

/// Why no file was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file is not a workspace.
    #[error("`{path}`: {error}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong in it.
        error: ParseError,
    },
    /// Two files describe one workspace.
    #[error("`{first}` and `{second}` both describe workspace `{workspace}`: put it into one file")]
    Twice {
        /// The workspace.
        workspace: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// A file no longer declares what is stored.
    #[error(
        "`{path}` no longer declares what workspace `{workspace}` has: {}; put it back, or apply with `--prune` to \
         remove it",
        list(objects)
    )]
    WouldRemove {
        /// The file.
        path: String,
        /// The workspace.
        workspace: String,
        /// What would be removed.
        objects: Vec<String>,
    },
    /// Two sources would have the same write key.
    #[error("nothing was applied: {0}")]
    SameWriteKey(#[from] SameWriteKey),
    /// A workspace on record, for which no file was given, cannot be read, so its write keys cannot be compared.
    #[error("nothing was applied: {0}")]
    Unreadable(Box<LoadError>),
    /// No randomness for a write key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(objects: &[String]) -> String {
    objects.iter().map(|object| format!("`{object}`")).collect::<Vec<_>>().join(", ")
}

/// Applies files, all or none, and returns what each changed. With `prune`, what a file no longer declares goes.
pub async fn apply(
    store: &dyn Store,
    files: &[WorkspaceFile],
    prune: bool,
    env: Env<'_>,
    now: Millis,
) -> Result<Vec<Applied>, ApplyError> {
    let stored = store.workspaces().await?;
    let stored: BTreeMap<&str, &StoredWorkspace> = stored.iter().map(|one| (one.name.as_str(), one)).collect();
    let (mut applied, mut changed) = (Vec::new(), Vec::new());
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    for file in files {
        let model =
            workspace::parse(&file.yaml, env).map_err(|error| ApplyError::Parse { path: file.path.clone(), error })?;
        let name = model.name().to_string();
        if let Some(first) = paths.insert(name.clone(), &file.path) {
            return Err(ApplyError::Twice { workspace: name, first: first.to_owned(), second: file.path.clone() });
        }
        let before = stored.get(name.as_str()).copied();
        let after = describe(file, &model, before, now)?;
        let outcome = compare(before, &after);
        if let Outcome::Changed { removed, .. } = &outcome {
            if !prune && !removed.is_empty() {
                let (path, objects) = (file.path.clone(), removed.clone());
                return Err(ApplyError::WouldRemove { path, workspace: name, objects });
            }
            changed.push(after);
        }
        applied.push(Applied { workspace: name, outcome });
    }
    check_write_keys(&stored, &changed, env)?;
    store.put_workspaces(&changed).await?;
    Ok(applied)
}

/// Whether all workspaces, as they would be after this, have write keys of their own. Before anything is stored: a
/// stored conflict would keep the next start from serving anybody.
fn check_write_keys(
    stored: &BTreeMap<&str, &StoredWorkspace>,
    changed: &[StoredWorkspace],
    env: Env<'_>,
) -> Result<(), ApplyError> {
    let mut after = stored.clone();
    after.extend(changed.iter().map(|workspace| (workspace.name.as_str(), workspace)));
    let unreadable = |error| ApplyError::Unreadable(Box::new(error));
    let models = after
        .values()
        .map(|stored| load::model(stored, env))
        .collect::<Result<Vec<Workspace>, _>>()
        .map_err(unreadable)?;
    Ok(write_keys::check(models.iter().zip(after.values().map(|stored| stored.file.as_str())))?)
}

fn describe(
    file: &WorkspaceFile,
    model: &Workspace,
    before: Option<&StoredWorkspace>,
    now: Millis,
) -> Result<StoredWorkspace, KeyError> {
    let sources = model.sources.iter().map(|source| format!("source {}", source.name));
    let destinations = model.destinations.iter().map(|destination| format!("destination {}", destination.name));
    let mut generated_keys = BTreeMap::new();
    for source in model.sources.iter().filter(|source| source.write_key.is_none()) {
        let name = source.name.to_string();
        let key = match before.and_then(|stored| stored.generated_keys.get(&name)) {
            Some(key) => key.clone(),
            None => generate_write_key()?,
        };
        generated_keys.insert(name, key);
    }
    Ok(StoredWorkspace {
        name: model.name().to_string(),
        file: file.path.clone(),
        sha256: hex(&Sha256::digest(file.yaml.as_bytes())),
        yaml: file.yaml.clone(),
        objects: sources.chain(destinations).collect(),
        applied_at: now,
        generated_keys,
    })
}

fn compare(before: Option<&StoredWorkspace>, after: &StoredWorkspace) -> Outcome {
    if before.is_some_and(|before| before.sha256 == after.sha256) {
        return Outcome::Unchanged;
    }
    let had: BTreeSet<&String> = before.iter().flat_map(|before| &before.objects).collect();
    let has: BTreeSet<&String> = after.objects.iter().collect();
    let only = |these: &BTreeSet<&String>, those: &BTreeSet<&String>| {
        these.difference(those).map(|object| (*object).clone()).collect()
    };
    Outcome::Changed { added: only(&has, &had), removed: only(&had, &has) }
}

/// `wk_` and 128 random bits.
fn generate_write_key() -> Result<Secret<String>, KeyError> {
    let mut bytes = [0; 16];
    vault::keys::fill_random(&mut bytes)?;
    Ok(Secret::new(format!("wk_{}", hex(&bytes))))
}
