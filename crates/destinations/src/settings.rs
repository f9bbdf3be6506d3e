//! Reading settings: a kind's own struct, with unknown keys refused and the nearest known one named.

use delivery::{Batching, SettingsError};
use event::Slug;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the settings of a destination.
pub(crate) fn read<T: DeserializeOwned>(name: &Slug, settings: &Map<String, Value>) -> Result<T, SettingsError> {
    serde_json::from_value(Value::Object(settings.clone())).map_err(|error| {
        let hint = workspace::with_hint(&error.to_string());
        SettingsError(format!("settings of destination `{name}`: {hint}"))
    })
}

/// How events are put together, as an operator writes it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchSettings {
    /// The most events of a request.
    pub(crate) events_max: usize,
    /// How long an event waits for others.
    #[serde(default = "wait_ms")]
    pub(crate) wait_ms: u64,
}

fn wait_ms() -> u64 {
    1_000
}

impl BatchSettings {
    /// With the bytes that one request may hold.
    pub(crate) fn batching(self, bytes_max: usize) -> Batching {
        Batching { events_max: self.events_max.clamp(1, 10_000), bytes_max, wait_ms: self.wait_ms }
    }
}
