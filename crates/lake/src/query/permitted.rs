//! The function behind a query for a purpose: of each event, whether the gate lets it through for that use, by the stamp
//! of its capture and the choices of today. A choice counts for whatever row is read after it, in a query that runs too.
//!
//! What an event wished for destinations (`integrations`) says nothing about a question of the workspace's own.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, StringArray};
use arrow::datatypes::DataType;
use consent::{Gate, HasSubject, Stamp, Subject, Use, Wishes};
use datafusion::common::exec_datafusion_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, cast, create_udf};
use datafusion::prelude::col;
use event::Fingerprint;

/// What a query is for.
#[derive(Debug, Clone)]
pub struct ForUse {
    /// The choices of the workspace.
    pub gate: Arc<Gate>,
    /// The use that is made of its rows.
    pub purpose: Use,
}

/// The columns that a decision needs: identifiers, and what held at capture.
const IDENTIFIERS: [&str; 3] = ["anonymous_fp", "user_fp", "previous_fp"];
const STAMP: &str = "stamp";

/// Whether a stored row may be read for a use.
pub(super) fn filter(of: &ForUse) -> Expr {
    let of = of.clone();
    let call = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [anonymous, user, previous, stamps] = &arrays[..] else {
            return Err(exec_datafusion_err!("`permitted` takes three identifiers and a stamp"));
        };
        let identifiers = [anonymous, user, previous].map(AsArray::as_binary::<i32>);
        Ok(ColumnarValue::Array(Arc::new(permitted(&of, identifiers, stamps.as_string::<i32>())?)))
    };
    let [anonymous, user, previous] = IDENTIFIERS.map(|name| cast(col(name), DataType::Binary));
    let kinds = vec![DataType::Binary, DataType::Binary, DataType::Binary, DataType::Utf8];
    let function = create_udf("permitted", kinds, DataType::Boolean, Volatility::Volatile, Arc::new(call));
    function.call(vec![anonymous, user, previous, cast(col(STAMP), DataType::Utf8)])
}

struct Row<'r> {
    identifiers: Vec<Fingerprint>,
    stamp: &'r Stamp<'r>,
}

impl HasSubject for Row<'_> {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &self.identifiers, stamp: self.stamp, wishes: Wishes::default() }
    }
}

fn permitted(
    of: &ForUse,
    identifiers: [&BinaryArray; 3],
    stamps: &StringArray,
) -> Result<BooleanArray, DataFusionError> {
    let one = |at: usize| {
        let damaged =
            || exec_datafusion_err!("a row's `stamp` or identifiers cannot be read: a file of the lake is damaged");
        if stamps.is_null(at) {
            return Err(damaged());
        }
        let stamp: Stamp<'_> = serde_json::from_str(stamps.value(at)).map_err(|_| damaged())?;
        let known = identifiers.iter().filter(|column| column.is_valid(at));
        let known: Result<Vec<Fingerprint>, _> =
            known.map(|column| column.value(at).try_into().map(Fingerprint).map_err(|_| damaged())).collect();
        Ok(of.gate.permit(Row { identifiers: known?, stamp: &stamp }, &of.purpose).is_ok())
    };
    (0..stamps.len()).map(|at| one(at).map(Some)).collect()
}
