//! An archive in memory, and spools that survive a crash as files would.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use delivery::{Archive, ArchivePage, History, Pages, Request, Selection};
use event::Millis;
use eventlog::EventLog;
use eventlog::memory::MemoryLog;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::rig::record_at;

/// Events of a page.
const PAGE: usize = 7;

#[derive(Debug, Clone)]
struct Past {
    id: String,
    subject: u8,
    received_at: Millis,
}

/// What the lake is to replays.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    events: Mutex<Vec<Past>>,
    spools: Mutex<HashMap<PathBuf, Arc<MemoryLog>>>,
    /// Readings that fail yet.
    pub(crate) failing: AtomicU32,
}

impl Chronicle {
    pub(crate) fn history(self: &Arc<Self>) -> History {
        let spools = Arc::clone(self);
        let spool = move |directory: &Path| {
            // What was removed is gone.
            let is_there = directory.is_dir();
            std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
            let mut spools = spools.spools.lock().expect("no holder panics");
            let log = spools.entry(directory.to_owned()).or_insert_with(|| Arc::new(MemoryLog::new(1)));
            if !is_there {
                *log = Arc::new(MemoryLog::new(1));
            }
            Ok(Arc::clone(log) as Arc<dyn EventLog>)
        };
        History { archive: Arc::clone(self) as Arc<dyn Archive>, spool: Arc::new(spool) }
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

impl Archive for Chronicle {
    fn settled(&self) -> BoxFuture<'_, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn count(&self, request: Request) -> BoxFuture<'_, Result<u64, String>> {
        async move { Ok(self.meant(&request.selection).len() as u64) }.boxed()
    }

    fn read(&self, request: Request) -> BoxFuture<'_, Result<Pages, String>> {
        async move {
            let fails = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if fails.is_ok() {
                return Err("a test".to_owned());
            }
            let after: Option<usize> = request.after.map(|after| after.parse().expect("a place"));
            let (sender, pages) = mpsc::channel(1);
            let meant: Vec<_> =
                self.meant(&request.selection).into_iter().filter(|(at, _)| Some(*at) > after).collect();
            let destination = request.destination;
            tokio::spawn(async move {
                for part in meant.chunks(PAGE) {
                    let event = |(at, past): &(usize, Past)| {
                        let outputs = [&*destination];
                        let record = record_at(&past.id, past.subject, (&outputs, past.received_at));
                        // `gone…`: the vault knows its identifier no more.
                        let payload = (!past.id.starts_with("gone")).then(|| Bytes::from(record.encode()));
                        (at.to_string(), payload)
                    };
                    let page = ArchivePage { events: part.iter().map(event).collect() };
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
