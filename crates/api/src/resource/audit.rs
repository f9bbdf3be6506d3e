//! The audit log: who changed what.

use axum::Json;
use axum::extract::State;
use control::{AuditQuery, AuditRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::error::{ErrorBody, Result};
use crate::extract::Asked;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_audit)]
}

/// Entries of a page.
const ROWS: u32 = 100;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditFilter {
    /// In this workspace.
    #[serde(default)]
    workspace: Option<String>,
    /// By this actor.
    #[serde(default)]
    actor: Option<String>,
    /// Of this action.
    #[serde(default)]
    action: Option<String>,
    /// Of this kind of object.
    #[serde(default)]
    kind: Option<String>,
    /// Of this object.
    #[serde(default)]
    object: Option<String>,
    /// Older than this entry: the `next` of the page before.
    #[serde(default)]
    before: Option<i64>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    /// Its number; later ones are higher.
    id: i64,
    /// When.
    at: At,
    /// Who.
    actor: String,
    /// What was done.
    action: String,
    /// In which workspace; `null`: on the server.
    workspace: Option<String>,
    /// The kind of what was changed.
    kind: String,
    /// Its name.
    object: String,
    /// What it was, secrets masked.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What it is, secrets masked.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl From<AuditRecord> for AuditEntry {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { id, at, actor, action, workspace, kind, object, before, after } = record;
        Self { id, at: At(at), actor, action, workspace, kind, object, before, after }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditPage {
    items: Vec<AuditEntry>,
    /// The cursor of the next page, for `before`.
    next: Option<String>,
}

/// Who changed what, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(AuditFilter),
    responses(
        (status = 200, body = AuditPage, description = "A page"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
    ),
)]
async fn list_audit(State(api): State<Api>, Asked(filter): Asked<AuditFilter>) -> Result<Json<AuditPage>> {
    let AuditFilter { workspace, actor, action, kind, object, before } = filter;
    let query = AuditQuery { workspace, actor, action, kind, object, before, rows_max: ROWS };
    let items: Vec<AuditEntry> = api.store.audit(&query).await?.into_iter().map(AuditEntry::from).collect();
    let is_full = items.len() >= ROWS as usize;
    let next = items.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(Json(AuditPage { items, next }))
}
