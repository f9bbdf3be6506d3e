//! The audit log.

use async_trait::async_trait;
use event::Millis;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, failed, json, not_ours};
use crate::StoreError;
use crate::audit::{AuditQuery, AuditRecord, AuditStore, Entry};

#[async_trait]
impl AuditStore for Sqlite {
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.read_audit(query).await.map_err(failed("read the audit log"))
    }

    async fn append_audit(&self, entries: &[Entry], at: Millis) -> Result<(), StoreError> {
        self.write_entries(entries, at).await.map_err(failed("write the audit log"))
    }
}

impl Sqlite {
    async fn read_audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let rows = sqlx::query(
            "select id, at, actor, action, workspace, kind, object, before, after from audit
             where ($1 is null or workspace = $1) and ($2 is null or actor = $2) and ($3 is null or action = $3)
                 and ($4 is null or kind = $4) and ($5 is null or object = $5) and ($6 is null or id < $6)
             order by id desc limit $7",
        )
        .bind(&query.workspace)
        .bind(&query.actor)
        .bind(&query.action)
        .bind(&query.kind)
        .bind(&query.object)
        .bind(query.before)
        .bind(query.rows_max)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(record).collect()
    }

    async fn write_entries(&self, entries: &[Entry], at: Millis) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        append(&mut write, entries, at).await?;
        write.commit().await
    }
}

/// Writes entries in the transaction of what they tell.
pub(super) async fn append(
    write: &mut sqlx::SqliteConnection,
    entries: &[Entry],
    at: Millis,
) -> Result<(), sqlx::Error> {
    for entry in entries {
        sqlx::query(
            "insert into audit (at, actor, action, workspace, kind, object, before, after)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(at.0)
        .bind(&entry.actor)
        .bind(entry.action.name())
        .bind(&entry.workspace)
        .bind(entry.kind)
        .bind(&entry.object)
        .bind(entry.before.as_ref().map(json).transpose()?)
        .bind(entry.after.as_ref().map(json).transpose()?)
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}

fn record(row: &SqliteRow) -> Result<AuditRecord, sqlx::Error> {
    let value = |column: &str| -> Result<Option<Value>, sqlx::Error> {
        let text: Option<&str> = row.try_get(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|error| not_ours(column, error))).transpose()
    };
    Ok(AuditRecord {
        id: row.try_get("id")?,
        at: Millis(row.try_get("at")?),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        workspace: row.try_get("workspace")?,
        kind: row.try_get("kind")?,
        object: row.try_get("object")?,
        before: value("before")?,
        after: value("after")?,
    })
}
