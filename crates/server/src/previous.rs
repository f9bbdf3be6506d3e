//! The fingerprints of `previousId`s, so that the lake holds no identifier in clear. An alias joins two ids of one
//! person; the earlier one is most often a browser's, so it is looked up as that.

use std::sync::Arc;

use control::Directory;
use event::Fingerprint;
use lake::FingerprintPrevious;
use vault::IdentifierKind;

/// See the module.
#[derive(Debug)]
pub(crate) struct PreviousIds {
    directory: Arc<Directory>,
}

impl PreviousIds {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self { directory }
    }
}

impl FingerprintPrevious for PreviousIds {
    fn fingerprint(&self, workspace: &str, value: &str) -> Option<Fingerprint> {
        let tenant = self.directory.tenant(workspace)?;
        Some(tenant.fingerprints.of(IdentifierKind::AnonymousId, value))
    }
}
