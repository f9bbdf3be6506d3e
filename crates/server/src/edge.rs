//! From settings to how the edge stands in its network.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::{Edge, Geo, Network, PublicUrl, ReceiptDesk, ServeLimits, TrustedProxies, UnknownKey};

use crate::settings::{self, Settings};
use crate::topology::Shown;

/// What the collector is told about its network.
pub(crate) fn edge(settings: &Settings, shown: Shown) -> anyhow::Result<Edge> {
    let Shown { pages, beside, ledgers } = shown;
    let networks: Result<Vec<Network>, _> = settings.trusted_proxies.iter().map(|network| network.parse()).collect();
    let geo = settings.geo_database.as_ref().map(|path| {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `geo_database` `{}`", path.display()))?;
        Geo::from_bytes(bytes).with_context(|| format!("`geo_database` `{}`", path.display()))
    });
    Ok(Edge {
        unknown_key: match settings.unknown_key {
            settings::UnknownKey::Reject => UnknownKey::Reject,
            settings::UnknownKey::Accept => UnknownKey::Accept,
        },
        public_url: settings.public_url.as_deref().map(str::parse::<PublicUrl>).transpose()?,
        trusted_proxies: TrustedProxies(networks?),
        geo: geo.transpose()?,
        body_bytes_max: usize::try_from(settings.request_bytes_in_flight_max)?,
        pages,
        beside,
        receipts: ledgers.map(|ledgers| -> Arc<dyn ReceiptDesk> { ledgers }),
    })
}

/// Bounds of the accept loop.
pub(crate) fn limits(settings: &Settings) -> ServeLimits {
    ServeLimits {
        connections_max: settings.connections_max,
        // A client that holds its request longer has to send it again.
        drain_wait: Duration::from_secs(5),
        ..ServeLimits::default()
    }
}
