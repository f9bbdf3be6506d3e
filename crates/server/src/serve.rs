//! The life of a server: open, recover, serve, drain.
//!
//! Draining goes with the flow: the edge stops first, then the pipeline empties what is durable, then the lake commits
//! and deliveries finish what they have begun. Whatever hangs is left behind at [`DRAIN_WITHIN`]: everything that was
//! acknowledged is in the log, and the next start goes on from there.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::Probes;
use control::{ApplyOptions, WorkspaceFile};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{Login, Sights};
use crate::cli::{Role, Serve};
use crate::engines::{Engines, Opening, read_workspaces};
use crate::gauges::Sources;
use crate::ledgers::Ledgers;
use crate::live::Live;
use crate::ready::{Behind, Ready};
use crate::settings::Settings;
use crate::spans::Spans;
use crate::telemetry::Telemetry;
use crate::topology::{DataPath, Front, Shown, build_data_path};
use crate::trim::{Holders, Trimmer};
use crate::{Machine, admin, delivering, demo, drain, edge, following, local};

/// From the last request to the end, whatever hangs. The edge takes up to 5 s before; orchestrators kill after 30 s.
const DRAIN_WITHIN: Duration = Duration::from_secs(18);
/// Of that, what deliveries get to finish requests that have begun.
const DELIVERIES_WITHIN: Duration = Duration::from_secs(8);

/// What a start waits for the lake's store. One that is away is waited for while events are taken.
const LAKE_BEGINS_WITHIN: Duration = Duration::from_secs(5);

const DEMO: &str = include_str!("demo/workspace.yaml");

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(serve: Serve, machine: Machine) -> anyhow::Result<()> {
    // Before anything else: whoever ends a server in the moment it becomes ready must not kill it instead.
    let mut signals = Signals::listen()?;
    let data_dir = serve.data_dir.clone();
    let (listener, running, spans) = tokio::select! {
        started = start(serve, machine) => started?,
        // A start that is given up is a crash before the first request, and the next one recovers from it.
        () = signals.arrive() => {
            tracing::info!("ended while it started");
            return Ok(());
        }
    };
    let ended = running.until(signals, listener, &data_dir).await;
    spans.shutdown().await;
    ended
}

/// Opens and recovers all there is, up to the first request.
async fn start(serve: Serve, machine: Machine) -> anyhow::Result<(TcpListener, Running, Spans)> {
    let settings = read_settings(serve.config.as_deref())?;
    let mut files = read_workspaces(&serve.workspaces)?;
    if serve.demo {
        files.push(WorkspaceFile { path: "the demo".to_owned(), yaml: DEMO.to_owned() });
    }
    // Before anything is opened: a taken port should be told in the first second.
    let listener = TcpListener::bind(serve.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another server running there?", serve.listen))?;
    let Machine { disk, clock } = machine;
    let apply = ApplyOptions { take_over: serve.take_over, ..ApplyOptions::at_start(serve.prune) };
    let spans = Spans::open(&settings)?;
    let telemetry = Telemetry::new(spans.tracer.clone());
    let opening = Opening { settings: &settings, files, apply, clock, disk, metrics: &telemetry.metrics.log };
    let engines = Engines::open(&serve.data_dir, opening).await?;
    let live = Live::new();
    let ready = Ready::default();
    let pages = if serve.demo { demo::pages() } else { Vec::new() };
    let door = (serve.role == Role::All).then(api::Door::default);
    let beside = door.as_ref().map(api::Door::beside);
    let ledgers = door.is_some().then(|| Ledgers::new(&settings, &engines));
    let shown = Shown { pages, beside, ledgers: ledgers.clone() };
    let front = Front { probes: probes(&ready, &telemetry), shown, delivers: serve.role == Role::All };
    let path = build_data_path(&settings, &engines, &telemetry, &live, front).await?;
    if let Ok(false) = tokio::time::timeout(LAKE_BEGINS_WITHIN, path.lake.has_begun()).await {
        // Before the first request: what came in now might never be in a table.
        path.lake.shutdown().await?;
        anyhow::bail!("the lake ended at once; its log says why");
    }
    telemetry.look_at(sources(&engines, &path, &telemetry));
    // Before the first request: a refusal must reach the events of its maker that the last run left in the log.
    let waiting = path.pipeline.remember_waiting().await;
    tracing::info!(events = waiting, "events of the last run that wait in the log");
    let stopping = CancellationToken::new();
    let (login, beside) = match door.as_ref().zip(ledgers) {
        Some((door, ledgers)) => {
            let (settings, telemetry, live, delivery) = (&settings, &telemetry, &live, &path.delivery);
            let sights = Sights { settings, telemetry, live, delivery, ledgers, stopping: stopping.clone() };
            let (login, alerting) = admin::open(door, &engines, sights).await?;
            (Some(login), vec![alerting, delivering::tell(&engines, &path.delivery, &stopping)])
        }
        None => (None, Vec::new()),
    };
    announce(&serve, &engines, listener.local_addr()?, login.as_ref())?;
    let (pipeline_metrics, lake_metrics) = (telemetry.metrics.pipeline.clone(), telemetry.metrics.lake.clone());
    let role = serve.role;
    let running =
        Running { engines, path, live, ready, pipeline_metrics, lake_metrics, settings, role, stopping, beside };
    Ok((listener, running, spans))
}

/// Reads the settings file, if one is given.
pub(crate) fn read_settings(path: Option<&Path>) -> anyhow::Result<Settings> {
    let Some(path) = path else { return Ok(Settings::default()) };
    let yaml =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the settings `{}`", path.display()))?;
    Settings::parse(&yaml, &|name| std::env::var(name).ok()).with_context(|| format!("`{}`", path.display()))
}

fn sources(engines: &Engines, path: &DataPath, telemetry: &Telemetry) -> Sources {
    Sources {
        raw: Arc::clone(&engines.raw),
        processed: Arc::clone(&engines.processed),
        delivery: Arc::clone(&path.delivery),
        pipeline: telemetry.metrics.pipeline.clone(),
        deliveries: telemetry.metrics.delivery.clone(),
        data_dir: engines.layout.root.clone(),
        clock: Arc::clone(&engines.clock),
    }
}

fn probes(ready: &Ready, telemetry: &Telemetry) -> Probes {
    let ready = ready.clone();
    Probes { ready: Arc::new(move || ready.answer()), metrics: Arc::new(telemetry.page()) }
}

/// What a person needs to go on, on standard output.
fn announce(
    serve: &Serve,
    engines: &Engines,
    address: std::net::SocketAddr,
    login: Option<&Login>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "assent listens on http://{address}, data in {}", serve.data_dir.display())?;
    for tenant in engines.directory.tenants() {
        writeln!(out, "workspace {}", tenant.workspace.name())?;
        for source in &tenant.workspace.sources {
            let key = source.write_key.as_ref().map_or("none", |key| key.expose());
            writeln!(out, "  source {} ({:?}): write key {key}", source.name, source.kind)?;
        }
        for destination in &tenant.workspace.destinations {
            writeln!(out, "  destination {} ({})", destination.name, destination.kind)?;
        }
    }
    if serve.demo {
        writeln!(out, "demo site: http://{address}/demo")?;
    }
    if let Some(login) = login {
        writeln!(out, "console: http://{address}/ ({login})")?;
    }
    out.flush()?;
    Ok(())
}

/// A server that has everything it needs.
struct Running {
    engines: Engines,
    path: DataPath,
    live: Live,
    ready: Ready,
    pipeline_metrics: pipeline::Metrics,
    lake_metrics: lake::Metrics,
    settings: Settings,
    role: Role,
    /// Ends what would otherwise go on for ever: live views, alerts.
    stopping: CancellationToken,
    /// What ends by itself then, after a note of what became of what is under way: alerts, withdrawals that are told.
    beside: Vec<JoinHandle<()>>,
}

impl Running {
    async fn until(self, signals: Signals, listener: TcpListener, data_dir: &Path) -> anyhow::Result<()> {
        let Self { engines, path, live, ready, pipeline_metrics, lake_metrics, settings, role, stopping, beside } =
            self;
        let DataPath { collector, pipeline, index, lake, delivery } = path;
        let stop_pipeline = CancellationToken::new();
        let stop_trimming = CancellationToken::new();
        let lake = Arc::new(lake);
        let progress = pipeline.progress();
        let pipeline = (role == Role::All).then(|| tokio::spawn(pipeline.run(stop_pipeline.clone())));
        let trimming = (role == Role::All).then(|| {
            let trimmer = Trimmer::new(&engines.raw, &engines.processed, &engines.clock, &settings);
            let (lake, delivery) = (Arc::clone(&lake), Arc::clone(&delivery));
            let holders = move |partition| {
                let indexed = index.checkpoint(partition).map(|mark| mark.processed);
                Holders { firm: [indexed, lake.committed(partition)], bounded: delivery.released(partition) }
            };
            // Where nothing is delivered nobody could say what destinations still need.
            tokio::spawn(trimmer.run(holders, stop_trimming.clone()))
        });
        let local = tokio::spawn({
            let (data_dir, tracer) = (data_dir.to_owned(), delivering::tracer(&engines, &delivery));
            async move { local::serve(&data_dir, live, tracer).await }
        });
        let following = tokio::spawn(following::run(engines.followed(), Arc::clone(&delivery)));
        ready.open(Behind {
            metrics: pipeline_metrics,
            lake_metrics,
            partitions: engines.raw.partitions(),
            pipeline: pipeline.as_ref().map(JoinHandle::abort_handle),
            lake: lake.watch(),
        });
        tracing::info!(address = %listener.local_addr()?, "ready");
        collector::serve(listener, collector, edge::limits(&settings), signalled(signals, ready.clone(), stopping))
            .await;
        following.abort();
        let drained = tokio::time::timeout(DRAIN_WITHIN, async {
            if let Some(pipeline) = pipeline {
                drain::handled(&*engines.raw, &progress).await;
                stop_pipeline.cancel();
                drop(pipeline.await);
            }
            stop_trimming.cancel();
            if let Some(trimming) = trimming {
                drop(trimming.await);
            }
            for task in beside {
                drop(task.await);
            }
            // A lake that has ended says why below; what it lacks is in the log.
            let _ =
                tokio::join!(drain::landed(&*engines.processed, lake.watch()), delivery.shutdown(DELIVERIES_WITHIN));
            match Arc::into_inner(lake) {
                Some(lake) => lake.shutdown().await.map_err(anyhow::Error::from),
                None => Ok(()),
            }
        })
        .await;
        local.abort();
        match drained {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!("not everything drained in {DRAIN_WITHIN:?}; the next start goes on from the log");
                Ok(())
            }
        }
    }
}

/// SIGTERM and SIGINT, caught from the moment this is made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let to = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self { terminate: to(SignalKind::terminate())?, interrupt: to(SignalKind::interrupt())? })
    }

    async fn arrive(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal; from then on the server is not ready.
async fn signalled(mut signals: Signals, ready: Ready, stopping: CancellationToken) {
    signals.arrive().await;
    ready.close();
    stopping.cancel();
    tracing::info!("draining");
}
