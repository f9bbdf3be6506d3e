//! The lake as the API sees it: a function from a question to rows, so that nothing here knows arrow.

use std::fmt;
use std::sync::Arc;

use consent::{Gate, Use};
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A question.
#[derive(Debug, Clone)]
pub struct LakeQuestion {
    /// Whose events.
    pub workspace: Arc<str>,
    /// One `SELECT`.
    pub sql: String,
    /// Rows of the answer; the rest is cut.
    pub rows_max: usize,
    /// Whether identifiers and contents of events are shown.
    pub personal_data: bool,
    /// What the rows are used for; those that may not be are left out.
    pub purpose: Option<(Arc<Gate>, Use)>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LakeColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the engine's words.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct LakeRows {
    /// The columns in their order.
    pub columns: Vec<LakeColumn>,
    /// The rows, each with a value per column.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were cut.
    pub is_truncated: bool,
}

/// Answers questions; an error is for the person who asked.
#[derive(Clone)]
pub struct LakeDesk(Arc<dyn Fn(LakeQuestion) -> BoxFuture<'static, Result<LakeRows, String>> + Send + Sync>);

impl LakeDesk {
    /// From a function.
    pub fn new(
        answer: impl Fn(LakeQuestion) -> BoxFuture<'static, Result<LakeRows, String>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) async fn ask(&self, question: LakeQuestion) -> Result<LakeRows, String> {
        (self.0)(question).await
    }
}

impl fmt::Debug for LakeDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LakeDesk(…)")
    }
}
