//! The table of destinations. Adding one means a row.

use delivery::Kind;

/// All kinds, by name.
pub static DESTINATIONS: [&Kind; 3] = [&crate::echo::KIND, &crate::file::KIND, &crate::webhook::KIND];

/// The kind of a name.
pub fn find(slug: &str) -> Option<&'static Kind> {
    DESTINATIONS.into_iter().find(|kind| kind.slug == slug)
}
