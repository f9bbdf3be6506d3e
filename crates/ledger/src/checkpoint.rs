//! Checkpoints (C2SP `tlog-checkpoint`): which log, how many leaves, which root; signed as a note. A checkpoint binds
//! everything before it: whoever keeps one can tell later whether the log is still the same.

use std::fmt;

use crate::key::LogKey;
use crate::note::{Note, NoteError, VerifierKey};
use crate::tree::Hash;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log, as `example.com/ledger/acme`.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a text is no checkpoint that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Its note is not good.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It was signed and does not read as a checkpoint.
    #[error("this is no checkpoint: {0}")]
    Form(&'static str),
    /// It is one of another log.
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    Origin {
        /// The origin in it.
        found: String,
        /// The key's name.
        expected: String,
    },
}

impl Checkpoint {
    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let form = |what| CheckpointError::Form(what);
        let lines = text.strip_suffix('\n').ok_or_else(|| form("its last line does not end"))?;
        let mut lines = lines.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty()).ok_or_else(|| form("it names no log"))?;
        let stated = lines.next().ok_or_else(|| form("it has no size"))?;
        let size: u64 = stated.parse().map_err(|_| form("its size is no number"))?;
        if size.to_string() != stated {
            return Err(form("its size is not written plainly"));
        }
        let root = lines.next().and_then(Hash::parse).ok_or_else(|| form("its root is not base64 of 32 bytes"))?;
        // The log signs no further lines: nobody could audit them.
        if lines.next().is_some() {
            return Err(form("it has more than three lines"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Signs it. Whether it may be is for [`crate::Ledger`] to know.
    pub(crate) fn sign(self, key: &LogKey) -> SignedCheckpoint {
        let text = self.to_string();
        let note = format!("{text}\n{}", key.sign(&text));
        SignedCheckpoint { checkpoint: self, note }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// A checkpoint whose signature was verified, or made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

impl SignedCheckpoint {
    /// Reads a note and believes it when the key's signature is on it and the log is the key's.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let text = Note::parse(note)?.verify(key)?;
        let checkpoint = Checkpoint::parse(text)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin { found: checkpoint.origin, expected: key.name().to_owned() });
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, to be given away.
    pub fn note(&self) -> &str {
        &self.note
    }
}
