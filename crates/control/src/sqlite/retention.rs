//! Records of choices that have been kept for long enough.

use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Sqlite, json};
use crate::hex::hex;
use crate::retention::{Forgotten, Look};

impl Sqlite {
    pub(super) async fn delete_choices(
        &self,
        workspace: &str,
        before: Millis,
        look: Look,
    ) -> Result<Forgotten, sqlx::Error> {
        let mut write = self.begin().await?;
        let rows = old(&mut write, workspace, before, look).await?;
        let going: Vec<&Old> = rows.iter().filter(|row| !row.stands).collect();
        let positions: Vec<i64> = going.iter().map(|row| row.position).collect();
        sqlx::query("delete from choice_history where position in (select value from json_each($1))")
            .bind(json(&positions)?)
            .execute(&mut *write)
            .await?;
        let receipts: Vec<String> = going.iter().map(|row| hex(&row.receipt)).collect();
        sqlx::query(
            "delete from ledger_side
             where workspace = $1 and receipt in (select unhex(value) from json_each($2))",
        )
        .bind(workspace)
        .bind(json(&receipts)?)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let last = rows.last().filter(|_| rows.len() == look.rows_max as usize);
        // Also where this sweep has deleted nothing: the one before may have met a reader.
        if last.is_none()
            && let Err(error) = self.empty_wal().await
        {
            tracing::warn!(%error, "deleted records of choices stay readable in the state's log until the next sweep");
        }
        let next = last.map(|last| Look { after: (last.received_at, last.position), ..look });
        Ok(Forgotten { gone: going.len() as u64, next })
    }
}

/// A record that is old enough.
struct Old {
    position: i64,
    received_at: Millis,
    receipt: Vec<u8>,
    /// Whether something that is refused today rests on it.
    stands: bool,
}

/// Who is unknown has no refusal that stands by this record. Of a subject a record stays while it is the last word on
/// something that it refuses; what it grants has ended, because it is older than any choice holds. Of two words of the same
/// time the refusal is the last, as in a standing. Vendors are refused by what a page of Assent's said last: it names all of
/// them. An import without a time of its own stays too: by its record one that comes again is known.
async fn old(
    write: &mut SqliteConnection,
    workspace: &str,
    before: Millis,
    look: Look,
) -> Result<Vec<Old>, sqlx::Error> {
    let rows = sqlx::query(
        "select old.position, old.received_at, old.receipt, old.subject is not null and (
             exists (
                 select 1 from json_each(old.refused) as word where not exists (
                     select 1 from choice_history as later
                     where later.workspace = old.workspace and later.subject = old.subject
                           and (later.made_at > old.made_at
                                    and word.value in (select value from json_each(later.granted))
                                or (later.made_at, later.position) > (old.made_at, old.position)
                                    and word.value in (select value from json_each(later.refused)))))
             or old.method = 'import' and old.made_at = old.received_at
             or old.presented ->> '$.refusedVendors[0]' is not null and not exists (
                 select 1 from choice_history as later
                 where later.workspace = old.workspace and later.subject = old.subject
                       and later.made_at > old.made_at
                       and later.presented ->> 'method' <> 'imported')) as stands
         from choice_history as old
         where old.workspace = $1 and old.received_at < $2 and (old.received_at, old.position) > ($3, $4)
         order by old.received_at, old.position limit $5",
    )
    .bind(workspace)
    .bind(before.0)
    .bind(look.after.0.0)
    .bind(look.after.1)
    .bind(look.rows_max)
    .fetch_all(write)
    .await?;
    let row = |row: &SqliteRow| {
        Ok(Old {
            position: row.try_get("position")?,
            received_at: Millis(row.try_get("received_at")?),
            receipt: row.try_get("receipt")?,
            stands: row.try_get("stands")?,
        })
    };
    rows.iter().map(row).collect()
}
