//! SQL over the events of a workspace: read-only, limited, on a thread of its own.
//!
//! A query sees one snapshot of the table, whoever writes meanwhile, in this process or another. It may read the view
//! `events` ([`view`]) and nothing else: no statement that writes, creates or sets is planned, and no file can be named.
//! Memory beyond the limit spills to disk or ends the query; rows and time beyond theirs end it with an error, after
//! what was already sent.

use std::sync::Arc;
use std::time::Duration;

use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use event::Fingerprint;
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::store::Place;

mod format;
mod identifier;
mod permitted;
mod view;

pub use format::{Format, TABLE_ROWS_MAX};
pub use permitted::ForUse;

/// Turns fingerprints back into the identifiers they stand for, from the vault. Called on the query's thread, a batch
/// at a time, and may block.
pub trait Identifiers: Send + Sync + std::fmt::Debug {
    /// The values, in the order asked; `None` for what the vault does not (or no longer) know.
    fn values(&self, workspace: &str, fingerprints: &[Fingerprint]) -> Result<Vec<Option<String>>, String>;
}

/// What a query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory for sorting, grouping and joining.
    pub memory_bytes: usize,
    /// Rows of the answer.
    pub rows_max: u64,
    /// From start to last row.
    pub time_max_ms: u64,
    /// Threads.
    pub threads: usize,
}

impl Default for Limits {
    /// For a local operator: as much as a small machine has to spare.
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, rows_max: u64::MAX, time_max_ms: 600_000, threads: 2 }
    }
}

/// A query.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the tables are.
    pub place: Place,
    /// Whose events.
    pub workspace: Arc<str>,
    /// One `SELECT` (or `EXPLAIN`, `DESCRIBE`).
    pub sql: String,
    /// How the answer is written.
    pub format: Format,
    /// What it may take.
    pub limits: Limits,
    /// For those who may see identifiers; without, `anonymous_id`, `user_id` and `previous_id` are NULL.
    pub identifiers: Option<Arc<dyn Identifiers>>,
    /// Whether what senders wrote is shown; without, `name`, `properties`, `traits`, `context` and the like are NULL.
    pub content: bool,
    /// What the rows are used for: those that may not be are not there. Without, the whole table is read, for those who
    /// operate it.
    pub purpose: Option<ForUse>,
}

/// Why a query has no (complete) answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query is wrong, not allowed, or out of memory; the engine says which.
    #[error("{0}")]
    Sql(String),
    /// The table does not open.
    #[error("the lake's table cannot be read: {0}")]
    Table(#[from] deltalake::DeltaTableError),
    /// The limit of rows.
    #[error("the answer has more than {0} rows: add a LIMIT, or aggregate")]
    Rows(u64),
    /// The limit of time.
    #[error("the query took longer than {0} ms and was ended")]
    Time(u64),
    /// The thread could not be started.
    #[error("no thread for the query: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::Sql(error.strip_backtrace())
    }
}

impl From<arrow::error::ArrowError> for QueryError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Sql(error.to_string())
    }
}

/// The answer as it is made, in pieces of text. Dropping it ends the query.
#[derive(Debug)]
pub struct Answer {
    pieces: mpsc::Receiver<Result<Vec<u8>, QueryError>>,
}

/// Pieces made ahead of the reader.
const PIECES_AHEAD: usize = 2;

impl Answer {
    /// The next piece; `None` when the answer is complete, or after an error.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, QueryError>> {
        self.pieces.recv().await
    }

    /// The whole answer.
    pub async fn text(mut self) -> Result<String, QueryError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            all.extend(piece?);
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}

/// The workspaces that have events.
pub async fn workspaces(place: &Place) -> Result<Vec<String>, QueryError> {
    crate::maintain::workspaces(place).await.map_err(|error| QueryError::Table(error.into()))
}

/// Starts a query.
pub fn start(request: Request) -> Result<Answer, QueryError> {
    let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
    let engine = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(request.limits.threads.max(1))
        .thread_name("lake-query")
        .enable_all()
        .build()?;
    // The clock of the limit ticks apart from the engine: while a join keeps all of the engine's threads busy without a
    // pause, nothing there would notice that time is up.
    let watch = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let work = move || {
        watch.block_on(async {
            let limit_ms = request.limits.time_max_ms;
            let answered = tokio::select! {
                answered = engine.spawn(run(request, sender.clone())) => answered.unwrap_or(Ok(())),
                () = tokio::time::sleep(Duration::from_millis(limit_ms)) => Err(QueryError::Time(limit_ms)),
                () = sender.closed() => Ok(()),
            };
            if let Err(error) = answered {
                // A reader that is gone does not want the error either.
                drop(sender.send(Err(error)).await);
            }
        });
        // What still runs is not waited for: it ends at its next step.
        engine.shutdown_background();
    };
    std::thread::Builder::new().name("lake-query".to_owned()).spawn(work)?;
    Ok(Answer { pieces })
}

async fn run(request: Request, pieces: mpsc::Sender<Result<Vec<u8>, QueryError>>) -> Result<(), QueryError> {
    let session = session(&request.limits)?;
    view::register(&session, &request).await?;
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = session.sql_with_options(&request.sql, read_only).await?;
    let mut rows = frame.execute_stream().await?;
    let mut writer = format::Writer::new(request.format, rows.schema());
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        if count > request.limits.rows_max {
            return Err(QueryError::Rows(request.limits.rows_max));
        }
        let piece = writer.write(&batch)?;
        if !piece.is_empty() && pieces.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    let last = writer.finish()?;
    // The reader may have left with all it wanted.
    drop(pieces.send(Ok(last)).await);
    Ok(())
}

fn session(limits: &Limits) -> Result<SessionContext, QueryError> {
    let mut config = SessionConfig::new().with_target_partitions(limits.threads.max(1)).with_information_schema(false);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    config.options_mut().execution.parquet.pushdown_filters = true;
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(limits.memory_bytes, 1.0).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
