//! What a log refuses, with what was found and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::tiles::TileFault;
use crate::tree::Hash;

/// Why a log does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk refused.
    #[error("the ledger cannot use `{path}`: {error}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Another process has it.
    #[error("the ledger `{0}` is in use by another process: only one may sign")]
    Locked(PathBuf),
    /// A newer Assent wrote it.
    #[error(
        "the ledger `{path}` was written by a newer version of Assent (format {found}, this one knows {known}): start \
         that version"
    )]
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// The version in it.
        found: String,
        /// The newest one that this program knows.
        known: u32,
    },
    /// The directory is the one of another log.
    #[error("the ledger `{path}` is the log `{found}`, not `{expected}`: its origin is fixed when it is made")]
    Origin {
        /// The file that says so.
        path: PathBuf,
        /// The log in it.
        found: String,
        /// The key's name.
        expected: String,
    },
    /// A file is not what was written.
    #[error(
        "the ledger's `{path}` is damaged: {detail}; restore the directory from a backup, or remove it (not the anchor): it is built again from the state"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it is seen.
        detail: String,
    },
    /// A checkpoint that was kept cannot be believed.
    #[error("the checkpoint `{path}` cannot be believed: {error}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        error: CheckpointError,
    },
    /// The anchor was there once and is not any more.
    #[error(
        "the ledger's anchor `{anchor}` is gone: mount the disk that it was on. If it is lost for good and `{checkpoint}` \
         was not restored from a backup, copy that file there"
    )]
    AnchorLost {
        /// Where it was.
        anchor: PathBuf,
        /// The checkpoint in the directory.
        checkpoint: PathBuf,
    },
    /// Less is here than was published.
    #[error(
        "the ledger is behind what it published: a checkpoint over {} leaves was given out, here are {here}, as after \
         a backup was restored. Nothing is signed until the missing choices are back: restore the newest state \
         (`state.db`); when they are lost for good, begin a new log under a new origin and say so to those who hold \
         receipts", held.size
    )]
    Behind {
        /// The last published checkpoint.
        held: Checkpoint,
        /// Leaves that there are.
        here: u64,
    },
    /// Something else is here than was published.
    #[error(
        "the ledger would fork: over {} leaves it published the root `{}`, here it is `{found}`. It signs nothing: \
         whoever holds the published checkpoint could prove that choices were changed or lost. Restore the state that \
         the checkpoint is of; when it is lost for good, begin a new log under a new origin", held.size, held.root
    )]
    Fork {
        /// The published checkpoint.
        held: Checkpoint,
        /// The root here over as many leaves.
        found: Hash,
    },
    /// A leaf is another one than before.
    #[error(
        "leaf {index} of the ledger was `{known}` and is now `{given}`: the state and the ledger are not of the same log"
    )]
    Diverged {
        /// Its index.
        index: u64,
        /// In the tree.
        known: Hash,
        /// In the call.
        given: Hash,
    },
    /// Leaves are missing between the tree and the call.
    #[error("the ledger ends at leaf {expected} and the next one given is {given}: those between are missing")]
    Gap {
        /// The index that comes next.
        expected: u64,
        /// The first index given.
        given: u64,
    },
    /// No such leaf, or no such size.
    #[error(
        "the ledger has {size} published leaves; {asked} is beyond it: what was recorded a moment ago is published within seconds"
    )]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// Published leaves.
        size: u64,
    },
    /// Its first checkpoint could not be written.
    #[error("the ledger has not published anything yet")]
    Unpublished,
}

impl LedgerError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    /// A tile that cannot be read: one that is missing or of the wrong length is damage, the rest is the disk's.
    pub(crate) fn tile(path: PathBuf, fault: TileFault) -> Self {
        match fault {
            TileFault::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::Damaged { path, detail: "it is missing".to_owned() }
            }
            TileFault::Io(error) => Self::Io { path, error },
            fault @ (TileFault::Length { .. } | TileFault::Entries) => {
                Self::Damaged { path, detail: fault.to_string() }
            }
        }
    }
}
