//! The ledger's tables: leaves, and what opens them.

use async_trait::async_trait;
use event::SubjectId;
use ledger::{Commitment, Opening, Record, Salt};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Sqlite, bytes, failed, json, not_ours};
use crate::evidence::{EvidenceStore, Side};
use crate::hex::hex;
use crate::{Receipt, StoreError};

#[async_trait]
impl EvidenceStore for Sqlite {
    async fn leaves_from(&self, workspace: &str, first: u64, leaves_max: u32) -> Result<Vec<Commitment>, StoreError> {
        self.read_leaves(workspace, first, leaves_max).await.map_err(failed("read the ledger's leaves"))
    }

    async fn opening(&self, workspace: &str, leaf: u64) -> Result<Option<Opening>, StoreError> {
        self.read_opening(workspace, leaf).await.map_err(failed("read what opens a leaf of the ledger"))
    }

    async fn leaf_of(&self, workspace: &str, receipt: Receipt) -> Result<Option<u64>, StoreError> {
        self.read_leaf_of(workspace, receipt).await.map_err(failed("find the leaf of a choice"))
    }

    async fn leaves_of(&self, workspace: &str, subject: SubjectId) -> Result<Vec<u64>, StoreError> {
        self.read_leaves_of(workspace, subject).await.map_err(failed("find the leaves of a subject"))
    }

    async fn erase_openings(&self, workspace: &str, leaves: &[u64]) -> Result<u64, StoreError> {
        self.delete_openings(workspace, leaves).await.map_err(failed("erase what opens leaves of the ledger"))
    }
}

impl Sqlite {
    async fn read_leaves(&self, workspace: &str, first: u64, max: u32) -> Result<Vec<Commitment>, sqlx::Error> {
        let select =
            "select leaf, commitment from ledger_leaf where workspace = $1 and leaf >= $2 order by leaf limit $3";
        let rows = sqlx::query(select).bind(workspace).bind(index(first)?).bind(max).fetch_all(&self.readers).await?;
        (first..)
            .zip(&rows)
            .map(|(expected, row)| match leaf(row)? {
                found if found == expected => Ok(Commitment(bytes(row, "commitment")?)),
                found => Err(not_ours("leaf", format!("is {found} where {expected} comes next"))),
            })
            .collect()
    }

    async fn read_opening(&self, workspace: &str, leaf: u64) -> Result<Option<Opening>, sqlx::Error> {
        let select = "select salt, record from ledger_side where workspace = $1 and leaf = $2";
        let row = sqlx::query(select).bind(workspace).bind(index(leaf)?).fetch_optional(&self.readers).await?;
        let opening = |row: SqliteRow| {
            let record = Record::parse(row.try_get("record")?).map_err(|error| not_ours("record", error))?;
            Ok(Opening { record, salt: Salt::new(bytes(&row, "salt")?) })
        };
        row.map(opening).transpose()
    }

    async fn read_leaf_of(&self, workspace: &str, receipt: Receipt) -> Result<Option<u64>, sqlx::Error> {
        let select = "select leaf from ledger_side where workspace = $1 and receipt = $2";
        let row = sqlx::query(select).bind(workspace).bind(&receipt.0[..]).fetch_optional(&self.readers).await?;
        row.as_ref().map(leaf).transpose()
    }

    async fn read_leaves_of(&self, workspace: &str, subject: SubjectId) -> Result<Vec<u64>, sqlx::Error> {
        let select = "select leaf from ledger_side where workspace = $1 and subject = $2 order by leaf";
        let rows = sqlx::query(select).bind(workspace).bind(&subject.0[..]).fetch_all(&self.readers).await?;
        rows.iter().map(leaf).collect()
    }

    async fn delete_openings(&self, workspace: &str, leaves: &[u64]) -> Result<u64, sqlx::Error> {
        let delete = "delete from ledger_side where workspace = $1 and leaf in (select value from json_each($2))";
        let mut write = self.begin().await?;
        let deleted = sqlx::query(delete).bind(workspace).bind(json(&leaves)?).execute(&mut *write).await?;
        write.commit().await?;
        self.empty_wal().await?;
        Ok(deleted.rows_affected())
    }
}

/// A leaf for each, in their order, with what opens it.
pub(super) async fn append(write: &mut SqliteConnection, workspace: &str, sides: &[Side]) -> Result<(), sqlx::Error> {
    let next = "select coalesce(max(leaf) + 1, 0) as leaf from ledger_leaf where workspace = $1";
    let next = leaf(&sqlx::query(next).bind(workspace).fetch_one(&mut *write).await?)?;
    let leaves: Vec<_> = (next..).zip(sides).map(|(leaf, side)| (leaf, hex(&side.opening.commitment().0))).collect();
    sqlx::query(
        "insert into ledger_leaf (workspace, leaf, commitment)
         select $1, value ->> 0, unhex(value ->> 1) from json_each($2) order by key",
    )
    .bind(workspace)
    .bind(json(&leaves)?)
    .execute(&mut *write)
    .await?;
    let sides = (next..).zip(sides).map(|(leaf, Side { receipt, subject, opening })| {
        let subject = subject.map(|subject| hex(&subject.0));
        (leaf, hex(&receipt.0), subject, hex(opening.salt.expose()), opening.record.as_str())
    });
    sqlx::query(
        "insert into ledger_side (workspace, leaf, receipt, subject, salt, record)
         select $1, value ->> 0, unhex(value ->> 1), unhex(value ->> 2), unhex(value ->> 3), value ->> 4
         from json_each($2) order by key",
    )
    .bind(workspace)
    .bind(json(&sides.collect::<Vec<_>>())?)
    .execute(&mut *write)
    .await?;
    Ok(())
}

fn leaf(row: &SqliteRow) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>("leaf")?).map_err(|_| not_ours("leaf", "is negative"))
}

fn index(leaf: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(leaf).map_err(|error| sqlx::Error::Encode(error.into()))
}
