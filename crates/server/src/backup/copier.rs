//! Copies bytes into a directory that only its owner may read, counts and hashes them on the way, and syncs them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use super::manifest::{DATA, Entry};

/// What is read at once.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Copier {
    data: PathBuf,
    files: Vec<Entry>,
}

/// A file that is being written.
struct Target {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Length and hash of a file.
pub(super) fn measure(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&piece[..read]);
        bytes += read as u64;
    }
}

/// Creates a file that only its owner may read, with the directories above it.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(directory)?;
    }
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Target {
    fn new(path: PathBuf) -> io::Result<Self> {
        let file = create_private(&path)?;
        Ok(Self { path, file, hash: Sha256::new(), bytes: 0 })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.file.write_all(piece)
    }

    fn finish(self, name: &str) -> io::Result<Entry> {
        self.file.sync_all()?;
        let mut directory = self.path.parent();
        // The whole way up: each of them may be new.
        for _ in name.split('/') {
            if let Some(path) = directory {
                sync_directory(path)?;
                directory = path.parent();
            }
        }
        Ok(Entry { path: name.to_owned(), bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

impl Copier {
    /// Copies into the folder of a backup.
    pub(super) fn new(backup: &Path) -> Self {
        Self::into_folder(backup.join(DATA))
    }

    /// Copies into a folder.
    pub(super) fn into_folder(data: PathBuf) -> Self {
        Self { data, files: Vec::new() }
    }

    pub(super) fn into_files(self) -> Vec<Entry> {
        self.files
    }

    /// The first bytes of an open file, at most so many, under a name.
    pub(super) fn file(&mut self, from: &File, bytes_max: u64, name: &str) -> io::Result<&Entry> {
        let mut target = Target::new(self.data.join(name))?;
        let (mut from, mut piece) = (from.take(bytes_max), vec![0; PIECE_BYTES]);
        loop {
            match from.read(&mut piece)? {
                0 => break,
                read => target.write(&piece[..read])?,
            }
        }
        self.note(target.finish(name)?)
    }

    /// What comes out of a store, under a name.
    pub(super) async fn pieces<E: Into<anyhow::Error>>(
        &mut self,
        mut from: impl Stream<Item = Result<Bytes, E>> + Unpin,
        name: &str,
    ) -> anyhow::Result<()> {
        let mut target = Target::new(self.data.join(name))?;
        while let Some(piece) = from.next().await {
            target.write(&piece.map_err(Into::into)?)?;
        }
        self.note(target.finish(name)?)?;
        Ok(())
    }

    /// Bytes in memory, under a name.
    pub(super) fn bytes(&mut self, from: &[u8], name: &str) -> io::Result<()> {
        let mut target = Target::new(self.data.join(name))?;
        target.write(from)?;
        self.note(target.finish(name)?).map(drop)
    }

    /// Where a file of this name goes; its folder is made. For whoever writes it himself and then says [`Self::written`].
    pub(super) fn place(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.data.join(name);
        if let Some(directory) = path.parent() {
            std::fs::DirBuilder::new().mode(0o700).recursive(true).create(directory)?;
        }
        Ok(path)
    }

    /// Counts and hashes a file that somebody else wrote.
    pub(super) fn written(&mut self, name: &str) -> io::Result<()> {
        let (bytes, sha256) = measure(&self.data.join(name))?;
        self.note(Entry { path: name.to_owned(), bytes, sha256 }).map(drop)
    }

    /// Forgets what is under a folder, and removes it.
    pub(super) fn undo(&mut self, folder: &str) -> io::Result<()> {
        self.files.retain(|entry| !Path::new(&entry.path).starts_with(folder));
        match std::fs::remove_dir_all(self.data.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&mut self, entry: Entry) -> io::Result<&Entry> {
        self.files.push(entry);
        self.files.last().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
