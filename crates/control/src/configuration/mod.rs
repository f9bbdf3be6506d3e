//! The configuration while it is served: read, edited, applied from files, exported, and put in force.
//!
//! - `store`: objects as they are stored. `draft`: is what would be stored servable? `edit`: one object by API or
//!   console. `publish`: what a change of words must say of itself.
//!   `site`: the banner of one source. `version`: what a change leaves in the ledger.
//!   [`crate::apply`]: whole files. `mask`: what is shown of secrets. Here: putting it in force.
//!
//! **Nobody overwrites anybody silently.** Every change is decided on one revision of the whole configuration and
//! stored only if that is still the one, so two changes at once are made one after the other, each knowing the
//! other. An edit names the version that its author saw, and is refused with the present object when it is another. An
//! object that a file of `--workspace` declares is changed by that file only. A file that says something else than what
//! somebody edited meanwhile is refused, unless it is told to take over.
//!
//! **In force** means: the directory serves it, the gate decides by it, and delivery has been told
//! ([`Configuration::changes`]). Another process (`assent apply` beside a server) only stores; the server finds the new
//! revision when it asks next ([`Configuration::refresh`]).

mod draft;
mod edit;
mod mask;
mod publish;
mod site;
mod store;
mod version;

use std::fmt;
use std::sync::Arc;

use event::{Clock, Millis};
use tokio::sync::{Mutex, watch};
use vault::Keys;
use workspace::{Alert, Body, Destination, ObjectKind};

pub use draft::Unservable;
pub use edit::{Edit, EditError};
pub use mask::API_VARIABLES;
pub use site::PublishTo;
pub use store::{
    ConfigurationChange, ConfigurationStore, ConfigurationVersion, ObjectChange, RecordedVersion, StoredConfiguration,
    StoredObject, StoredWorkspace, Word,
};

pub(crate) use draft::check;
pub(crate) use mask::{audited, check_references, keep_secrets, literal_secrets, shown, value_mut};
pub(crate) use version::versions;

use crate::apply::{Applied, ApplyError, ApplyOptions, Site, WorkspaceFile, apply};
use crate::audit::{AuditQuery, AuditRecord};
use crate::load::{LoadError, Loader};
use crate::{Directory, Principal, Store, StoreError};

/// Answers `${env:NAME}`.
pub(crate) type Env<'e> = &'e (dyn Fn(&str) -> Option<String> + Sync);

/// Answers `${env:NAME}` for as long as a configuration is served.
pub type SharedEnv = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What control must know of what stands below it: the kinds of destinations, and how alerts are told.
pub trait Kinds: fmt::Debug + Send + Sync {
    /// The settings of a kind that are secrets, with dots for inner ones; `None` for an unknown kind.
    fn secrets(&self, kind: &str) -> Option<Vec<&'static str>>;

    /// The settings of a kind that say where its requests go or whom to believe there, with dots for inner ones; `None`
    /// for an unknown kind.
    fn addresses(&self, kind: &str) -> Option<Vec<&'static str>>;

    /// Whether a destination can be opened as it is configured, or why not.
    fn check(&self, destination: &Destination) -> Result<(), String>;

    /// Whether an alert can tell those it names, or why not.
    fn check_alert(&self, alert: &Alert) -> Result<(), String>;
}

/// What serving a configuration needs.
pub struct ConfigurationOptions {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// The keys of all workspaces; filled for those that are new.
    pub keys: Keys,
    /// Answers `${env:NAME}`.
    pub env: SharedEnv,
    /// The kinds of destinations.
    pub kinds: Arc<dyn Kinds>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for ConfigurationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigurationOptions({:?})", self.store)
    }
}

/// An object as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// Every field with what holds; `{"secret": true}` for a literal secret. A source's write key is in clear.
    pub body: Body,
    /// The file that declares it, so that nothing else may edit it.
    pub declared_by: Option<String>,
    /// What an edit must name. 0 for a consent block that was never written.
    pub version: i64,
    /// When it was last changed; `None` for a consent block that was never written.
    pub changed_at: Option<Millis>,
}

/// A workspace in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// How many sources it has.
    pub sources: usize,
    /// How many destinations it has.
    pub destinations: usize,
    /// The files that declare something in it.
    pub declared_by: Vec<String>,
}

/// What an export writes for literal secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Themselves: for whoever may read the data directory.
    Literal,
    /// `${env:ASSENT_SECRET_…}`: for everybody else. Applied where such a variable is not set, it keeps the secret.
    AsReferences,
}

/// The configuration that this process serves.
pub struct Configuration {
    options: ConfigurationOptions,
    directory: Arc<Directory>,
    /// The revision in force. Held while another one is put in force.
    served: Mutex<i64>,
    changes: watch::Sender<i64>,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Configuration({})", *self.changes.borrow())
    }
}

impl Configuration {
    /// Puts what is stored in force.
    pub async fn open(options: ConfigurationOptions) -> Result<Arc<Self>, LoadError> {
        // No revision is negative, so the first refresh finds a change.
        const NONE: i64 = -1;
        let opened = Self {
            options,
            directory: Arc::new(Directory::default()),
            served: Mutex::new(NONE),
            changes: watch::Sender::new(NONE),
        };
        opened.refresh().await?;
        Ok(Arc::new(opened))
    }

    /// The workspaces in force.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The revision in force. Delivery follows it: call its `refresh` after every change.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.changes.subscribe()
    }

    /// Puts in force what is stored, when that is not in force already; says whether it was not. On an error what was
    /// in force stays in force; where only a workspace could not be read ([`LoadError::Parse`]), the others are, and the
    /// next call tries again.
    pub async fn refresh(&self) -> Result<bool, LoadError> {
        let mut served = self.served.lock().await;
        if self.options.store.revision().await? == *served {
            return Ok(false);
        }
        let ConfigurationOptions { store, keys, env, clock, .. } = &self.options;
        let stored = store.configuration().await?;
        let env = |name: &str| env(name);
        let loader = Loader { store, keys, env: &env, now: clock.now() };
        let held = loader.reload(&self.directory, &stored).await?;
        self.changes.send_if_modified(|revision| std::mem::replace(revision, stored.revision) != stored.revision);
        if let Some(error) = held {
            return Err(error);
        }
        *served = stored.revision;
        Ok(true)
    }

    /// The same for whoever changed one workspace: that another one cannot be read is not told to them.
    pub(super) async fn put_in_force(&self, changed: &str) -> Result<(), LoadError> {
        match self.refresh().await {
            Err(LoadError::Parse { workspace, .. }) if workspace != changed => Ok(()),
            refreshed => refreshed.map(|_| ()),
        }
    }

    /// All workspaces by name.
    pub async fn summaries(&self) -> Result<Vec<Summary>, StoreError> {
        let stored = self.options.store.configuration().await?;
        let summary = |workspace: &StoredWorkspace| {
            let count = |kind| workspace.objects.iter().filter(|object| object.kind == kind).count();
            let mut files: Vec<String> =
                workspace.objects.iter().filter_map(|object| object.word.declared_by().map(str::to_owned)).collect();
            files.sort_unstable();
            files.dedup();
            Summary {
                name: workspace.name.clone(),
                sources: count(ObjectKind::Source),
                destinations: count(ObjectKind::Destination),
                declared_by: files,
            }
        };
        Ok(stored.workspaces.iter().map(summary).collect())
    }

    /// The objects of one kind by name.
    pub async fn objects(&self, workspace: &str, kind: ObjectKind) -> Result<Vec<Object>, EditError> {
        let stored = self.options.store.configuration().await?;
        let workspace = known(&stored, workspace)?;
        if kind == ObjectKind::Consent {
            return Ok(self.shown(workspace, kind, kind.name()).into_iter().collect());
        }
        let objects = workspace.objects.iter().filter(|object| object.kind == kind);
        Ok(objects.filter_map(|object| self.shown(workspace, kind, &object.name)).collect())
    }

    /// One object.
    pub async fn object(&self, workspace: &str, kind: ObjectKind, name: &str) -> Result<Object, EditError> {
        let stored = self.options.store.configuration().await?;
        let missing = || EditError::NoObject { kind, name: name.to_owned() };
        self.shown(known(&stored, workspace)?, kind, name).ok_or_else(missing)
    }

    /// An object as it is shown. The consent block is always there.
    fn shown(&self, workspace: &StoredWorkspace, kind: ObjectKind, name: &str) -> Option<Object> {
        let kinds = &*self.options.kinds;
        match workspace.object(kind, name) {
            Some(object) => Some(Object {
                kind,
                name: name.to_owned(),
                body: shown(kind, &object.body, kinds),
                declared_by: object.word.declared_by().map(str::to_owned),
                version: object.version,
                changed_at: Some(object.changed_at),
            }),
            None if kind == ObjectKind::Consent && name == kind.name() => Some(Object {
                kind,
                name: name.to_owned(),
                body: shown(kind, &Body::new(), kinds),
                declared_by: None,
                version: 0,
                changed_at: None,
            }),
            None => None,
        }
    }

    /// What became of an object, newest first: the changes of it in the audit log, older than the entry `before`.
    pub async fn history(
        &self,
        workspace: &str,
        kind: ObjectKind,
        name: &str,
        before: Option<i64>,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = AuditQuery {
            workspace: Some(workspace.to_owned()),
            kind: Some(kind.name().to_owned()),
            object: Some(name.to_owned()),
            before,
            ..AuditQuery::default()
        };
        self.options.store.audit(&query).await
    }

    /// Applies files as [`apply()`] does, and puts the result in force.
    pub async fn apply(
        &self,
        by: &Principal,
        files: &[WorkspaceFile],
        how: ApplyOptions,
    ) -> Result<Vec<Applied>, ApplyError> {
        let ConfigurationOptions { store, env, kinds, clock, .. } = &self.options;
        let env = |name: &str| env(name);
        let applied =
            apply(Site { store: &**store, env: &env, kinds: &**kinds, now: clock.now() }, by, files, how).await?;
        if !how.dry_run {
            self.refresh().await.map_err(|error| ApplyError::NotInForce(Box::new(error)))?;
        }
        Ok(applied)
    }

    /// A workspace as the file that says it. The same configuration gives the same text.
    pub async fn export(&self, workspace: &str, secrets: Secrets) -> Result<String, EditError> {
        let stored = self.options.store.configuration().await?;
        export(known(&stored, workspace)?, secrets, &*self.options.kinds)
            .map_err(|error| EditError::Invalid(error.to_string()))
    }
}

fn known<'s>(stored: &'s StoredConfiguration, workspace: &str) -> Result<&'s StoredWorkspace, EditError> {
    stored.workspace(workspace).ok_or_else(|| EditError::NoWorkspace(workspace.to_owned()))
}

/// A stored workspace as the file that says it.
pub fn export(
    workspace: &StoredWorkspace,
    secrets: Secrets,
    kinds: &dyn Kinds,
) -> Result<String, workspace::ParseError> {
    let mut document = workspace.document();
    if secrets == Secrets::AsReferences {
        for ((kind, name), body) in &mut document.objects {
            for path in literal_secrets(*kind, body, kinds) {
                let reference = secret_reference(&workspace.name, name, &path);
                if let Some(value) = value_mut(body, &path) {
                    *value = reference.into();
                }
            }
        }
    }
    document.to_yaml()
}

/// The reference that stands for a literal secret in an export.
pub(crate) fn secret_reference(workspace: &str, object: &str, path: &str) -> String {
    let setting = path.strip_prefix("settings.").unwrap_or(path);
    let spelled = |text: &str| text.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("${{env:{API_VARIABLES}{}_{}_{}}}", spelled(workspace), spelled(object), spelled(setting))
}
