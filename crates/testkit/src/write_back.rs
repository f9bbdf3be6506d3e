//! A disk whose write-back cache is this process's memory: content reaches the real file only by a sync, so killing
//! the process loses exactly what was not synced. For crash tests of the whole server, where [`crate::disk`]'s disk,
//! which lives in memory, would not survive the kill.
//!
//! Names and lengths are real at once; losing those is simulated by [`crate::disk`].

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use eventlog::file::disk::{Disk, DiskFile, DiskLock, RealDisk};

/// See the module.
#[derive(Debug)]
pub struct WriteBackDisk {
    real: RealDisk,
    /// All handles of one path share what waits.
    files: Mutex<HashMap<PathBuf, Arc<Cached>>>,
}

impl WriteBackDisk {
    /// With an empty cache.
    #[expect(clippy::new_without_default, reason = "a disk is made on purpose")]
    pub fn new() -> Self {
        Self { real: RealDisk, files: Mutex::default() }
    }

    fn keep(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let cached = Arc::new(Cached { file, waiting: Mutex::default() });
        self.files.lock().expect("no holder panics").insert(path.to_owned(), Arc::clone(&cached));
        cached
    }
}

impl Disk for WriteBackDisk {
    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        self.real.create_dir(directory)
    }

    fn lock_dir(&self, directory: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.real.lock_dir(directory)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.real.list(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.keep(path, self.real.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(cached) = self.files.lock().expect("no holder panics").get(path) {
            return Ok(Arc::clone(cached) as Arc<dyn DiskFile>);
        }
        Ok(self.keep(path, self.real.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.real.rename(from, to)?;
        let mut files = self.files.lock().expect("no holder panics");
        if let Some(cached) = files.remove(from) {
            files.insert(to.to_owned(), cached);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.lock().expect("no holder panics").remove(path);
        self.real.remove(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.real.sync_dir(directory)
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        self.real.free_bytes(directory)
    }
}

/// A file and the writes that wait for its next sync, in order.
#[derive(Debug)]
struct Cached {
    file: Arc<dyn DiskFile>,
    waiting: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Cached {
    fn flush(&self) -> io::Result<()> {
        let waiting = std::mem::take(&mut *self.waiting.lock().expect("no holder panics"));
        waiting.iter().try_for_each(|(offset, bytes)| self.file.write_all_at(bytes, *offset))
    }
}

/// Lays one waiting write over what was read.
fn overlay(read: &mut [u8], read_at: u64, written: &[u8], written_at: u64) {
    let start = read_at.max(written_at);
    let end = (read_at + read.len() as u64).min(written_at + written.len() as u64);
    if start < end {
        let place = |at: u64, base: u64| usize::try_from(at - base).expect("inside a slice");
        read[place(start, read_at)..place(end, read_at)]
            .copy_from_slice(&written[place(start, written_at)..place(end, written_at)]);
    }
}

impl DiskFile for Cached {
    fn length(&self) -> io::Result<u64> {
        let waiting = self.waiting.lock().expect("no holder panics");
        let written = waiting.iter().map(|(offset, bytes)| offset + bytes.len() as u64).max().unwrap_or_default();
        Ok(self.file.length()?.max(written))
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let waiting = self.waiting.lock().expect("no holder panics");
        let behind = self.file.length()?.saturating_sub(offset);
        let there = usize::try_from(behind).unwrap_or(usize::MAX).min(bytes.len());
        self.file.read_exact_at(&mut bytes[..there], offset)?;
        bytes[there..].fill(0);
        let written = waiting.iter().map(|(at, piece)| at + piece.len() as u64).max().unwrap_or_default();
        if offset + bytes.len() as u64 > written.max(self.file.length()?) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        waiting.iter().for_each(|(at, piece)| overlay(bytes, offset, piece, *at));
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.waiting.lock().expect("no holder panics").push((offset, bytes.to_vec()));
        Ok(())
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        for (offset, bytes) in waiting.iter_mut() {
            bytes.truncate(usize::try_from(length.saturating_sub(*offset)).unwrap_or(usize::MAX));
        }
        waiting.retain(|(_, bytes)| !bytes.is_empty());
        self.file.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.flush()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_seen_here_and_nowhere_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let disk = WriteBackDisk::new();
        let file = disk.create(&path).expect("created");
        file.write_all_at(b"synced", 0).expect("written");
        file.sync_data().expect("synced");
        file.write_all_at(b"lost", 2).expect("written");
        let mut seen = [0; 6];
        file.read_exact_at(&mut seen, 0).expect("read");
        assert_eq!(&seen, b"sylost");
        assert_eq!(std::fs::read(&path).expect("the real file"), b"synced");
        let again = disk.open(&path).expect("opened");
        again.read_exact_at(&mut seen, 0).expect("read");
        assert_eq!(&seen, b"sylost");
        assert!(file.read_exact_at(&mut [0; 7], 0).is_err());
    }
}
