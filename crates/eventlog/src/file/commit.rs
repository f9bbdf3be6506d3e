//! The writer thread: takes what waits, writes it as one commit, syncs once, answers everybody.
//!
//! One thread per stream and not a task, because it spends its life in blocking calls. While it syncs, the next
//! group gathers in the queue, so the group grows by itself with the load and a lone appender waits for nobody.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;
use tracing::{error, info, warn};

use super::disk::{DiskFile, is_full};
use super::encode::{Encoder, SealFault};
use super::format::SegmentHeader;
use super::queue::Waiting;
use super::recover::{cut, read_front};
use super::scan::scan;
use super::segment::{Active, Blocks, Entry, Sealed, base_of, prepare, segment_path, write_index};
use super::{Shared, read::Loaded};
use crate::{AppendError, Position};

/// A group takes whole batches until it holds this much.
const GROUP_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How much is written between two looks at the free space.
const RESERVE_CHECK_BYTES: u64 = 4 * 1024 * 1024;
/// How long to wait before trying again to re-open after a failure.
const REOPEN_WAIT: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    encoder: Encoder,
    /// Written since the free space was looked at.
    unchecked_bytes: u64,
    /// To say "full" once, not once per group.
    is_full: bool,
    /// The cache's turn before the group was sealed.
    cache_turn: u64,
    /// Of the appenders just answered; kept for its space.
    wakers: Vec<Waker>,
    /// What commits take.
    seconds: Histogram,
}

/// Why a group was not committed.
enum Failure {
    /// A workspace has no key: its batches are refused, the others tried again.
    Seal(SealFault),
    /// No space. `needed_bytes`: what has to be free, when that is known. `dirty`: part of the commit may be in the
    /// file.
    Full { detail: String, needed_bytes: Option<u64>, dirty: bool },
    /// What the files hold is not known.
    Broken(String),
}

impl Failure {
    fn io(what: &str, error: &io::Error) -> Self {
        let detail = format!("{what}: {error}");
        if is_full(error) { Self::Full { detail, needed_bytes: None, dirty: true } } else { Self::Broken(detail) }
    }
}

/// Answers everybody when the thread ends, also by a panic.
struct Abandon(Arc<Shared>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let options = &shared.options;
        let encoder = Encoder::new(Arc::clone(&options.stream), options.keys.clone(), options.partitions);
        // The first commit looks at the free space.
        let (unchecked_bytes, wakers) = (RESERVE_CHECK_BYTES, Vec::new());
        let seconds = options.metrics.commits_of(&options.stream);
        Self { shared, encoder, unchecked_bytes, is_full: false, cache_turn: 0, wakers, seconds }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.shared));
        let mut group = Vec::new();
        while self.shared.queue.take(&mut group, GROUP_BYTES_MAX) {
            self.commit(&mut group);
        }
    }

    /// Ends: every turn answers the group or takes at least one batch out of it.
    fn commit(&mut self, group: &mut Vec<Waiting>) {
        while !group.is_empty() {
            let began = tokio::time::Instant::now();
            match self.write(group) {
                Ok(offset) => {
                    self.seconds.observe(began.elapsed().as_secs_f64());
                    self.publish(offset, group);
                }
                Err(Failure::Seal(fault)) => self.refuse_workspace(group, &fault),
                Err(Failure::Full { detail, needed_bytes, dirty }) => {
                    self.shared.room.lost(&self.shared.options, &detail, needed_bytes);
                    if !std::mem::replace(&mut self.is_full, true) {
                        warn!(%detail, "the log takes no events until there is space");
                    }
                    self.refuse(group.drain(..), || AppendError::Full { detail: detail.clone() });
                    if dirty {
                        self.reopen();
                    }
                }
                Err(Failure::Broken(detail)) => {
                    error!(%detail, "the log stops writing and re-opens its files");
                    self.refuse(group.drain(..), || AppendError::Broken { detail: detail.clone() });
                    self.reopen();
                }
            }
        }
    }

    /// Makes the group durable; returns where it starts.
    fn write(&mut self, group: &[Waiting]) -> Result<u64, Failure> {
        let length = self.encoder.pack(group) as u64;
        self.check_reserve(length)?;
        if self.segment_is_full(length) {
            self.rotate()?;
        } else if self.shared.active_is_too_old() {
            match self.rotate() {
                // Age refuses nobody a place that there still is.
                Err(Failure::Full { dirty: false, .. }) if length > 0 => {}
                rotated => rotated?,
            }
        }
        self.cache_turn = self.shared.cache.turn();
        let (file, base, end) = self.active();
        let bytes = self.encoder.seal(end).map_err(Failure::Seal)?;
        if bytes.is_empty() {
            // Somebody only asked for the next segment.
            return Ok(end);
        }
        file.write_all_at(bytes, end - base).map_err(|error| Failure::io("write", &error))?;
        file.sync_data().map_err(|error| Failure::io("sync", &error))?;
        Ok(end)
    }

    fn active(&self) -> (Arc<dyn DiskFile>, u64, u64) {
        let index = self.shared.index();
        (Arc::clone(&index.active.file), index.active.base, index.active.end)
    }

    fn check_reserve(&mut self, length: u64) -> Result<(), Failure> {
        self.unchecked_bytes += length;
        if self.unchecked_bytes >= RESERVE_CHECK_BYTES {
            self.need_free(0)?;
            self.unchecked_bytes = 0;
        }
        Ok(())
    }

    /// Fails when fewer than `bytes` and the reserve are free.
    fn need_free(&self, bytes: u64) -> Result<(), Failure> {
        let options = &self.shared.options;
        let free = options.disk.free_bytes(&options.directory).map_err(|error| Failure::io("free space", &error))?;
        let needed = options.disk_reserve_bytes.saturating_add(bytes);
        if free >= needed {
            return Ok(());
        }
        let directory = options.directory.display();
        let detail = format!("`{directory}` has {free} bytes free, the log needs {needed} with its reserve");
        Err(Failure::Full { detail, needed_bytes: Some(needed), dirty: false })
    }

    /// A commit larger than a segment gets one for itself.
    fn segment_is_full(&self, length: u64) -> bool {
        let active = &self.shared.index().active;
        active.end - active.base + length > self.shared.options.segment_bytes && !active.blocks.is_empty()
    }

    /// Starts the next segment. From the rename on a failure leaves it unknown whether the new name exists, so that
    /// [`Self::reopen`] must remove it before another byte goes into the old segment.
    fn rotate(&mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let (disk, directory) = (&*shared.options.disk, &shared.options.directory);
        let segment_bytes = shared.options.segment_bytes;
        self.need_free(segment_bytes)?;
        let (old_file, _, base) = self.active();
        let begun_at = Some(shared.options.clock.now());
        let stream = shared.options.stream.to_string();
        let header = SegmentHeader { stream, base, begun_at, before: shared.watermarks() };
        let (file, path) = match prepare(disk, directory, &header, segment_bytes) {
            Ok(prepared) => prepared,
            Err(error) if is_full(&error) => {
                let detail = format!("new segment: {error}");
                return Err(Failure::Full { detail, needed_bytes: None, dirty: false });
            }
            Err(error) => return Err(Failure::io("new segment", &error)),
        };
        disk.rename(&path, &segment_path(directory, base))
            .and_then(|()| disk.sync_dir(directory))
            .map_err(|error| Failure::io("new segment", &error))?;
        let end = base + header.encode().len() as u64;
        let next = Active { base, end, begun_at, file, blocks: Blocks::new(shared.options.partitions) };
        self.install(next, &*old_file);
        Ok(())
    }

    /// The new segment exists durably: the old one can never change again.
    fn install(&self, next: Active, old_file: &dyn DiskFile) {
        let shared = &self.shared;
        let (sealed, blocks) = {
            let mut index = shared.index_mut();
            let old = std::mem::replace(&mut index.active, next);
            let last = old.blocks.last(old.base);
            let sealed = Arc::new(Sealed { base: old.base, end: old.end, begun_at: old.begun_at, last });
            index.sealed.push(Arc::clone(&sealed));
            let loaded = Arc::new(Loaded { file: old.file, blocks: old.blocks });
            shared.keep_loaded(sealed.base, Arc::clone(&loaded));
            (sealed, loaded)
        };
        let options = &shared.options;
        let written = write_index(&*options.disk, &options.directory, &sealed, &blocks.blocks)
            // Gives the unused rest of the preallocation back.
            .and_then(|()| old_file.truncate(sealed.end - sealed.base));
        if let Err(error) = written {
            warn!(base = sealed.base, %error, "cannot tidy up a finished log segment");
        }
    }

    /// Shows the commit to readers, then answers.
    fn publish(&mut self, offset: u64, group: &mut Vec<Waiting>) {
        if std::mem::take(&mut self.is_full) {
            self.shared.room.regained();
            info!("the log takes events again");
        }
        let blocks = self.encoder.blocks();
        {
            let mut index = self.shared.index_mut();
            let active = &mut index.active;
            for block in blocks {
                let at = block.offset(offset) - active.base;
                let at = u32::try_from(at).expect("segments are shorter than 4 GiB");
                let entry = Entry { at, length: block.length(), records: block.records() };
                active.blocks.0[usize::from(block.partition.0)].push(entry);
                active.end += u64::from(block.length());
            }
        }
        self.shared.cache.extend(self.cache_turn, blocks.iter().map(|block| block.block(offset)));
        for block in blocks {
            let last = Position { block: block.offset(offset), index: block.records() - 1 };
            self.shared.marks[usize::from(block.partition.0)].send_replace(Some(last));
        }
        let positions = self.encoder.positions(group, offset);
        self.shared.queue.release(group.iter().map(|waiting| waiting.bytes).sum());
        self.wakers.extend(group.drain(..).zip(positions).filter_map(|(waiting, at)| waiting.asked.give(Ok(at))));
        self.shared.bell.ring(&mut self.wakers);
    }

    fn refuse_workspace(&self, group: &mut Vec<Waiting>, fault: &SealFault) {
        let is_affected = |waiting: &mut Waiting| waiting.batch.iter().any(|one| one.workspace == fault.workspace);
        let detail = format!("workspace `{}` cannot be sealed for: {}", fault.workspace, fault.error);
        self.refuse(group.extract_if(.., is_affected), || AppendError::Invalid { detail: detail.clone() });
    }

    fn refuse(&self, refused: impl Iterator<Item = Waiting>, error: impl Fn() -> AppendError) {
        for waiting in refused {
            self.shared.queue.release(waiting.bytes);
            if let Some(waker) = waiting.asked.give(Err(error())) {
                waker.wake();
            }
        }
    }

    /// Goes back to what was synced last, until that works or the log is closed.
    fn reopen(&self) {
        loop {
            match self.cut_to_synced() {
                Ok(()) => {
                    info!("the log has cut what was not synced and writes again");
                    return self.shared.queue.mend();
                }
                Err(detail) => {
                    warn!(%detail, "the log cannot re-open its files yet");
                    self.shared.queue.break_off(&detail);
                }
            }
            if self.shared.queue.pause(REOPEN_WAIT) {
                return;
            }
        }
    }

    /// Opens the active segment anew (the page cache behind the old descriptor is not to be trusted after a failed
    /// sync), removes a segment that was not installed, cuts, and verifies that all that was synced is there.
    fn cut_to_synced(&self) -> Result<(), String> {
        let options = &self.shared.options;
        let (_, base, end) = self.active();
        let cut_all = || -> io::Result<(Arc<dyn DiskFile>, Vec<u8>)> {
            for name in options.disk.list(&options.directory)? {
                if base_of(&name).is_some_and(|other| other > base) {
                    options.disk.remove(&options.directory.join(name))?;
                }
            }
            options.disk.sync_dir(&options.directory)?;
            let file = options.disk.open(&segment_path(&options.directory, base))?;
            cut(&*file, end - base, options.segment_bytes)?;
            let bytes = read_front(&*file, end - base)?;
            Ok((file, bytes))
        };
        let (file, bytes) = cut_all().map_err(|error| error.to_string())?;
        let scan = scan(&bytes).map_err(|fault| fault.to_string())?;
        if base + scan.end != end {
            return Err(format!("segment {base} ends at {} instead of {end}", base + scan.end));
        }
        self.shared.index_mut().active.file = file;
        Ok(())
    }
}
