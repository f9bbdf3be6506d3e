//! Accounts and sessions.

use async_trait::async_trait;
use event::{Millis, Secret};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::audit::append;
use super::{Sqlite, bytes, failed, not_ours, tokens};
use crate::StoreError;
use crate::accounts::{
    AccountChange, AccountChanged, AccountStore, NewSession, Rights, Role, SessionsOver, StoredAccount, StoredSession,
    Token, User,
};
use crate::audit::Entry;

#[async_trait]
impl AccountStore for Sqlite {
    async fn accounts(&self) -> Result<Vec<StoredAccount>, StoreError> {
        self.read_accounts().await.map_err(failed("read accounts"))
    }

    async fn account(&self, name: &str) -> Result<Option<StoredAccount>, StoreError> {
        self.read_account(name).await.map_err(failed("read an account"))
    }

    async fn change_account(
        &self,
        change: &AccountChange,
        entry: &Entry,
        at: Millis,
    ) -> Result<AccountChanged, StoreError> {
        self.write_account(change, entry, at).await.map_err(failed("change an account"))
    }

    async fn open_session(
        &self,
        session: NewSession<'_>,
        over: SessionsOver,
        entry: &Entry,
        at: Millis,
    ) -> Result<bool, StoreError> {
        self.insert_session(session, over, entry, at).await.map_err(failed("open a session"))
    }

    async fn session(&self, key: &[u8; 32]) -> Result<Option<(StoredSession, User)>, StoreError> {
        self.read_session(key).await.map_err(failed("read a session"))
    }

    async fn touch_session(&self, key: &[u8; 32], at: Millis) -> Result<(), StoreError> {
        self.note_session(key, at).await.map_err(failed("note the use of a session"))
    }

    async fn end_session(&self, key: &[u8; 32], entry: &Entry, at: Millis) -> Result<(), StoreError> {
        self.delete_session(key, entry, at).await.map_err(failed("end a session"))
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        tokens::all(&self.readers).await.map_err(failed("read tokens"))
    }

    async fn token(&self, key: &[u8; 32]) -> Result<Option<(Token, User)>, StoreError> {
        tokens::one(&self.readers, key).await.map_err(failed("read a token"))
    }

    async fn add_token(&self, token: &Token, key: &[u8; 32], entry: &Entry) -> Result<bool, StoreError> {
        self.insert_token(token, key, entry).await.map_err(failed("store a token"))
    }

    async fn touch_token(&self, id: &str, at: Millis) -> Result<(), StoreError> {
        self.note_token(id, at).await.map_err(failed("note the use of a token"))
    }

    async fn remove_token(&self, id: &str, entry: &Entry, at: Millis) -> Result<bool, StoreError> {
        self.delete_token(id, entry, at).await.map_err(failed("remove a token"))
    }
}

impl Sqlite {
    async fn read_accounts(&self) -> Result<Vec<StoredAccount>, sqlx::Error> {
        let rows = sqlx::query("select * from account order by name").fetch_all(&self.readers).await?;
        rows.iter().map(account).collect()
    }

    async fn read_account(&self, name: &str) -> Result<Option<StoredAccount>, sqlx::Error> {
        let row = sqlx::query("select * from account where name = $1").bind(name).fetch_optional(&self.readers).await?;
        row.as_ref().map(account).transpose()
    }

    async fn write_account(
        &self,
        change: &AccountChange,
        entry: &Entry,
        at: Millis,
    ) -> Result<AccountChanged, sqlx::Error> {
        let mut write = self.begin().await?;
        let rows = match change {
            AccountChange::AddFirst(added) => insert(&mut write, added, true).await?,
            AccountChange::Add(added) => insert(&mut write, added, false).await?,
            AccountChange::Set { .. } => update(&mut write, change).await?,
            AccountChange::Remove { name } => sqlx::query("delete from account where name = $1")
                .bind(name)
                .execute(&mut *write)
                .await?
                .rows_affected(),
        };
        if rows == 0 {
            let is_addition = matches!(change, AccountChange::AddFirst(_) | AccountChange::Add(_));
            return Ok(if is_addition { AccountChanged::Exists } else { AccountChanged::Missing });
        }
        // After the change and before its commit: whatever was changed, an owner is left or nothing happened.
        let owners: i64 = sqlx::query("select count(*) from account where role = 'owner'")
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        if owners == 0 {
            return Ok(AccountChanged::LastOwner);
        }
        append(&mut write, std::slice::from_ref(entry), at).await?;
        write.commit().await?;
        Ok(AccountChanged::Done)
    }

    async fn insert_session(
        &self,
        NewSession { stored: session, verified }: NewSession<'_>,
        over: SessionsOver,
        entry: &Entry,
        at: Millis,
    ) -> Result<bool, sqlx::Error> {
        let mut write = self.begin().await?;
        sqlx::query("delete from session where created_at < $1 or seen_at < $2")
            .bind(over.created_before.0)
            .bind(over.seen_before.0)
            .execute(&mut *write)
            .await?;
        let opened = sqlx::query(
            "insert into session (key, account, created_at, seen_at)
             select $1, name, $3, $4 from account where name = $2 and password = $5",
        )
        .bind(&session.key[..])
        .bind(&session.account)
        .bind(session.created_at.0)
        .bind(session.seen_at.0)
        .bind(verified.expose())
        .execute(&mut *write)
        .await?;
        if opened.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("update account set last_seen_at = $2 where name = $1")
            .bind(&session.account)
            .bind(at.0)
            .execute(&mut *write)
            .await?;
        append(&mut write, std::slice::from_ref(entry), at).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn read_session(&self, key: &[u8; 32]) -> Result<Option<(StoredSession, User)>, sqlx::Error> {
        let row = sqlx::query(
            "select session.key, session.account, session.created_at as opened_at, session.seen_at, account.*
             from session join account on account.name = session.account where session.key = $1",
        )
        .bind(&key[..])
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session = StoredSession {
            key: bytes(&row, "key")?,
            account: row.try_get("account")?,
            created_at: Millis(row.try_get("opened_at")?),
            seen_at: Millis(row.try_get("seen_at")?),
        };
        Ok(Some((session, user(&row)?)))
    }

    async fn note_session(&self, key: &[u8; 32], at: Millis) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        sqlx::query("update session set seen_at = max(seen_at, $2) where key = $1")
            .bind(&key[..])
            .bind(at.0)
            .execute(&mut *write)
            .await?;
        sqlx::query("update account set last_seen_at = $2 where name = (select account from session where key = $1)")
            .bind(&key[..])
            .bind(at.0)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }

    async fn delete_session(&self, key: &[u8; 32], entry: &Entry, at: Millis) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        let deleted = sqlx::query("delete from session where key = $1").bind(&key[..]).execute(&mut *write).await?;
        if deleted.rows_affected() > 0 {
            append(&mut write, std::slice::from_ref(entry), at).await?;
        }
        write.commit().await
    }
}

async fn insert(
    write: &mut sqlx::SqliteConnection,
    added: &StoredAccount,
    only_if_none: bool,
) -> Result<u64, sqlx::Error> {
    let inserted = sqlx::query(
        "insert into account (name, password, role, personal_data, created_at)
         select $1, $2, $3, $4, $5 where not ($6 and exists (select 1 from account)) on conflict (name) do nothing",
    )
    .bind(&added.user.name)
    .bind(added.password.expose())
    .bind(added.user.rights.role.name())
    .bind(added.user.rights.personal_data)
    .bind(added.user.created_at.0)
    .bind(only_if_none)
    .execute(&mut *write)
    .await?;
    Ok(inserted.rows_affected())
}

async fn update(write: &mut sqlx::SqliteConnection, change: &AccountChange) -> Result<u64, sqlx::Error> {
    let AccountChange::Set { name, role, personal_data, password, verified } = change else { return Ok(0) };
    let updated = sqlx::query(
        "update account set role = coalesce($2, role), personal_data = coalesce($3, personal_data),
             password = coalesce($4, password) where name = $1 and ($5 is null or password = $5)",
    )
    .bind(name)
    .bind(role.map(Role::name))
    .bind(personal_data)
    .bind(password.as_ref().map(Secret::expose))
    .bind(verified.as_ref().map(Secret::expose))
    .execute(&mut *write)
    .await?;
    if updated.rows_affected() > 0 && password.is_some() {
        sqlx::query("delete from session where account = $1").bind(name).execute(&mut *write).await?;
    }
    Ok(updated.rows_affected())
}

fn account(row: &SqliteRow) -> Result<StoredAccount, sqlx::Error> {
    Ok(StoredAccount { user: user(row)?, password: Secret::new(row.try_get("password")?) })
}

/// The account's part of a row.
pub(super) fn user(row: &SqliteRow) -> Result<User, sqlx::Error> {
    let last_seen_at: Option<i64> = row.try_get("last_seen_at")?;
    Ok(User {
        name: row.try_get("name")?,
        rights: rights(row, "role", "personal_data")?,
        created_at: Millis(row.try_get("created_at")?),
        last_seen_at: last_seen_at.map(Millis),
    })
}

/// Role and right to see personal data, from two columns.
pub(super) fn rights(row: &SqliteRow, role: &str, personal_data: &str) -> Result<Rights, sqlx::Error> {
    let name: &str = row.try_get(role)?;
    let parsed = name.parse().map_err(|error| not_ours(role, error))?;
    Ok(Rights { role: parsed, personal_data: row.try_get(personal_data)? })
}
