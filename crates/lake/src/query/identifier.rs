//! The function behind `anonymous_id` and `user_id`: a batch of fingerprints to the values the vault has for them.
//!
//! Each distinct fingerprint is asked for once in a query, up to a bound; the answer is kept for its next rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, BinaryArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use event::Fingerprint;

use super::Identifiers;

/// Values kept; about 10 MB. Beyond it the memory is emptied, not grown.
const KEPT_MAX: usize = 65_536;

type Kept = HashMap<[u8; 16], Option<Arc<str>>>;

pub(super) fn function(identifiers: Arc<dyn Identifiers>, workspace: Arc<str>) -> ScalarUDF {
    let kept = Mutex::new(Kept::new());
    let call = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let fingerprints = arrays[0].as_binary::<i32>();
        let mut kept = kept.lock().map_err(|_| exec_datafusion_err!("a look-up of identifiers panicked before"))?;
        learn(&mut kept, fingerprints, identifiers.as_ref(), &workspace)?;
        Ok(ColumnarValue::Array(Arc::new(answer(&kept, fingerprints).finish())))
    };
    create_udf("identifier", vec![DataType::Binary], DataType::Utf8, Volatility::Stable, Arc::new(call))
}

fn key(bytes: Option<&[u8]>) -> Option<[u8; 16]> {
    bytes.and_then(|bytes| bytes.try_into().ok())
}

/// Asks for what is not kept yet.
fn learn(
    kept: &mut Kept,
    fingerprints: &BinaryArray,
    identifiers: &dyn Identifiers,
    workspace: &str,
) -> Result<(), DataFusionError> {
    if kept.len() + fingerprints.len() > KEPT_MAX {
        kept.clear();
    }
    let mut unknown: Vec<Fingerprint> =
        fingerprints.iter().filter_map(key).filter(|key| !kept.contains_key(key)).map(Fingerprint).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(());
    }
    let values = identifiers
        .values(workspace, &unknown)
        .map_err(|error| exec_datafusion_err!("the vault does not answer: {error}"))?;
    for (fingerprint, value) in unknown.iter().zip(values) {
        kept.insert(fingerprint.0, value.map(Arc::from));
    }
    Ok(())
}

fn answer(kept: &Kept, fingerprints: &BinaryArray) -> StringBuilder {
    let mut values = StringBuilder::with_capacity(fingerprints.len(), fingerprints.len() * 24);
    for bytes in fingerprints {
        values.append_option(key(bytes).and_then(|key| kept.get(&key)).and_then(Option::as_deref));
    }
    values
}
