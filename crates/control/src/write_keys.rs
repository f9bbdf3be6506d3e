//! A write key tells whose events it brings, so no two sources of all workspaces may have the same.
//!
//! Asked twice: before files are stored, and when stored workspaces are loaded. A key may come from the environment,
//! so two that differed when their files were applied can be the same at the next start.

use std::collections::HashMap;

use workspace::Workspace;

/// Two sources that say the same key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} have the same write key `{masked_key}`: change one")]
pub struct SameWriteKey {
    /// The one source, as "source `acme/web` of `acme.yaml`".
    pub first: String,
    /// The other one.
    pub second: String,
    /// The beginning of the key.
    pub masked_key: String,
}

/// Looks for a key that two sources have. The workspaces have every key in place; each comes with its file.
pub(crate) fn check<'w>(workspaces: impl IntoIterator<Item = (&'w Workspace, &'w str)>) -> Result<(), SameWriteKey> {
    let mut owners: HashMap<&str, String> = HashMap::new();
    for (workspace, file) in workspaces {
        for source in &workspace.sources {
            let Some(key) = &source.write_key else { continue };
            let second = format!("source `{}/{}` of `{file}`", workspace.name(), source.name);
            if let Some(first) = owners.insert(key.expose(), second.clone()) {
                return Err(SameWriteKey { first, second, masked_key: masked(key.expose()) });
            }
        }
    }
    Ok(())
}

/// Enough to find it in a file, at most half of it.
fn masked(key: &str) -> String {
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
