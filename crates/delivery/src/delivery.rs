//! Starting, changing and stopping: one courier per enabled destination of every workspace served.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use control::Directory;
use egress::{Echoes, Egress};
use event::{Clock, Millis, Tracer};
use eventlog::record::Processed;
use eventlog::{EventLog, Partition, Position};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::attempt::Context;
use crate::backlog::{BacklogBudget, Ruler};
use crate::batch_size::BatchSize;
use crate::cursor::before;
use crate::destination::{Destination, Registry};
use crate::flight::Flight;
use crate::follow::{Courier, Shared, WaitingLimits};
use crate::latency::Latency;
use crate::metrics::{DestinationLabels, Metrics};
use crate::overview::{Observer, Overview};
use crate::recorder::Recorder;
use crate::replay::stream::Stream;
use crate::replay::{Archive, History};
use crate::result_log::Read;
use crate::share::Share;
use crate::tail::follow_tail;
use crate::telling::UntoldWithdrawals;
use crate::trace::{Search, Trace, TraceError};
use crate::trace_index::TraceIndex;
use crate::{Random, RetryPolicy, ownership};

/// What delivering needs.
pub struct Options {
    /// The stream `processed`.
    pub log: Arc<dyn EventLog>,
    /// The workspaces.
    pub directory: Arc<Directory>,
    /// The kinds of destination.
    pub registry: Registry,
    /// Where results are kept: `DIR/delivery`.
    pub data_dir: PathBuf,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Who watches results live.
    pub observer: Observer,
    /// Who traces attempts.
    pub tracer: Tracer,
    /// The metrics.
    pub metrics: Metrics,
    /// Where the echo destination shows what it got.
    pub echoes: Arc<Echoes>,
    /// What a destination may leave behind.
    pub backlog: BacklogBudget,
    /// How long to try.
    pub retry: RetryPolicy,
    /// How much may wait at one destination.
    pub waiting: WaitingLimits,
    /// The seed of all jitter.
    pub seed: u64,
    /// What was, for replays; `None` where there is none.
    pub history: Option<History>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({})", self.data_dir.display())
    }
}

/// Why delivery does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The trace index cannot be opened.
    #[error("cannot open the trace index in `{path}`: {error}")]
    Index {
        /// Where.
        path: String,
        /// What the operating system said.
        error: std::io::Error,
    },
}

pub(crate) type Key = (Arc<str>, Arc<str>);

struct Running {
    /// What it was started with; another text means that it must be started anew.
    configuration: String,
    stop: CancellationToken,
    abandon: CancellationToken,
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// Says that a courier ended, also by a panic.
struct Ends(Arc<Shared>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

impl Running {
    fn spawn(courier: Courier, shared: Arc<Shared>, configuration: String) -> Self {
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let (run, ends) = (courier.run(stop.clone(), abandon.clone()), Ends(Arc::clone(&shared)));
        let task = tokio::spawn(async move {
            let _ends = ends;
            run.await;
        });
        Self { configuration, stop, abandon, task, shared }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A destination that could not be started. It is tried again, and keeps its place until then.
#[derive(Debug, Clone)]
struct Failed {
    reason: String,
    since: Millis,
    made_in: i64,
    /// Per partition: nothing up to here is needed. `None` also where what it kept cannot be read: then it may need
    /// everything. Not more than the backlog budget is held for it in either case.
    place: Vec<Option<Position>>,
}

#[derive(Default)]
struct Couriers {
    running: HashMap<Key, Running>,
    failed: BTreeMap<Key, Failed>,
    /// Destinations that are switched off, as they were when what waited for them was given up.
    off: BTreeMap<Key, i64>,
}

/// All deliveries of this process. Dropping it ends them at once; [`Delivery::shutdown`] lets them finish.
pub struct Delivery {
    pub(crate) options: Options,
    ruler: Arc<Ruler>,
    index: Arc<Mutex<TraceIndex>>,
    couriers: tokio::sync::Mutex<Couriers>,
    /// Copies of what the running couriers share, for questions that cannot wait.
    shared: Mutex<BTreeMap<Key, Result<Arc<Shared>, Failed>>>,
    /// What waits for a destination that is switched off could not be given up.
    is_off_behind: AtomicBool,
    tails: Mutex<JoinSet<()>>,
    stop_tails: CancellationToken,
    share: Share,
    /// What destinations were not told of, at the last look.
    pub(crate) untold: Mutex<BTreeMap<Key, UntoldWithdrawals>>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delivery({:?})", self.options)
    }
}

impl Delivery {
    /// Starts delivering to every enabled destination.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let failed = |error| StartError::Index { path: options.data_dir.display().to_string(), error };
        let (data_dir, partitions) = (options.data_dir.clone(), options.log.partitions());
        let opened = tokio::task::spawn_blocking(move || {
            let index = TraceIndex::open(&ownership::traces(&data_dir)?)?;
            index.ends(partitions).map(|ends| (index, ends))
        });
        let opened = opened.await.unwrap_or_else(|_| Err(std::io::Error::other("the thread that opened it ended")));
        let (index, ends) = opened.map_err(failed)?;
        let delivery = Self {
            ruler: Arc::new(Ruler::new(options.log.partitions(), options.backlog)),
            index: Arc::new(Mutex::new(index)),
            couriers: tokio::sync::Mutex::default(),
            shared: Mutex::default(),
            is_off_behind: AtomicBool::new(false),
            tails: Mutex::new(JoinSet::new()),
            stop_tails: CancellationToken::new(),
            share: Share::default(),
            untold: Mutex::default(),
            options,
        };
        for (partition, end) in (0..).zip(ends) {
            let (log, index, ruler) =
                (Arc::clone(&delivery.options.log), Arc::clone(&delivery.index), Arc::clone(&delivery.ruler));
            let tail = follow_tail(log, (Partition(partition), end), index, ruler, delivery.stop_tails.clone());
            delivery.tails.lock().expect("no holder of the tails panics").spawn(tail);
        }
        delivery.refresh().await;
        Ok(delivery)
    }

    /// Brings the couriers in line with the directory: call it after every change of it, and from time to time while
    /// [`Delivery::is_behind`]. A destination seen for the first time starts at the tail of the log, and so does one that
    /// was switched off; one whose settings changed goes on where it was.
    pub async fn refresh(&self) {
        let wanted = self.wanted();
        let mut guard = self.couriers.lock().await;
        if self.stop_tails.is_cancelled() {
            return;
        }
        let couriers = &mut *guard;
        let stale: Vec<Key> = couriers
            .running
            .iter()
            .filter(|(key, running)| {
                running.task.is_finished() || wanted.get(*key).is_none_or(|(text, _)| *text != running.configuration)
            })
            .map(|(key, _)| key.clone())
            .collect();
        let stopped: Vec<Running> = stale.iter().filter_map(|key| couriers.running.remove(key)).collect();
        stop_all(stopped, Duration::from_secs(5)).await;
        self.sweep().await;
        let is_off_done = self.switch_off(&mut couriers.off).await;
        self.is_off_behind.store(!is_off_done, Ordering::Relaxed);
        // Not taken out and put back: whoever waits for this may stop waiting in the middle of it, and the places would
        // be gone.
        couriers.failed.retain(|key, _| wanted.contains_key(key));
        for (key, (configuration, model)) in wanted {
            if let Entry::Vacant(free) = couriers.running.entry(key.clone()) {
                let made_in = model.made_in;
                let before = couriers.failed.get(&key).filter(|before| before.made_in == made_in).cloned();
                match self.begin(&key, configuration, model, before.as_ref()).await {
                    Ok(running) => {
                        free.insert(running);
                        couriers.failed.remove(&key);
                    }
                    Err(reason) => {
                        // Once, not at each trial.
                        if before.as_ref().is_none_or(|before| before.reason != reason) {
                            tracing::error!(workspace = &*key.0, destination = &*key.1, %reason, "a destination does not start");
                        }
                        let (since, place) = match before {
                            Some(before) => (before.since, before.place),
                            None => (self.options.clock.now(), self.place_of(&key, made_in).await),
                        };
                        couriers.failed.insert(key, Failed { reason, since, made_in, place });
                    }
                }
            }
        }
        let running = couriers.running.iter().map(|(key, running)| (key.clone(), Ok(Arc::clone(&running.shared))));
        let failed = couriers.failed.iter().map(|(key, reason)| (key.clone(), Err(reason.clone())));
        *self.shared.lock().expect("no holder of the table panics") = running.chain(failed).collect();
    }

    /// Whether a destination that is wanted does not run (it could not be started, or its courier ended), or what waits
    /// for one that is switched off was not given up. Call [`Delivery::refresh`] then, every half a minute or so.
    pub fn is_behind(&self) -> bool {
        let is_behind = |entry: &Result<Arc<Shared>, Failed>| match entry {
            Ok(shared) => shared.has_ended.load(Ordering::Relaxed),
            Err(_) => true,
        };
        !self.stop_tails.is_cancelled()
            && (self.is_off_behind.load(Ordering::Relaxed)
                || self.shared.lock().expect("no holder of the table panics").values().any(is_behind))
    }

    fn wanted(&self) -> BTreeMap<Key, (String, workspace::Destination)> {
        let mut wanted = BTreeMap::new();
        for tenant in self.options.directory.tenants() {
            for model in tenant.workspace.destinations.iter().filter(|model| model.enabled) {
                let key = (tenant.name(), model.name.shared());
                wanted.insert(key, (format!("{model:?}"), model.clone()));
            }
        }
        wanted
    }

    fn open_destination(&self, model: &workspace::Destination) -> Result<Box<dyn Destination>, String> {
        let kind = (self.options.registry)(model.kind.as_str())
            .ok_or_else(|| format!("there is no destination of kind `{}`", model.kind))?;
        (kind.open)(&model.name, &model.settings).map_err(|error| error.to_string())
    }

    /// `before`: what is known from when it did not start.
    async fn begin(
        &self,
        key: &Key,
        configuration: String,
        model: workspace::Destination,
        before: Option<&Failed>,
    ) -> Result<Running, String> {
        let options = &self.options;
        let destination = self.open_destination(&model)?;
        let opened = Recorder::open(&self.results_dir(key), model.made_in).await;
        let (recorder, folded) = opened.map_err(|error| error.to_string())?;
        let folded = folded.unwrap_or_default();
        let begins = || before.map_or_else(|| self.tails(), |before| before.place.clone());
        let (archive, spool) = History::parts(options.history.as_ref());
        let stream = Arc::new(Stream::open(Arc::clone(&options.log), &self.results_dir(key), spool).await?);
        let mut cursors = ownership::place(&folded, stream.partitions()).unwrap_or_else(begins);
        cursors.resize(usize::from(stream.partitions()), stream.watermark(stream.replayed()));
        let places = (0..).map(Partition).zip(&cursors);
        let released = places.map(|(partition, cursor)| ownership::released(&folded, partition, *cursor));
        let (released, shown) = (Mutex::new(released.collect()), Some(Arc::clone(&stream)));
        let size = BatchSize::new(destination.batching());
        let is_held = folded.desk.held.is_some();
        let context = self.context(key, (destination, model), (stream, archive), is_held);
        let sending = Some(Arc::clone(&context));
        let shared = Arc::new(Shared { released, stream: shown, context: sending, ..Shared::default() });
        let courier = Courier {
            size,
            context,
            shared: Arc::clone(&shared),
            ruler: Arc::clone(&self.ruler),
            metrics: options.metrics.clone(),
            labels: DestinationLabels { workspace: key.0.to_string(), destination: key.1.to_string() },
            observer: options.observer.clone(),
            retry: options.retry,
            random: Random::new(options.seed ^ u64::from(crc32c::crc32c(key.1.as_bytes()))),
            // A whole state would forget the results beyond it: one only where there must be one.
            is_checkpoint_due: recorder.is_checkpoint_due(),
            recorder,
            folded,
            saved: cursors.clone(),
            cursors,
            fresh: Vec::new(),
            lost: Vec::new(),
            lanes: crate::lane::Lanes::new(options.waiting.in_memory_max),
            limits: options.waiting,
            arrivals: 0,
            breaker: crate::breaker::Breaker::default(),
            concurrency: crate::concurrency::Concurrency::default(),
            flight: Flight::default(),
            share: self.share.clone(),
            readable: Vec::new(),
            changed: true,
            is_results_failing: false,
            scan: None,
            feed: None,
            index: Arc::clone(&self.index),
            search_not_before: tokio::time::Instant::now(),
            latency: Latency::default(),
            oldest_waiting: None,
            has_backlog: None,
        };
        Ok(Running::spawn(courier, shared, configuration))
    }

    /// What a destination sends with.
    fn context(
        &self,
        key: &Key,
        (destination, model): (Box<dyn Destination>, workspace::Destination),
        (log, archive): (Arc<Stream>, Option<Arc<dyn Archive>>),
        is_held: bool,
    ) -> Arc<Context> {
        let options = &self.options;
        Arc::new(Context {
            workspace: Arc::clone(&key.0),
            egress: Egress::new(destination.egress(), Arc::clone(&options.echoes)),
            destination,
            model,
            directory: Arc::clone(&options.directory),
            log,
            archive,
            clock: Arc::clone(&options.clock),
            tracer: options.tracer.clone(),
            held: AtomicBool::new(is_held),
        })
    }

    /// What the courier of a destination shares, or why it has none; `None` for one that is not meant to run.
    pub(crate) fn shared_of(&self, workspace: &str, destination: &str) -> Option<Result<Arc<Shared>, String>> {
        let table = self.shared.lock().expect("no holder of the table panics");
        let found = table.get(&(workspace.into(), destination.into())).cloned()?;
        Some(found.map_err(|failed| failed.reason))
    }

    pub(crate) fn log(&self) -> &Arc<dyn EventLog> {
        &self.options.log
    }

    pub(crate) fn results_dir(&self, key: &Key) -> PathBuf {
        self.options.data_dir.join(Path::new(&*key.0)).join(Path::new(&*key.1))
    }

    /// The position up to and including which no destination needs a partition's records, even after a crash:
    /// what may be trimmed. `None`: nothing may. For one that does not start, the backlog budget is kept here; what it has
    /// lost by then it finds trimmed and says so when it starts.
    pub fn released(&self, partition: Partition) -> Option<Position> {
        let (log, now) = (&self.options.log, self.options.clock.now());
        let table = self.shared.lock().expect("no holder of the table panics");
        let of = |entry: &Result<Arc<Shared>, Failed>| match entry {
            Ok(shared) => {
                let released = shared.released.lock().expect("no holder of the released panics");
                released.get(usize::from(partition.0)).copied().flatten()
            }
            Err(failed) => {
                let place = failed.place.get(usize::from(partition.0)).copied().flatten();
                let cuts = self.ruler.cut(&failed.place, now, |partition, time| log.older_than(partition, time));
                let cut = cuts.into_iter().find(|(of, _)| *of == partition);
                cut.map_or(place, |(_, through)| place.max(Some(through)))
            }
        };
        table.values().map(of).min().unwrap_or_else(|| log.watermark(partition))
    }

    /// Every destination with its state, by workspace and name.
    pub fn overview(&self) -> Vec<Overview> {
        let untold = self.untold.lock().expect("no holder of what is untold panics").clone();
        let table = self.shared.lock().expect("no holder of the table panics");
        let entries = table.iter().map(|((workspace, destination), entry)| {
            let status = entry.as_ref().map_err(|failed| failed.reason.clone());
            let status = status.map(|shared| shared.status.lock().expect("no holder of a status panics").clone());
            let stalled_since =
                entry.as_ref().err().filter(|failed| self.is_behind_of(failed)).map(|failed| failed.since);
            let (workspace, destination) = (Arc::clone(workspace), Arc::clone(destination));
            let untold = untold.get(&(Arc::clone(&workspace), Arc::clone(&destination))).copied().unwrap_or_default();
            Overview { workspace, destination, status, stalled_since, untold }
        });
        entries.collect()
    }

    /// Whether anything came behind the place of a destination that does not start.
    fn is_behind_of(&self, failed: &Failed) -> bool {
        let partitions = (0..self.options.log.partitions()).map(Partition);
        let mut places = partitions.map(|of| (of, failed.place.get(usize::from(of.0)).copied().flatten()));
        places.any(|(of, place)| self.options.log.watermark(of) > place)
    }

    /// What happened to an event. `None` when it is not known, or longer ago than seven days.
    pub async fn trace(&self, workspace: &str, message_id: &str) -> Result<Option<Trace>, TraceError> {
        let workspace: Arc<str> = workspace.into();
        // Of those that are switched off too: what happened, happened.
        let tenant = self.options.directory.tenant(&workspace);
        let mut names: Vec<Arc<str>> = tenant
            .map(|tenant| tenant.workspace.destinations.iter().map(|model| model.name.shared()).collect())
            .unwrap_or_default();
        names.sort_unstable();
        let results = names.into_iter().map(|name| {
            let directory = self.results_dir(&(Arc::clone(&workspace), Arc::clone(&name)));
            (name, directory)
        });
        let results = results.filter(|(_, directory)| directory.is_dir()).collect();
        let (message_id, index) = (message_id.to_owned(), Arc::clone(&self.index));
        let search = Search { workspace, message_id, index, results };
        let (log, handle) = (Arc::clone(&self.options.log), tokio::runtime::Handle::current());
        let named = move |found: &crate::trace_index::Found| {
            let (partition, position) = found.place;
            let records = handle.block_on(log.read(partition, before(position), 1)).ok()?;
            let record = records.first().filter(|record| record.position == position)?;
            let processed = Processed::decode(&record.payload).ok()?;
            Some(processed.outputs.iter().map(|name| (*name).to_owned()).collect())
        };
        let search = move || search.run(named, &mut Read::default());
        tokio::task::spawn_blocking(search).await.map_err(|_| TraceError::Ended)?
    }

    /// Stops reading, lets requests in flight finish for at most `deadline`, and writes the state. What did not
    /// finish is sent again after the next start.
    pub async fn shutdown(&self, deadline: Duration) {
        self.stop_tails.cancel();
        let running = std::mem::take(&mut self.couriers.lock().await.running);
        stop_all(running.into_values().collect(), deadline).await;
    }
}

async fn stop_all(running: Vec<Running>, deadline: Duration) {
    /// For writing the state, after the deadline.
    const WRITING: Duration = Duration::from_secs(3);
    for courier in &running {
        courier.stop.cancel();
    }
    let until = tokio::time::Instant::now() + deadline;
    for mut courier in running {
        if tokio::time::timeout_at(until, &mut courier.task).await.is_err() {
            courier.abandon.cancel();
            if tokio::time::timeout(WRITING, &mut courier.task).await.is_err() {
                tracing::error!("a destination did not end; what it did last will be done again");
                courier.task.abort();
            }
        }
        // Questions and readings that are under way know the stream too, and would keep the next courier from its spools.
        if let Some(stream) = &courier.shared.stream {
            stream.close().await;
        }
    }
}
