//! Keeps what runs in line with what is configured.
//!
//! An edit over the API is in force when it is answered. What another process changed (`assent apply` beside this
//! server) is found by asking the store for its revision, which is one row of a file in memory: cheap enough to ask
//! every second, and without a channel between processes that could be missed.

use std::sync::Arc;
use std::time::Duration;

use control::{Configuration, Store};
use delivery::Delivery;
use event::{Clock, Millis};

/// How long a change by another process may stay unseen.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a destination that does not start, or whose courier ended, waits to be tried again.
const TRY_AGAIN_EVERY: Duration = Duration::from_secs(30);

/// How often records of choices are looked at for their age, which is counted in days.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Whose time passes here.
pub(crate) struct Followed {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Follows until it is dropped.
pub(crate) async fn run(engines: Followed, delivery: Arc<Delivery>) {
    let Followed { configuration, store, clock } = engines;
    let mut changes = configuration.changes();
    let mut ticks = tokio::time::interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut trials = tokio::time::interval(TRY_AGAIN_EVERY);
    trials.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweeps = tokio::time::interval(SWEEP_EVERY);
    sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Told once, not every second.
    let mut told = None;
    warn_of_risks(&configuration);
    loop {
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                delivery.refresh().await;
                tracing::info!(revision = *changes.borrow_and_update(), "the configuration changed");
                warn_of_risks(&configuration);
            }
            _ = trials.tick() => {
                if delivery.is_behind() {
                    delivery.refresh().await;
                }
            }
            _ = sweeps.tick() => sweep(&configuration, &*store, clock.now()).await,
            _ = ticks.tick() => {
                let failed = configuration.refresh().await.err().map(|error| error.to_string());
                if let Some(error) = &failed && told != failed {
                    tracing::error!(%error, "the stored configuration cannot be served; what was served still is");
                }
                told = failed;
            }
        }
    }
}

/// At every start and every change, because whoever changed it may not read the console.
fn warn_of_risks(configuration: &Configuration) {
    for tenant in &configuration.directory().tenants() {
        for risk in tenant.workspace.risks() {
            tracing::warn!(workspace = %tenant.name(), "{risk}");
        }
    }
}

/// What cannot be deleted now is tried again with the next.
async fn sweep(configuration: &Configuration, store: &dyn Store, now: Millis) {
    for tenant in &configuration.directory().tenants() {
        match control::retention::sweep(store, tenant, now).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(workspace = %tenant.name(), gone, "records of choices went by age"),
            Err(error) => tracing::error!(workspace = %tenant.name(), %error, "records of choices cannot be deleted"),
        }
    }
}
