//! Logs and metrics of the process.
//!
//! Logs go to standard error, without personal data: what carries it is wrapped in `Pii`, which does not print.
//! `ASSENT_LOG` filters them (`info` by default), `ASSENT_LOG_FORMAT=json` structures them.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, OnceLock};

use event::Tracer;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::gauges::{Gauges, Sources};

/// The metrics of every part.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) log: eventlog::Metrics,
    pub(crate) collector: collector::Metrics,
    pub(crate) pipeline: pipeline::Metrics,
    pub(crate) lake: lake::Metrics,
    pub(crate) delivery: delivery::Metrics,
}

/// What is registered, and what each part counts into.
pub(crate) struct Telemetry {
    pub(crate) metrics: Metrics,
    /// Who traces the path.
    pub(crate) tracer: Tracer,
    shown: Arc<Shown>,
}

struct Shown {
    registry: Mutex<Registry>,
    gauges: Gauges,
    /// Empty until everything that is looked at is there.
    sources: OnceLock<Sources>,
}

impl Telemetry {
    /// Registers every part.
    pub(crate) fn new(tracer: Tracer) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics {
            log: eventlog::Metrics::register(&mut registry),
            collector: collector::Metrics::register(&mut registry),
            pipeline: pipeline::Metrics::register(&mut registry),
            lake: lake::Metrics::register(&mut registry),
            delivery: delivery::Metrics::register(&mut registry),
        };
        let gauges = Gauges::register(&mut registry);
        let shown = Shown { registry: Mutex::new(registry), gauges, sources: OnceLock::new() };
        Self { metrics, tracer, shown: Arc::new(shown) }
    }

    /// What states are taken from, from now on.
    pub(crate) fn look_at(&self, sources: Sources) {
        drop(self.shown.sources.set(sources));
    }

    /// The page `/metrics`.
    pub(crate) fn page(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let shown = Arc::clone(&self.shown);
        move || {
            // Held while looking: two who ask at once must not see each other's half.
            let registry = shown.registry.lock().expect("no holder of the registry panics");
            if let Some(sources) = shown.sources.get() {
                shown.gauges.refresh(sources);
            }
            let mut page = String::new();
            prometheus_client::encoding::text::encode(&mut page, &registry).expect("writing to a string cannot fail");
            page
        }
    }
}

/// Starts logging. Called once; a second call, as tests of one process make, changes nothing.
pub(crate) fn start_logging() {
    // The lake's engine reports every snapshot at `info`, with its whole schema.
    const QUIET: &str = "info,buoyant_kernel=warn,buoyant_kernel_engine=warn,deltalake_core=warn,datafusion=warn";
    let filter = EnvFilter::try_from_env("ASSENT_LOG").unwrap_or_else(|_| EnvFilter::new(QUIET));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // A log that cannot be written (it may lie on the disk that is full) must not panic whoever writes to it.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let json = std::env::var("ASSENT_LOG_FORMAT").is_ok_and(|format| format == "json");
    let started = if json { logs.json().try_init() } else { logs.try_init() };
    drop(started);
}
