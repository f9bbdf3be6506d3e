//! The view `events`: the stored columns, with identifiers in the place of their fingerprints.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::{SessionContext, col, lit};
use datafusion::scalar::ScalarValue;

use super::{QueryError, Request, identifier, permitted};
use crate::schema::table_schema;
use crate::table::Table;

/// The columns of the view and the stored columns they come from. `None`: the same name.
const VIEW: &[(&str, Option<&str>)] = &[
    ("message_id", None),
    ("type", None),
    ("event", None),
    ("name", None),
    ("source", None),
    ("subject_id", None),
    ("anonymous_id", Some("anonymous_fp")),
    ("user_id", Some("user_fp")),
    ("previous_id", Some("previous_fp")),
    ("group_id", None),
    ("channel", None),
    ("region", None),
    ("received_at", None),
    ("sent_at", None),
    ("original_timestamp", None),
    ("timestamp", None),
    ("properties", None),
    ("traits", None),
    ("context", None),
    ("consent", None),
    ("integrations", None),
    ("stamp", None),
    ("extra", None),
    ("day", None),
    ("bucket", None),
    ("raw_partition", Some("partition")),
    ("raw_block", Some("block")),
    ("raw_index", Some("index")),
];

/// Columns with what a sender wrote: names, addresses and traits of people among it. Shown to those only who may see
/// personal data. `name` is a page's or a screen's; what an event is called stands in `event`.
const CONTENT: [&str; 7] = ["name", "properties", "traits", "context", "consent", "integrations", "extra"];

/// Registers the view. A workspace without a table has an empty one.
pub(super) async fn register(session: &SessionContext, request: &Request) -> Result<(), QueryError> {
    let stored = stored(session, request).await?;
    let lookup = request
        .identifiers
        .as_ref()
        .map(|identifiers| identifier::function(Arc::clone(identifiers), Arc::clone(&request.workspace)));
    let column = |(name, from): &(&str, Option<&str>)| -> Expr {
        let stored = from.unwrap_or(name);
        if !request.content && CONTENT.contains(name) {
            return lit(ScalarValue::Utf8(None)).alias(*name);
        }
        if !stored.ends_with("_fp") {
            return col(stored).alias(*name);
        }
        match &lookup {
            Some(lookup) => lookup.call(vec![cast(col(stored), arrow::datatypes::DataType::Binary)]).alias(*name),
            None => lit(ScalarValue::Utf8(None)).alias(*name),
        }
    };
    let rows = session.read_table(stored)?;
    let rows = match &request.purpose {
        Some(of) => rows.filter(permitted::filter(of))?,
        None => rows,
    };
    let view = rows.select(VIEW.iter().map(column).collect::<Vec<_>>())?;
    session.register_table("events", view.into_view())?;
    Ok(())
}

async fn stored(session: &SessionContext, request: &Request) -> Result<Arc<dyn TableProvider>, QueryError> {
    let Some(table) = Table::open(&request.place, &request.workspace).await? else {
        let schema = table_schema();
        let nothing = RecordBatch::new_empty(Arc::clone(&schema));
        return Ok(Arc::new(MemTable::try_new(schema, vec![vec![nothing]])?));
    };
    table.delta.update_datafusion_session(&session.state())?;
    let provider = table.delta.table_provider().with_session(Arc::new(session.state())).await?;
    Ok(provider)
}
