//! Delivery as this server runs it: its budget from the disk, its results into the live view, its traces as text.

use std::sync::Arc;
use std::time::Duration;

use delivery::{BacklogBudget, Delivery, Outcome, RetryPolicy, Trace};
use egress::Echoes;
use futures::FutureExt as _;
use serde_json::json;

use crate::engines::Engines;
use crate::live::Live;
use crate::local::Tracer;
use crate::settings::Settings;
use crate::telemetry::Telemetry;

/// Starts delivering to every destination.
pub(crate) async fn start(
    settings: &Settings,
    engines: &Engines,
    telemetry: &Telemetry,
    live: &Live,
) -> anyhow::Result<Delivery> {
    let age = Duration::from_secs(settings.backlog_hours_max.min(24 * 365).saturating_mul(3_600));
    let delivery = Delivery::start(delivery::Options {
        log: Arc::clone(&engines.processed),
        directory: Arc::clone(&engines.directory),
        registry: Arc::new(destinations::registry::find),
        data_dir: engines.layout.delivery(),
        clock: Arc::clone(&engines.clock),
        observer: observer(live),
        metrics: telemetry.metrics.delivery.clone(),
        echoes: Arc::new(Echoes::default()),
        backlog: BacklogBudget {
            bytes_max: engines.disk_bytes / 100 * settings.backlog_disk_percent_max.min(100),
            age_ms_max: i64::try_from(age.as_millis())?,
        },
        retry: RetryPolicy::default(),
        // Jitter only has to differ between servers and starts.
        seed: engines.clock.now().0.unsigned_abs(),
    });
    Ok(delivery.await?)
}

fn observer(live: &Live) -> delivery::Observer {
    let (watched, live) = (live.watched(), live.clone());
    delivery::Observer {
        wanted: Arc::new(move || watched.load(std::sync::atomic::Ordering::Relaxed)),
        tell: Arc::new(move |seen| {
            live.show(&json!({
                "tail": seen.outcome.result(), "at": seen.at.to_string(), "workspace": &*seen.workspace,
                "destination": &*seen.destination, "message_id": seen.message_id, "reason": seen.outcome.reason(),
                "attempt": seen.attempt, "status": seen.status,
            }));
        }),
    }
}

/// Answers traces for `assent trace`, over all workspaces.
pub(crate) fn tracer(engines: &Engines, delivery: &Arc<Delivery>) -> Tracer {
    let (directory, delivery) = (Arc::clone(&engines.directory), Arc::clone(delivery));
    Arc::new(move |message_id: String| {
        let (directory, delivery) = (Arc::clone(&directory), Arc::clone(&delivery));
        async move {
            let mut text = String::new();
            for tenant in directory.tenants() {
                let name = tenant.name();
                match delivery.trace(&name, &message_id).await {
                    Ok(None) => {}
                    Ok(Some(trace)) => text.push_str(&shown(&name, &message_id, &trace)),
                    Err(error) => text.push_str(&format!("workspace {name}: {error}\n")),
                }
            }
            if text.is_empty() {
                text = format!(
                    "nothing is known of `{message_id}`: it was refused or discarded at the edge (`assent tail` shows why \
                     at the moment it happens), is not processed yet, or came more than seven days ago\n"
                );
            }
            text
        }
        .boxed()
    })
}

fn shown(workspace: &str, message_id: &str, trace: &Trace) -> String {
    let (partition, position) = trace.place;
    let mut text = format!(
        "{message_id} in workspace {workspace}\n  received {} (to the second), processed at {partition}/{position}\n",
        trace.received_at
    );
    for output in &trace.outputs {
        if output.attempts.is_empty() {
            text.push_str(&format!("  {}: waiting for its turn\n", output.destination));
        }
        for attempt in &output.attempts {
            text.push_str(&format!("  {}: {}", output.destination, attempt.outcome.result()));
            if attempt.outcome != Outcome::Delivered {
                text.push_str(&format!(" ({})", attempt.outcome.reason()));
            }
            if attempt.number > 0 {
                text.push_str(&format!(", attempt {}", attempt.number));
            }
            if attempt.status > 0 {
                text.push_str(&format!(", status {}", attempt.status));
            }
            text.push_str(&format!(", {}\n", attempt.at));
        }
    }
    if trace.outputs.is_empty() {
        text.push_str("  no destination reads from its source\n");
    }
    text
}
