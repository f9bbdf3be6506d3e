//! What destinations are still to be told of.

use async_trait::async_trait;
use event::Millis;
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use vault::Epoch;

use super::{Sqlite, audit, failed, json, not_ours};
use crate::hex::hex;
use crate::telling::{Telling, TellingStore, ToldDestination, Untold, UntoldCount};
use crate::{Action, Entry, StoreError};

/// Who gives up, in the audit log: nobody signed in.
const ACTOR: &str = "the server";

#[async_trait]
impl TellingStore for Sqlite {
    async fn untold(&self) -> Result<Vec<UntoldCount>, StoreError> {
        self.count_untold().await.map_err(failed("count the withdrawals that wait to be told"))
    }

    async fn due_tellings(&self, of: &ToldDestination, now: Millis, most: u32) -> Result<Vec<Telling>, StoreError> {
        self.read_due(of, now, most).await.map_err(failed("read the withdrawals that wait to be told"))
    }

    async fn put_off_telling(&self, id: i64, attempts: u32, next_at: Millis) -> Result<(), StoreError> {
        self.update_telling(id, attempts, next_at).await.map_err(failed("put off telling a withdrawal"))
    }

    async fn end_telling(&self, id: i64) -> Result<bool, StoreError> {
        self.delete_telling(id).await.map_err(failed("forget a withdrawal that was told"))
    }

    async fn give_up_tellings(
        &self,
        of: &ToldDestination,
        before: Millis,
        why: &'static str,
        now: Millis,
    ) -> Result<u64, StoreError> {
        self.delete_untold(of, before, why, now).await.map_err(failed("give up telling withdrawals"))
    }
}

impl Sqlite {
    async fn count_untold(&self) -> Result<Vec<UntoldCount>, sqlx::Error> {
        let rows = sqlx::query(
            "select workspace, destination, made_in, count(*) as waiting, min(at) as oldest from untold
             group by workspace, destination, made_in",
        )
        .fetch_all(&self.readers)
        .await?;
        let count = |row: &SqliteRow| -> Result<UntoldCount, sqlx::Error> {
            let waiting = u64::try_from(row.try_get::<i64, _>("waiting")?);
            let waiting = waiting.map_err(|_| not_ours("waiting", "is negative"))?;
            Ok(UntoldCount { of: of(row)?, waiting, oldest: Millis(row.try_get("oldest")?) })
        };
        rows.iter().map(count).collect()
    }

    async fn read_due(&self, of: &ToldDestination, now: Millis, most: u32) -> Result<Vec<Telling>, sqlx::Error> {
        let rows = sqlx::query(
            "select * from untold where workspace = $1 and destination = $2 and made_in = $3 and next_at <= $4
             order by next_at, id limit $5",
        )
        .bind(&of.workspace)
        .bind(&of.destination)
        .bind(of.made_in)
        .bind(now.0)
        .bind(most)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(telling).collect()
    }

    async fn update_telling(&self, id: i64, attempts: u32, next_at: Millis) -> Result<(), sqlx::Error> {
        sqlx::query("update untold set attempts = $2, next_at = $3 where id = $1")
            .bind(id)
            .bind(attempts)
            .bind(next_at.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn delete_telling(&self, id: i64) -> Result<bool, sqlx::Error> {
        let done = sqlx::query("delete from untold where id = $1").bind(id).execute(&self.writer).await?;
        Ok(done.rows_affected() > 0)
    }

    async fn delete_untold(
        &self,
        of: &ToldDestination,
        before: Millis,
        why: &'static str,
        now: Millis,
    ) -> Result<u64, sqlx::Error> {
        let mut write = self.begin().await?;
        let done =
            sqlx::query("delete from untold where workspace = $1 and destination = $2 and made_in = $3 and at < $4")
                .bind(&of.workspace)
                .bind(&of.destination)
                .bind(of.made_in)
                .bind(before.0)
                .execute(&mut *write)
                .await?;
        let given_up = done.rows_affected();
        if given_up > 0 {
            let entry = Entry {
                actor: ACTOR.to_owned(),
                action: Action::GiveUp,
                workspace: Some(of.workspace.clone()),
                kind: "withdrawals",
                object: of.destination.clone(),
                before: Some(json!({ "untold": given_up })),
                after: Some(json!({ "given_up": given_up, "why": why })),
            };
            audit::append(&mut write, &[entry], now).await?;
        }
        write.commit().await?;
        Ok(given_up)
    }
}

/// Puts on record what is to be told, in the transaction of the choices.
pub(super) async fn append(
    write: &mut SqliteConnection,
    workspace: &str,
    untold: &[Untold],
) -> Result<(), sqlx::Error> {
    let row =
        |one: &Untold| json!([one.destination, one.made_in, one.message_id, one.epoch.0, hex(&one.sealed), one.at.0]);
    sqlx::query(
        "insert into untold (workspace, destination, made_in, message_id, epoch, sealed, at, next_at)
         select $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 5
         from json_each($2) order by key",
    )
    .bind(workspace)
    .bind(json(&untold.iter().map(row).collect::<Vec<_>>())?)
    .execute(write)
    .await?;
    Ok(())
}

fn of(row: &SqliteRow) -> Result<ToldDestination, sqlx::Error> {
    Ok(ToldDestination {
        workspace: row.try_get("workspace")?,
        destination: row.try_get("destination")?,
        made_in: row.try_get("made_in")?,
    })
}

fn telling(row: &SqliteRow) -> Result<Telling, sqlx::Error> {
    let untold = Untold {
        destination: row.try_get("destination")?,
        made_in: row.try_get("made_in")?,
        message_id: row.try_get("message_id")?,
        epoch: Epoch(row.try_get("epoch")?),
        sealed: row.try_get("sealed")?,
        at: Millis(row.try_get("at")?),
    };
    Ok(Telling { id: row.try_get("id")?, untold, attempts: row.try_get("attempts")? })
}
