//! From a backup to a data directory.
//!
//! The whole backup is read and compared with its manifest first: half a restore of a damaged one helps nobody. Then a
//! mark is put into the new directory, and taken away when everything is there and durable. A directory with the mark is
//! refused by whatever would start on it, and begun again by another restore.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::Context as _;
use lake::Place;
use rustix::fs::{FlockOperation, flock};
use tokio::io::AsyncWriteExt as _;

use super::copier::{Copier, PIECE_BYTES, create_private, sync_directory};
use super::manifest::{DATA, Entry, Manifest};
use crate::cli;
use crate::engines::Layout;
use crate::{lake_place, serve};

/// The folder of the lake, in a backup and in a data directory.
const LAKE: &str = "lake/";

/// Refuses a directory in which a restore was cut short.
pub(crate) fn refuse_half(layout: &Layout) -> anyhow::Result<()> {
    let directory = layout.root.display();
    anyhow::ensure!(
        !layout.restoring().try_exists().with_context(|| format!("cannot look into `{directory}`"))?,
        "a restore into `{directory}` was cut short, so not everything is there: run `assent restore --data-dir \
         {directory}` again, or remove the directory"
    );
    Ok(())
}

/// Restores.
pub(crate) async fn run(asked: &cli::Restore) -> anyhow::Result<()> {
    let layout = Layout::new(&asked.data_dir);
    let settings = serve::read_settings(asked.config.as_deref())?;
    let manifest = Manifest::read(&asked.from)?;
    check_empty(&layout)?;
    manifest.verify(&asked.from)?;
    // Locked until everything is there: of two restores one is refused, and does not remove what the other brings.
    let _mark = begin(&layout)?;
    let bucket = lake_place::take_over(&layout, &settings).await?;
    let mut copier = Copier::into_folder(layout.root.clone());
    for entry in &manifest.files {
        let from = asked.from.join(DATA).join(&entry.path);
        match (&bucket, entry.path.strip_prefix(LAKE)) {
            (Some(place), Some(name)) => upload(place, &from, name).await,
            _ => copy(&mut copier, &from, entry),
        }
        .with_context(|| format!("cannot restore `{}`", entry.path))?;
    }
    sync_directory(&layout.root)?;
    std::fs::remove_file(layout.restoring())?;
    sync_directory(&layout.root)?;
    manifest.tell("restored", &asked.data_dir, &mut std::io::stdout().lock())?;
    Ok(())
}

/// Nothing may be there but what an earlier restore left.
fn check_empty(layout: &Layout) -> anyhow::Result<()> {
    let mut entries = match std::fs::read_dir(&layout.root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look into `{}`", layout.root.display()));
        }
    };
    anyhow::ensure!(
        entries.next().is_none() || layout.restoring().try_exists()?,
        "`{}` is not empty: restore into a new directory, so that nothing of two lives is mixed",
        layout.root.display()
    );
    Ok(())
}

/// Puts the mark, and removes what an earlier restore left. The record of a bucket stays: it says that the bucket is ours.
fn begin(layout: &Layout) -> anyhow::Result<File> {
    let told = || format!("cannot prepare `{}`", layout.root.display());
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&layout.root).with_context(told)?;
    let mark = create_private(&layout.restoring()).with_context(told)?;
    // One that has just ended took its mark away: what is locked then is a file without a name.
    let is_ours = flock(&mark, FlockOperation::NonBlockingLockExclusive).is_ok()
        && std::fs::metadata(layout.restoring())
            .is_ok_and(|named| mark.metadata().is_ok_and(|of| of.ino() == named.ino()));
    anyhow::ensure!(is_ours, "another restore into `{}` is under way", layout.root.display());
    mark.sync_all()?;
    sync_directory(&layout.root)?;
    let kept = [layout.restoring(), layout.lake_record()];
    for entry in std::fs::read_dir(&layout.root).with_context(told)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path).with_context(told)?;
        } else if !kept.contains(&path) {
            std::fs::remove_file(&path).with_context(told)?;
        }
    }
    Ok(mark)
}

fn copy(copier: &mut Copier, from: &Path, entry: &Entry) -> anyhow::Result<()> {
    let copied = copier.file(&File::open(from)?, u64::MAX, &entry.path)?;
    anyhow::ensure!(copied == entry, "the backup changed while it was restored");
    Ok(())
}

async fn upload(place: &Place, from: &Path, name: &str) -> anyhow::Result<()> {
    use std::io::Read as _;
    let (mut file, mut piece) = (File::open(from)?, vec![0; PIECE_BYTES]);
    let mut object = place.object_writer(name)?;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        object.write_all(&piece[..read]).await?;
    }
    object.shutdown().await?;
    Ok(())
}
