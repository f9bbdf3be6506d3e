//! What consumers have released, and the deletion of whole segments.
//!
//! A segment goes when every partition has released its last record in it; a partition without records there is not
//! asked. Only the oldest goes, one after the other, each removal synced before the next: after a crash the log has
//! lost a prefix and never a piece out of its middle. The released positions are kept in a small file that is
//! written when something is deleted and at the end. It is not synced: losing it only means that consumers, who say
//! again and again how far they are, must say it once more.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tracing::{info, warn};

use super::segment::{Sealed, index_path, segment_path};
use super::{Options, Shared};
use crate::{Partition, Position};

const RELEASED_VERSION: u32 = 1;

/// Per partition, the position through which its records may go.
#[derive(Debug)]
pub(super) struct Released {
    positions: Mutex<Vec<Option<Position>>>,
    /// Held while segments are deleted, so that they go in order.
    deletion: Mutex<()>,
}

fn released_path(options: &Options) -> PathBuf {
    options.directory.join("released")
}

impl Released {
    pub(super) fn load(options: &Options) -> Self {
        let nothing = || vec![None; usize::from(options.partitions)];
        Self { positions: Mutex::new(load(options).unwrap_or_else(nothing)), deletion: Mutex::default() }
    }

    fn positions(&self) -> Vec<Option<Position>> {
        self.positions.lock().expect("no holder of the released positions panics").clone()
    }

    /// Never goes back.
    fn advance(&self, partition: Partition, through: Position) {
        let mut positions = self.positions.lock().expect("no holder of the released positions panics");
        if let Some(position) = positions.get_mut(usize::from(partition.0)) {
            *position = (*position).max(Some(through));
        }
    }

    pub(super) fn save(&self, options: &Options) {
        if let Err(error) = save(options, &self.positions()) {
            warn!(%error, "cannot keep the released positions of the log; they will be said again");
        }
    }
}

fn load(options: &Options) -> Option<Vec<Option<Position>>> {
    let file = options.disk.open(&released_path(options)).ok()?;
    let mut bytes = vec![0; usize::try_from(file.length().ok()?).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let whole = crc32c::crc32c(body) == u32::from_le_bytes(*crc);
    let (version, positions): (u32, Vec<Option<Position>>) = postcard::from_bytes(body).ok().filter(|_| whole)?;
    (version == RELEASED_VERSION && positions.len() == usize::from(options.partitions)).then_some(positions)
}

fn save(options: &Options, positions: &[Option<Position>]) -> std::io::Result<()> {
    let mut bytes = postcard::to_allocvec(&(RELEASED_VERSION, positions)).map_err(std::io::Error::other)?;
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    options.disk.create(&released_path(options))?.write_all_at(&bytes, 0)
}

impl Shared {
    /// Notes the release.
    pub(super) fn release(&self, partition: Partition, through: Position) {
        self.released.advance(partition, through);
    }

    /// Whether a segment can go.
    pub(super) fn has_released(&self) -> bool {
        self.oldest_released().is_some()
    }

    fn oldest_released(&self) -> Option<Arc<Sealed>> {
        let released = self.released.positions();
        let index = self.index();
        let oldest = index.sealed.first()?;
        let gone = oldest.last.iter().zip(&released).all(|(last, released)| last.is_none() || last <= released);
        gone.then(|| Arc::clone(oldest))
    }

    /// Deletes what every partition has released.
    pub(super) fn delete_released(&self) {
        let _in_order = self.released.deletion.lock().expect("no holder of the deletion panics");
        let mut deleted = false;
        while let Some(oldest) = self.oldest_released() {
            self.forget(&oldest);
            deleted = true;
            if let Err(error) = self.delete(&oldest) {
                // It is read no more in this run; the next start finds it and deletes it then.
                warn!(base = oldest.base, %error, "cannot delete a released log segment");
                break;
            }
            info!(base = oldest.base, bytes = oldest.end - oldest.base, "released log segment deleted");
        }
        if deleted {
            self.released.save(&self.options);
        }
    }

    fn forget(&self, oldest: &Sealed) {
        let mut index = self.index_mut();
        index.sealed.remove(0);
        for (trimmed, last) in index.trimmed.iter_mut().zip(&oldest.last) {
            *trimmed = (*trimmed).max(*last);
        }
        drop(index);
        self.drop_loaded(oldest.base);
    }

    fn delete(&self, oldest: &Sealed) -> std::io::Result<()> {
        let (disk, directory) = (&*self.options.disk, &self.options.directory);
        disk.remove(&segment_path(directory, oldest.base))?;
        // The index file may never have been written.
        drop(disk.remove(&index_path(directory, oldest.base)));
        disk.sync_dir(directory)
    }
}
