//! What the configuration must know of destination kinds: the registry, seen from `control`.

use control::Kinds;
use workspace::{Alert, Destination};

/// The registry of this build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registry;

impl Kinds for Registry {
    fn secrets(&self, kind: &str) -> Option<Vec<&'static str>> {
        let kind = destinations::registry::find(kind)?;
        Some(kind.settings.iter().filter(|setting| setting.secret).map(|setting| setting.key).collect())
    }

    fn addresses(&self, kind: &str) -> Option<Vec<&'static str>> {
        let kind = destinations::registry::find(kind)?;
        Some(kind.settings.iter().filter(|setting| setting.address).map(|setting| setting.key).collect())
    }

    fn check(&self, destination: &Destination) -> Result<(), String> {
        let known = || destinations::registry::DESTINATIONS.map(|kind| format!("`{}`", kind.slug)).join(", ");
        let kind = destinations::registry::find(destination.kind.as_str())
            .ok_or_else(|| format!("there is no destination of kind `{}`; kinds are {}", destination.kind, known()))?;
        (kind.open)(&destination.name, &destination.settings).map(drop).map_err(|error| error.to_string())
    }

    fn check_alert(&self, alert: &Alert) -> Result<(), String> {
        alerts::check(alert)
    }
}
