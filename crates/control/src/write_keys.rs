//! A write key tells whose events it brings, so no two sources of all workspaces may have the same.
//!
//! Asked twice: before files are stored, and when stored workspaces are loaded. A key may come from the environment,
//! so two that differed when their files were applied can be the same at the next start.

use std::collections::HashMap;

use workspace::{ObjectKind, Source, Workspace};

use crate::configuration::{StoredConfiguration, StoredWorkspace};

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

/// Looks for a key that two sources have. The models have every key in place; they stand in the order of what they
/// were read from.
pub(crate) fn check(stored: &StoredConfiguration, models: &[Workspace]) -> Result<(), SameWriteKey> {
    let mut owners: HashMap<&str, String> = HashMap::new();
    for (stored, workspace) in stored.workspaces.iter().zip(models) {
        for source in &workspace.sources {
            let Some(key) = &source.write_key else { continue };
            let second = place(stored, source);
            if let Some(first) = owners.insert(key.expose(), second.clone()) {
                return Err(SameWriteKey { first, second, masked_key: masked(key.expose()) });
            }
        }
    }
    Ok(())
}

fn place(stored: &StoredWorkspace, source: &Source) -> String {
    let object = stored.object(ObjectKind::Source, source.name.as_str());
    let file = object.and_then(|object| object.word.file()).map_or_else(String::new, |file| format!(" of `{file}`"));
    format!("source `{}/{}`{file}", stored.name, source.name)
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
