//! Records of choices that have been kept for long enough.

use event::Millis;
use sqlx::Row as _;

use super::{Sqlite, json};
use crate::hex::hex;

impl Sqlite {
    /// Who is unknown has no refusal that stands by this record. Of a subject a record stays while it is the last word on
    /// something that it refuses; what it grants has ended, because it is older than any choice holds.
    pub(super) async fn delete_choices(
        &self,
        workspace: &str,
        before: Millis,
        rows_max: u32,
    ) -> Result<u64, sqlx::Error> {
        let mut write = self.begin().await?;
        let gone = sqlx::query(
            "delete from choice_history where position in (
                 select old.position from choice_history as old
                 where old.workspace = $1 and old.received_at < $2 and not exists (
                     select 1 from json_each(old.refused) as word
                     where old.subject is not null and not exists (
                         select 1 from choice_history as later
                         where later.workspace = old.workspace and later.subject = old.subject
                               and (later.made_at, later.position) > (old.made_at, old.position)
                               and word.value in (select value from json_each(later.granted)
                                                  union all select value from json_each(later.refused))))
                 order by old.position limit $3)
             returning receipt",
        )
        .bind(workspace)
        .bind(before.0)
        .bind(rows_max)
        .fetch_all(&mut *write)
        .await?;
        let receipts = gone.iter().map(|row| Ok(hex(row.try_get::<&[u8], _>("receipt")?)));
        let receipts = receipts.collect::<Result<Vec<String>, sqlx::Error>>()?;
        if receipts.is_empty() {
            return Ok(0);
        }
        sqlx::query(
            "delete from ledger_side
             where workspace = $1 and receipt in (select unhex(value) from json_each($2))",
        )
        .bind(workspace)
        .bind(json(&receipts)?)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.empty_wal().await?;
        Ok(gone.len() as u64)
    }
}
