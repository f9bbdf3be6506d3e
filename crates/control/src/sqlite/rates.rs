//! Counters of how visitors answered.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{Sqlite, failed, json, not_ours};
use crate::rates::{
    AskedAgain, AskedAgainCount, COUNTERS_PER_DAY_MAX, Counter, LATEST_CHOICES_MAX, Rate, RateKey, RateStore, counted,
};
use crate::{ChoiceRow, StoreError};

#[async_trait]
impl RateStore for Sqlite {
    async fn rates(&self, workspace: &str, since_day: i64) -> Result<BTreeMap<RateKey, Rate>, StoreError> {
        self.read_rates(workspace, since_day).await.map_err(failed("read how visitors answered"))
    }

    async fn asked_again(&self, workspace: &str, rule: &AskedAgain) -> Result<AskedAgainCount, StoreError> {
        self.read_asked_again(workspace, rule).await.map_err(failed("count who would be asked again"))
    }
}

impl Sqlite {
    async fn read_rates(&self, workspace: &str, since_day: i64) -> Result<BTreeMap<RateKey, Rate>, sqlx::Error> {
        let rows = sqlx::query(
            "select regime, version, language, outcome, category, sum(choices) as choices from choice_rate
             where workspace = $1 and day >= $2 group by regime, version, language, outcome, category",
        )
        .bind(workspace)
        .bind(since_day)
        .fetch_all(&self.readers)
        .await?;
        let mut rates: BTreeMap<RateKey, Rate> = BTreeMap::new();
        for row in &rows {
            let (regime, language) = (row.try_get("regime")?, row.try_get("language")?);
            let key = RateKey { regime, version: row.try_get("version")?, language };
            let choices: i64 = row.try_get("choices")?;
            let choices = u64::try_from(choices).map_err(|_| not_ours("choices", "is negative"))?;
            rates.entry(key).or_default().add(row.try_get("outcome")?, row.try_get("category")?, choices);
        }
        Ok(rates)
    }

    async fn read_asked_again(&self, workspace: &str, rule: &AskedAgain) -> Result<AskedAgainCount, sqlx::Error> {
        // Beside `max(position)` the other columns are those of its row: SQLite promises that.
        let row = sqlx::query(
            "with latest as (
                 select subject, max(position), granted, refused, presented ->> 'version' as version,
                        presented ->> 'method' is not null as has_asked, coalesce(presented ->> 'regime', '') as regime
                 from choice_history
                 where workspace = $1 and method = 'event' and subject is not null
                       and position > (select max(position) from choice_history) - $5
                 group by subject)
             select (select min(position) <= max(position) - $5 from choice_history) as is_truncated, count(*) as subjects
             from latest
             where version is not null and has_asked and (regime = '' or regime in (select value from json_each($4)))
                   and (version < $2 or exists (
                       select 1 from json_each($3) as has
                       where has.value not in (select value from json_each(granted))
                             and has.value not in (select value from json_each(refused))))",
        )
        .bind(workspace)
        .bind(rule.below)
        .bind(json(&rule.categories)?)
        .bind(json(&rule.regimes)?)
        .bind(LATEST_CHOICES_MAX)
        .fetch_one(&self.readers)
        .await?;
        let subjects: i64 = row.try_get("subjects")?;
        Ok(AskedAgainCount {
            subjects: u64::try_from(subjects).map_err(|_| not_ours("subjects", "is negative"))?,
            is_truncated: row.try_get::<Option<bool>, _>("is_truncated")?.unwrap_or_default(),
        })
    }
}

/// Counts choices in the transaction that records them.
pub(super) async fn count(
    write: &mut SqliteConnection,
    workspace: &str,
    made: &[ChoiceRow],
) -> Result<(), sqlx::Error> {
    let mut counters: Vec<(Counter, u64)> = counted(made).into_iter().collect();
    let days: BTreeSet<i64> = counters.iter().map(|((day, ..), _)| *day).collect();
    for day in days {
        let held = "select count(*) from choice_rate where workspace = $1 and day = $2";
        let held: i64 = sqlx::query(held).bind(workspace).bind(day).fetch_one(&mut *write).await?.try_get(0)?;
        if held >= COUNTERS_PER_DAY_MAX {
            for ((_, key, ..), _) in counters.iter_mut().filter(|((its, ..), _)| *its == day) {
                *key = RateKey { regime: std::mem::take(&mut key.regime), version: 0, language: String::new() };
            }
        }
    }
    if counters.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = counters
        .iter()
        .map(|((day, key, outcome, category), choices)| {
            (day, &key.regime, key.version, &key.language, outcome, category, choices)
        })
        .collect();
    sqlx::query(
        "insert into choice_rate (workspace, day, regime, version, language, outcome, category, choices)
         select $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
         from json_each($2) where true
         on conflict do update set choices = choices + excluded.choices",
    )
    .bind(workspace)
    .bind(json(&rows)?)
    .execute(write)
    .await?;
    Ok(())
}
