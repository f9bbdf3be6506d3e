//! Bearer tokens.

use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::Sqlite;
use super::accounts::{rights, user};
use super::audit::append;
use crate::accounts::{Token, User};
use crate::audit::Entry;

/// Columns of a token under names that no account has, so that a row can hold both.
const TOKEN: &str = "token.id as token_id, token.name as token_name, token.role as token_role, \
                     token.personal_data as token_personal_data, token.made_by, token.created_at as token_created_at, \
                     token.last_used_at, token.expires_at";

/// All of them.
pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<Token>, sqlx::Error> {
    let query = format!("select {TOKEN} from token order by token.name, token.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(readers).await?;
    rows.iter().map(token).collect()
}

/// The one of a key, with its maker.
pub(super) async fn one(readers: &SqlitePool, key: &[u8; 32]) -> Result<Option<(Token, User)>, sqlx::Error> {
    let query = format!(
        "select {TOKEN}, account.* from token join account on account.name = token.made_by where token.key = $1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query)).bind(&key[..]).fetch_optional(readers).await?;
    row.map(|row| Ok((token(&row)?, user(&row)?))).transpose()
}

impl Sqlite {
    pub(super) async fn insert_token(&self, token: &Token, key: &[u8; 32], entry: &Entry) -> Result<bool, sqlx::Error> {
        let mut write = self.begin().await?;
        let inserted = sqlx::query(
            "insert into token (id, key, name, role, personal_data, made_by, created_at, expires_at)
             select $1, $2, $3, $4, $5, $6, $7, $8 where exists (select 1 from account where name = $6)",
        )
        .bind(&token.id)
        .bind(&key[..])
        .bind(&token.name)
        .bind(token.rights.role.name())
        .bind(token.rights.personal_data)
        .bind(&token.made_by)
        .bind(token.created_at.0)
        .bind(token.expires_at.map(|at| at.0))
        .execute(&mut *write)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut write, std::slice::from_ref(entry), token.created_at).await?;
        write.commit().await?;
        Ok(true)
    }

    pub(super) async fn note_token(&self, id: &str, at: Millis) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        sqlx::query("update token set last_used_at = $2 where id = $1")
            .bind(id)
            .bind(at.0)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    pub(super) async fn delete_token(&self, id: &str, entry: &Entry, at: Millis) -> Result<bool, sqlx::Error> {
        let mut write = self.begin().await?;
        let deleted = sqlx::query("delete from token where id = $1").bind(id).execute(&mut *write).await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        append(&mut write, std::slice::from_ref(entry), at).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn token(row: &SqliteRow) -> Result<Token, sqlx::Error> {
    let moment = |column: &str| -> Result<Option<Millis>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Millis))
    };
    Ok(Token {
        id: row.try_get("token_id")?,
        name: row.try_get("token_name")?,
        rights: rights(row, "token_role", "token_personal_data")?,
        made_by: row.try_get("made_by")?,
        created_at: Millis(row.try_get("token_created_at")?),
        last_used_at: moment("last_used_at")?,
        expires_at: moment("expires_at")?,
    })
}
