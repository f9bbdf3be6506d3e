//! Whole files applied to the stored configuration.
//!
//! The database is the truth; a file is a way to change it. What a file says may be claimed in two ways ([`Claim`]):
//! `--workspace` *declares* objects, which from then on only the file changes, until a start without it releases them;
//! `assent apply` *edits* them once, like a person would.
//!
//! What a file no longer says is removed only when the operator says so (`--prune`): a destination that vanishes by a
//! slip of the editor would silently stop disclosures that a contract may ask for, and a source would answer 401 to
//! every SDK in the field. What somebody made in the console was never said by a file and stays.
//!
//! Bodies are stored as written, so `${env:NAME}` stays a reference and no secret reaches the database from a file that
//! has none.

mod decide;

use std::collections::BTreeMap;

use event::Millis;
use serde_json::Value;
use vault::KeyError;
use workspace::{Document, ObjectKind, ParseError};

use crate::audit::{Action, Entry};
use crate::configuration::{
    API_VARIABLES, ConfigurationChange, Kinds, StoredConfiguration, Unservable, check, versions,
};
use crate::hex::hex;
use crate::load::LoadError;
use crate::{Principal, Store, StoreError};
use decide::OneFile;

/// A file that was read.
#[derive(Debug, Clone)]
pub struct WorkspaceFile {
    /// Where it lies, for messages.
    pub path: String,
    /// What it says.
    pub yaml: String,
}

/// What a file is to the objects that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Their source from now on, applied at each start: nothing else may change them. What files declared that are no
    /// longer given is released.
    Declares,
    /// One edit of them.
    Edits,
}

/// How files are applied.
#[derive(Debug, Clone, Copy)]
pub struct ApplyOptions {
    /// What the files are to the objects.
    pub claim: Claim,
    /// Removes what files said and no longer say.
    pub prune: bool,
    /// Lets the files win over what was edited by API or console.
    pub take_over: bool,
    /// Only tells what would change.
    pub dry_run: bool,
}

impl ApplyOptions {
    /// As a start with `--workspace` applies.
    pub fn at_start(prune: bool) -> Self {
        Self { claim: Claim::Declares, prune, take_over: false, dry_run: false }
    }

    /// As `assent apply` does.
    pub fn once(prune: bool, dry_run: bool) -> Self {
        Self { claim: Claim::Edits, prune, take_over: false, dry_run }
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The workspace that it describes.
    pub workspace: String,
    /// What changed; nothing when it says what is stored.
    pub changes: Vec<Change>,
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// What it said, without secrets.
    pub before: Option<Value>,
    /// What it says, without secrets.
    pub after: Option<Value>,
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
    /// A file over the API says what it may not.
    #[error("`{path}`, {object}: {reason}")]
    Refused {
        /// The file.
        path: String,
        /// The object, as in "source `web`".
        object: String,
        /// What is wrong.
        reason: String,
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
        /// What would be removed, as `source web`.
        objects: Vec<String>,
    },
    /// Somebody edited what a file says otherwise.
    #[error(
        "`{path}` says something else than what was edited in workspace `{workspace}` since: {}; take the edits into the \
         file (`assent export` shows them), or apply with `--take-over` to undo them",
        list(objects)
    )]
    Edited {
        /// The file.
        path: String,
        /// The workspace.
        workspace: String,
        /// What was edited.
        objects: Vec<String>,
    },
    /// Another file declares what this one says otherwise.
    #[error("`{path}` says something else about {object} than `{declared_by}`, which declares it: change it there")]
    Declared {
        /// The file.
        path: String,
        /// The object, as in "source `web`".
        object: String,
        /// The file that declares it.
        declared_by: String,
    },
    /// What would be stored cannot be served.
    #[error("nothing was applied: {0}")]
    Unservable(#[from] Unservable),
    /// Others kept changing the configuration.
    #[error("nothing was applied: the configuration keeps changing, try again")]
    Busy,
    /// It is stored, and cannot be served.
    #[error("the files are applied, but not in force: {0}")]
    NotInForce(Box<LoadError>),
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

/// Where files are applied.
#[derive(Clone, Copy)]
pub struct Site<'s> {
    /// The store.
    pub store: &'s dyn Store,
    /// Answers `${env:NAME}`.
    pub env: &'s (dyn Fn(&str) -> Option<String> + Sync),
    /// The kinds of destinations.
    pub kinds: &'s dyn Kinds,
    /// The time of the change.
    pub now: Millis,
}

impl std::fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Site({:?})", self.store)
    }
}

/// Applies files, all or none, and returns what each changed. The result is stored, not in force: see
/// [`crate::Configuration::apply`].
pub async fn apply(
    site: Site<'_>,
    by: &Principal,
    files: &[WorkspaceFile],
    how: ApplyOptions,
) -> Result<Vec<Applied>, ApplyError> {
    const ROUNDS: usize = 8;
    for _ in 0..ROUNDS {
        let stored = site.store.configuration().await?;
        let (change, applied) = decide(site, by, &stored, files, how)?;
        if how.dry_run || (change.objects.is_empty() && change.workspaces.is_empty()) {
            return Ok(applied);
        }
        if site.store.change_configuration(stored.revision, &change, site.now).await?.is_some() {
            return Ok(applied);
        }
    }
    Err(ApplyError::Busy)
}

fn decide(
    site: Site<'_>,
    by: &Principal,
    stored: &StoredConfiguration,
    files: &[WorkspaceFile],
    how: ApplyOptions,
) -> Result<(ConfigurationChange, Vec<Applied>), ApplyError> {
    let (mut change, mut applied) = (ConfigurationChange::default(), Vec::new());
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    // What stands for a kept secret in an export need not be set. If it is kept by nothing, the check below asks for it.
    let env = |name: &str| (site.env)(name).or_else(|| name.starts_with(API_VARIABLES).then(String::new));
    for file in files {
        let document =
            Document::parse(&file.yaml, &env).map_err(|error| ApplyError::Parse { path: file.path.clone(), error })?;
        let workspace = document.workspace.clone();
        if let Some(first) = paths.insert(workspace.clone(), &file.path) {
            return Err(ApplyError::Twice { workspace, first: first.to_owned(), second: file.path.clone() });
        }
        let before = stored.workspace(&workspace);
        if before.is_none() {
            change.workspaces.push(workspace.clone());
        }
        let decided = OneFile::new(site, by, how, &file.path, before).decide(document)?;
        let (objects, changes): (Vec<_>, Vec<_>) = decided.into_iter().unzip();
        change.objects.extend(objects);
        applied.push(Applied { workspace, changes });
    }
    if how.claim == Claim::Declares {
        let given: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        for (object, released) in decide::release(stored, &given, &change.objects) {
            match applied.iter_mut().find(|one| one.workspace == object.workspace) {
                Some(one) => one.changes.push(released),
                None => applied.push(Applied { workspace: object.workspace.clone(), changes: vec![released] }),
            }
            change.objects.push(object);
        }
    }
    change.entries = applied.iter().flat_map(|one| one.changes.iter().map(|change| entry(by, one, change))).collect();
    check(stored, &change, site.env, site.kinds)?;
    let unwritable = |error| ApplyError::Parse { path: "the configuration as it would be".to_owned(), error };
    change.versions = versions(stored, &change, by, site.kinds).map_err(unwritable)?;
    Ok((change, applied))
}

fn entry(by: &Principal, applied: &Applied, change: &Change) -> Entry {
    Entry {
        actor: by.actor(),
        action: change.action,
        workspace: Some(applied.workspace.clone()),
        kind: change.kind.name(),
        object: change.name.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    }
}

/// `wk_` and 128 random bits.
pub(crate) fn generate_write_key() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    vault::keys::fill_random(&mut bytes)?;
    Ok(format!("wk_{}", hex(&bytes)))
}
