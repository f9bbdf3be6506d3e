//! What a change of the configuration leaves: the workspace as text, by whom and when, and a leaf of the ledger that
//! commits to it. Who kept a checkpoint can later be shown under which rules events were judged on any day.
//!
//! The text is what an export writes, with secrets and write keys masked as in the audit log: it shows the rules and
//! opens nothing.

use sha2::{Digest as _, Sha256};
use workspace::{Document, ParseError};

use super::store::{ConfigurationChange, ConfigurationVersion, StoredConfiguration};
use super::{Kinds, audited};
use crate::Principal;
use crate::hex::hex;

/// A version for each workspace that a change touches, as it would be after it.
pub(crate) fn versions(
    stored: &StoredConfiguration,
    change: &ConfigurationChange,
    by: &Principal,
    kinds: &dyn Kinds,
) -> Result<Vec<ConfigurationVersion>, ParseError> {
    let after = super::draft::after(stored, change);
    let is_changed = |name: &str| {
        change.workspaces.iter().any(|made| made == name) || change.objects.iter().any(|one| one.workspace == name)
    };
    let changed = after.workspaces.iter().filter(|workspace| is_changed(&workspace.name));
    changed
        .map(|workspace| {
            let mut document: Document = workspace.document();
            for ((kind, _), body) in &mut document.objects {
                if let serde_json::Value::Object(shown) = audited(*kind, body, kinds) {
                    *body = shown;
                }
            }
            let text = document.to_yaml()?;
            let sha256 = hex(&Sha256::digest(text.as_bytes()));
            Ok(ConfigurationVersion { workspace: workspace.name.clone(), actor: by.actor(), sha256, text })
        })
        .collect()
}
