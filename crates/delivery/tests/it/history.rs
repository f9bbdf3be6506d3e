//! An archive in memory, and spools that survive a crash as files would, and are locked like them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use delivery::{Archive, ArchivePage, History, Pages, Request, Selection, SpoolError};
use event::Millis;
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, RECORD_BYTES_MAX};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::rig::{Fault, Faulty, record_at};

/// Events of a page.
const PAGE: usize = 7;

#[derive(Debug, Clone)]
struct Past {
    id: String,
    subject: u8,
    received_at: Millis,
}

/// A spool, and whoever has it open.
type Spool = (Arc<MemoryLog>, Weak<Faulty>);

/// What the lake is to replays.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    events: Mutex<Vec<Past>>,
    spools: Mutex<HashMap<PathBuf, Spool>>,
    /// Readings that fail yet.
    pub(crate) failing: AtomicU32,
    /// Readings that stop yet after their first page, as if whoever reads had panicked.
    pub(crate) stopping: AtomicU32,
    /// Whether it does not follow what comes in.
    pub(crate) is_behind: AtomicBool,
    /// Whether spools that are there do not open.
    pub(crate) is_broken: AtomicBool,
    /// A block of each spool that cannot be read.
    pub(crate) damaged: Mutex<Option<u64>>,
    /// The sources of the last reading.
    pub(crate) sources: Mutex<Vec<String>>,
}

/// One fewer of them; whether there was one.
fn take(of: &AtomicU32) -> bool {
    of.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Chronicle {
    pub(crate) fn history(self: &Arc<Self>) -> History {
        let spools = Arc::clone(self);
        let spool = move |directory: &Path| spools.open(directory);
        History { archive: Arc::clone(self) as Arc<dyn Archive>, spool: Arc::new(spool) }
    }

    fn open(&self, directory: &Path) -> Result<Arc<dyn EventLog>, SpoolError> {
        // What was removed is gone.
        let is_there = directory.is_dir();
        if is_there && self.is_broken.load(Ordering::SeqCst) {
            return Err(SpoolError::Failed("a test".to_owned()));
        }
        std::fs::create_dir_all(directory).map_err(|error| SpoolError::Failed(error.to_string()))?;
        let mut spools = self.spools.lock().expect("no holder panics");
        let (kept, holder) = spools.entry(directory.to_owned()).or_insert_with(|| (new(), Weak::new()));
        if holder.strong_count() > 0 {
            return Err(SpoolError::Busy("somebody has it".to_owned()));
        }
        if !is_there {
            *kept = new();
        }
        let damaged = self.damaged.lock().expect("no holder panics").map(|block| (block, Fault::Damaged));
        let opened = Arc::new(Faulty::new(Arc::clone(kept), damaged));
        *holder = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// Events were received, the first at `from_ms`, one a millisecond.
    pub(crate) fn add(&self, events: &[(String, u8)], from_ms: i64) {
        let past = events.iter().zip(from_ms..).map(|((id, subject), at)| Past {
            id: id.clone(),
            subject: *subject,
            received_at: Millis(at),
        });
        self.events.lock().expect("no holder panics").extend(past);
    }

    fn meant(&self, selection: &Selection) -> Vec<(usize, Past)> {
        let events = self.events.lock().expect("no holder panics");
        let is_meant = |(_, past): &(usize, &Past)| {
            selection.from.is_none_or(|from| past.received_at >= from)
                && past.received_at < selection.to
                && selection.sources.iter().any(|source| source == "web")
                && (selection.message_ids.is_empty() || selection.message_ids.contains(&past.id))
        };
        events.iter().enumerate().filter(is_meant).map(|(at, past)| (at, past.clone())).collect()
    }
}

fn new() -> Arc<MemoryLog> {
    Arc::new(MemoryLog::new(1))
}

/// The record of an event; `None` when the vault knows its identifier no more.
fn payload(past: &Past, destination: &str) -> Option<Bytes> {
    let record = record_at(&past.id, past.subject, (&[destination], past.received_at)).encode();
    match past.id.trim_end_matches(char::is_numeric) {
        "gone" => None,
        // Of a release to come.
        "newer" => Some(Bytes::from([&[u8::MAX], &record[1..]].concat())),
        "huge" => Some(Bytes::from(vec![0; RECORD_BYTES_MAX + 1])),
        _ => Some(Bytes::from(record)),
    }
}

impl Archive for Chronicle {
    fn settled(&self) -> BoxFuture<'_, Result<(), String>> {
        let behind = || Err("it does not follow".to_owned());
        async move { if self.is_behind.load(Ordering::SeqCst) { behind() } else { Ok(()) } }.boxed()
    }

    fn count(&self, request: Request) -> BoxFuture<'_, Result<u64, String>> {
        async move { Ok(self.meant(&request.selection).len() as u64) }.boxed()
    }

    fn read(&self, request: Request) -> BoxFuture<'_, Result<Pages, String>> {
        async move {
            if take(&self.failing) {
                return Err("a test".to_owned());
            }
            self.sources.lock().expect("no holder panics").clone_from(&request.selection.sources);
            let pages_max = if take(&self.stopping) { 1 } else { usize::MAX };
            let after: Option<usize> = request.after.map(|after| after.parse().expect("a place"));
            let (sender, pages) = mpsc::channel(1);
            let meant: Vec<_> =
                self.meant(&request.selection).into_iter().filter(|(at, _)| Some(*at) > after).collect();
            let destination = request.destination;
            tokio::spawn(async move {
                let event = |(at, past): &(usize, Past)| (at.to_string(), payload(past, &destination));
                let parts = meant.chunks(PAGE).map(|part| ArchivePage { events: part.iter().map(event).collect() });
                for page in parts.map(Some).chain([None]).take(pages_max) {
                    if sender.send(Ok(page)).await.is_err() {
                        return;
                    }
                }
            });
            Ok(pages)
        }
        .boxed()
    }
}
