//! Workspaces and the write keys made for them.

use std::collections::BTreeMap;

use event::{Millis, Secret};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, json, not_ours};
use crate::StoredWorkspace;

impl Sqlite {
    pub(super) async fn read_workspaces(&self) -> Result<Vec<StoredWorkspace>, sqlx::Error> {
        let mut read = self.readers.begin().await?;
        let workspaces =
            sqlx::query("select name, file, sha256, yaml, objects, applied_at from workspace order by name")
                .fetch_all(&mut *read)
                .await?;
        let keys = sqlx::query("select workspace, source, write_key from write_key").fetch_all(&mut *read).await?;
        let mut generated: BTreeMap<String, BTreeMap<String, Secret<String>>> = BTreeMap::new();
        for row in &keys {
            let key = Secret::new(row.try_get("write_key")?);
            generated.entry(row.try_get("workspace")?).or_default().insert(row.try_get("source")?, key);
        }
        workspaces
            .iter()
            .map(workspace)
            .map(|read| {
                read.map(|workspace| StoredWorkspace {
                    generated_keys: generated.remove(&workspace.name).unwrap_or_default(),
                    ..workspace
                })
            })
            .collect()
    }

    pub(super) async fn write_workspaces(&self, workspaces: &[StoredWorkspace]) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        for workspace in workspaces {
            sqlx::query(
                "insert into workspace (name, file, sha256, yaml, objects, applied_at) values ($1, $2, $3, $4, $5, $6)
                 on conflict (name) do update set file = excluded.file, sha256 = excluded.sha256,
                     yaml = excluded.yaml, objects = excluded.objects, applied_at = excluded.applied_at",
            )
            .bind(&workspace.name)
            .bind(&workspace.file)
            .bind(&workspace.sha256)
            .bind(&workspace.yaml)
            .bind(json(&workspace.objects)?)
            .bind(workspace.applied_at.0)
            .execute(&mut *write)
            .await?;
            sqlx::query("delete from write_key where workspace = $1")
                .bind(&workspace.name)
                .execute(&mut *write)
                .await?;
            for (source, key) in &workspace.generated_keys {
                sqlx::query("insert into write_key (workspace, source, write_key) values ($1, $2, $3)")
                    .bind(&workspace.name)
                    .bind(source)
                    .bind(key.expose())
                    .execute(&mut *write)
                    .await?;
            }
        }
        write.commit().await
    }
}

fn workspace(row: &SqliteRow) -> Result<StoredWorkspace, sqlx::Error> {
    let objects: &str = row.try_get("objects")?;
    Ok(StoredWorkspace {
        name: row.try_get("name")?,
        file: row.try_get("file")?,
        sha256: row.try_get("sha256")?,
        yaml: row.try_get("yaml")?,
        objects: serde_json::from_str(objects).map_err(|error| not_ours("objects", error))?,
        applied_at: Millis(row.try_get("applied_at")?),
        generated_keys: BTreeMap::new(),
    })
}
