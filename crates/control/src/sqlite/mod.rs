//! The control store in one SQLite file.
//!
//! Write-ahead log with `synchronous=FULL`: what is committed survives power loss. One connection writes, several
//! read; so a writer never meets another of this process, and `busy_timeout` covers `assent apply` beside a server.
//!
//! **Where personal data goes.** `identifier.value` holds what was sent as an id, readable: it is needed to find a
//! person's data and to name them to destinations that must erase. Sealing it would need a key, and the key would lie
//! in the same file. What protects it instead: the file and its log are made with mode 0600; `secure_delete` writes
//! zeros over deleted rows; and an operation that must leave nothing behind ends by emptying the write-ahead log
//! ([`Sqlite::empty_wal`]). Backups of the file hold what it held. Choices and everything else carry fingerprints and
//! surrogates, which lead to nobody once the row of the identifier is gone. `untold.sealed` names people too, until it is
//! told or given up: sealed by the workspace's key, so that destroying the key ends it wherever copies lie.
//!
//! Lists travel as one JSON parameter that `json_each` takes apart: the text of a statement never changes, so it is
//! prepared once, and a batch of any size is one statement. (One placeholder per value cost a third of the speed at
//! 3,000 of them; PostgreSQL's `unnest` is the same idea.)

mod accounts;
mod adopt;
mod alerts;
mod audit;
mod choices;
mod evidence;
mod identifiers;
mod keys;
mod rates;
mod retention;
mod saved;
mod telling;
mod tokens;
mod workspaces;

use std::borrow::Cow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use event::{Fingerprint, Millis, Pii, SubjectId};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row as _, SqlSafeStr as _};
use vault::{Epoch, Pair, Sighting, VaultError};

use crate::retention::{Forgotten, Look};
use crate::telling::Tell;
use crate::{
    ChoiceRow, Joined, PublishedWords, Receipt, Standing, Store, StoreError, StoredEpoch, StoredIdentifier, StoredKeys,
};

/// How long a statement waits for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Connections that read at once.
const READERS_MAX: u32 = 4;
/// Pages of the writer kept in memory, as SQLite wants it: negative means KiB. Fingerprints are random, so a row lands
/// on any page; the default of 2 MB would read most of them again and again.
const WRITER_CACHE: &str = "-16000";
/// Pages that the write-ahead log may grow to (16 MB) before they move into the file: each move costs two more syncs.
const WAL_PAGES: &str = "4000";

/// The migrations, oldest first. Embedded by hand: `sqlx::migrate!` does the same and brings 20 more crates to build.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "state", include_str!("../../migrations/0001_state.sql")),
    (2, "accounts", include_str!("../../migrations/0002_accounts.sql")),
    (3, "objects", include_str!("../../migrations/0003_objects.sql")),
    (4, "made_in", include_str!("../../migrations/0004_made_in.sql")),
    (5, "saved_queries", include_str!("../../migrations/0005_saved_queries.sql")),
    (6, "alerts", include_str!("../../migrations/0006_alerts.sql")),
    (7, "ledger", include_str!("../../migrations/0007_ledger.sql")),
    (8, "presented", include_str!("../../migrations/0008_presented.sql")),
    (9, "words_of_grants", include_str!("../../migrations/0009_words_of_grants.sql")),
    (10, "rates", include_str!("../../migrations/0010_rates.sql")),
    (11, "configurations", include_str!("../../migrations/0011_configurations.sql")),
    (12, "untold", include_str!("../../migrations/0012_untold.sql")),
    (13, "first_seen", include_str!("../../migrations/0013_first_seen.sql")),
    (14, "retention", include_str!("../../migrations/0014_retention.sql")),
];

/// The store in one file.
#[derive(Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens the file, or makes it, and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let unopened = |reason: String| StoreError::Open { place: place.clone(), reason };
        make_private(path).map_err(|error| unopened(error.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_WAIT)
            .pragma("secure_delete", "on")
            .pragma("wal_autocheckpoint", WAL_PAGES);
        let writing = options.clone().pragma("cache_size", WRITER_CACHE);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(writing).await;
        let writer = writer.map_err(|error| unopened(error.to_string()))?;
        migrator().run(&writer).await.map_err(|error| schema_error(&place, &error))?;
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options.read_only(true)).await;
        let store = Self { writer, readers: readers.map_err(|error| unopened(error.to_string()))? };
        store.adopt().await.map_err(|error| unopened(error.to_string()))?;
        Ok(store)
    }

    /// Opens a file that exists to read it beside the server that writes it. Writes fail.
    pub async fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_WAIT);
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_with(options).await;
        let readers = readers
            .map_err(|error| StoreError::Open { place: path.display().to_string(), reason: error.to_string() })?;
        check_schema(&readers, path).await?;
        Ok(Self { writer: readers.clone(), readers })
    }

    /// Writes what is committed now to a new file, whoever writes meanwhile, and syncs it. Rows that were deleted are not
    /// in it, nor is their place.
    pub async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let failed = |reason: String| StoreError::Open { place: path.display().to_string(), reason };
        let text = path.to_str().ok_or_else(|| failed("the path is not UTF-8, which SQLite needs".to_owned()))?;
        // Into a file that is there, empty and private: SQLite would make it readable for all that the umask lets.
        make_private(path).map_err(|error| failed(error.to_string()))?;
        let copied = sqlx::query("vacuum into $1").bind(text).execute(&self.readers).await;
        copied.map_err(|error| failed(error.to_string()))?;
        std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(error.to_string()))
    }

    /// Closes the file after what is under way.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        // Takes the write lock at once: a transaction that reads first and then writes could fail half-way.
        const BEGIN: &str = "begin immediate";
        match self.writer.begin_with(BEGIN).await {
            Ok(begun) => Ok(begun),
            Err(error) => {
                // On a full disk SQLite ends the transaction itself; sqlx then counts one that is no more and refuses
                // every later one on this connection. A new connection knows nothing of it.
                tracing::warn!(%error, "the state's connection is opened anew");
                self.writer.acquire().await?.close().await?;
                self.writer.begin_with(BEGIN).await
            }
        }
    }

    /// Moves everything from the write-ahead log into the file and cuts the log to nothing, so that no older version
    /// of a page stays readable.
    async fn empty_wal(&self) -> Result<(), sqlx::Error> {
        let row = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(&self.writer).await?;
        match row.try_get::<i64, _>(0)? {
            0 => Ok(()),
            _ => Err(sqlx::Error::Protocol("a reader held the write-ahead log open; ask again".to_owned())),
        }
    }
}

/// Creates the file, readable by its owner only, where there is none; SQLite gives its log the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

fn schema_error(place: &str, error: &MigrateError) -> StoreError {
    let place = place.to_owned();
    let known = MIGRATIONS.last().map_or(0, |(version, _, _)| *version);
    match error {
        MigrateError::VersionMissing(found) if *found > known => StoreError::Newer { place, found: *found, known },
        MigrateError::VersionMismatch(version) => StoreError::Open {
            place,
            reason: format!("its schema {version} is not the released one: it was made by a development version"),
        },
        other => StoreError::Open { place, reason: other.to_string() },
    }
}

/// Whether the file has the schema that this program reads. Only a server brings an older one up to date.
async fn check_schema(readers: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let place = path.display().to_string();
    let known = MIGRATIONS.last().map_or(0, |(version, _, _)| *version);
    let row = sqlx::query("select max(version) from _sqlx_migrations").fetch_one(readers).await;
    match row.and_then(|row| row.try_get::<i64, _>(0)) {
        Ok(found) if found == known => Ok(()),
        Ok(found) if found > known => Err(StoreError::Newer { place, found, known }),
        Ok(_) => {
            let reason = "an older version of Assent wrote it: start `assent serve` on it once".to_owned();
            Err(StoreError::Open { place, reason })
        }
        Err(error) => Err(StoreError::Open { place, reason: error.to_string() }),
    }
}

/// Names the operation that failed.
fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::Failed { doing, reason: error.to_string() }
}

fn vault_failed(error: &sqlx::Error) -> VaultError {
    VaultError(error.to_string())
}

/// A column of 128 or 256 bits.
fn bytes<const N: usize>(row: &SqliteRow, column: &str) -> Result<[u8; N], sqlx::Error> {
    let value: &[u8] = row.try_get(column)?;
    value.try_into().map_err(|_| not_ours(column, "has the wrong length"))
}

/// An error for a value that Assent never writes.
fn not_ours(column: &str, what: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("column `{column}` {what}").into())
}

/// A list as one parameter.
fn json<T: serde::Serialize>(list: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(list).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[async_trait]
impl Store for Sqlite {
    async fn sightings(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        self.read_sightings(workspace, of).await.map_err(|error| vault_failed(&error))
    }

    async fn join(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Joined, VaultError> {
        self.insert_pairs(workspace, pairs).await.map_err(|error| vault_failed(&error))
    }

    async fn keys(&self, workspace: &str, now: Millis) -> Result<StoredKeys, StoreError> {
        self.open_keys(workspace, now).await
    }

    async fn add_epoch(&self, workspace: &str, now: Millis) -> Result<StoredEpoch, StoreError> {
        self.insert_epoch(workspace, now).await
    }

    async fn destroy_epoch(&self, workspace: &str, epoch: Epoch, now: Millis) -> Result<(), StoreError> {
        self.wipe_epoch(workspace, epoch, now).await.map_err(failed("destroy a key"))
    }

    async fn identifiers(&self, workspace: &str, of: SubjectId) -> Result<Vec<StoredIdentifier>, StoreError> {
        self.read_identifiers(workspace, of).await.map_err(failed("read the identifiers of a subject"))
    }

    async fn identifier_values(
        &self,
        workspace: &str,
        of: &[Fingerprint],
    ) -> Result<Vec<Option<Pii<String>>>, StoreError> {
        self.read_values(workspace, of).await.map_err(failed("read identifiers"))
    }

    async fn record_and_tell(
        &self,
        workspace: &str,
        made: &[ChoiceRow],
        tell: Option<Tell<'_>>,
    ) -> Result<Vec<(Fingerprint, Standing)>, StoreError> {
        let sides = made.iter().map(crate::evidence::of_choice).collect::<Result<Vec<_>, _>>()?;
        self.record_choices(workspace, made, &sides, tell).await.map_err(failed("record choices"))
    }

    async fn imported(&self, workspace: &str, rows: &[ChoiceRow]) -> Result<Vec<Option<Receipt>>, StoreError> {
        self.read_imported(workspace, rows).await.map_err(failed("look for choices that were imported before"))
    }

    async fn standings(
        &self,
        workspace: &str,
        after: Option<Fingerprint>,
        rows_max: u32,
    ) -> Result<Vec<(Fingerprint, Standing)>, StoreError> {
        self.read_standings(workspace, after, rows_max).await.map_err(failed("read choices"))
    }

    async fn standings_of(
        &self,
        workspace: &str,
        subjects: &[SubjectId],
    ) -> Result<Vec<(SubjectId, Standing)>, StoreError> {
        self.read_standings_of(workspace, subjects).await.map_err(failed("read the choices of subjects"))
    }

    async fn history(&self, workspace: &str, of: Option<SubjectId>) -> Result<Vec<ChoiceRow>, StoreError> {
        self.read_history(workspace, of).await.map_err(failed("read the history of choices"))
    }

    async fn forget_choices(&self, workspace: &str, before: Millis, look: Look) -> Result<Forgotten, StoreError> {
        self.delete_choices(workspace, before, look).await.map_err(failed("delete records of choices"))
    }

    async fn publish_words(&self, workspace: &str, words: &[PublishedWords]) -> Result<(), StoreError> {
        self.keep_words(workspace, words).await.map_err(failed("keep the words of the banner"))
    }

    async fn published_words(&self, workspace: &str, hash: &str) -> Result<Option<PublishedWords>, StoreError> {
        self.read_words(workspace, hash).await.map_err(failed("read the words of the banner"))
    }
}
