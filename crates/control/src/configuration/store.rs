//! Configuration as it is stored: objects, and who spoke last about each.

use async_trait::async_trait;
use event::Millis;
use workspace::{Body, Document, ObjectKind, ParseError, Workspace};

use crate::audit::Entry;
use crate::{Receipt, StoreError};

/// Whose word an object is. It decides who may change it, so that nobody overwrites anybody silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Somebody edited it by API or console. A file that says something else is refused, unless it is told to take over.
    Edited,
    /// A file was applied once. Everybody may change it.
    Applied {
        /// The file.
        file: String,
    },
    /// The server applies this file at each start, so only the file may change it.
    Declared {
        /// The file.
        file: String,
    },
}

impl Word {
    /// The file that declares the object, when one does.
    pub fn declared_by(&self) -> Option<&str> {
        match self {
            Self::Declared { file } => Some(file),
            Self::Edited | Self::Applied { .. } => None,
        }
    }

    /// The file that spoke last.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Declared { file } | Self::Applied { file } => Some(file),
            Self::Edited => None,
        }
    }
}

/// An object as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What it says, in canonical form; a source always has its write key.
    pub body: Body,
    /// Whose word it is.
    pub word: Word,
    /// The revision of its last change.
    pub version: i64,
    /// The revision that made it: another one of its name has another one. 0: before that was noted.
    pub made_in: i64,
    /// When its last change was.
    pub changed_at: Millis,
}

/// A workspace as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredWorkspace {
    /// Its name.
    pub name: String,
    /// Its objects by kind and name.
    pub objects: Vec<StoredObject>,
}

impl StoredWorkspace {
    /// An object.
    pub fn object(&self, kind: ObjectKind, name: &str) -> Option<&StoredObject> {
        self.objects.iter().find(|object| object.kind == kind && object.name == name)
    }

    /// The model, with references filled in, and each destination knowing which making of its name it is.
    pub(crate) fn read(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Workspace, ParseError> {
        let mut workspace = self.document().read(env)?;
        for destination in &mut workspace.destinations {
            let stored = self.object(ObjectKind::Destination, destination.name.as_str());
            destination.made_in = stored.map_or(0, |stored| stored.made_in);
        }
        Ok(workspace)
    }

    /// All of them as one document.
    pub fn document(&self) -> Document {
        let objects = self.objects.iter().map(|object| ((object.kind, object.name.clone()), object.body.clone()));
        Document { workspace: self.name.clone(), objects: objects.collect() }
    }
}

/// All that is configured, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredConfiguration {
    /// Counts the changes.
    pub revision: i64,
    /// All workspaces by name.
    pub workspaces: Vec<StoredWorkspace>,
}

impl StoredConfiguration {
    /// A workspace.
    pub fn workspace(&self, name: &str) -> Option<&StoredWorkspace> {
        self.workspaces.iter().find(|workspace| workspace.name == name)
    }
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectChange {
    /// In which workspace.
    pub workspace: String,
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What it is from now on, and whose word; `None` when it goes.
    pub put: Option<(Body, Word)>,
}

/// Changes that are made together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigurationChange {
    /// Workspaces that must exist; those that do not are made.
    pub workspaces: Vec<String>,
    /// The objects.
    pub objects: Vec<ObjectChange>,
    /// What the audit log tells of it.
    pub entries: Vec<Entry>,
    /// What it leaves in the ledger, one for each workspace that it touches.
    pub versions: Vec<ConfigurationVersion>,
}

/// A workspace as a change leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationVersion {
    /// The workspace.
    pub workspace: String,
    /// Who changed it: see [`crate::Principal::actor`].
    pub actor: String,
    /// SHA-256 of `text`, in hex.
    pub sha256: String,
    /// The workspace as YAML, secrets and write keys masked.
    pub text: String,
}

/// A version of a workspace's configuration on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedVersion {
    /// The revision that made it.
    pub version: i64,
    /// The number of its record in the ledger, by which its receipt is asked for.
    pub receipt: Receipt,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Millis,
    /// SHA-256 of its text, in hex.
    pub sha256: String,
}

/// The part of the store that keeps the configuration.
#[async_trait]
pub trait ConfigurationStore {
    /// All of it.
    async fn configuration(&self) -> Result<StoredConfiguration, StoreError>;

    /// The revision, for whoever wants to know whether something changed.
    async fn revision(&self) -> Result<i64, StoreError>;

    /// The versions of a workspace, latest first: those before a version, or the latest of all.
    async fn configuration_versions(
        &self,
        workspace: &str,
        before: Option<i64>,
        rows_max: u32,
    ) -> Result<Vec<RecordedVersion>, StoreError>;

    /// The text of a version.
    async fn configuration_text(&self, workspace: &str, version: i64) -> Result<Option<String>, StoreError>;

    /// Makes changes that were decided on the configuration of `decided_at`, all or none, with their entries, their
    /// versions and the leaves of these. Returns the new revision, or `None`, and nothing is changed, when the configuration is another one by now.
    async fn change_configuration(
        &self,
        decided_at: i64,
        change: &ConfigurationChange,
        at: Millis,
    ) -> Result<Option<i64>, StoreError>;
}
