//! `assent query`: SQL over the lake, from the files alone, so that it works with and without a running server.
//!
//! It shows identifiers, because whoever may read the data directory may read the vault in it.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use consent::Use;
use control::{Sqlite, Store, StoredWorkspace, choices_on_record};
use event::Fingerprint;
use lake::query::{ForUse, Format, Identifiers, Limits, Request};
use workspace::RecipientRole;

use crate::cli;
use crate::engines::{Layout, the_workspace};
use crate::lake_place;

/// The vault of the data directory, asked from the query's thread.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Identifiers for Vault {
    fn values(&self, workspace: &str, fingerprints: &[Fingerprint]) -> Result<Vec<Option<String>>, String> {
        // The query's thread belongs to a runtime of its own, where waiting for a future is not allowed: the look-up
        // runs on the command's runtime, and this thread waits for its answer.
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let (store, workspace, asked) = (Arc::clone(&self.store), workspace.to_owned(), fingerprints.to_vec());
        self.runtime.spawn(async move { drop(answer.send(store.identifier_values(&workspace, &asked).await)) });
        let values = answered.recv().map_err(|_| "the look-up ended without an answer".to_owned())?;
        let values = values.map_err(|error| error.to_string())?;
        Ok(values.into_iter().map(|value| value.map(|value| value.expose().clone())).collect())
    }
}

/// Runs the query and prints its rows.
pub(crate) async fn run(query: &cli::Query) -> anyhow::Result<()> {
    let layout = Layout::new(&query.data_dir);
    anyhow::ensure!(
        layout.state().try_exists()?,
        "`{}` is not a data directory of Assent: there is no `state.db` in it",
        query.data_dir.display()
    );
    let store: Arc<dyn Store> = Arc::new(Sqlite::open_to_read(&layout.state()).await?);
    let stored = store.configuration().await?.workspaces;
    let known: Vec<String> = stored.iter().map(|stored| stored.name.clone()).collect();
    let workspace = the_workspace(query.workspace.as_deref(), &known)?;
    let here = stored.iter().find(|stored| stored.name == *workspace.shared());
    let purpose = match (&query.purpose, here) {
        (Some(purpose), Some(here)) => Some(for_use(&*store, here, purpose, query).await?),
        _ => None,
    };
    let mut answer = lake::query::start(Request {
        place: lake_place::existing(&layout)?,
        workspace: workspace.shared(),
        sql: query.sql.clone(),
        format: match query.format {
            cli::Format::Table => Format::Table,
            cli::Format::Json => Format::Json,
            cli::Format::Ndjson => Format::Ndjson,
            cli::Format::Csv => Format::Csv,
        },
        limits: Limits::default(),
        identifiers: Some(Arc::new(Vault { store, runtime: tokio::runtime::Handle::current() })),
        content: true,
        purpose,
    })?;
    let mut out = std::io::stdout().lock();
    while let Some(piece) = answer.next().await {
        out.write_all(&piece?)?;
    }
    out.flush()?;
    Ok(())
}

/// The use that the rows are declared for.
async fn for_use(
    store: &dyn Store,
    here: &StoredWorkspace,
    purpose: &str,
    query: &cli::Query,
) -> anyhow::Result<ForUse> {
    let gate = choices_on_record(store, here).await?;
    let purpose = serde_json::from_value(purpose.into()).with_context(|| {
        format!("`--purpose {purpose}` is neither one of Assent's purposes nor a name that one can have")
    })?;
    let recipient = if query.third_party { RecipientRole::ThirdParty } else { RecipientRole::ServiceProvider };
    let purpose = Use::of_query(purpose, &query.category, recipient, &gate.rules().categories)?;
    Ok(ForUse { gate, purpose })
}
