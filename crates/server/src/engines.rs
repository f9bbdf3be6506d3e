//! The engines under the data path, opened from a data directory: state, keys, the two streams of the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use control::{
    ApplyOptions, Configuration, ConfigurationOptions, Directory, Kinds as _, Principal, Recorder, Site, Sqlite, Store,
    Tenant, WorkspaceFile,
};
use event::{Clock, Slug};
use eventlog::EventLog;
use eventlog::file::disk::Disk;
use eventlog::file::{self, FileLog};
use vault::Keys;

use crate::backup;
use crate::following::Followed;
use crate::hold::{HeldLog, Hold};
use crate::kinds::Registry;
use crate::settings::Settings;
use crate::{lake_place, refused};

/// Where things lie below a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state.db")
    }

    pub(crate) fn stream(&self, name: &str) -> PathBuf {
        self.root.join("log").join(name)
    }

    pub(crate) fn dedup(&self) -> PathBuf {
        self.root.join("dedup")
    }

    pub(crate) fn delivery(&self) -> PathBuf {
        self.root.join("delivery")
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// The ledgers' files, by workspace. They can be made again from the state.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// What the ledgers sign with.
    pub(crate) fn ledger_keys(&self) -> PathBuf {
        self.root.join("ledger-keys")
    }

    /// Locked while a backup is made.
    pub(crate) fn hold(&self) -> PathBuf {
        self.root.join("hold")
    }

    /// There while a restore is not complete.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }

    /// There when the lake refused the log.
    pub(crate) fn refused(&self) -> PathBuf {
        self.root.join("lake.refused")
    }

    /// Where the lake is, when it is not in [`Self::lake`].
    pub(crate) fn lake_record(&self) -> PathBuf {
        self.root.join("lake.json")
    }

    /// An id of the log's history, made with it: the lake must not take a new log's first blocks for an old one's.
    pub(crate) fn history(&self) -> PathBuf {
        self.root.join("log").join("history")
    }
}

/// What the data path stands on.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) layout: Layout,
    pub(crate) store: Arc<dyn Store>,
    /// The one task that puts choices on record, for the edge and for the API.
    pub(crate) recorder: Recorder,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) raw: Arc<dyn EventLog>,
    pub(crate) processed: Arc<dyn EventLog>,
    /// Where the lake's tables are.
    pub(crate) lake: lake::Place,
    /// The id under which they were claimed, where they are in a bucket.
    pub(crate) lake_owner: Option<Arc<str>>,
    /// Keeps what a backup still needs.
    pub(crate) hold: Hold,
    /// Names the history of `processed`.
    pub(crate) history: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The whole disk under the data directory.
    pub(crate) disk_bytes: u64,
    /// Of that, what the streams leave free.
    pub(crate) disk_reserve_bytes: u64,
    /// The keys that seal events.
    pub(crate) keys: Keys,
    /// The file system of logs.
    pub(crate) disk: Arc<dyn Disk>,
}

/// What opening needs beside the directory.
pub(crate) struct Opening<'o> {
    pub(crate) settings: &'o Settings,
    pub(crate) files: Vec<WorkspaceFile>,
    pub(crate) apply: ApplyOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    /// What commits of the log take.
    pub(crate) metrics: &'o eventlog::Metrics,
}

impl Engines {
    /// What is kept in line with the configuration and the clock.
    pub(crate) fn followed(&self) -> Followed {
        let (configuration, store) = (Arc::clone(&self.configuration), Arc::clone(&self.store));
        Followed { configuration, store, clock: Arc::clone(&self.clock) }
    }

    /// Opens a data directory, applies the workspace files and loads what is served.
    pub(crate) async fn open(root: &Path, opening: Opening<'_>) -> anyhow::Result<Self> {
        let layout = Layout::new(root);
        backup::refuse_half(&layout)?;
        refused::check(&layout)?;
        std::fs::create_dir_all(layout.root.join("log"))
            .with_context(|| format!("cannot make the data directory `{}`", root.display()))?;
        Hold::create(&layout).context("cannot make the file `hold`, which keeps what a backup needs")?;
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&layout.state()).await?);
        let env = |name: &str| std::env::var(name).ok();
        let now = opening.clock.now();
        let site = Site { store: &*store, env: &env, kinds: &Registry, now };
        for applied in control::apply(site, &Principal::local("serve"), &opening.files, opening.apply).await? {
            for change in applied.changes {
                let (workspace, kind, action) = (&applied.workspace, change.kind, change.action.name());
                tracing::info!(workspace, %kind, name = change.name, action, "workspace file");
            }
        }
        let keys = Keys::default();
        let configuration = Configuration::open(ConfigurationOptions {
            store: Arc::clone(&store),
            keys: keys.clone(),
            env: Arc::new(env),
            kinds: Arc::new(Registry),
            clock: Arc::clone(&opening.clock),
        })
        .await?;
        let directory = Arc::clone(configuration.directory());
        let tenants = directory.tenants();
        anyhow::ensure!(
            !tenants.is_empty(),
            "there is no workspace yet: give one with `--workspace FILE`, or start with `--demo`"
        );
        tenants.iter().try_for_each(|tenant| check_destinations(tenant))?;
        let disk_bytes = disk_bytes(root)?;
        let open = |name: &'static str| open_stream(&layout, name, &opening, &keys, disk_bytes);
        let (raw, processed) = (open("raw")?, open("processed")?);
        let history = history(&layout)?;
        // After the streams: their locks have shown that no other server is on this directory.
        let lake = lake_place::open(&layout, opening.settings).await?;
        let lake_owner = lake_place::read(&layout)?.map(|record| record.owner.into());
        let (clock, hold) = (opening.clock, Hold::of(&layout));
        let disk = opening.disk;
        Ok(Self {
            layout,
            recorder: Recorder::start(Arc::clone(&store), keys.clone()),
            store,
            configuration,
            directory,
            raw,
            processed,
            lake,
            lake_owner,
            hold,
            history,
            clock,
            disk_bytes,
            disk_reserve_bytes: reserve_bytes(disk_bytes, opening.settings),
            keys,
            disk,
        })
    }
}

/// Opens every destination once, so that a wrong kind or setting is told at the start and not by silence.
fn check_destinations(tenant: &Tenant) -> anyhow::Result<()> {
    for destination in tenant.workspace.destinations.iter().filter(|destination| destination.enabled) {
        Registry.check(destination).map_err(|reason| {
            let place = tenant.workspace.name();
            anyhow::anyhow!("workspace `{place}`, destination `{}`: {reason}", destination.name)
        })?;
    }
    Ok(())
}

fn disk_bytes(root: &Path) -> anyhow::Result<u64> {
    let stat = rustix::fs::statvfs(root).with_context(|| format!("cannot ask the disk of `{}`", root.display()))?;
    Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
}

fn reserve_bytes(disk_bytes: u64, settings: &Settings) -> u64 {
    (disk_bytes / 10).min(settings.disk_reserve_bytes_max)
}

/// Segments and reserve follow the disk, so that a small one is usable at all.
fn open_stream(
    layout: &Layout,
    name: &'static str,
    opening: &Opening<'_>,
    keys: &Keys,
    disk_bytes: u64,
) -> anyhow::Result<Arc<dyn EventLog>> {
    const SEGMENT_BYTES_MIN: u64 = 256 * 1024;
    // `raw` has one reader, which is at its tail. `processed` is read by the lake and every destination.
    const RAW_CACHE_BYTES: usize = 4 << 20;
    const PROCESSED_CACHE_BYTES: usize = 16 << 20;
    let settings = opening.settings;
    let segment_bytes = (disk_bytes / 32).clamp(SEGMENT_BYTES_MIN, settings.log_segment_bytes_max);
    let log = FileLog::open(file::Options {
        directory: layout.stream(name),
        stream: name.into(),
        partitions: settings.partitions,
        segment_bytes,
        cache_bytes: if name == "raw" { RAW_CACHE_BYTES } else { PROCESSED_CACHE_BYTES },
        pending_bytes_max: settings.log_pending_bytes_max,
        disk_reserve_bytes: reserve_bytes(disk_bytes, settings),
        disk: Arc::clone(&opening.disk),
        keys: keys.clone(),
        clock: Arc::clone(&opening.clock),
        metrics: opening.metrics.clone(),
    })?;
    Ok(Arc::new(HeldLog::new(Arc::new(log), Hold::of(layout))))
}

fn history(layout: &Layout) -> anyhow::Result<Arc<str>> {
    let path = layout.history();
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(id.trim().into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = event::SubjectId::random().to_string();
            std::fs::write(&path, &id)?;
            std::fs::File::open(&path)?.sync_all()?;
            Ok(id.into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Reads workspace files.
pub(crate) fn read_workspaces(paths: &[PathBuf]) -> anyhow::Result<Vec<WorkspaceFile>> {
    paths
        .iter()
        .map(|path| {
            let yaml = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the workspace file `{}`", path.display()))?;
            Ok(WorkspaceFile { path: path.display().to_string(), yaml })
        })
        .collect()
}

/// Names the workspace a command is about: the one given, or the only one.
pub(crate) fn the_workspace(given: Option<&str>, known: &[String]) -> anyhow::Result<Slug> {
    match (given, known) {
        (Some(name), _) => Ok(name.parse()?),
        (None, [only]) => Ok(only.parse()?),
        (None, []) => anyhow::bail!("there is no workspace in this data directory"),
        (None, many) => {
            anyhow::bail!("there are several workspaces, say which with `--workspace`: {}", many.join(", "))
        }
    }
}
