//! Taking apart what the first schema kept as texts of files. Done once, at the first start with this schema.

use std::collections::BTreeMap;

use event::Millis;
use sqlx::Row as _;
use workspace::{Document, ObjectKind};

use super::workspaces::write_change;
use super::{Sqlite, not_ours};
use crate::configuration::{ConfigurationChange, ObjectChange, Word};

impl Sqlite {
    /// Makes objects of the workspaces of the first schema, in one transaction with taking them out of it.
    pub(super) async fn adopt(&self) -> Result<(), sqlx::Error> {
        let mut write = self.begin().await?;
        let rows = sqlx::query("select name, file, yaml, applied_at from workspace_v1").fetch_all(&mut *write).await?;
        for row in &rows {
            let name: String = row.try_get("name")?;
            let keys = sqlx::query("select source, write_key from write_key_v1 where workspace = $1")
                .bind(&name)
                .fetch_all(&mut *write)
                .await?;
            let keys = keys.iter().map(|row| Ok((row.try_get("source")?, row.try_get("write_key")?)));
            let keys: BTreeMap<String, String> = keys.collect::<Result<_, sqlx::Error>>()?;
            // The file declared it when it was stored; the next start without that file releases it.
            let word = Word::Declared { file: row.try_get("file")? };
            let change = objects(&name, row.try_get("yaml")?, &keys, &word)?;
            write_change(&mut write, &change, Millis(row.try_get("applied_at")?)).await?;
        }
        if !rows.is_empty() {
            // What delivery keeps of them belongs to them.
            sqlx::query("update object set made_in = 0").execute(&mut *write).await?;
            sqlx::query("delete from write_key_v1").execute(&mut *write).await?;
            sqlx::query("delete from workspace_v1").execute(&mut *write).await?;
        }
        write.commit().await
    }
}

fn objects(
    workspace: &str,
    yaml: &str,
    keys: &BTreeMap<String, String>,
    word: &Word,
) -> Result<ConfigurationChange, sqlx::Error> {
    let document = Document::parse_checked(yaml).map_err(|error| not_ours("yaml", error))?;
    let objects = document.objects.into_iter().map(|((kind, name), mut body)| {
        if let (ObjectKind::Source, Some(key)) = (kind, keys.get(&name)) {
            body.entry("write_key").or_insert_with(|| key.as_str().into());
        }
        ObjectChange { workspace: workspace.to_owned(), kind, name, put: Some((body, word.clone())) }
    });
    let (workspaces, objects) = (vec![workspace.to_owned()], objects.collect());
    // What was configured before the ledger has no leaf.
    Ok(ConfigurationChange { workspaces, objects, ..ConfigurationChange::default() })
}
