//! States and notices of alerts.

use async_trait::async_trait;
use event::Millis;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, failed, json, not_ours};
use crate::StoreError;
use crate::alerts::{AlertChanges, AlertNotice, AlertStore, AlertSubject, NOTICES_MAX, NoticeKind};

#[async_trait]
impl AlertStore for Sqlite {
    async fn alert_states(&self) -> Result<Vec<(AlertSubject, String)>, StoreError> {
        self.read_alert_states().await.map_err(failed("read the states of alerts"))
    }

    async fn change_alerts(&self, changes: &AlertChanges) -> Result<Vec<i64>, StoreError> {
        self.write_alerts(changes).await.map_err(failed("keep what alerts found"))
    }

    async fn note_sends(&self, notice: &AlertNotice) -> Result<(), StoreError> {
        self.update_sends(notice).await.map_err(failed("keep what became of a notification"))
    }

    async fn open_notices(&self) -> Result<Vec<AlertNotice>, StoreError> {
        self.read_open_notices().await.map_err(failed("read notifications"))
    }

    async fn notices(&self, workspace: &str, before: Option<i64>, most: u32) -> Result<Vec<AlertNotice>, StoreError> {
        self.read_notices(workspace, before, most).await.map_err(failed("read notifications"))
    }
}

impl Sqlite {
    async fn read_alert_states(&self) -> Result<Vec<(AlertSubject, String)>, sqlx::Error> {
        let rows = sqlx::query("select * from alert_state").fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((subject(row)?, row.try_get("state")?))).collect()
    }

    async fn write_alerts(&self, changes: &AlertChanges) -> Result<Vec<i64>, sqlx::Error> {
        let mut write = self.begin().await?;
        for (subject, state) in &changes.states {
            let statement = match state {
                Some(_) => {
                    "insert into alert_state (workspace, alert, about, state) values ($1, $2, $3, $4)
                     on conflict (workspace, alert, about) do update set state = excluded.state"
                }
                None => "delete from alert_state where workspace = $1 and alert = $2 and about = $3",
            };
            let bound = sqlx::query(statement).bind(&subject.workspace).bind(&subject.alert).bind(&subject.about);
            let bound = match state {
                Some(state) => bound.bind(state),
                None => bound,
            };
            bound.execute(&mut *write).await?;
        }
        let mut ids = Vec::with_capacity(changes.notices.len());
        for notice in &changes.notices {
            let AlertSubject { workspace, alert, about } = &notice.subject;
            let inserted = sqlx::query(
                "insert into alert_notice
                 (workspace, alert, about, kind, at, figure, above, unit, message_id, sends, is_open)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id",
            )
            .bind(workspace)
            .bind(alert)
            .bind(about)
            .bind(notice.kind.name())
            .bind(notice.at.0)
            .bind(notice.figure)
            .bind(notice.above)
            .bind(&notice.unit)
            .bind(&notice.message_id)
            .bind(json(&notice.sends)?)
            .bind(notice.is_open())
            .fetch_one(&mut *write)
            .await?;
            ids.push(inserted.try_get("id")?);
            sqlx::query(
                "delete from alert_notice where workspace = $1 and is_open = 0 and id <=
                 (select id from alert_notice where workspace = $1 order by id desc limit 1 offset $2)",
            )
            .bind(workspace)
            .bind(NOTICES_MAX)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(ids)
    }

    async fn update_sends(&self, notice: &AlertNotice) -> Result<(), sqlx::Error> {
        sqlx::query("update alert_notice set sends = $2, is_open = $3 where id = $1")
            .bind(notice.id)
            .bind(json(&notice.sends)?)
            .bind(notice.is_open())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn read_open_notices(&self) -> Result<Vec<AlertNotice>, sqlx::Error> {
        let select = "select * from alert_notice where is_open = 1 order by id";
        sqlx::query(select).fetch_all(&self.readers).await?.iter().map(notice).collect()
    }

    async fn read_notices(
        &self,
        workspace: &str,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<AlertNotice>, sqlx::Error> {
        let select = "select * from alert_notice where workspace = $1 and id < $2 order by id desc limit $3";
        let select = sqlx::query(select).bind(workspace).bind(before.unwrap_or(i64::MAX)).bind(most);
        select.fetch_all(&self.readers).await?.iter().map(notice).collect()
    }
}

fn subject(row: &SqliteRow) -> Result<AlertSubject, sqlx::Error> {
    Ok(AlertSubject {
        workspace: row.try_get("workspace")?,
        alert: row.try_get("alert")?,
        about: row.try_get("about")?,
    })
}

fn notice(row: &SqliteRow) -> Result<AlertNotice, sqlx::Error> {
    let kind: &str = row.try_get("kind")?;
    let sends: &str = row.try_get("sends")?;
    Ok(AlertNotice {
        id: row.try_get("id")?,
        subject: subject(row)?,
        kind: NoticeKind::from_name(kind).ok_or_else(|| not_ours("kind", format!("is `{kind}`")))?,
        at: Millis(row.try_get("at")?),
        figure: row.try_get("figure")?,
        above: row.try_get("above")?,
        unit: row.try_get("unit")?,
        message_id: row.try_get("message_id")?,
        sends: serde_json::from_str(sends).map_err(|error| not_ours("sends", error))?,
    })
}
