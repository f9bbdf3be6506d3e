//! The lake as replays read it, and the logs in which what is replayed waits.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use control::{Directory, Store};
use delivery::{Archive, ArchivePage, History, Pages, Request, Selection, SpoolError};
use event::{Clock, Fingerprint};
use eventlog::EventLog;
use eventlog::file::disk::Disk;
use eventlog::file::{self, FileLog, OpenError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lake::Place;
use lake::query::Identifiers;
use lake::replay::{Identity, Mark, Reading, Replayed, SLICE_ROWS};
use pipeline::Progress;
use tokio::sync::{Semaphore, mpsc, watch};
use vault::Keys;

use crate::command::query::Vault;
use crate::drain;
use crate::engines::Engines;

/// How long the lake may take to have what was received until now. It takes seconds when it is well.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);
/// What spools leave free beside the streams' reserve, at least.
const DISK_MARGIN_BYTES: u64 = 64 << 20;
/// Readers of the lake that sort at a time, whatever is replayed.
const SORTING_MAX: usize = 2;

/// What replays stand on.
pub(crate) struct LakeArchive {
    place: Place,
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    raw: Arc<dyn EventLog>,
    processed: Arc<dyn EventLog>,
    progress: Arc<Progress>,
    reached: watch::Receiver<Vec<Option<eventlog::Position>>>,
    seats: Arc<Semaphore>,
}

impl fmt::Debug for LakeArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LakeArchive(…)")
    }
}

/// Opens the archive, and says how its spools are opened.
pub(crate) fn open(
    engines: &Engines,
    progress: Arc<Progress>,
    reached: watch::Receiver<Vec<Option<eventlog::Position>>>,
) -> History {
    let archive = LakeArchive {
        place: engines.lake.clone(),
        store: Arc::clone(&engines.store),
        directory: Arc::clone(&engines.directory),
        raw: Arc::clone(&engines.raw),
        processed: Arc::clone(&engines.processed),
        progress,
        reached,
        seats: Arc::new(Semaphore::new(SORTING_MAX)),
    };
    let (keys, disk, clock) = (engines.keys.clone(), Arc::clone(&engines.disk), Arc::clone(&engines.clock));
    // More than what the streams leave free: what is sent once more waits before what comes in does.
    let disk_reserve_bytes = engines.disk_reserve_bytes + (engines.disk_reserve_bytes / 4).max(DISK_MARGIN_BYTES);
    let spool = move |directory: &Path| open_spool(directory, disk_reserve_bytes, &keys, (&disk, &clock));
    History { archive: Arc::new(archive), spool: Arc::new(spool) }
}

/// A log for what waits to be sent: sealed with the workspace's keys like the others, and small.
fn open_spool(
    directory: &Path,
    disk_reserve_bytes: u64,
    keys: &Keys,
    (disk, clock): (&Arc<dyn Disk>, &Arc<dyn Clock>),
) -> Result<Arc<dyn EventLog>, SpoolError> {
    const SEGMENT_BYTES: u64 = 8 << 20;
    const CACHE_BYTES: usize = 1 << 20;
    const PENDING_BYTES_MAX: u64 = 8 << 20;
    let log = FileLog::open(file::Options {
        directory: directory.to_owned(),
        stream: "replay".into(),
        partitions: 1,
        segment_bytes: SEGMENT_BYTES,
        cache_bytes: CACHE_BYTES,
        pending_bytes_max: PENDING_BYTES_MAX,
        disk_reserve_bytes,
        disk: Arc::clone(disk),
        keys: keys.clone(),
        clock: Arc::clone(clock),
        // Not those of the streams: what waits to be sent once more is no append of theirs.
        metrics: eventlog::Metrics::default(),
    });
    Ok(Arc::new(log.map_err(|error| match error {
        OpenError::Locked { .. } => SpoolError::Busy(error.to_string()),
        error => SpoolError::Failed(error.to_string()),
    })?))
}

/// The vault, for making events whole.
#[derive(Debug)]
struct Known {
    vault: Vault,
    directory: Arc<Directory>,
}

impl Identifiers for Known {
    fn values(&self, workspace: &str, fingerprints: &[Fingerprint]) -> Result<Vec<Option<String>>, String> {
        self.vault.values(workspace, fingerprints)
    }
}

impl Identity for Known {
    fn of_previous(&self, workspace: &str, value: &str) -> Option<[Fingerprint; 2]> {
        Some(self.directory.tenant(workspace)?.fingerprints.of_previous(value))
    }
}

fn selection(selection: Selection) -> lake::replay::Selection {
    let Selection { from, to, calls, events, sources, message_ids } = selection;
    lake::replay::Selection { from, to, calls, events, sources, message_ids }
}

impl LakeArchive {
    fn reading(&self, request: Request) -> Result<Reading, String> {
        let Request { workspace, destination, selection: asked, after } = request;
        let after = after.map(|after| after.parse::<Mark>()).transpose().map_err(|error| error.to_string())?;
        let vault = Vault { store: Arc::clone(&self.store), runtime: tokio::runtime::Handle::current() };
        let identity = Arc::new(Known { vault, directory: Arc::clone(&self.directory) });
        let (place, selection) = (self.place.clone(), selection(asked));
        let (slice_rows, seats) = (SLICE_ROWS, Arc::clone(&self.seats));
        Ok(Reading { place, workspace, output: destination, selection, after, identity, slice_rows, seats })
    }
}

impl Archive for LakeArchive {
    fn settled(&self) -> BoxFuture<'_, Result<(), String>> {
        async {
            let through = async {
                drain::handled(&*self.raw, &self.progress).await;
                let has_landed = drain::landed(&*self.processed, self.reached.clone()).await;
                has_landed.then_some(()).ok_or("the lake has stopped: its log says why; replay when it runs".to_owned())
            };
            let late = "the lake does not follow what comes in: its log says why; replay when it does";
            tokio::time::timeout(SETTLED_WITHIN, through).await.unwrap_or_else(|_| Err(late.to_owned()))
        }
        .boxed()
    }

    fn count(&self, request: Request) -> BoxFuture<'_, Result<u64, String>> {
        let counted = lake::replay::count(self.place.clone(), request.workspace, selection(request.selection));
        async { counted.await.map_err(|error| error.to_string()) }.boxed()
    }

    fn read(&self, request: Request) -> BoxFuture<'_, Result<Pages, String>> {
        async {
            let pages = lake::replay::start(self.reading(request)?).map_err(|error| error.to_string())?;
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(hand_over(pages, sender));
            Ok(receiver)
        }
        .boxed()
    }
}

/// Passes pages on. One that breaks off does so here as well.
async fn hand_over(mut pages: lake::replay::Pages, sender: mpsc::Sender<Result<Option<ArchivePage>, String>>) {
    while let Some(page) = pages.recv().await {
        let event = |(mark, event): (Mark, Replayed)| match event {
            Replayed::Record(payload) => (mark.to_string(), Some(Bytes::from(payload))),
            Replayed::Gone => (mark.to_string(), None),
        };
        let page =
            page.map(|page| page.map(|page| ArchivePage { events: page.events.into_iter().map(event).collect() }));
        if sender.send(page.map_err(|error| error.to_string())).await.is_err() {
            return;
        }
    }
}
