//! Choices: the append-only history, and what each identifier's subject says today.

use std::collections::{BTreeMap, BTreeSet};

use event::{Fingerprint, Millis, SubjectId};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqliteRow};
use vault::Pair;

use super::{Sqlite, bytes, evidence, json, not_ours, rates, telling};
use crate::evidence::Side;
use crate::hex::hex;
use crate::telling::Tell;
use crate::{ChoiceRow, Maker, Method, PublishedWords, Receipt, Standing};

impl Sqlite {
    pub(super) async fn record_choices(
        &self,
        workspace: &str,
        made: &[ChoiceRow],
        sides: &[Side],
        tell: Option<Tell<'_>>,
    ) -> Result<Vec<(Fingerprint, Standing)>, sqlx::Error> {
        let mut write = self.begin().await?;
        append(&mut *write, workspace, made).await?;
        evidence::append(&mut write, workspace, sides).await?;
        rates::count(&mut write, workspace, made).await?;
        let makers: Vec<&Maker> = made.iter().filter_map(|row| row.maker.as_ref()).collect();
        // In this transaction: an identifier that joins a subject at the same time either is seen here, or sees this.
        let known = everywhere(&mut *write, workspace, &makers).await?;
        let under = |maker: &Maker| {
            let of_subject = known.get(&maker.subject).into_iter().flatten();
            of_subject.chain(&maker.identifiers).copied().collect::<BTreeSet<Fingerprint>>()
        };
        let all: Vec<Fingerprint> = makers.iter().flat_map(|maker| under(maker)).collect();
        let mut standings: BTreeMap<Fingerprint, Standing> = stored(&mut *write, workspace, &all).await?;
        let mut untold = Vec::new();
        for (at, row) in made.iter().enumerate() {
            let said = row.standing();
            let mut newly = BTreeSet::new();
            for identifier in row.maker.iter().flat_map(under) {
                let standing = standings.entry(identifier).or_default();
                let before = tell.map(|_| standing.clone());
                standing.merge(&said);
                newly.extend(before.iter().flat_map(|before| standing.newly_refused(before)));
            }
            if let Some(tell) = tell.filter(|_| !newly.is_empty()) {
                untold.extend(tell(at, &newly).map_err(|error| sqlx::Error::Encode(error.into()))?);
            }
        }
        store(&mut *write, workspace, &standings).await?;
        if !untold.is_empty() {
            telling::append(&mut write, workspace, &untold).await?;
        }
        write.commit().await?;
        Ok(standings.into_iter().collect())
    }

    pub(super) async fn read_imported(
        &self,
        workspace: &str,
        rows: &[ChoiceRow],
    ) -> Result<Vec<Option<Receipt>>, sqlx::Error> {
        let mut known = vec![None; rows.len()];
        let found = sqlx::query(
            "select asked.key as at, min(had.receipt) as receipt
             from json_each($2) as asked
             join choice_history as had on had.workspace = $1 and had.subject = unhex(asked.value ->> 1)
             where asked.value ->> 5 = 'import' and had.method = 'import' and had.source = asked.value ->> 6
                   and had.granted = asked.value -> 3 and had.refused = asked.value -> 4
                   and had.presented is nullif(asked.value -> 9, 'null')
                   and case when asked.value ->> 7 = asked.value ->> 8 then had.made_at = had.received_at
                            else had.made_at = asked.value ->> 7 end
             group by asked.key",
        )
        .bind(workspace)
        .bind(json(&rows.iter().map(written).collect::<Vec<_>>())?)
        .fetch_all(&self.readers)
        .await?;
        for row in &found {
            let at = usize::try_from(row.try_get::<i64, _>("at")?).map_err(|_| not_ours("at", "is negative"))?;
            if let Some(known) = known.get_mut(at) {
                *known = Some(Receipt(bytes(row, "receipt")?));
            }
        }
        Ok(known)
    }

    pub(super) async fn read_standings(
        &self,
        workspace: &str,
        after: Option<Fingerprint>,
        rows_max: u32,
    ) -> Result<Vec<(Fingerprint, Standing)>, sqlx::Error> {
        let after = after.map(|fingerprint| fingerprint.0);
        // The whole page as one value: row by row, a million of them would spend most of a start between threads.
        let page: Option<String> = sqlx::query_scalar(
            "select group_concat(hex(fingerprint) || standing, char(10) order by fingerprint)
             from (select fingerprint, standing from choice where workspace = $1 and fingerprint > $2
                   order by fingerprint limit $3)",
        )
        .bind(workspace)
        .bind(after.as_ref().map_or(&[][..], |bytes| &bytes[..]))
        .bind(rows_max)
        .fetch_one(&self.readers)
        .await?;
        page.iter().flat_map(|page| page.lines()).map(line).collect()
    }

    pub(super) async fn read_standings_of(
        &self,
        workspace: &str,
        subjects: &[SubjectId],
    ) -> Result<Vec<(SubjectId, Standing)>, sqlx::Error> {
        standings_of(&self.readers, workspace, subjects.iter().copied()).await
    }

    pub(super) async fn read_history(
        &self,
        workspace: &str,
        of: Option<SubjectId>,
    ) -> Result<Vec<ChoiceRow>, sqlx::Error> {
        let subject = of.map(|subject| subject.0.to_vec());
        let rows = sqlx::query(
            "select receipt, subject, message_id, granted, refused, method, source, made_at, received_at, presented
             from choice_history where workspace = $1 and subject is $2 order by position",
        )
        .bind(workspace)
        .bind(subject)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(choice).collect()
    }
}

impl Sqlite {
    pub(super) async fn keep_words(&self, workspace: &str, words: &[PublishedWords]) -> Result<(), sqlx::Error> {
        let rows: Vec<_> =
            words.iter().map(|one| (&one.hash, one.version, &one.language, &one.words, one.since.0)).collect();
        let mut write = self.begin().await?;
        sqlx::query(
            "insert into published_words (workspace, hash, version, language, words, since)
             select $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each($2) where true
             on conflict (workspace, hash) do nothing",
        )
        .bind(workspace)
        .bind(json(&rows)?)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    pub(super) async fn read_words(&self, workspace: &str, hash: &str) -> Result<Option<PublishedWords>, sqlx::Error> {
        let row = sqlx::query(
            "select hash, version, language, words, since from published_words where workspace = $1 and hash = $2",
        )
        .bind(workspace)
        .bind(hash)
        .fetch_optional(&self.readers)
        .await?;
        let read = |row: SqliteRow| -> Result<PublishedWords, sqlx::Error> {
            Ok(PublishedWords {
                hash: row.try_get("hash")?,
                version: row.try_get("version")?,
                language: row.try_get("language")?,
                words: row.try_get("words")?,
                since: Millis(row.try_get("since")?),
            })
        };
        row.map(read).transpose()
    }
}

/// The history rows, in their order.
async fn append(writer: impl SqliteExecutor<'_>, workspace: &str, made: &[ChoiceRow]) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = made.iter().map(written).collect();
    sqlx::query(
        "insert into choice_history
             (workspace, receipt, subject, message_id, granted, refused, method, source, made_at, received_at,
              presented)
         select $1, unhex(value ->> 0), unhex(value ->> 1), cast(unhex(value ->> 2) as text), value -> 3, value -> 4,
                value ->> 5, value ->> 6, value ->> 7, value ->> 8, nullif(value -> 9, 'null')
         from json_each($2) order by key",
    )
    .bind(workspace)
    .bind(json(&rows)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// A row as one value of a list.
fn written(row: &ChoiceRow) -> serde_json::Value {
    serde_json::json!([
        hex(&row.receipt.0),
        row.maker.as_ref().map(|maker| hex(&maker.subject.0)),
        row.maker.as_ref().and_then(|maker| maker.message_id.as_ref()).map(|id| hex(id.as_bytes())),
        row.granted,
        row.refused,
        row.method.name(),
        row.source,
        row.made_at.0,
        row.received_at.0,
        row.presented,
    ])
}

async fn stored(
    reader: impl SqliteExecutor<'_>,
    workspace: &str,
    of: &[Fingerprint],
) -> Result<BTreeMap<Fingerprint, Standing>, sqlx::Error> {
    let asked: Vec<String> = of.iter().map(|fingerprint| hex(&fingerprint.0)).collect();
    let rows = sqlx::query(
        "select fingerprint, standing from choice
         where workspace = $1 and fingerprint in (select unhex(value) from json_each($2))",
    )
    .bind(workspace)
    .bind(json(&asked)?)
    .fetch_all(reader)
    .await?;
    rows.iter().map(standing).collect()
}

/// What the vault has of some subjects: who refuses as a user refuses for the events of their browser that still wait.
async fn everywhere(
    reader: impl SqliteExecutor<'_>,
    workspace: &str,
    of: &[&Maker],
) -> Result<BTreeMap<SubjectId, Vec<Fingerprint>>, sqlx::Error> {
    let asked: Vec<String> = of.iter().map(|maker| hex(&maker.subject.0)).collect();
    let rows = sqlx::query(
        "select subject, fingerprint from identifier
         where workspace = $1 and subject in (select unhex(value) from json_each($2))",
    )
    .bind(workspace)
    .bind(json(&asked)?)
    .fetch_all(reader)
    .await?;
    let mut found: BTreeMap<SubjectId, Vec<Fingerprint>> = BTreeMap::new();
    for row in &rows {
        found.entry(SubjectId(bytes(row, "subject")?)).or_default().push(Fingerprint(bytes(row, "fingerprint")?));
    }
    Ok(found)
}

/// The standings that new identifiers get from the subjects that they join: their refusals. Asked before the
/// identifiers are in the table.
pub(super) async fn taken_over(
    writer: &mut SqliteConnection,
    workspace: &str,
    pairs: &[Pair<'_>],
) -> Result<BTreeMap<Fingerprint, Standing>, sqlx::Error> {
    let asked: BTreeSet<SubjectId> = pairs.iter().map(|pair| pair.sighting.subject).collect();
    let mut said: BTreeMap<SubjectId, Standing> = BTreeMap::new();
    for (subject, standing) in standings_of(&mut *writer, workspace, asked).await? {
        said.entry(subject).or_default().merge(&standing);
    }
    for standing in said.values_mut() {
        *standing = standing.refusals();
    }
    said.retain(|_, standing| !standing.0.is_empty());
    let joining =
        pairs.iter().filter_map(|pair| Some((pair.identifier.fingerprint, said.get(&pair.sighting.subject)?)));
    let joining: Vec<(Fingerprint, &Standing)> = joining.collect();
    if joining.is_empty() {
        return Ok(BTreeMap::new());
    }
    let fingerprints: Vec<Fingerprint> = joining.iter().map(|(fingerprint, _)| *fingerprint).collect();
    let mut standings = stored(writer, workspace, &fingerprints).await?;
    for (fingerprint, refusals) in joining {
        standings.entry(fingerprint).or_default().merge(refusals);
    }
    Ok(standings)
}

/// What is on record under the identifiers that the vault has of some subjects.
async fn standings_of(
    reader: impl SqliteExecutor<'_>,
    workspace: &str,
    subjects: impl IntoIterator<Item = SubjectId>,
) -> Result<Vec<(SubjectId, Standing)>, sqlx::Error> {
    let asked: Vec<String> = subjects.into_iter().map(|subject| hex(&subject.0)).collect();
    let rows = sqlx::query(
        "select identifier.subject, choice.standing from identifier
         join choice on choice.workspace = identifier.workspace and choice.fingerprint = identifier.fingerprint
         where identifier.workspace = $1 and identifier.subject in (select unhex(value) from json_each($2))",
    )
    .bind(workspace)
    .bind(json(&asked)?)
    .fetch_all(reader)
    .await?;
    rows.iter().map(|row| Ok((SubjectId(bytes(row, "subject")?), read_json(row, "standing")?))).collect()
}

pub(super) async fn store(
    writer: impl SqliteExecutor<'_>,
    workspace: &str,
    standings: &BTreeMap<Fingerprint, Standing>,
) -> Result<(), sqlx::Error> {
    if standings.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = standings.iter().map(|(fingerprint, standing)| (hex(&fingerprint.0), standing)).collect();
    sqlx::query(
        "insert into choice (workspace, fingerprint, standing)
         select $1, unhex(value ->> 0), value -> 1 from json_each($2) where true
         on conflict (workspace, fingerprint) do update set standing = excluded.standing",
    )
    .bind(workspace)
    .bind(json(&rows)?)
    .execute(writer)
    .await?;
    Ok(())
}

fn standing(row: &SqliteRow) -> Result<(Fingerprint, Standing), sqlx::Error> {
    Ok((Fingerprint(bytes(row, "fingerprint")?), read_json(row, "standing")?))
}

/// A line of a page: the fingerprint in hex, then the standing. JSON has no line ends of its own.
fn line(line: &str) -> Result<(Fingerprint, Standing), sqlx::Error> {
    let (number, standing) = line.split_at_checked(32).ok_or_else(|| not_ours("fingerprint", "is too short"))?;
    let number = u128::from_str_radix(number, 16).map_err(|error| not_ours("fingerprint", error))?;
    let standing = serde_json::from_str(standing).map_err(|error| not_ours("standing", error))?;
    Ok((Fingerprint(number.to_be_bytes()), standing))
}

fn choice(row: &SqliteRow) -> Result<ChoiceRow, sqlx::Error> {
    let subject: Option<&[u8]> = row.try_get("subject")?;
    let maker = match subject {
        None => None,
        Some(_) => Some(Maker {
            subject: SubjectId(bytes(row, "subject")?),
            identifiers: Vec::new(),
            message_id: row.try_get("message_id")?,
        }),
    };
    let method: &str = row.try_get("method")?;
    Ok(ChoiceRow {
        receipt: Receipt(bytes(row, "receipt")?),
        maker,
        granted: read_json(row, "granted")?,
        refused: read_json(row, "refused")?,
        method: Method::named(method).ok_or_else(|| not_ours("method", "is unknown"))?,
        source: row.try_get("source")?,
        made_at: Millis(row.try_get("made_at")?),
        received_at: Millis(row.try_get("received_at")?),
        presented: row
            .try_get::<Option<&str>, _>("presented")?
            .map(|text| serde_json::from_str(text).map_err(|error| not_ours("presented", error)))
            .transpose()?,
    })
}

fn read_json<'r, T: serde::Deserialize<'r>>(row: &'r SqliteRow, column: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(row.try_get::<&'r str, _>(column)?).map_err(|error| not_ours(column, error))
}
