//! Saved queries.

use async_trait::async_trait;
use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::audit::append;
use super::{Sqlite, failed};
use crate::StoreError;
use crate::audit::Entry;
use crate::saved::{SAVED_QUERIES_MAX, SavedQuery, SavedQueryStore, Saving};

#[async_trait]
impl SavedQueryStore for Sqlite {
    async fn saved_queries(&self, workspace: &str) -> Result<Vec<SavedQuery>, StoreError> {
        self.read_saved(workspace).await.map_err(failed("list saved queries"))
    }

    async fn save_query(&self, workspace: &str, query: &SavedQuery, entry: &Entry) -> Result<Saving, StoreError> {
        self.insert_saved(workspace, query, entry).await.map_err(failed("save a query"))
    }

    async fn delete_query(&self, workspace: &str, id: i64, entry: &Entry, at: Millis) -> Result<bool, StoreError> {
        self.delete_saved(workspace, id, entry, at).await.map_err(failed("delete a saved query"))
    }
}

impl Sqlite {
    async fn read_saved(&self, workspace: &str) -> Result<Vec<SavedQuery>, sqlx::Error> {
        let select = "select id, name, sql, made_by, made_at from saved_query where workspace = $1 order by name";
        let rows = sqlx::query(select).bind(workspace).fetch_all(&self.readers).await?;
        rows.iter().map(query).collect()
    }

    async fn insert_saved(&self, workspace: &str, query: &SavedQuery, entry: &Entry) -> Result<Saving, sqlx::Error> {
        let mut write = self.begin().await?;
        let count = "select count(*) from saved_query where workspace = $1";
        let kept: i64 = sqlx::query(count).bind(workspace).fetch_one(&mut *write).await?.try_get(0)?;
        if kept >= i64::from(SAVED_QUERIES_MAX) {
            return Ok(Saving::Full);
        }
        let inserted = sqlx::query(
            "insert into saved_query (workspace, name, sql, made_by, made_at) values ($1, $2, $3, $4, $5)
             on conflict (workspace, name) do nothing returning id",
        )
        .bind(workspace)
        .bind(&query.name)
        .bind(&query.sql)
        .bind(&query.by)
        .bind(query.at.0)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = inserted else { return Ok(Saving::Taken) };
        append(&mut write, std::slice::from_ref(entry), query.at).await?;
        write.commit().await?;
        Ok(Saving::Saved(SavedQuery { id: row.try_get(0)?, ..query.clone() }))
    }

    async fn delete_saved(&self, workspace: &str, id: i64, entry: &Entry, at: Millis) -> Result<bool, sqlx::Error> {
        let mut write = self.begin().await?;
        let delete = sqlx::query("delete from saved_query where workspace = $1 and id = $2");
        let deleted = delete.bind(workspace).bind(id).execute(&mut *write).await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut write, std::slice::from_ref(entry), at).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn query(row: &SqliteRow) -> Result<SavedQuery, sqlx::Error> {
    Ok(SavedQuery {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        sql: row.try_get("sql")?,
        by: row.try_get("made_by")?,
        at: Millis(row.try_get("made_at")?),
    })
}
