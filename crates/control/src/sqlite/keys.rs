//! Keys of workspaces: reading, making, wiping.

use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use vault::Epoch;
use zeroize::Zeroizing;

use super::{Sqlite, bytes, failed};
use crate::{StoreError, StoredEpoch, StoredKeys};

impl Sqlite {
    pub(super) async fn open_keys(&self, workspace: &str, now: Millis) -> Result<StoredKeys, StoreError> {
        if let Some(keys) = self.read_keys(workspace).await.map_err(failed("read keys"))? {
            return Ok(keys);
        }
        let (fingerprint, epoch) = (vault::keys::generate()?, vault::keys::generate()?);
        let made = self.insert_missing_keys(workspace, &fingerprint, &epoch, now).await;
        made.map_err(failed("store new keys"))?;
        let keys = self.read_keys(workspace).await.map_err(failed("read keys"))?;
        keys.ok_or(StoreError::Failed { doing: "read keys", reason: "new ones are not there".to_owned() })
    }

    /// The keys, when the workspace has all it needs.
    async fn read_keys(&self, workspace: &str) -> Result<Option<StoredKeys>, sqlx::Error> {
        // One transaction, so that both tables are of one moment.
        let mut read = self.readers.begin().await?;
        let fingerprint = sqlx::query("select key from fingerprint_key where workspace = $1")
            .bind(workspace)
            .fetch_optional(&mut *read)
            .await?;
        let epochs = sqlx::query(
            "select epoch, key, created_at, destroyed_at from key_epoch where workspace = $1 order by epoch",
        )
        .bind(workspace)
        .fetch_all(&mut *read)
        .await?;
        let epochs: Vec<StoredEpoch> = epochs.iter().map(epoch).collect::<Result<_, _>>()?;
        match fingerprint {
            Some(row) if epochs.last().is_some_and(|last| last.key.is_some()) => {
                Ok(Some(StoredKeys { fingerprint: Zeroizing::new(bytes(&row, "key")?), epochs }))
            }
            _ => Ok(None),
        }
    }

    async fn insert_missing_keys(
        &self,
        workspace: &str,
        fingerprint: &[u8; 32],
        epoch: &[u8; 32],
        now: Millis,
    ) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        sqlx::query("insert into fingerprint_key (workspace, key) values ($1, $2) on conflict do nothing")
            .bind(workspace)
            .bind(&fingerprint[..])
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "insert into key_epoch (workspace, epoch, key, created_at)
             select $1, 1 + coalesce((select max(epoch) from key_epoch where workspace = $1), 0), $2, $3
             where not exists (select 1 from key_epoch as live where live.workspace = $1 and live.key is not null
                               and live.epoch = (select max(epoch) from key_epoch where workspace = $1))",
        )
        .bind(workspace)
        .bind(&epoch[..])
        .bind(now.0)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    pub(super) async fn insert_epoch(&self, workspace: &str, now: Millis) -> Result<StoredEpoch, StoreError> {
        let key = vault::keys::generate()?;
        let row = sqlx::query(
            "insert into key_epoch (workspace, epoch, key, created_at)
             select $1, 1 + coalesce(max(epoch), 0), $2, $3 from key_epoch where workspace = $1
             returning epoch, key, created_at, destroyed_at",
        )
        .bind(workspace)
        .bind(&key[..])
        .bind(now.0)
        .fetch_one(&self.writer)
        .await;
        row.and_then(|row| epoch(&row)).map_err(failed("begin a key epoch"))
    }

    pub(super) async fn wipe_epoch(&self, workspace: &str, epoch: Epoch, now: Millis) -> Result<(), sqlx::Error> {
        // `secure_delete` fills the freed bytes with zeros in the new version of the page; emptying the log then
        // takes away the old version.
        sqlx::query(
            "update key_epoch set key = null, destroyed_at = $3
             where workspace = $1 and epoch = $2 and destroyed_at is null",
        )
        .bind(workspace)
        .bind(i64::from(epoch.0))
        .bind(now.0)
        .execute(&self.writer)
        .await?;
        self.empty_wal().await
    }
}

fn epoch(row: &SqliteRow) -> Result<StoredEpoch, sqlx::Error> {
    let key: Option<&[u8]> = row.try_get("key")?;
    Ok(StoredEpoch {
        epoch: Epoch(row.try_get("epoch")?),
        key: key.is_some().then(|| bytes(row, "key").map(Zeroizing::new)).transpose()?,
        created_at: Millis(row.try_get("created_at")?),
        destroyed_at: row.try_get::<Option<i64>, _>("destroyed_at")?.map(Millis),
    })
}
