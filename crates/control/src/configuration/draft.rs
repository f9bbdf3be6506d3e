//! The configuration as it would be after a change, checked as a whole before anything is stored: what is stored can
//! be served, now and at the next start.

use workspace::{ParseError, Workspace};

use super::publish::{self, Published};
use super::store::{ConfigurationChange, StoredConfiguration, StoredObject, StoredWorkspace};
use super::{Env, Kinds};
use crate::write_keys::{self, SameWriteKey};

/// Why a configuration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unservable {
    /// A workspace contradicts itself, or a variable is not set.
    #[error("workspace `{workspace}`: {error}")]
    Workspace {
        /// The workspace.
        workspace: String,
        /// What is wrong.
        error: ParseError,
    },
    /// What visitors are shown may not follow what is published.
    #[error("workspace `{workspace}`: {reason}")]
    Consent {
        /// The workspace.
        workspace: String,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// A destination cannot be opened.
    #[error("workspace `{workspace}`, destination `{destination}`: {reason}")]
    Destination {
        /// The workspace.
        workspace: String,
        /// The destination.
        destination: String,
        /// What is wrong.
        reason: String,
    },
    /// An alert cannot be told.
    #[error("workspace `{workspace}`, alert `{alert}`: {reason}")]
    Alert {
        /// The workspace.
        workspace: String,
        /// The alert.
        alert: String,
        /// What is wrong.
        reason: String,
    },
    /// Two sources would have the same write key.
    #[error(transparent)]
    SameWriteKey(#[from] SameWriteKey),
}

/// What is stored, with a change made to it.
pub(super) fn after(stored: &StoredConfiguration, change: &ConfigurationChange) -> StoredConfiguration {
    let mut after = stored.clone();
    for name in &change.workspaces {
        if after.workspace(name).is_none() {
            after.workspaces.push(StoredWorkspace { name: name.clone(), objects: Vec::new() });
        }
    }
    for change in &change.objects {
        let Some(workspace) = after.workspaces.iter_mut().find(|one| one.name == change.workspace) else { continue };
        workspace.objects.retain(|object| (object.kind, &object.name) != (change.kind, &change.name));
        if let Some((body, word)) = &change.put {
            workspace.objects.push(StoredObject {
                kind: change.kind,
                name: change.name.clone(),
                body: body.clone(),
                word: word.clone(),
                // Of no concern to a draft.
                version: 0,
                made_in: 0,
                changed_at: event::Millis(0),
            });
        }
    }
    after
}

/// Whether the configuration can be served after a change.
pub(crate) fn check(
    stored: &StoredConfiguration,
    change: &ConfigurationChange,
    env: Env<'_>,
    kinds: &dyn Kinds,
) -> Result<(), Unservable> {
    let after = after(stored, change);
    // A workspace that is not changed is not judged: the others' variables may not be set where this runs.
    let is_changed = |name: &String| {
        change.workspaces.contains(name) || change.objects.iter().any(|change| change.workspace == *name)
    };
    for workspace in after.workspaces.iter().filter(|workspace| is_changed(&workspace.name)) {
        let read = workspace.document().read(env);
        let model = read.map_err(|error| Unservable::Workspace { workspace: workspace.name.clone(), error })?;
        check_consent(stored, workspace)?;
        check_destinations(&model, kinds)?;
        check_alerts(&model, kinds)?;
    }
    Ok(write_keys::check(&after, env)?)
}

/// Whether what visitors are shown may follow what they were.
fn check_consent(stored: &StoredConfiguration, after: &StoredWorkspace) -> Result<(), Unservable> {
    // What an older release wrote and this one cannot read any more was published by nobody here.
    let published = stored.workspace(&after.name).and_then(Published::of).zip(Published::of(after));
    let Some((before, next)) = published else { return Ok(()) };
    publish::check(&before, &next).map_err(|reason| Unservable::Consent { workspace: after.name.clone(), reason })
}

/// Whether every destination that is on can be opened.
fn check_destinations(workspace: &Workspace, kinds: &dyn Kinds) -> Result<(), Unservable> {
    workspace.destinations.iter().filter(|destination| destination.enabled).try_for_each(|destination| {
        kinds.check(destination).map_err(|reason| Unservable::Destination {
            workspace: workspace.name().to_string(),
            destination: destination.name.to_string(),
            reason,
        })
    })
}

/// Whether every alert can be told, also one that is switched off: nobody would notice when it is switched on.
fn check_alerts(workspace: &Workspace, kinds: &dyn Kinds) -> Result<(), Unservable> {
    workspace.alerts.iter().try_for_each(|alert| {
        kinds.check_alert(alert).map_err(|reason| Unservable::Alert {
            workspace: workspace.name().to_string(),
            alert: alert.name.to_string(),
            reason,
        })
    })
}
