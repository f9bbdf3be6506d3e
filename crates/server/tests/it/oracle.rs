//! Who sent what and what was acknowledged: the contract of delivery, checked after crashes.
//!
//! (a) every acknowledged event is in the lake exactly once; (b) nothing is in the lake twice; (c) nothing is there
//! that nobody sent; (d) every acknowledged event was at the webhook at least once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::client::Client;
use crate::harness::{event, eventually, query};
use crate::sink::Sink;

/// What was sent and what was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    next: AtomicU64,
    sent: Mutex<HashSet<String>>,
    acknowledged: Mutex<HashSet<String>>,
    refused: AtomicU64,
    stopped: AtomicBool,
}

impl Oracle {
    /// Starts a load again after [`Self::stop`].
    pub(crate) fn resume(&self) {
        self.stopped.store(false, Ordering::SeqCst);
    }

    /// Ends all loads after their request in flight.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("no holder panics").len()
    }

    /// The ids that were answered 200 so far.
    pub(crate) fn acknowledged_ids(&self) -> HashSet<String> {
        self.acknowledged.lock().expect("no holder panics").clone()
    }

    /// Requests that were answered other than 200.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Posts single events and batches until stopped or until the server is gone; then the ids that nobody knows the
    /// fate of are sent once more by the next load, as an SDK would.
    pub(crate) async fn load(&self, address: &str, worker: u64, unsure: &Mutex<Vec<String>>) {
        let mut client = Client::new(address);
        while !self.stopped.load(Ordering::SeqCst) {
            let repeated = unsure.lock().expect("no holder panics").pop();
            let ids = match repeated {
                Some(id) => vec![id],
                None => self.fresh(if worker.is_multiple_of(2) { 1 } else { 20 }),
            };
            match self.post(&mut client, worker, &ids).await {
                Ok(200) => self.acknowledged.lock().expect("no holder panics").extend(ids),
                Ok(_) => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(_) => {
                    unsure.lock().expect("no holder panics").extend(ids);
                    if !self.stopped.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        }
    }

    fn fresh(&self, count: u64) -> Vec<String> {
        let first = self.next.fetch_add(count, Ordering::SeqCst);
        let ids: Vec<String> = (first..first + count).map(|number| format!("m-{number}")).collect();
        self.sent.lock().expect("no holder panics").extend(ids.iter().cloned());
        ids
    }

    async fn post(&self, client: &mut Client, worker: u64, ids: &[String]) -> Result<u16, String> {
        let events: Vec<String> =
            ids.iter().enumerate().map(|(at, id)| event(id, &format!("visitor-{worker}-{}", at % 7))).collect();
        let answer = match events.as_slice() {
            [single] => client.post("/v1/track", single).await?,
            many => client.post("/v1/batch", &format!("{{\"batch\":[{}]}}", many.join(","))).await?,
        };
        Ok(answer.status)
    }

    /// Adds an event that somebody else sends, so that it is no stranger.
    pub(crate) fn expect_too(&self, id: &str) {
        self.sent.lock().expect("no holder panics").insert(id.to_owned());
    }

    /// Checks the contract on a server that has been left alone; returns a sentence with the counts.
    pub(crate) async fn check(&self, data_dir: &Path, sink: &Sink) -> String {
        let acknowledged = self.acknowledged.lock().expect("no holder panics").clone();
        eventually("every acknowledged event is in the lake", Duration::from_mins(1), || {
            let rows = query(data_dir, "select count(distinct message_id) as n from events");
            let there = rows[0]["n"].as_u64().unwrap_or_default();
            if there >= acknowledged.len() as u64 { Ok(()) } else { Err(format!("{there} of {}", acknowledged.len())) }
        })
        .await;
        let rows = query(data_dir, "select message_id, count(*) as n from events group by message_id");
        let lake: HashMap<&str, u64> = rows
            .iter()
            .map(|row| (row["message_id"].as_str().expect("an id"), row["n"].as_u64().expect("a count")))
            .collect();
        let lost: Vec<_> = acknowledged.iter().filter(|id| !lake.contains_key(id.as_str())).collect();
        assert!(lost.is_empty(), "{} acknowledged events are not in the lake, first {:?}", lost.len(), lost.first());
        let twice: Vec<_> = lake.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "{} events are in the lake more than once, first {:?}", twice.len(), twice.first());
        let sent = self.sent.lock().expect("no holder panics").clone();
        let strange: Vec<_> = lake.keys().filter(|id| !sent.contains(**id)).collect();
        assert!(strange.is_empty(), "nobody sent {:?}", strange.first());
        eventually("every acknowledged event was at the webhook", Duration::from_mins(1), || {
            let seen = sink.seen();
            let missing = acknowledged.iter().filter(|id| !seen.contains_key(*id)).count();
            if missing == 0 { Ok(()) } else { Err(format!("{missing} of {} missing", acknowledged.len())) }
        })
        .await;
        let again = sink.seen().values().filter(|count| **count > 1).count();
        format!(
            "{} sent, {} acknowledged, {} in the lake (each once), {} at the webhook ({again} more than once), {} requests refused",
            sent.len(),
            acknowledged.len(),
            lake.len(),
            sink.seen().len(),
            self.refused(),
        )
    }
}
