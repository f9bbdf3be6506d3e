//! The small files of a log: its `format`, and checkpoints that are kept. Each is replaced in one step, so that a crash
//! leaves the old or the new one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use disk::Disk;

use super::LedgerError;
use crate::checkpoint::SignedCheckpoint;
use crate::key::LogKey;

/// The version of the directory that this program writes.
const VERSION: u32 = 1;
const TITLE: &str = "assent ledger ";
const ANCHORED: &str = "anchored";
/// No file that is kept whole in memory is longer.
const BYTES_MAX: u64 = 64 * 1024;

/// The bytes of a small file; `None` when it is not there.
fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<String>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.length()?;
    if length > BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Replaces a file durably.
fn replace(disk: &dyn Disk, path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let file = disk.create(&new)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.sync_all()?;
    disk.rename(&new, path)?;
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => disk.sync_dir(directory),
        _ => disk.sync_dir(Path::new(".")),
    }
}

/// What a directory says of itself.
#[derive(Debug)]
pub(super) struct Format {
    origin: String,
    pub(super) is_anchored: bool,
}

impl Format {
    /// Reads it, or writes the first one of a new directory.
    pub(super) fn open(disk: &Arc<dyn Disk>, directory: &Path, origin: &str) -> Result<Self, LedgerError> {
        let path = directory.join("format");
        let Some(text) = read(&**disk, &path).map_err(|error| LedgerError::io(&path, error))? else {
            let format = Self { origin: origin.to_owned(), is_anchored: false };
            format.write(disk, directory)?;
            return Ok(format);
        };
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix(TITLE));
        let version = version.ok_or_else(|| LedgerError::Damaged {
            path: path.clone(),
            detail: format!("it does not begin with `{TITLE}`"),
        })?;
        if version != VERSION.to_string() {
            let found = version.chars().take(20).collect();
            return Err(LedgerError::Newer { path, found, known: VERSION });
        }
        let found = lines.next().unwrap_or_default();
        if found != origin {
            let (found, expected) = (found.to_owned(), origin.to_owned());
            return Err(LedgerError::Origin { path, found, expected });
        }
        Ok(Self { origin: origin.to_owned(), is_anchored: lines.next() == Some(ANCHORED) })
    }

    /// Remembers that there is an anchor, so that its absence is noticed from now on.
    pub(super) fn set_anchored(mut self, disk: &Arc<dyn Disk>, directory: &Path) -> Result<(), LedgerError> {
        self.is_anchored = true;
        self.write(disk, directory)
    }

    fn write(&self, disk: &Arc<dyn Disk>, directory: &Path) -> Result<(), LedgerError> {
        let anchored = if self.is_anchored { format!("{ANCHORED}\n") } else { String::new() };
        let text = format!("{TITLE}{VERSION}\n{}\n{anchored}", self.origin);
        let path = directory.join("format");
        replace(&**disk, &path, &text).map_err(|error| LedgerError::io(&path, error))
    }
}

/// A checkpoint in a file.
#[derive(Debug)]
pub(super) struct Note {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Note {
    pub(super) fn new(disk: &Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk: Arc::clone(disk), path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint in it, verified; `None` when there is no file.
    pub(super) fn read(&self, key: &LogKey) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let note = read(&*self.disk, &self.path).map_err(|error| LedgerError::io(&self.path, error))?;
        let verify = |note: String| {
            SignedCheckpoint::verify(&note, key.verifier())
                .map_err(|error| LedgerError::Checkpoint { path: self.path.clone(), error })
        };
        note.map(verify).transpose()
    }

    /// When it was written.
    pub(super) fn written_at(&self) -> io::Result<SystemTime> {
        self.disk.open(&self.path)?.modified()
    }

    pub(super) fn write(&self, signed: &SignedCheckpoint) -> Result<(), LedgerError> {
        replace(&*self.disk, &self.path, signed.note()).map_err(|error| LedgerError::io(&self.path, error))
    }
}

pub(super) fn anchor_lost(anchor: &Path, checkpoint: &Path) -> LedgerError {
    LedgerError::AnchorLost { anchor: anchor.to_owned(), checkpoint: checkpoint.to_owned() }
}
