//! What of a stream's directory can be copied while another process writes it.
//!
//! Segments that are written no more are copied whole. Of the newest, only whole blocks: bytes behind them may be a commit
//! that is being written. Its end is found by reading twice. One reading alone can meet a block that was written while
//! it read, behind a place that it had passed before that was written, and would take the gap for damage. What a first
//! reading found whole was written before a second begins, and so was all in front of it, because commits go one after
//! the other; and blocks are never changed.
//!
//! The result is what a crash at some moment after the first reading could have left. Indexes and released positions are
//! not part of it: the ones are rebuilt, the others would let go of what older readers in the same copy still need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::scan::scan;
use super::segment::{base_of, segment_path};

/// A segment and how much of it to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// Its first bytes that count.
    pub bytes: u64,
}

/// The segments of a stream's directory, oldest first. Nothing may be trimmed until they are copied.
pub fn parts(directory: &Path) -> io::Result<Vec<Part>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(directory)? {
        bases.extend(base_of(&entry?.file_name().to_string_lossy()));
    }
    bases.sort_unstable();
    let mut parts = Vec::with_capacity(bases.len());
    for (place, base) in bases.iter().enumerate() {
        let path = segment_path(directory, *base);
        let bytes = match bases.get(place + 1) {
            Some(next) => fs::metadata(&path)?.len().min(next - base),
            None => whole_blocks(&path)?,
        };
        parts.push(Part { path, bytes });
    }
    Ok(parts)
}

fn whole_blocks(path: &Path) -> io::Result<u64> {
    let whole = |bytes: &[u8]| {
        let found = scan(bytes).map_err(|fault| io::Error::other(format!("{}: {fault}", path.display())))?;
        Ok::<_, io::Error>(found.end)
    };
    let mut bytes = fs::read(path)?;
    let written = whole(&bytes)?;
    bytes = fs::read(path)?;
    bytes.truncate(usize::try_from(written).map_err(io::Error::other)?);
    whole(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_segments_has_no_parts() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("released"), "x").expect("a file");
        fs::write(directory.path().join("00000000000000000000.new"), "x").expect("a file");
        assert_eq!(parts(directory.path()).expect("it can be read"), Vec::new());
    }
}
