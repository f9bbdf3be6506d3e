//! One partition: rebuild what the index lacks, find the cursor, then read, judge, append, for ever.
//!
//! What can fail is tried again with the same batch in hand, because nothing behind it may overtake it: the vault
//! (`Identify`) and the append. Before an append is repeated the tail is read: an engine that failed after it wrote
//! must not get the batch twice. What cannot mend itself (damage, records of a newer release) stops this partition
//! loudly; the others go on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{Done, Fact, Millis, Work};
use eventlog::record::{Processed, Raw, RecordError};
use eventlog::{Append, Partition, Position, RECORD_BYTES_MAX, ReadError, Record};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::dedup::{Checkpoint, Confirmed, Index, MessageFingerprint, Place, Seen};
use crate::pipeline::Shared;
use crate::stage::Stage;
use crate::tail::{Tail, TailError, tail};
use crate::{Batch, Dropped, Identified, Logged, Reason, Routed, Valid};

/// How much is read at once.
pub(crate) const READ_BYTES: usize = 1024 * 1024;
/// The most records in one append.
const BATCH_RECORDS_MAX: usize = 1024;
const RETRY_WAIT_MIN: Duration = Duration::from_millis(20);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a partition is worked on no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to stop; everything it began is finished or will be begun again.
    Stopped,
    /// It needs an operator. What is in `raw` stays there.
    Broken(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) partition: Partition,
    pub(crate) stop: CancellationToken,
}

/// Grows with each failure in a row.
struct Backoff(Duration);

impl Worker {
    /// Works until it is stopped, unless its part of the index could not be rebuilt.
    pub(crate) async fn run(self, rebuilt: Result<(), Ended>) -> Ended {
        let ended = match rebuilt {
            Ok(()) => self.work().await,
            Err(ended) => Err(ended),
        };
        match ended {
            Err(Ended::Broken(reason)) => {
                error!(partition = self.partition.0, %reason, "the pipeline stops this partition");
                self.shared.site.metrics.stopped(self.partition, self.shared.site.clock.now());
                Ended::Broken(reason)
            }
            Ok(()) | Err(Ended::Stopped) => Ended::Stopped,
        }
    }

    async fn work(&self) -> Result<(), Ended> {
        let raw = &self.shared.raw;
        let mut after = self.cursor().await?;
        info!(partition = self.partition.0, ?after, "the pipeline goes on");
        if let Some(handled) = after {
            self.check_history(handled)?;
            // A crash between append and trim would hold `raw` until the partition's next record.
            raw.trim(self.partition, handled).await;
        }
        self.shared.progress.reach(self.partition, after);
        let mut backoff = Backoff(RETRY_WAIT_MIN);
        loop {
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                read = raw.read(self.partition, after, READ_BYTES) => read,
            };
            match read {
                Ok(records) => match records.last().map(|record| record.position) {
                    None => self.wait_for_more(after).await?,
                    Some(last) => {
                        self.pass_all(&records).await?;
                        after = Some(last);
                        self.shared.progress.reach(self.partition, after);
                        // Durable in `processed`, or dropped for good: never needed again.
                        raw.trim(self.partition, last).await;
                    }
                },
                Err(ReadError::Io(error)) => {
                    warn!(partition = self.partition.0, %error, "cannot read `raw`, trying again");
                    self.pause(&mut backoff, "read").await?;
                    continue;
                }
                Err(error) => {
                    let passed = self.skip(error)?;
                    after = Some(passed);
                    // Nobody waits for it, and nothing keeps it: it is as done with as what was handled.
                    self.shared.progress.reach(self.partition, after);
                    raw.trim(self.partition, passed).await;
                }
            }
            backoff = Backoff(RETRY_WAIT_MIN);
        }
    }

    /// `raw` never ends before what was handled of it, unless it was moved away or is an older copy. Its new records
    /// would then come at positions that count as handled, and be passed over in silence.
    fn check_history(&self, handled: Position) -> Result<(), Ended> {
        let end = self.shared.raw.watermark(self.partition);
        if end >= Some(handled) {
            return Ok(());
        }
        let end = end.map_or_else(|| "has nothing".to_owned(), |end| format!("ends at {end}"));
        Err(Ended::Broken(format!(
            "`raw` {end}, but was handled through {handled}: it was moved away or comes from an older copy. What arrives is \
             kept and waits. Stop the server, and put the log back, or move `log`, `delivery` and `dedup` away together"
        )))
    }

    /// Where to read on behind records that are gone by design.
    fn skip(&self, error: ReadError) -> Result<Position, Ended> {
        match error {
            // Only this worker trims `raw`, and only what it has handled: what followed the tail was dropped.
            ReadError::Trimmed { through } => Ok(through),
            ReadError::Shredded { block, next } => {
                warn!(partition = self.partition.0, block, "a block of `raw` was shredded before it was processed");
                self.shared.site.metrics.skipped("shredded");
                Ok(next)
            }
            error @ (ReadError::Damaged { .. } | ReadError::Io(_)) => Err(Ended::Broken(format!("`raw`: {error}"))),
        }
    }

    async fn wait_for_more(&self, after: Option<Position>) -> Result<(), Ended> {
        self.shared.site.metrics.waits_since(self.partition, None);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = self.shared.raw.changed(self.partition, after) => Ok(()),
        }
    }

    async fn pause(&self, backoff: &mut Backoff, cause: &'static str) -> Result<(), Ended> {
        let site = &self.shared.site;
        site.metrics.held(cause);
        site.metrics.stands(self.partition, site.clock.now());
        let wait = backoff.0;
        backoff.0 = (wait * 2).min(RETRY_WAIT_MAX);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Where `raw` was handled up to.
    pub(crate) async fn cursor(&self) -> Result<Option<Position>, Ended> {
        let handled = self.shared.index().handled_at_open(self.partition);
        match self.tail().await? {
            Tail::Empty => Ok(None),
            Tail::At { raw, .. } => Ok(Some(raw)),
            Tail::Gone if handled.is_some() => {
                warn!(partition = self.partition.0, "the tail of `processed` is gone; going on from the checkpoint");
                Ok(handled)
            }
            Tail::Gone => {
                let partition = self.partition.0;
                error!(partition, "the tail of `processed` and the checkpoint are gone; reading all of `raw` again");
                Ok(None)
            }
        }
    }

    async fn tail(&self) -> Result<Tail, Ended> {
        let mut backoff = Backoff(RETRY_WAIT_MIN);
        loop {
            match tail(&*self.shared.processed, self.partition).await {
                Ok(tail) => return Ok(tail),
                Err(TailError::Record(error)) => return Err(Ended::Broken(format!("`processed`: {error}"))),
                Err(TailError::Io(error)) => {
                    warn!(partition = self.partition.0, %error, "cannot read `processed`, trying again");
                    self.pause(&mut backoff, "read").await?;
                }
            }
        }
    }

    async fn pass_all(&self, records: &[Record]) -> Result<(), Ended> {
        for records in records.chunk_by(|left, right| left.workspace == right.workspace) {
            for records in records.chunks(BATCH_RECORDS_MAX) {
                self.pass(records).await?;
            }
        }
        Ok(())
    }

    /// Takes records of one workspace through all stages and makes what is left durable.
    async fn pass(&self, records: &[Record]) -> Result<(), Ended> {
        let Some(first) = records.first() else { return Ok(()) };
        let site = &self.shared.site;
        let began = site.tracer.is_on().then(tokio::time::Instant::now);
        let Some(tenant) = site.directory.tenant(&first.workspace) else {
            site.metrics.dropped(Reason::UnknownWorkspace).inc_by(records.len() as u64);
            warn!(workspace = %first.workspace, records = records.len(), "dropped records of an unknown workspace");
            return Ok(());
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Ended::Stopped),
            () = self.shared.index().room() => {}
        }
        let items = self.decode(records)?;
        if let Some(oldest) = items.first() {
            site.metrics.waits_since(self.partition, Some(oldest.raw.received_at));
        }
        let batch = Batch { tenant, partition: self.partition, items, dropped: Vec::new() };
        let stages = &self.shared.stages;
        let batch = stages.deduplicate.run(batch);
        let batch = stages.validate.run(batch);
        let batch = self.identify(batch).await?;
        let batch = stages.route.run(batch);
        self.append(&first.workspace, batch).await?;
        if let Some(began) = began {
            site.tracer.tell(&Done {
                name: "pipeline batch",
                work: Work::Inside,
                took: began.elapsed(),
                parent: None,
                is_failed: false,
                facts: &[
                    ("assent.workspace", Fact::Text(&first.workspace)),
                    ("assent.partition", Fact::Number(i64::from(self.partition.0))),
                    ("assent.records", records.len().into()),
                ],
            });
        }
        Ok(())
    }

    fn decode<'r>(&self, records: &'r [Record]) -> Result<Vec<Logged<'r>>, Ended> {
        let index = self.shared.index();
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            match Raw::decode(&record.payload) {
                Ok(raw) => {
                    let id = index.fingerprint(&record.workspace, raw.message_id);
                    items.push(Logged { position: record.position, raw, id });
                }
                Err(error @ RecordError::Newer { .. }) => return Err(Ended::Broken(format!("`raw`: {error}"))),
                Err(error @ RecordError::Malformed(_)) => {
                    let (partition, position) = (self.partition.0, record.position);
                    error!(partition, %position, %error, "dropped a record that the log vouches for");
                    self.shared.site.metrics.dropped(Reason::Malformed).inc();
                }
            }
        }
        Ok(items)
    }

    async fn identify<'r>(&self, mut batch: Batch<'r, Valid<'r>>) -> Result<Batch<'r, Identified<'r>>, Ended> {
        let mut backoff = Backoff(RETRY_WAIT_MIN);
        loop {
            match self.shared.stages.identify.run(batch).await {
                Ok(identified) => return Ok(identified),
                Err((given_back, error)) => {
                    warn!(partition = self.partition.0, %error, "holding a batch");
                    batch = given_back;
                    self.pause(&mut backoff, "vault").await?;
                }
            }
        }
    }

    async fn append<'r>(&self, workspace: &Arc<str>, batch: Batch<'r, Routed<'r>>) -> Result<(), Ended> {
        let Batch { items, mut dropped, .. } = batch;
        let mut kept = Vec::with_capacity(items.len());
        let mut payloads: Vec<Bytes> = Vec::with_capacity(items.len());
        for routed in items {
            let payload = routed.encode();
            if payload.len() > RECORD_BYTES_MAX {
                dropped.push(Dropped { logged: routed.into_logged(), reason: Reason::TooLarge });
            } else {
                payloads.push(payload.into());
                kept.push(routed);
            }
        }
        self.settle_dropped(workspace, &dropped);
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return Ok(()) };
        let received = (first.logged().raw.received_at, last.logged().raw.received_at);
        let raws: Vec<Position> = kept.iter().map(|routed| routed.logged().position).collect();
        let processed = self.insist(workspace, &payloads, &raws).await?;
        let ids: Vec<(MessageFingerprint, Position)> =
            kept.iter().map(|routed| (routed.logged().id, routed.logged().position)).collect();
        let through = Checkpoint { processed, raw: last.logged().position };
        self.shared.index().confirm(&Confirmed { partition: self.partition, ids: &ids, received, through });
        let site = &self.shared.site;
        site.metrics.processed.inc_by(kept.len() as u64);
        site.metrics.batches.inc();
        if site.observer.is_wanted() {
            for routed in &kept {
                let outputs = routed.outputs.iter().map(ToString::to_string).collect();
                site.observer.tell((workspace, self.partition), routed.logged(), Ok(outputs));
            }
        }
        Ok(())
    }

    fn settle_dropped(&self, workspace: &Arc<str>, dropped: &[Dropped<'_>]) {
        let site = &self.shared.site;
        for Dropped { logged, reason } in dropped {
            // Only a record's own claim is taken back: a duplicate's is somebody else's.
            self.shared.index().release(logged.id, Place::new(self.partition, logged.position));
            site.metrics.dropped(*reason).inc();
            if site.observer.is_wanted() {
                site.observer.tell((workspace, self.partition), logged, Err(*reason));
            }
        }
    }

    /// Appends until it is durable, and returns the last position.
    async fn insist(&self, workspace: &Arc<str>, payloads: &[Bytes], raws: &[Position]) -> Result<Position, Ended> {
        let processed = &self.shared.processed;
        let mut backoff = Backoff(RETRY_WAIT_MIN);
        let mut from = 0;
        loop {
            let append = |payload: &Bytes| Append {
                partition: self.partition,
                workspace: Arc::clone(workspace),
                payload: payload.clone(),
            };
            let error = match processed.append(payloads[from..].iter().map(append).collect()).await {
                Ok(positions) => match positions.last() {
                    Some(last) => return Ok(*last),
                    None => return Err(Ended::Broken("`processed` gave no positions for a batch".to_owned())),
                },
                Err(error) => error,
            };
            warn!(partition = self.partition.0, %error, "cannot append to `processed`, trying again");
            self.pause(&mut backoff, "append").await?;
            if let Tail::At { processed, raw } = self.tail().await? {
                from = raws.partition_point(|position| *position <= raw);
                if from == raws.len() {
                    return Ok(processed);
                }
            }
        }
    }

    /// Puts into the index what `processed` holds behind its checkpoint.
    pub(crate) async fn rebuild(&self) -> Result<(), Ended> {
        let processed = &self.shared.processed;
        let index = self.shared.index();
        let mut after = index.checkpoint(self.partition).map(|through| through.processed);
        let oldest = Millis(self.shared.site.clock.now().0 - index.window_ms());
        let mut backoff = Backoff(RETRY_WAIT_MIN);
        while after < processed.watermark(self.partition) {
            if self.stop.is_cancelled() {
                return Err(Ended::Stopped);
            }
            match processed.read(self.partition, after, READ_BYTES).await {
                Ok(records) => {
                    let Some(last) = records.last() else { return Ok(()) };
                    index.room().await;
                    self.restore(index, &records, oldest)?;
                    after = Some(last.position);
                }
                Err(ReadError::Io(error)) => {
                    warn!(partition = self.partition.0, %error, "cannot read `processed`, trying again");
                    self.pause(&mut backoff, "read").await?;
                }
                Err(ReadError::Trimmed { through }) => after = Some(through),
                Err(ReadError::Shredded { next, .. }) => after = Some(next),
                // Its readers report it. Here only the ids in it are unknown: their duplicates may pass.
                Err(ReadError::Damaged { block, detail }) => {
                    error!(partition = self.partition.0, block, %detail, "message ids in `processed` cannot be read");
                    self.shared.site.metrics.skipped("damaged");
                    after = Some(Position { block, index: u32::MAX });
                }
            }
        }
        Ok(())
    }

    fn restore(&self, index: &Index, records: &[Record], oldest: Millis) -> Result<(), Ended> {
        let mut ids = Vec::with_capacity(records.len());
        let mut received: Option<(Millis, Millis)> = None;
        let mut through = None;
        for record in records {
            let processed = match Processed::decode(&record.payload) {
                Ok(processed) => processed,
                Err(error @ RecordError::Newer { .. }) => return Err(Ended::Broken(format!("`processed`: {error}"))),
                // Its readers report it.
                Err(RecordError::Malformed(_)) => continue,
            };
            through = Some(Checkpoint { processed: record.position, raw: processed.raw_position });
            let at = processed.event.received_at;
            let id = index.fingerprint(&record.workspace, processed.event.message_id);
            let place = Place::new(self.partition, processed.raw_position);
            if at >= oldest && index.claim(id, place) == Seen::New {
                ids.push((id, processed.raw_position));
                received = Some(received.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            }
        }
        if let (Some(received), Some(through)) = (received, through) {
            self.shared.site.metrics.rebuilt.inc_by(ids.len() as u64);
            index.confirm(&Confirmed { partition: self.partition, ids: &ids, received, through });
        }
        Ok(())
    }
}
