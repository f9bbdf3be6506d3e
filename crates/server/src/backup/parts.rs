//! The parts of a data directory, in the order on which the copy stands ([`super`]).

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use control::Sqlite;

use super::copier::Copier;
use super::manifest::Table;
use crate::engines::Layout;
use crate::lake_place;

/// How often a part that changed under the copy is begun again.
const TRIES_MAX: u32 = 100;

/// Copies everything; the tables of the lake as they were found.
pub(super) async fn copy_all(layout: &Layout, copier: &mut Copier) -> anyhow::Result<Vec<Table>> {
    // Made with the log, and never changed.
    copy_if_there(&layout.history(), "log/history", copier)?;
    let tables = lake(layout, copier).await.context("the lake")?;
    tree(&layout.delivery(), "delivery", copier).context("the results of deliveries")?;
    dedup(&layout.dedup(), copier).context("the index of message ids")?;
    stream(&layout.stream("processed"), "log/processed", copier).context("the stream `processed`")?;
    stream(&layout.stream("raw"), "log/raw", copier).context("the stream `raw`")?;
    state(layout, copier).await.context("the state")?;
    // After the state, so that a workspace in it has its key. The ledgers' files are made again from the state; signed anew
    // under another key, they would be another log's.
    tree(&layout.ledger_keys(), "ledger-keys", copier).context("the keys of the ledgers")?;
    Ok(tables)
}

fn copy_if_there(path: &Path, name: &str, copier: &mut Copier) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // Files that grow do so at their end: what is there now was written before anything that comes.
    let bytes = file.metadata()?.len();
    copier.file(&file, bytes, name)?;
    Ok(true)
}

async fn lake(layout: &Layout, copier: &mut Copier) -> anyhow::Result<Vec<Table>> {
    let place = lake_place::existing(layout)?;
    let pinned = place.pin().await?;
    if let Some(cursor) = &pinned.cursor {
        copier.bytes(cursor, &format!("lake/{}", lake::copy::CURSOR))?;
    }
    let mut tables = Vec::new();
    for table in pinned.tables {
        for object in &table.objects {
            let pieces = place.read_object(object).await.with_context(|| format!("`{object}`"))?;
            copier.pieces(pieces, &format!("lake/{object}")).await.with_context(|| format!("`{object}`"))?;
        }
        tables.push(Table { workspace: table.workspace, version: table.version });
    }
    Ok(tables)
}

/// Files below a directory, each as long as it is now. What goes meanwhile was not needed any more: results that are old
/// enough, a destination that was removed. What lines up events that wait is scratch, and is lined up again.
fn tree(directory: &Path, name: &str, copier: &mut Copier) -> io::Result<()> {
    const SCRATCH: [&str; 2] = ["spill", "new"];
    // The file that says whose a destination's directory is stands there before its results do. Asked for by name: a
    // listing that was begun before it may show results made after it.
    const MADE_IN: &str = "made_in";
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut has_files = false;
    for entry in entries {
        let (path, entry) = entry.map(|entry| (entry.path(), entry))?;
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let below = format!("{name}/{file_name}");
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            tree(&path, &below, copier)?;
        } else if file_name != MADE_IN && !extension.is_some_and(|extension| SCRATCH.contains(&extension)) {
            has_files |= copy_if_there(&path, &below, copier)?;
        }
    }
    if has_files {
        copy_if_there(&directory.join(MADE_IN), &format!("{name}/{MADE_IN}"), copier)?;
    }
    Ok(())
}

/// The runs are immutable and the state names them. All are opened before the state is read again: if it still says the
/// same, those that it names are among them, and stay readable when a merge removes their names.
fn dedup(directory: &Path, copier: &mut Copier) -> io::Result<()> {
    let state_path = directory.join("state");
    let read_state = || match std::fs::read(&state_path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    };
    for _ in 0..TRIES_MAX {
        let Some(before) = read_state()? else { return Ok(()) };
        let mut runs = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "run") {
                match File::open(&path) {
                    Ok(file) => runs.push((path, file)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if read_state()?.as_ref() == Some(&before) {
            for (path, file) in runs {
                copier.file(&file, u64::MAX, &format!("dedup/{}", name_of(&path)))?;
            }
            return copier.bytes(&before, "dedup/state");
        }
    }
    Err(io::Error::other("it changed each time it was looked at"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Segments. The oldest may still go once if that was begun before the hold; then all are looked at again, because a
/// stream may lose its beginning and nothing out of its middle.
fn stream(directory: &Path, name: &str, copier: &mut Copier) -> io::Result<()> {
    for _ in 0..TRIES_MAX {
        match segments(directory, name, copier) {
            Err(error) if error.kind() == ErrorKind::NotFound => copier.undo(name)?,
            other => return other,
        }
    }
    Err(io::Error::other("its segments went while they were copied"))
}

fn segments(directory: &Path, name: &str, copier: &mut Copier) -> io::Result<()> {
    for part in eventlog::file::copy::parts(directory)? {
        let file = File::open(&part.path)?;
        copier.file(&file, part.bytes, &format!("{name}/{}", name_of(&part.path)))?;
    }
    Ok(())
}

async fn state(layout: &Layout, copier: &mut Copier) -> anyhow::Result<()> {
    const NAME: &str = "state.db";
    let store = Sqlite::open_to_read(&layout.state()).await?;
    let target: PathBuf = copier.place(NAME)?;
    store.copy_to(&target).await?;
    store.close().await;
    copier.written(NAME)?;
    Ok(())
}
