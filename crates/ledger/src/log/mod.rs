//! The log of one workspace: commitments go in, signed checkpoints and proofs come out.
//!
//! # In its directory (version 1)
//!
//! ```text
//! format            which version and log this is, and whether it has an anchor
//! checkpoint        the last published checkpoint, a signed note
//! tile/…            the tree (see `tiles`)
//! ```
//!
//! # The order of an append
//!
//! Tiles, synced; then the anchor; then `checkpoint`; then the answer. A crash leaves tiles that nobody was told of, or
//! an anchor that is one batch ahead. Both are made up for by appending the same leaves again: the tree depends on
//! nothing else.
//!
//! # What it never signs
//!
//! A checkpoint that does not continue the last one it published. That one is *held* in two places: in the directory,
//! and in the anchor, a second file that belongs where a backup of the directory does not reach. After a backup was
//! restored the directory is behind the anchor: nothing is signed until the tree has grown back to what was published
//! and has the root that was published. When it has another one, the log would fork, and it is refused for good.
//!
//! One `Ledger` may be used by many threads; appends wait for each other, and proofs wait for nobody.

mod error;
mod held;
mod read;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use disk::{Disk, DiskLock};

pub use self::error::LedgerError;
use self::held::{Format, Note, anchor_lost};
pub use self::read::{Inclusion, Served};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::commit::Commitment;
use crate::key::LogKey;
use crate::note::VerifierKey;
use crate::tiles::{Edge, TileFiles};

/// What a log is opened with.
#[derive(Debug)]
pub struct Options {
    /// Its directory; made when it is not there.
    pub directory: PathBuf,
    /// A file outside of the directory and of what is backed up with it, that holds the last published checkpoint.
    /// Without one, a restored backup cannot be told from the log it was made of.
    pub anchor: Option<PathBuf>,
    /// Signs; its name is the log's origin.
    pub key: LogKey,
    /// The file system.
    pub disk: Arc<dyn Disk>,
}

/// What was last published: proofs are against it.
#[derive(Debug)]
struct Published {
    signed: SignedCheckpoint,
    edge: Edge,
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    key: LogKey,
    tiles: TileFiles,
    checkpoint: Note,
    anchor: Option<Note>,
    /// Taken by whoever appends. The last checkpoint of all places, which every new one must continue.
    held: Mutex<Option<Checkpoint>>,
    /// `None` while the directory is behind the anchor.
    published: RwLock<Option<Arc<Published>>>,
    /// Where an append goes on while nothing is published.
    behind: Edge,
    _lock: Box<dyn DiskLock>,
}

impl Ledger {
    /// Opens a log, or makes it and publishes that it is empty.
    ///
    /// A log that is behind its anchor opens too, and refuses everything with [`LedgerError::Behind`] until
    /// [`Ledger::append`] has brought it back.
    pub fn open(options: Options) -> Result<Self, LedgerError> {
        let Options { directory, anchor, key, disk } = options;
        let io = |error| LedgerError::io(&directory, error);
        disk.create_dir(&directory).map_err(io)?;
        let lock = disk.lock_dir(&directory).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LedgerError::Locked(directory.clone()),
            _ => io(error),
        })?;
        let origin = key.verifier().name().to_owned();
        let format = Format::open(&disk, &directory, &origin)?;
        let checkpoint = Note::new(&disk, directory.join("checkpoint"));
        let anchor = anchor.map(|path| Note::new(&disk, path));
        let here = checkpoint.read(&key)?;
        let afar = anchor.as_ref().map(|anchor| anchor.read(&key)).transpose()?.flatten();
        if let (Some(anchor), None, true) = (&anchor, &afar, format.is_anchored) {
            return Err(anchor_lost(anchor.path(), checkpoint.path()));
        }
        let tiles = TileFiles::new(Arc::clone(&disk), directory.clone());
        let edge = edge(&tiles, here.as_ref(), checkpoint.path())?;
        let held = [&here, &afar].into_iter().flatten().map(|signed| signed.checkpoint().clone());
        let held = held.max_by_key(|checkpoint| checkpoint.size);
        let ledger = Self {
            key,
            tiles,
            checkpoint,
            anchor,
            held: Mutex::new(held.clone()),
            published: RwLock::new(None),
            behind: edge.clone(),
            _lock: lock,
        };
        ledger.check_at_open(&edge, [&here, &afar].into_iter().flatten())?;
        match (here, held) {
            (_, Some(held)) if held.size > edge.size() => {
                tracing::warn!(held = held.size, here = edge.size(), origin, "the ledger is behind what it published");
            }
            (Some(signed), _) => {
                // What a crash left between the two writes, or an anchor that is new.
                if let Some(anchor) = &ledger.anchor {
                    anchor.write(&signed)?;
                }
                ledger.publish(signed, edge);
            }
            (None, _) => drop(ledger.seal(&mut held_lock(&ledger.held), edge)?),
        }
        // Last: that it is missed before it was ever written would be wrong.
        if ledger.anchor.is_some() && !format.is_anchored {
            format.set_anchored(&disk, &directory)?;
        }
        Ok(ledger)
    }

    /// Every checkpoint that was found and is not ahead of the tree must be one of it.
    fn check_at_open<'a>(
        &self,
        edge: &Edge,
        found: impl Iterator<Item = &'a SignedCheckpoint>,
    ) -> Result<(), LedgerError> {
        for signed in found.filter(|signed| signed.checkpoint().size <= edge.size()) {
            let checkpoint = signed.checkpoint();
            let root = self.root_at(edge, checkpoint.size)?;
            if root != checkpoint.root {
                return Err(LedgerError::Fork { held: checkpoint.clone(), found: root });
            }
        }
        Ok(())
    }

    /// What others check the log's signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Whether what it published last is held a second time, outside of its directory. Without that, a restored backup is
    /// not told from the log that it was made of.
    pub fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// Leaves that are in the directory's tree. The next append may begin here or before.
    pub fn size(&self) -> u64 {
        self.current().map_or_else(|| self.behind.size(), |published| published.edge.size())
    }

    /// Leaves of the last checkpoint that was ever published, as far as is known here. More than [`Ledger::size`] after
    /// a backup was restored: an append must then reach it in one go.
    pub fn held_size(&self) -> u64 {
        held_lock(&self.held).as_ref().map_or(0, |held| held.size)
    }

    /// Adds leaves, `first` being the index of the first one, and publishes a checkpoint of all. What is in the tree
    /// already is compared and not added again, so that the same call may be repeated.
    ///
    /// Durable when it returns: the leaves, the anchor, the checkpoint.
    pub fn append(&self, first: u64, leaves: &[Commitment]) -> Result<SignedCheckpoint, LedgerError> {
        let mut held = held_lock(&self.held);
        let current = self.current();
        let mut edge = current.as_ref().map_or_else(|| self.behind.clone(), |published| published.edge.clone());
        let before = edge.size();
        let known = before.checked_sub(first).ok_or(LedgerError::Gap { expected: before, given: first })?;
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(leaves.len());
        let (known, new) = leaves.split_at(known);
        self.compare(&edge, first, known)?;
        if let (true, Some(published)) = (new.is_empty(), current) {
            return Ok(published.signed.clone());
        }
        let mut full = Vec::new();
        for leaf in new {
            edge.push(*leaf, &mut full);
            if let Some(held) = held.as_ref().filter(|held| held.size == edge.size()) {
                let root = edge.root();
                if root != held.root {
                    return Err(LedgerError::Fork { held: held.clone(), found: root });
                }
            }
        }
        if let Some(held) = held.as_ref().filter(|held| held.size > edge.size()) {
            return Err(LedgerError::Behind { held: held.clone(), here: edge.size() });
        }
        let finished = full.len();
        // A tile that the last checkpoint names already is never touched again: a crash could tear it.
        let known = Edge::unfinished(before);
        full.extend(edge.bytes().into_iter().filter(|(path, _)| !known.contains(path)));
        self.tiles.write(&full).map_err(|error| LedgerError::io(self.checkpoint.path(), error))?;
        let signed = self.seal(&mut held, edge)?;
        self.tiles.drop_unfinished(&full[..finished]);
        Ok(signed)
    }

    /// Signs and publishes the tree, whose tiles are durable. `held` is a checkpoint of it or of its beginning.
    fn seal(&self, held: &mut Option<Checkpoint>, edge: Edge) -> Result<SignedCheckpoint, LedgerError> {
        let origin = self.key.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: edge.size(), root: edge.root() };
        // From here on it may be known somewhere, whatever fails below.
        *held = Some(checkpoint.clone());
        let signed = checkpoint.sign(&self.key);
        if let Some(anchor) = &self.anchor {
            anchor.write(&signed)?;
        }
        self.checkpoint.write(&signed)?;
        self.publish(signed.clone(), edge);
        Ok(signed)
    }

    fn publish(&self, signed: SignedCheckpoint, edge: Edge) {
        let published = Some(Arc::new(Published { signed, edge }));
        *self.published.write().expect("no holder of what is published panics") = published;
    }

    fn current(&self) -> Option<Arc<Published>> {
        self.published.read().expect("no holder of what is published panics").clone()
    }

    /// What proofs are against.
    fn published(&self) -> Result<Arc<Published>, LedgerError> {
        self.current().ok_or_else(|| match &*held_lock(&self.held) {
            Some(held) => LedgerError::Behind { held: held.clone(), here: self.behind.size() },
            None => LedgerError::Unpublished,
        })
    }
}

fn held_lock(held: &Mutex<Option<Checkpoint>>) -> std::sync::MutexGuard<'_, Option<Checkpoint>> {
    held.lock().expect("no holder of the last checkpoint panics")
}

/// The right side of the tree that the directory's checkpoint is of.
fn edge(tiles: &TileFiles, here: Option<&SignedCheckpoint>, checkpoint: &Path) -> Result<Edge, LedgerError> {
    let Some(here) = here.map(SignedCheckpoint::checkpoint) else { return Ok(Edge::empty()) };
    let edge = tiles.edge(here.size).map_err(|(path, fault)| LedgerError::tile(path, fault))?;
    if edge.root() == here.root {
        return Ok(edge);
    }
    let detail = format!("its tiles do not have the root of `{}`, {} leaves", checkpoint.display(), here.size);
    Err(LedgerError::Damaged { path: checkpoint.with_file_name("tile"), detail })
}
