//! Edits of one object, by API or console.

use std::collections::BTreeMap;

use serde_json::Value;
use workspace::{Body, ObjectKind};

use super::store::{ConfigurationChange, ObjectChange, StoredConfiguration, StoredObject, StoredWorkspace, Word};
use super::{
    Configuration, ConfigurationOptions, Object, Unservable, audited, check, check_references, keep_secrets, known,
    versions,
};
use crate::apply::generate_write_key;
use crate::audit::{Action, Entry};
use crate::load::LoadError;
use crate::{Principal, StoreError, Via};

/// What objects say from now on, by kind and name; `None`: it goes.
pub(super) type Bodies = BTreeMap<(ObjectKind, String), Option<Body>>;

/// An edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// A new source, destination or alert; its name stands in the body. A source without a write key gets one.
    Create {
        /// What it is.
        kind: ObjectKind,
        /// What it says.
        body: Body,
    },
    /// Another content. `{"secret": true}` keeps a secret; a source without a write key keeps its own.
    Replace {
        /// What it is.
        kind: ObjectKind,
        /// Its name, which stays.
        name: String,
        /// What it says from now on, as a whole.
        body: Body,
        /// The version that the author saw.
        if_version: i64,
    },
    /// It goes. The consent block goes back to its defaults.
    Delete {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// The version that the author saw.
        if_version: i64,
    },
}

impl Edit {
    fn kind(&self) -> ObjectKind {
        match self {
            Self::Create { kind, .. } | Self::Replace { kind, .. } | Self::Delete { kind, .. } => *kind,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Create { kind, body } => kind.name_of(body).to_owned(),
            Self::Replace { name, .. } | Self::Delete { name, .. } => name.clone(),
        }
    }
}

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// No such workspace.
    #[error("there is no workspace `{0}`")]
    NoWorkspace(String),
    /// No such object.
    #[error("there is no {kind} `{name}`")]
    NoObject {
        /// What was looked for.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// The name is taken.
    #[error("there is a {} `{}` already", current.kind, current.name)]
    Exists {
        /// By this one.
        current: Box<Object>,
    },
    /// A file declares the object.
    #[error("{kind} `{name}` is declared by `{file}`, which the server applies at each start: change it there")]
    Declared {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// The file.
        file: String,
    },
    /// Somebody else was first.
    #[error("{} `{}` was changed meanwhile: look at what it is now, and edit that", current.kind, current.name)]
    Conflict {
        /// What it is now.
        current: Box<Object>,
    },
    /// The object, or the workspace with it, contradicts itself.
    #[error("{0}")]
    Invalid(String),
    /// Others kept changing the configuration.
    #[error("the configuration keeps changing: try again")]
    Busy,
    /// It is stored, and cannot be served.
    #[error("the edit is stored, but not in force: {0}")]
    NotInForce(Box<LoadError>),
    /// No randomness for a write key.
    #[error(transparent)]
    Key(#[from] vault::KeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unservable> for EditError {
    fn from(error: Unservable) -> Self {
        match error {
            Unservable::Workspace { error, .. } => Self::Invalid(error.to_string()),
            Unservable::Consent { reason, .. }
            | Unservable::Destination { reason, .. }
            | Unservable::Alert { reason, .. } => Self::Invalid(reason),
            Unservable::SameWriteKey(error) => Self::Invalid(error.to_string()),
        }
    }
}

impl Configuration {
    /// Makes an edit. When it returns, the edit is stored and in force; `None` when the object is gone.
    pub async fn edit(&self, by: &Principal, workspace: &str, edit: Edit) -> Result<Option<Object>, EditError> {
        self.make(by, workspace, |stored| self.decide(by, stored, workspace, &edit)).await?;
        let stored = self.options.store.configuration().await?;
        Ok(self.shown(known(&stored, workspace)?, edit.kind(), &edit.name()))
    }

    /// Stores what is decided on the present configuration, and puts it in force.
    pub(super) async fn make(
        &self,
        by: &Principal,
        workspace: &str,
        decide: impl Fn(&StoredConfiguration) -> Result<ConfigurationChange, EditError> + Send + Sync,
    ) -> Result<(), EditError> {
        /// Somebody else's change in between means deciding again; so many in a row mean a loop somewhere.
        const ROUNDS: usize = 8;
        let ConfigurationOptions { store, env, kinds, clock, .. } = &self.options;
        let env = |name: &str| env(name);
        for _ in 0..ROUNDS {
            let stored = store.configuration().await?;
            let mut change = decide(&stored)?;
            check(&stored, &change, &env, &**kinds)?;
            let left = versions(&stored, &change, by, &**kinds);
            change.versions = left.map_err(|error| EditError::Invalid(error.to_string()))?;
            if store.change_configuration(stored.revision, &change, clock.now()).await?.is_some() {
                return self.put_in_force(workspace).await.map_err(|error| EditError::NotInForce(Box::new(error)));
            }
        }
        Err(EditError::Busy)
    }

    /// The settings with which a destination would run after an edit that gives it these: kept secrets and what
    /// references refer to filled in. For trying them out, under the rules of an edit. Without a name, as one that is new.
    pub async fn tried(
        &self,
        by: &Principal,
        workspace: &str,
        name: Option<&str>,
        (kind, settings): (&str, Body),
    ) -> Result<Body, EditError> {
        let stored = self.options.store.configuration().await?;
        let current = known(&stored, workspace)?;
        let current = name.and_then(|name| current.object(ObjectKind::Destination, name)).map(|object| &object.body);
        let mut body = Body::from_iter([("kind".to_owned(), kind.into()), ("settings".to_owned(), settings.into())]);
        self.keep(by, ObjectKind::Destination, &mut body, current)?;
        let mut settings = body.remove("settings").unwrap_or_default();
        let filled = workspace::fill_secrets(&mut settings, "settings", &|name| (self.options.env)(name));
        filled.map_err(|error| EditError::Invalid(error.to_string()))?;
        match settings {
            Value::Object(settings) => Ok(settings),
            _ => Ok(Body::new()),
        }
    }

    fn decide(
        &self,
        by: &Principal,
        stored: &StoredConfiguration,
        workspace: &str,
        edit: &Edit,
    ) -> Result<ConfigurationChange, EditError> {
        let (kind, name) = (edit.kind(), edit.name());
        let found = known(stored, workspace)?;
        let current = found.object(kind, &name);
        match edit {
            Edit::Create { .. } => {
                if let Some(shown) = self.shown(found, kind, &name) {
                    return Err(EditError::Exists { current: Box::new(shown) });
                }
            }
            Edit::Replace { if_version, .. } | Edit::Delete { if_version, .. } => {
                self.is_open(found, kind, &name, Some(*if_version))?;
            }
        }
        let body = match edit {
            Edit::Create { body, .. } | Edit::Replace { body, .. } => {
                let said = kind.name_of(body);
                if said != name {
                    return Err(EditError::Invalid(format!(
                        "the body is about `{said}`, not `{name}`: a name cannot be changed, make a new {kind} instead"
                    )));
                }
                Some(self.prepare(by, kind, body.clone(), current)?)
            }
            Edit::Delete { .. } => None,
        };
        let mut bodies = Bodies::from([((kind, name), body)]);
        if kind == ObjectKind::Source {
            self.count(by, stored, found, &mut bodies)?;
        }
        Ok(self.change(by, found, bodies))
    }

    /// Whether an object may be edited by somebody who saw this version of it.
    pub(super) fn is_open(
        &self,
        found: &StoredWorkspace,
        kind: ObjectKind,
        name: &str,
        if_version: Option<i64>,
    ) -> Result<(), EditError> {
        let missing = || EditError::NoObject { kind, name: name.to_owned() };
        let shown = self.shown(found, kind, name).ok_or_else(missing)?;
        if let Some(file) = shown.declared_by {
            return Err(EditError::Declared { kind, name: name.to_owned(), file });
        }
        if if_version.is_some_and(|version| version != shown.version) {
            return Err(EditError::Conflict { current: Box::new(shown) });
        }
        Ok(())
    }

    /// Bodies as a change, with what the audit log tells of each.
    pub(super) fn change(&self, by: &Principal, found: &StoredWorkspace, bodies: Bodies) -> ConfigurationChange {
        let mut made = ConfigurationChange::default();
        for ((kind, name), body) in bodies {
            let current = found.object(kind, &name);
            let audit = |body: &Body| audited(kind, body, &*self.options.kinds);
            made.entries.push(Entry {
                actor: by.actor(),
                action: match (current, &body) {
                    (None, _) => Action::Create,
                    (Some(_), Some(_)) => Action::Update,
                    (Some(_), None) => Action::Delete,
                },
                workspace: Some(found.name.clone()),
                kind: kind.name(),
                object: name.clone(),
                before: current.map(|object| audit(&object.body)),
                after: body.as_ref().map(audit),
            });
            let put = body.map(|body| (body, Word::Edited));
            made.objects.push(ObjectChange { workspace: found.name.clone(), kind, name, put });
        }
        made
    }

    /// The body as it is stored: secrets and write key in place, checked by itself.
    fn prepare(
        &self,
        by: &Principal,
        kind: ObjectKind,
        mut body: Body,
        current: Option<&StoredObject>,
    ) -> Result<Body, EditError> {
        let ConfigurationOptions { env, .. } = &self.options;
        let current = current.map(|object| &object.body);
        self.keep(by, kind, &mut body, current)?;
        kind.check(&body, &|name| env(name)).map_err(|error| EditError::Invalid(error.to_string()))?;
        let mut body = kind.canonical(body);
        if kind == ObjectKind::Source && !body.contains_key("write_key") {
            let key = match current.and_then(|current| current.get("write_key")) {
                Some(key) => key.clone(),
                None => generate_write_key()?.into(),
            };
            body.insert("write_key".to_owned(), key);
        }
        Ok(body)
    }

    /// Puts kept secrets in place and checks references, both of which may be refused.
    fn keep(&self, by: &Principal, kind: ObjectKind, body: &mut Body, current: Option<&Body>) -> Result<(), EditError> {
        let kinds = &*self.options.kinds;
        keep_secrets(kind, body, current, kinds, |_, _| false).map_err(EditError::Invalid)?;
        if by.via != Via::Local {
            check_references(kind, body, current, kinds).map_err(EditError::Invalid)?;
        }
        Ok(())
    }
}
