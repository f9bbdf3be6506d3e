//! A write key tells whose events it brings, so no two sources of all workspaces may have the same.
//!
//! Asked twice: before files are stored, and when stored workspaces are loaded. A key may come from the environment,
//! so two that differed when their files were applied can be the same at the next start.

use std::collections::HashMap;

use serde_json::Value;
use workspace::{ObjectKind, env_reference};

use crate::configuration::{Env, StoredConfiguration, StoredObject, StoredWorkspace};

/// Two sources that say the same key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} have the same write key `{masked_key}`: change one")]
pub struct SameWriteKey {
    /// The one source, as "source `acme/web` of `acme.yaml`", without a file when somebody edited it.
    pub first: String,
    /// The other one.
    pub second: String,
    /// The beginning of the key.
    pub masked_key: String,
}

/// Looks for a key that two sources have. A key from a variable that is not set here is compared by its reference:
/// `assent apply` may run without the variables of workspaces that it does not change.
pub(crate) fn check(stored: &StoredConfiguration, env: Env<'_>) -> Result<(), SameWriteKey> {
    let mut owners: HashMap<String, String> = HashMap::new();
    for workspace in &stored.workspaces {
        for source in workspace.objects.iter().filter(|object| object.kind == ObjectKind::Source) {
            let Some(written) = source.body.get("write_key").and_then(Value::as_str) else { continue };
            let key = env_reference(written).and_then(env).unwrap_or_else(|| written.to_owned());
            let masked_key = masked(&key);
            let second = place(workspace, source);
            if let Some(first) = owners.insert(key, second.clone()) {
                return Err(SameWriteKey { first, second, masked_key });
            }
        }
    }
    Ok(())
}

fn place(workspace: &StoredWorkspace, source: &StoredObject) -> String {
    let file = source.word.file().map_or_else(String::new, |file| format!(" of `{file}`"));
    format!("source `{}/{}`{file}", workspace.name, source.name)
}

/// Enough to find it in a file, at most half of it.
pub(crate) fn masked(key: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 6;
    let shown = (key.chars().count() / 2).min(SHOWN_CHARS_MAX);
    key.chars().take(shown).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_key_shows_its_beginning_and_never_more_than_half() {
        for (key, shown) in [("wk_4f1e9a77c0", "wk_4f1…"), ("wk_api", "wk_…"), ("ä", "…"), ("", "…")] {
            assert_eq!(masked(key), shown);
        }
    }
}
