//! A copy of the lake at one moment: which objects it is made of, and how they are read and written.
//!
//! The cursor is read first and the tables are looked at after it. Each table is then at least as far as the cursor says;
//! the other way round a copy could claim for all tables what one of them does not have, and those events would never be
//! read again. A table's copy is its log up to the version found, and the files that are live in it. Files that were
//! replaced before are not part of it.
//!
//! Nothing of that may be deleted until it is copied: [`Deleting`] is how whoever copies keeps vacuum from it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use deltalake::logstore::object_store::buffered::BufWriter;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{Error, GetOptions};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncWrite;

use crate::LakeError;
use crate::maintain::workspaces;
use crate::store::Place;
use crate::table::{Table, UPLOAD_PIECE_BYTES};

/// While it is held, nothing is kept from being deleted.
pub type Permit = Box<dyn Send + Sync>;

/// Asked before files are deleted for good; the permit is kept until they are.
#[derive(Clone)]
pub struct Deleting(Arc<dyn Fn() -> Option<Permit> + Send + Sync>);

impl Deleting {
    /// Asks `permit`, which answers `None` while files must stay.
    pub fn when(permit: impl Fn() -> Option<Permit> + Send + Sync + 'static) -> Self {
        Self(Arc::new(permit))
    }

    pub(crate) fn permit(&self) -> Option<Permit> {
        (self.0)()
    }
}

impl Default for Deleting {
    /// Always.
    fn default() -> Self {
        Self::when(|| Some(Box::new(())))
    }
}

impl fmt::Debug for Deleting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deleting")
    }
}

/// A table as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedTable {
    /// Whose.
    pub workspace: String,
    /// The version of the table.
    pub version: u64,
    /// Its objects, by their names under the place.
    pub objects: Vec<String>,
}

/// The lake as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// How far all tables are, as the file that says so; `None` while nothing has landed.
    pub cursor: Option<Bytes>,
    /// The tables.
    pub tables: Vec<PinnedTable>,
}

/// The name of the file in [`Pinned::cursor`].
pub const CURSOR: &str = crate::cursor::NAME;

impl Place {
    /// Looks at everything once.
    pub async fn pin(&self) -> Result<Pinned, LakeError> {
        let cursor = match self.store.get_opts(&self.path(CURSOR), GetOptions::default()).await {
            Ok(found) => Some(found.bytes().await?),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let mut tables = Vec::new();
        for workspace in workspaces(self).await? {
            if let Some(table) = Table::open(self, &workspace).await? {
                tables.push(self.pin_table(workspace, &table).await?);
            }
        }
        Ok(Pinned { cursor, tables })
    }

    async fn pin_table(&self, workspace: String, table: &Table) -> Result<PinnedTable, LakeError> {
        let version = table.version()?;
        let folder = format!("{workspace}/events/");
        let log = self.path(&format!("{folder}_delta_log/"));
        let entries: Vec<_> = self.store.list(Some(&log)).try_collect().await?;
        let is_of_version = |name: &&str| {
            let number = name.split_once('.').filter(|(number, _)| number.len() == 20);
            number.is_some_and(|(number, _)| number.parse::<u64>().is_ok_and(|number| number <= version))
        };
        let names = entries.iter().filter_map(|entry| entry.location.filename()).filter(is_of_version);
        let mut objects: Vec<String> = names.map(|name| format!("{folder}_delta_log/{name}")).collect();
        objects.extend(table.files()?.into_iter().map(|file| format!("{folder}{}", file.path)));
        Ok(PinnedTable { workspace, version, objects })
    }

    /// Reads an object by its name under the place.
    pub async fn read_object(&self, name: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, LakeError> {
        let found = self.store.get_opts(&self.object(name)?, GetOptions::default()).await?;
        Ok(found.into_stream().boxed())
    }

    /// Writes an object by its name under the place. It is there, whole, when the writer was shut down.
    pub fn object_writer(&self, name: &str) -> Result<impl AsyncWrite + Unpin + Send, LakeError> {
        Ok(BufWriter::with_capacity(Arc::clone(&self.store), self.object(name)?, UPLOAD_PIECE_BYTES))
    }

    fn object(&self, name: &str) -> Result<Path, Error> {
        let root = self.path("");
        Ok(Path::parse(format!("{root}/{name}").trim_start_matches('/'))?)
    }
}
