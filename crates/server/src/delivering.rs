//! Delivery as this server runs it: its budget from the disk, its results into the live view, its traces as text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use delivery::{BacklogBudget, Delivery, History, Observed, Outcome, RetryPolicy, TellerOptions, Trace, WaitingLimits};
use egress::Echoes;
use futures::FutureExt as _;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engines::Engines;
use crate::live::Live;
use crate::local::Tracer;
use crate::settings::Settings;
use crate::telemetry::Telemetry;

/// How often is looked for withdrawals that a destination was not told of: one look is one read of an index.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts delivering to every destination; to none where nothing may leave, which has no history either.
pub(crate) async fn start(
    settings: &Settings,
    engines: &Engines,
    telemetry: &Telemetry,
    live: &Live,
    history: Option<History>,
) -> anyhow::Result<Delivery> {
    let directory =
        if history.is_some() { Arc::clone(&engines.directory) } else { Arc::new(control::Directory::default()) };
    let age = Duration::from_secs(settings.backlog_hours_max.min(24 * 365).saturating_mul(3_600));
    let delivery = Delivery::start(delivery::Options {
        log: Arc::clone(&engines.processed),
        directory,
        registry: Arc::new(destinations::registry::find),
        data_dir: engines.layout.delivery(),
        clock: Arc::clone(&engines.clock),
        observer: observer(live),
        tracer: telemetry.tracer.clone(),
        metrics: telemetry.metrics.delivery.clone(),
        echoes: Arc::new(Echoes::default()),
        backlog: BacklogBudget {
            bytes_max: engines.disk_bytes / 100 * settings.backlog_disk_percent_max.min(100),
            age_ms_max: i64::try_from(age.as_millis())?,
        },
        retry: RetryPolicy::default(),
        waiting: WaitingLimits::default(),
        // Jitter only has to differ between servers and starts.
        seed: engines.clock.now().0.unsigned_abs(),
        history,
    });
    Ok(delivery.await?)
}

/// Tells destinations of withdrawals until the server ends. For a server that delivers: another one knows no destination.
pub(crate) fn tell(engines: &Engines, delivery: &Arc<Delivery>, stopping: &CancellationToken) -> JoinHandle<()> {
    let options =
        TellerOptions { store: Arc::clone(&engines.store), keys: engines.keys.clone(), look_every: TELL_EVERY };
    let (delivery, stopping) = (Arc::clone(delivery), stopping.clone());
    tokio::spawn(async move { delivery.tell_withdrawals(options, stopping).await })
}

fn observer(live: &Live) -> delivery::Observer {
    let (watched, live) = (live.watched(), live.clone());
    delivery::Observer {
        wanted: Arc::new(move || watched.load(std::sync::atomic::Ordering::Relaxed)),
        tell: Arc::new(move |seen| {
            let mut shown = json!({
                "tail": seen.outcome.result(), "at": seen.at.to_string(), "workspace": &*seen.workspace,
                "destination": &*seen.destination, "reason": seen.outcome.reason(), "attempt": seen.attempt,
                "status": seen.status,
            });
            match seen.of {
                Observed::Event(message_id) => shown["message_id"] = message_id.into(),
                Observed::Range { partition, after, through, records } => {
                    let after = after.map_or_else(|| "start".to_owned(), |after| after.to_string());
                    shown["range"] = format!("{partition}/{after}..{partition}/{through}").into();
                    shown["records"] = records.into();
                }
            }
            live.show(&shown);
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
                    Ok(Some(trace)) => {
                        let shown = Shown { workspace: &name, message_id: &message_id, trace: &trace };
                        text += &shown.to_string();
                    }
                    Err(error) => text.extend(["workspace ", &*name, ": ", &error.to_string(), "\n"]),
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

/// The trace of one event, for reading.
struct Shown<'t> {
    workspace: &'t str,
    message_id: &'t str,
    trace: &'t Trace,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workspace, message_id, trace } = self;
        let processed = trace.place.map(|(partition, position)| format!(", processed at {partition}/{position}"));
        let received = trace.received_at.map(|received| format!("received {received} (to the second)"));
        let received = received.unwrap_or_else(|| "received more than seven days ago".to_owned());
        writeln!(f, "{message_id} in workspace {workspace}")?;
        writeln!(f, "  {received}{}", processed.unwrap_or_default())?;
        for output in &trace.outputs {
            if output.attempts.is_empty() {
                writeln!(f, "  {}: waiting for its turn", output.destination)?;
            }
            for attempt in &output.attempts {
                write!(f, "  {}: {}", output.destination, attempt.outcome.result())?;
                if attempt.outcome != Outcome::Delivered {
                    write!(f, " ({})", attempt.outcome.reason())?;
                }
                if attempt.number > 0 {
                    write!(f, ", attempt {}", attempt.number)?;
                }
                if attempt.status > 0 {
                    write!(f, ", status {}", attempt.status)?;
                }
                if let Some(replay) = attempt.replay {
                    write!(f, ", replay {replay}")?;
                }
                writeln!(f, ", {}", attempt.at)?;
            }
        }
        if trace.outputs.is_empty() {
            writeln!(f, "  no destination reads from its source")?;
        }
        Ok(())
    }
}
