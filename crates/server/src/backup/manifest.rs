//! What a backup consists of: `manifest.json`, written last. A directory without it is no backup.

use std::io::{self, Write};
use std::path::{Component, Path};

use anyhow::Context as _;
use event::Millis;
use serde::{Deserialize, Serialize};

use super::copier::{create_private, measure};

/// The file's name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The folder of the copied files, laid out as in a data directory.
pub(super) const DATA: &str = "data";
const FORMAT: &str = "assent-backup";
const VERSION: u32 = 1;

/// A file of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its place in the data directory.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A table of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) workspace: String,
    pub(super) version: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    version: u32,
    release: String,
    begun_at: String,
    ended_at: String,
    /// Where the lake was, if not in the data directory.
    lake: Option<String>,
    tables: Vec<Table>,
    pub(super) files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn new(
        (begun_at, ended_at): (Millis, Millis),
        (lake, tables): (Option<String>, Vec<Table>),
        files: Vec<Entry>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            begun_at: begun_at.to_string(),
            ended_at: ended_at.to_string(),
            lake,
            tables,
            files,
        }
    }

    /// Writes it into a backup, durably.
    pub(super) fn write(&self, backup: &Path) -> anyhow::Result<()> {
        let mut file = create_private(&backup.join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        Ok(())
    }

    /// Reads that of a backup.
    pub(super) fn read(backup: &Path) -> anyhow::Result<Self> {
        let place = backup.display();
        let text = std::fs::read(backup.join(MANIFEST)).with_context(|| {
            format!("`{place}` is not a whole backup: its `{MANIFEST}`, which is written last, cannot be read")
        })?;
        let value: serde_json::Value =
            serde_json::from_slice(&text).with_context(|| format!("`{MANIFEST}` of `{place}` is damaged"))?;
        anyhow::ensure!(
            value["format"] == FORMAT && value["version"].as_u64().is_some_and(|version| version <= u64::from(VERSION)),
            "`{place}` is no backup that this release can read: its format is {} of version {}, this release reads \
             \"{FORMAT}\" up to version {VERSION}",
            value["format"],
            value["version"]
        );
        let manifest: Self =
            serde_json::from_value(value).with_context(|| format!("`{MANIFEST}` of `{place}` is damaged"))?;
        for entry in &manifest.files {
            let is_plain = Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_)));
            anyhow::ensure!(is_plain, "`{MANIFEST}` of `{place}` names `{}`, which is no place in it", entry.path);
        }
        Ok(manifest)
    }

    /// Reads every file and compares it with what is written here.
    pub(super) fn verify(&self, backup: &Path) -> anyhow::Result<()> {
        for entry in &self.files {
            let path = backup.join(DATA).join(&entry.path);
            let found = measure(&path).with_context(|| format!("cannot read `{}` of the backup", path.display()))?;
            anyhow::ensure!(
                found == (entry.bytes, entry.sha256.clone()),
                "`{}` is not what was backed up ({} bytes, SHA-256 {}): the backup is damaged, use another one",
                path.display(),
                entry.bytes,
                entry.sha256
            );
        }
        Ok(())
    }

    /// Says what there is, for a person.
    pub(super) fn tell(&self, done: &str, place: &Path, out: &mut impl Write) -> io::Result<()> {
        let (files, bytes) = (self.files.len(), self.files.iter().map(|file| file.bytes).sum::<u64>());
        writeln!(out, "{done}: {}, {files} files, {bytes} bytes, as of {}", place.display(), self.begun_at)?;
        for table in &self.tables {
            writeln!(out, "  lake of {} at version {}", table.workspace, table.version)?;
        }
        if let Some(lake) = &self.lake {
            writeln!(out, "  the lake was at {lake}")?;
        }
        Ok(())
    }
}
