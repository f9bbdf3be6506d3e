//! The vault's table.

use std::collections::HashMap;

use event::{Fingerprint, Millis, Pii, SubjectId};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteExecutor, SqliteRow};
use vault::{IdentifierKind, Pair, Sighting};

use super::{Sqlite, bytes, choices, json, not_ours};
use crate::hex::hex;
use crate::{Joined, StoredIdentifier};

impl Sqlite {
    pub(super) async fn read_sightings(
        &self,
        workspace: &str,
        of: &[Fingerprint],
    ) -> Result<Vec<Option<Sighting>>, sqlx::Error> {
        let found: HashMap<Fingerprint, Sighting> =
            known(&self.readers, workspace, of.iter()).await?.into_iter().collect();
        Ok(of.iter().map(|fingerprint| found.get(fingerprint).copied()).collect())
    }

    pub(super) async fn insert_pairs(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Joined, sqlx::Error> {
        let mut write = self.begin().await?;
        let fingerprints = pairs.iter().map(|pair| &pair.identifier.fingerprint);
        let known = known(&mut *write, workspace, fingerprints).await?;
        if !known.is_empty() {
            write.rollback().await?;
            return Ok(Joined::Known(known));
        }
        let standings = choices::taken_over(&mut write, workspace, pairs).await?;
        // Values go as hex: JSON text inside SQLite ends at a zero character, and an id may hold one.
        let rows = pairs.iter().map(|pair| {
            let fingerprint = hex(&pair.identifier.fingerprint.0);
            let Sighting { subject, first_seen } = pair.sighting;
            let value = hex(pair.identifier.value.expose().as_bytes());
            (fingerprint, hex(&subject.0), pair.kind.name(), value, first_seen.0)
        });
        sqlx::query(
            "insert into identifier (workspace, fingerprint, subject, kind, value, first_seen)
             select $1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, cast(unhex(value ->> 3) as text), value ->> 4
             from json_each($2)",
        )
        .bind(workspace)
        .bind(json(&rows.collect::<Vec<_>>())?)
        .execute(&mut *write)
        .await?;
        choices::store(&mut *write, workspace, &standings).await?;
        write.commit().await?;
        Ok(Joined::All(standings.into_iter().collect()))
    }

    pub(super) async fn read_identifiers(
        &self,
        workspace: &str,
        of: SubjectId,
    ) -> Result<Vec<StoredIdentifier>, sqlx::Error> {
        let rows = sqlx::query(
            "select kind, value, fingerprint from identifier where workspace = $1 and subject = $2
             order by fingerprint",
        )
        .bind(workspace)
        .bind(&of.0[..])
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(identifier).collect()
    }
}

impl Sqlite {
    pub(super) async fn read_values(
        &self,
        workspace: &str,
        of: &[Fingerprint],
    ) -> Result<Vec<Option<Pii<String>>>, sqlx::Error> {
        let asked: Vec<String> = of.iter().map(|fingerprint| hex(&fingerprint.0)).collect();
        let rows = sqlx::query(
            "select fingerprint, value from identifier
             where workspace = $1 and fingerprint in (select unhex(value) from json_each($2))",
        )
        .bind(workspace)
        .bind(json(&asked)?)
        .fetch_all(&self.readers)
        .await?;
        let mut found: HashMap<Fingerprint, Pii<String>> = HashMap::with_capacity(rows.len());
        for row in &rows {
            found.insert(Fingerprint(bytes(row, "fingerprint")?), Pii::new(row.try_get("value")?));
        }
        Ok(of.iter().map(|fingerprint| found.get(fingerprint).cloned()).collect())
    }
}

/// Those among some fingerprints that are in the table.
async fn known(
    reader: impl SqliteExecutor<'_>,
    workspace: &str,
    of: impl Iterator<Item = &Fingerprint>,
) -> Result<Vec<(Fingerprint, Sighting)>, sqlx::Error> {
    let asked: Vec<String> = of.map(|fingerprint| hex(&fingerprint.0)).collect();
    let rows = sqlx::query(
        "select fingerprint, subject, first_seen from identifier
         where workspace = $1 and fingerprint in (select unhex(value) from json_each($2))",
    )
    .bind(workspace)
    .bind(json(&asked)?)
    .fetch_all(reader)
    .await?;
    let sighting = |row: &SqliteRow| {
        let (subject, first_seen) = (SubjectId(bytes(row, "subject")?), Millis(row.try_get("first_seen")?));
        Ok((Fingerprint(bytes(row, "fingerprint")?), Sighting { subject, first_seen }))
    };
    rows.iter().map(sighting).collect()
}

fn identifier(row: &SqliteRow) -> Result<StoredIdentifier, sqlx::Error> {
    let kinds = [IdentifierKind::AnonymousId, IdentifierKind::UserId];
    let name: &str = row.try_get("kind")?;
    Ok(StoredIdentifier {
        kind: kinds.into_iter().find(|kind| kind.name() == name).ok_or_else(|| not_ours("kind", "is unknown"))?,
        value: Pii::new(row.try_get("value")?),
        fingerprint: Fingerprint(bytes(row, "fingerprint")?),
    })
}
