//! The admin API and the console as this server runs them, and the first login.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Api, Door, EvidenceDesk, History, Seen, SettingFact, Storage, Window};
use control::{AccountLimits, Accounts, FIRST_OWNER};
use delivery::Delivery;
use event::{Clock, Millis, Secret};
use futures::StreamExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::alerting;
use crate::engines::Engines;
use crate::lake_desk;
use crate::ledgers::Ledgers;
use crate::live::Live;
use crate::settings::Settings;
use crate::telemetry::Telemetry;

/// The variable with the first owner's password.
const PASSWORD_VARIABLE: &str = "ASSENT_ADMIN_PASSWORD";
/// How often the metrics are read for the overview: the error of a minute's count is at most this share of it.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// Walking the data directory costs a look at each of its files.
const STORAGE_FOR_MS: i64 = 60_000;

/// The task that looks after alerts; it ends after `stopping`.
pub(crate) type Alerting = JoinHandle<()>;

/// What to say about signing in, once.
pub(crate) struct Login {
    /// The password that was made because none was given and there was no user yet.
    generated: Option<Secret<String>>,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.generated {
            Some(password) => {
                write!(
                    f,
                    "sign in as `{FIRST_OWNER}` with `{}`: shown this once, and stored nowhere",
                    password.expose()
                )
            }
            None => f.write_str("sign in with the password set before"),
        }
    }
}

/// What the API looks at beside the engines.
pub(crate) struct Sights<'s> {
    pub(crate) settings: &'s Settings,
    pub(crate) telemetry: &'s Telemetry,
    pub(crate) live: &'s Live,
    pub(crate) delivery: &'s Arc<Delivery>,
    pub(crate) ledgers: Arc<Ledgers>,
    /// Set when the server begins to end.
    pub(crate) stopping: CancellationToken,
}

/// Makes the first owner where there is nobody yet, and opens the door.
pub(crate) async fn open(door: &Door, engines: &Engines, sights: Sights<'_>) -> anyhow::Result<(Login, Alerting)> {
    let accounts = Accounts::new(Arc::clone(&engines.store), Arc::clone(&engines.clock), AccountLimits::default());
    let given = std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new);
    let generated = accounts.ensure_owner(given).await?;
    let history = Arc::new(History::default());
    tokio::spawn(count(Arc::clone(&history), sights.telemetry, &engines.clock, sights.stopping.clone()));
    let alerts = alerting::open(sights.settings, engines, sights.delivery, &history)?;
    let alerting = tokio::spawn({
        let (alerts, stopping) = (alerts.clone(), sights.stopping.clone());
        async move { alerts.run(stopping).await }
    });
    let api = Api::new(api::Options {
        accounts,
        configuration: Arc::clone(&engines.configuration),
        store: Arc::clone(&engines.store),
        evidence: evidence(sights.ledgers, &sights.stopping),
        recorder: engines.recorder.clone(),
        directory: Arc::clone(&engines.directory),
        delivery: Arc::clone(sights.delivery),
        alerts,
        raw: Arc::clone(&engines.raw),
        processed: Arc::clone(&engines.processed),
        kinds: &destinations::registry::DESTINATIONS,
        window: window(sights.live),
        history,
        lake: lake_desk::open(engines, sights.telemetry.metrics.lake.clone()),
        settings: settings(sights.settings),
        storage: storage(engines.layout.root.clone(), Arc::clone(&engines.clock)),
        clock: Arc::clone(&engines.clock),
        stopping: sights.stopping,
        is_https: sights.settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://")),
        version: env!("CARGO_PKG_VERSION"),
    });
    door.open(api::router(&api)?);
    Ok((Login { generated }, alerting))
}

/// Opens ledgers for whoever asks, and publishes to them until the server ends.
fn evidence(ledgers: Arc<Ledgers>, stopping: &CancellationToken) -> EvidenceDesk {
    tokio::spawn(Arc::clone(&ledgers).publish(stopping.clone()));
    Arc::new(move |workspace| ledgers.find(workspace))
}

/// Reads the metrics into the history until the server ends.
fn count(
    history: Arc<History>,
    telemetry: &Telemetry,
    clock: &Arc<dyn Clock>,
    stopping: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let (page, clock) = (telemetry.page(), Arc::clone(clock));
    async move {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
            history.note(&page(), clock.now());
        }
    }
}

fn window(live: &Live) -> Window {
    let live = live.clone();
    Window::new(move || {
        let watch = live.watch();
        futures::stream::unfold(watch, |mut watch| async move {
            match watch.next().await {
                Ok(line) => Some((Seen::Line(line), watch)),
                Err(RecvError::Lagged(lines)) => Some((Seen::Missed(lines), watch)),
                Err(RecvError::Closed) => None,
            }
        })
        .boxed()
    })
}

fn settings(given: &Settings) -> Vec<SettingFact> {
    let (values, defaults) = (given.shown(), Settings::default().shown());
    let facts = values.into_iter().zip(defaults).zip(crate::settings::TABLE);
    facts
        .map(|((value, default), row)| SettingFact { key: row.key, is_default: value == default, value, docs: row.doc })
        .collect()
}

/// Looks at the disk, at most once a minute.
fn storage(root: PathBuf, clock: Arc<dyn Clock>) -> Arc<dyn Fn() -> Option<Storage> + Send + Sync> {
    let seen: Mutex<Option<(Millis, Storage)>> = Mutex::new(None);
    Arc::new(move || {
        let now = clock.now();
        // Held while looking: many who ask at once wait for one look.
        let mut seen = seen.lock().expect("no holder of the storage panics");
        if let Some((at, storage)) = *seen
            && now.0 - at.0 < STORAGE_FOR_MS
        {
            return Some(storage);
        }
        let stat = rustix::fs::statvfs(&root).ok()?;
        let storage = Storage {
            disk_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            data_bytes: bytes_below(&root),
        };
        *seen = Some((now, storage));
        Some(storage)
    })
}

/// What the files below a directory take. Files come and go meanwhile: what cannot be asked counts nothing.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * 512,
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}
