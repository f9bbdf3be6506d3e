//! SQL for the API: the same engine as `assent query`, with tighter limits, and rows as values.

use std::sync::Arc;

use api::{LakeColumn, LakeDesk, LakeQuestion, LakeRows};
use control::Store;
use futures::FutureExt as _;
use lake::Place;
use lake::query::{ForUse, Format, Identifiers, Limits, Request};
use serde_json::{Map, Value};

use crate::command::query::Vault;
use crate::engines::Engines;

/// A question beside the data path may not take what that needs.
const LIMITS: Limits = Limits { memory_bytes: 96 << 20, rows_max: u64::MAX, time_max_ms: 30_000, threads: 1 };
/// Bytes of an answer: a page has to hold it.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Opens the desk.
pub(crate) fn open(engines: &Engines, metrics: lake::Metrics) -> LakeDesk {
    let (place, store) = (engines.lake.clone(), Arc::clone(&engines.store));
    LakeDesk::new(move |question| {
        let (answer, metrics) = (answer(place.clone(), Arc::clone(&store), question), metrics.clone());
        async move {
            let began = tokio::time::Instant::now();
            let answered = answer.await;
            metrics.query(answered.is_ok(), began.elapsed().as_secs_f64());
            answered
        }
        .boxed()
    })
}

async fn answer(place: Place, store: Arc<dyn Store>, question: LakeQuestion) -> Result<LakeRows, String> {
    let identifiers: Option<Arc<dyn Identifiers>> = question
        .personal_data
        .then(|| Arc::new(Vault { store, runtime: tokio::runtime::Handle::current() }) as Arc<dyn Identifiers>);
    let request = |sql: String| Request {
        place: place.clone(),
        workspace: Arc::clone(&question.workspace),
        sql,
        format: Format::Ndjson,
        limits: LIMITS,
        identifiers: identifiers.clone(),
        content: question.personal_data,
        purpose: question.purpose.clone().map(|(gate, purpose)| ForUse { gate, purpose }),
    };
    // The answer's own columns, in their order and also when there is no row. What is no query (`EXPLAIN`) has none.
    let described = lines(request(format!("describe {}", question.sql.trim().trim_end_matches(';'))), usize::MAX).await;
    let (rows, is_truncated) = lines(request(question.sql.clone()), question.rows_max).await?;
    let mut columns: Vec<LakeColumn> =
        described.map(|(lines, _)| lines).unwrap_or_default().iter().filter_map(column).collect();
    if columns.is_empty() {
        let names = rows.first().into_iter().flat_map(Map::keys);
        columns = names.map(|name| LakeColumn { name: name.clone(), kind: "Utf8".to_owned() }).collect();
    }
    let row = |mut row: Map<String, Value>| {
        columns.iter().map(|column| row.remove(&column.name).unwrap_or_default()).collect()
    };
    Ok(LakeRows { rows: rows.into_iter().map(row).collect(), columns, is_truncated })
}

fn column(described: &Map<String, Value>) -> Option<LakeColumn> {
    let text = |key: &str| described.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(LakeColumn { name: text("column_name")?, kind: text("data_type")? })
}

/// The first rows of an answer, and whether there were more.
async fn lines(request: Request, rows_max: usize) -> Result<(Vec<Map<String, Value>>, bool), String> {
    let mut answer = lake::query::start(request).map_err(|error| error.to_string())?;
    let (mut rows, mut bytes, mut rest) = (Vec::new(), 0, Vec::new());
    while let Some(piece) = answer.next().await {
        rest.extend(piece.map_err(|error| error.to_string())?);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in rest[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            bytes += line.len();
            if rows.len() == rows_max || bytes > ANSWER_BYTES_MAX {
                return Ok((rows, true));
            }
            rows.push(serde_json::from_slice(line).map_err(|error| error.to_string())?);
        }
        rest.drain(..whole);
    }
    Ok((rows, false))
}
