//! `assent query`: SQL over the lake, from the files alone, so that it works with and without a running server.
//!
//! It shows identifiers, because whoever may read the data directory may read the vault in it.

use std::io::Write as _;
use std::sync::Arc;

use control::{Sqlite, Store};
use event::Fingerprint;
use lake::query::{Format, Identifiers, Limits, Request};

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
    let known: Vec<String> = store.configuration().await?.workspaces.into_iter().map(|stored| stored.name).collect();
    let workspace = the_workspace(query.workspace.as_deref(), &known)?;
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
    })?;
    let mut out = std::io::stdout().lock();
    while let Some(piece) = answer.next().await {
        out.write_all(&piece?)?;
    }
    out.flush()?;
    Ok(())
}
