//! A disk in memory whose power can be cut: what was not synced may be lost, torn or flipped, names whose directory
//! was not synced may vanish, writes and syncs can fail, space can end. Everything it decides comes from its seed.
//!
//! It is harsher than real file systems where that is allowed: sectors of one write persist in any order, a sync of a
//! file does not persist its name, and a failed sync forgets what it could not write while reads still show it (as
//! Linux does since it marks such pages clean).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use eventlog::file::disk::{Disk, DiskFile, DiskLock};

use crate::random::Random;

const SECTOR_BYTES: usize = 512;

/// See the module. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: Random,
    files: Vec<Content>,
    /// Names as programs see them, and as they are after a power failure.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    locked: BTreeSet<PathBuf>,
    /// Grows with each power cycle: handles of an earlier life are dead.
    life: u64,
    has_power: bool,
    capacity_bytes: u64,
    plan: Plan,
}

/// What is to go wrong, counted down.
#[derive(Debug, Default)]
struct Plan {
    calls_to_power_cut: Option<u64>,
    writes_to_failure: Option<u64>,
    syncs_to_failure: Option<u64>,
    ignores_syncs: bool,
}

#[derive(Debug, Default, Clone)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync, in order.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    content: usize,
    life: u64,
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    directory: PathBuf,
    life: u64,
}

impl FaultyDisk {
    /// An empty disk that works until told otherwise.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            locked: BTreeSet::new(),
            life: 0,
            has_power: true,
            capacity_bytes: u64::MAX,
            plan: Plan::default(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the disk panics")
    }

    /// Cuts the power in the middle of the `calls`-th changing call from now (1 is the next).
    pub fn cut_power_in(&self, calls: u64) {
        self.state().plan.calls_to_power_cut = Some(calls);
    }

    /// Cuts the power now: every call fails until [`Self::power_on`].
    pub fn cut_power(&self) {
        self.state().has_power = false;
    }

    /// Whether the power is on.
    pub fn has_power(&self) -> bool {
        self.state().has_power
    }

    /// Fails the `nth` write from now, after a part of it.
    pub fn fail_write(&self, nth: u64) {
        self.state().plan.writes_to_failure = Some(nth);
    }

    /// Fails the `nth` sync of a file from now; what it should have written is partly lost, for ever.
    pub fn fail_sync(&self, nth: u64) {
        self.state().plan.syncs_to_failure = Some(nth);
    }

    /// Lets syncs of files answer at once and do nothing, as if the program did not call them.
    pub fn ignore_syncs(&self, ignores: bool) {
        self.state().plan.ignores_syncs = ignores;
    }

    /// Bounds the space.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity_bytes = bytes;
    }

    /// Flips one bit of what is durable and seen: rot, not a torn write.
    pub fn rot(&self, path: &Path, byte: usize) {
        let mut state = self.state();
        let content = state.names[path];
        let content = &mut state.files[content];
        content.bytes[byte] ^= 0x10;
        if let Some(byte) = content.durable.get_mut(byte) {
            *byte ^= 0x10;
        }
    }

    /// The file as programs see it.
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[path]].bytes.clone()
    }

    /// Replaces a file durably.
    pub fn replace(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let content = state.files.len();
        state.files.push(Content { durable: bytes.clone(), bytes, pending: Vec::new() });
        state.names.insert(path.to_owned(), content);
        state.durable_names.insert(path.to_owned(), content);
    }

    /// Cuts the power if it is on, decides what survived, and starts again without planned faults.
    pub fn power_on(&self) {
        let mut state = self.state();
        let state = &mut *state;
        for content in &mut state.files {
            content.lose(&mut state.random);
            content.bytes = content.durable.clone();
        }
        let all: BTreeSet<PathBuf> = state.names.keys().chain(state.durable_names.keys()).cloned().collect();
        for path in all {
            if state.names.get(&path) != state.durable_names.get(&path) && state.random.chance(50) {
                match state.names.get(&path) {
                    Some(content) => state.durable_names.insert(path, *content),
                    None => state.durable_names.remove(&path),
                };
            }
        }
        state.names = state.durable_names.clone();
        state.restart();
    }

    /// Ends the program but not the machine: all that was written is still seen, though it is not durable yet.
    pub fn kill(&self) {
        self.state().restart();
    }
}

impl Content {
    fn apply(bytes: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.bytes, &change);
        self.pending.push(change);
    }

    fn persist(&mut self) {
        for change in self.pending.drain(..) {
            Self::apply(&mut self.durable, &change);
        }
    }

    /// Persists what a power failure or a failed sync leaves of the pending changes.
    fn lose(&mut self, random: &mut Random) {
        let way = random.below(5);
        for change in std::mem::take(&mut self.pending) {
            match (way, change) {
                (0, _) => {}
                (1, change) => Self::apply(&mut self.durable, &change),
                (_, Change::Length(length)) => {
                    if random.chance(50) {
                        self.durable.resize(length, 0);
                    }
                }
                (way, Change::Write { offset, bytes }) => self.tear(random, way, offset, &bytes),
            }
        }
    }

    /// `way` 2 keeps a prefix of the write, 3 any of its sectors, 4 also parts of sectors, and flips bits in them.
    fn tear(&mut self, random: &mut Random, way: u64, offset: usize, bytes: &[u8]) {
        let prefix = if way == 2 { random.index(bytes.len() + 1) } else { bytes.len() };
        let mut at = 0;
        while at < prefix {
            let sector_end = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
            let end = (at + sector_end).min(prefix);
            let mut kept = bytes[at..end].to_vec();
            if way == 4 && random.chance(30) {
                kept.truncate(random.index(kept.len() + 1));
            }
            if way == 4 && random.chance(20) && !kept.is_empty() {
                let byte = random.index(kept.len());
                kept[byte] ^= 1 << random.below(8);
            }
            if way == 2 || random.chance(60) {
                Self::apply(&mut self.durable, &Change::Write { offset: offset + at, bytes: kept });
            }
            at = end;
        }
    }
}

/// Counts down; true once, when it reaches zero.
fn is_due(countdown: &mut Option<u64>) -> bool {
    let Some(left) = countdown else { return false };
    *left = left.saturating_sub(1);
    if *left > 0 {
        return false;
    }
    *countdown = None;
    true
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    fn restart(&mut self) {
        self.locked.clear();
        self.life += 1;
        self.has_power = true;
        self.plan = Plan::default();
    }

    fn powered(&self, life: u64) -> io::Result<()> {
        if self.has_power && self.life == life { Ok(()) } else { Err(off()) }
    }

    /// Before every change: whether the power goes during it.
    fn power_goes(&mut self) -> bool {
        let goes = is_due(&mut self.plan.calls_to_power_cut);
        if goes {
            self.has_power = false;
        }
        goes
    }

    fn change_name(&mut self, change: impl FnOnce(&mut BTreeMap<PathBuf, usize>) -> io::Result<()>) -> io::Result<()> {
        let life = self.life;
        self.powered(life)?;
        let goes = self.power_goes();
        if goes && self.random.chance(50) {
            return Err(off());
        }
        change(&mut self.names)?;
        if goes { Err(off()) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.powered(self.life)?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn free_bytes(&self) -> u64 {
        let used: u64 = self.names.values().map(|content| self.files[*content].bytes.len() as u64).sum();
        self.capacity_bytes.saturating_sub(used)
    }

    fn need(&self, content: usize, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.files[content].bytes.len());
        if more as u64 > self.free_bytes() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn write(&mut self, content: usize, bytes: &[u8], offset: usize) -> io::Result<()> {
        let goes = self.power_goes();
        let fails = is_due(&mut self.plan.writes_to_failure);
        self.need(content, offset + bytes.len())?;
        let written = if goes || fails { self.random.index(bytes.len() + 1) } else { bytes.len() };
        self.files[content].change(Change::Write { offset, bytes: bytes[..written].to_vec() });
        match (goes, fails) {
            (true, _) => Err(off()),
            (_, true) => Err(io::Error::other("input/output error on write")),
            _ => Ok(()),
        }
    }

    fn sync(&mut self, content: usize) -> io::Result<()> {
        if self.power_goes() {
            return Err(off());
        }
        if self.plan.ignores_syncs {
            return Ok(());
        }
        if is_due(&mut self.plan.syncs_to_failure) {
            self.files[content].lose(&mut self.random);
            return Err(io::Error::other("input/output error on sync"));
        }
        self.files[content].persist();
        Ok(())
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("files in memory are shorter than the address space")
}

impl Disk for FaultyDisk {
    fn create_dir(&self, _directory: &Path) -> io::Result<()> {
        let state = self.state();
        state.powered(state.life)
    }

    fn lock_dir(&self, directory: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        let life = state.life;
        state.powered(life)?;
        if !state.locked.insert(directory.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), directory: directory.to_owned(), life }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.powered(state.life)?;
        let names = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let (content, life) = (state.files.len(), state.life);
        state.files.push(Content::default());
        state.change_name(|names| {
            names.insert(path.to_owned(), content);
            Ok(())
        })?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), content, life }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        Ok(Arc::new(FaultyFile { disk: self.clone(), content: state.find(path)?, life: state.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().change_name(|names| {
            let content = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            names.insert(to.to_owned(), content);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().change_name(|names| match names.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.powered(state.life)?;
        if state.power_goes() {
            return Err(off());
        }
        let is_inside = |path: &PathBuf| path.parent() == Some(directory);
        let State { names, durable_names, .. } = &mut *state;
        durable_names.retain(|path, _| !is_inside(path));
        durable_names.extend(names.iter().filter(|(path, _)| is_inside(path)).map(|(path, at)| (path.clone(), *at)));
        Ok(())
    }

    fn free_bytes(&self, _directory: &Path) -> io::Result<u64> {
        let state = self.state();
        state.powered(state.life)?;
        Ok(state.free_bytes())
    }
}

impl FaultyFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        state.powered(self.life)?;
        Ok(state)
    }

    fn set_length(&self, length: usize) -> io::Result<()> {
        let mut state = self.state()?;
        if state.power_goes() {
            return Err(off());
        }
        state.need(self.content, length)?;
        state.files[self.content].change(Change::Length(length));
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.state()?.files[self.content].bytes.len() as u64)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state()?;
        let content = &state.files[self.content].bytes;
        let there = content.get(position(offset)..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.state()?.write(self.content, bytes, position(offset))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let length = position(length.max(self.length()?));
        self.set_length(length)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_length(position(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state()?.sync(self.content)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        // The lock of an earlier life ended with the power.
        if state.life == self.life {
            state.locked.remove(&self.directory);
        }
    }
}
