//! Workspaces and their objects.

use async_trait::async_trait;
use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use workspace::ObjectKind;

use super::audit::append;
use super::{Sqlite, bytes, failed, json, not_ours};
use crate::configuration::{
    ConfigurationChange, ConfigurationStore, ConfigurationVersion, ObjectChange, RecordedVersion, StoredConfiguration,
    StoredObject, StoredWorkspace, Word,
};
use crate::evidence::{self, Side};
use crate::{Receipt, StoreError};

#[async_trait]
impl ConfigurationStore for Sqlite {
    async fn configuration(&self) -> Result<StoredConfiguration, StoreError> {
        self.read_configuration().await.map_err(failed("read the configuration"))
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        read_revision(&self.readers).await.map_err(failed("read the configuration's revision"))
    }

    async fn change_configuration(
        &self,
        decided_at: i64,
        change: &ConfigurationChange,
        at: Millis,
    ) -> Result<Option<i64>, StoreError> {
        // The next revision: nothing is written when it is another one.
        let next = decided_at + 1;
        let of = |made| evidence::of_configuration(made, next, at).map(|side| (made, side));
        let left = change.versions.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        self.write_configuration(decided_at, change, &left, at).await.map_err(failed("change the configuration"))
    }

    async fn configuration_versions(
        &self,
        workspace: &str,
        before: Option<i64>,
        rows_max: u32,
    ) -> Result<Vec<RecordedVersion>, StoreError> {
        self.read_versions(workspace, before, rows_max).await.map_err(failed("list versions of the configuration"))
    }

    async fn configuration_text(&self, workspace: &str, version: i64) -> Result<Option<String>, StoreError> {
        let select = "select text from ledger_configuration where workspace = $1 and version = $2";
        let text = sqlx::query_scalar(select).bind(workspace).bind(version).fetch_optional(&self.readers).await;
        text.map_err(failed("read a version of the configuration"))
    }
}

impl Sqlite {
    async fn read_configuration(&self) -> Result<StoredConfiguration, sqlx::Error> {
        // One transaction, so that revision and objects are of one moment.
        let mut read = self.readers.begin().await?;
        let revision = read_revision(&mut *read).await?;
        let names = sqlx::query("select name from workspace order by name").fetch_all(&mut *read).await?;
        let mut workspaces = Vec::with_capacity(names.len());
        for row in &names {
            let name: String = row.try_get("name")?;
            let rows =
                sqlx::query("select * from object where workspace = $1").bind(&name).fetch_all(&mut *read).await?;
            let mut objects = rows.iter().map(object).collect::<Result<Vec<_>, _>>()?;
            objects.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
            workspaces.push(StoredWorkspace { name, objects });
        }
        Ok(StoredConfiguration { revision, workspaces })
    }

    async fn write_configuration(
        &self,
        decided_at: i64,
        change: &ConfigurationChange,
        left: &[(&ConfigurationVersion, Side)],
        at: Millis,
    ) -> Result<Option<i64>, sqlx::Error> {
        let mut write = self.begin().await?;
        if read_revision(&mut *write).await? != decided_at {
            return Ok(None);
        }
        let revision = write_change(&mut write, change, at).await?;
        for (made, side) in left {
            write_version(&mut write, (made, side), revision, at).await?;
        }
        write.commit().await?;
        Ok(Some(revision))
    }

    async fn read_versions(
        &self,
        workspace: &str,
        before: Option<i64>,
        rows_max: u32,
    ) -> Result<Vec<RecordedVersion>, sqlx::Error> {
        let rows = sqlx::query(
            "select version, receipt, actor, at, sha256 from ledger_configuration
             where workspace = $1 and ($2 is null or version < $2) order by version desc limit $3",
        )
        .bind(workspace)
        .bind(before)
        .bind(rows_max)
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(RecordedVersion {
                version: row.try_get("version")?,
                receipt: Receipt(bytes(row, "receipt")?),
                actor: row.try_get("actor")?,
                at: Millis(row.try_get("at")?),
                sha256: row.try_get("sha256")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

async fn read_revision(from: impl sqlx::SqliteExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query("select revision from configuration").fetch_one(from).await?.try_get("revision")
}

/// Writes changes in a transaction that already looked at what they were decided on.
pub(super) async fn write_change(
    write: &mut sqlx::SqliteConnection,
    change: &ConfigurationChange,
    at: Millis,
) -> Result<i64, sqlx::Error> {
    sqlx::query("update configuration set revision = revision + 1").execute(&mut *write).await?;
    let revision = read_revision(&mut *write).await?;
    for name in &change.workspaces {
        sqlx::query("insert into workspace (name, created_at) values ($1, $2) on conflict (name) do nothing")
            .bind(name)
            .bind(at.0)
            .execute(&mut *write)
            .await?;
    }
    for object in &change.objects {
        write_object(write, object, revision, at).await?;
    }
    append(write, &change.entries, at).await?;
    Ok(revision)
}

/// A version with its leaf.
async fn write_version(
    write: &mut sqlx::SqliteConnection,
    (made, side): (&ConfigurationVersion, &Side),
    revision: i64,
    at: Millis,
) -> Result<(), sqlx::Error> {
    super::evidence::append(&mut *write, &made.workspace, std::slice::from_ref(side)).await?;
    sqlx::query(
        "insert into ledger_configuration (workspace, version, receipt, actor, at, sha256, text)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&made.workspace)
    .bind(revision)
    .bind(&side.receipt.0[..])
    .bind(&made.actor)
    .bind(at.0)
    .bind(&made.sha256)
    .bind(&made.text)
    .execute(write)
    .await?;
    Ok(())
}

async fn write_object(
    write: &mut sqlx::SqliteConnection,
    change: &ObjectChange,
    revision: i64,
    at: Millis,
) -> Result<(), sqlx::Error> {
    let Some((body, word)) = &change.put else {
        sqlx::query("delete from object where workspace = $1 and kind = $2 and name = $3")
            .bind(&change.workspace)
            .bind(change.kind.name())
            .bind(&change.name)
            .execute(write)
            .await?;
        return Ok(());
    };
    sqlx::query(
        "insert into object (workspace, kind, name, body, file, declared, version, changed_at, made_in)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $7)
         on conflict (workspace, kind, name) do update set body = excluded.body, file = excluded.file,
             declared = excluded.declared, version = excluded.version, changed_at = excluded.changed_at",
    )
    .bind(&change.workspace)
    .bind(change.kind.name())
    .bind(&change.name)
    .bind(json(body)?)
    .bind(word.file())
    .bind(word.declared_by().is_some())
    .bind(revision)
    .bind(at.0)
    .execute(write)
    .await?;
    Ok(())
}

fn object(row: &SqliteRow) -> Result<StoredObject, sqlx::Error> {
    let kind: &str = row.try_get("kind")?;
    let kind: ObjectKind = kind.parse().map_err(|error| not_ours("kind", error))?;
    let body: &str = row.try_get("body")?;
    let file: Option<String> = row.try_get("file")?;
    let is_declared: bool = row.try_get("declared")?;
    Ok(StoredObject {
        kind,
        name: row.try_get("name")?,
        body: serde_json::from_str(body).map_err(|error| not_ours("body", error))?,
        word: match file {
            None => Word::Edited,
            Some(file) if is_declared => Word::Declared { file },
            Some(file) => Word::Applied { file },
        },
        version: row.try_get("version")?,
        made_in: row.try_get("made_in")?,
        changed_at: Millis(row.try_get("changed_at")?),
    })
}
