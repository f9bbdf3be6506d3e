//! Workspaces: what there is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use control::Tenant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::error::{Error, Result};
use crate::extract::In;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_workspaces)]
}

/// The workspace of the path.
#[derive(Debug, Clone)]
pub(crate) struct Here(pub(crate) Arc<Tenant>);

#[derive(Debug, Deserialize)]
struct WorkspaceOfPath {
    workspace: String,
}

impl FromRequestParts<Api> for Here {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self> {
        let In(WorkspaceOfPath { workspace }) = In::from_request_parts(parts, api).await?;
        api.directory.tenant(&workspace).map(Self).ok_or_else(|| Error::no_such("workspace", &workspace))
    }
}

/// A workspace at a glance.
#[derive(Debug, Serialize, ToSchema)]
struct WorkspaceSummary {
    /// Its name, which is part of all its paths.
    name: String,
    /// How many sources it has.
    sources: usize,
    /// How many destinations it has.
    destinations: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct WorkspaceList {
    items: Vec<WorkspaceSummary>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// All workspaces by name.
#[utoipa::path(
    get, path = "/api/v1/workspaces", tag = "workspaces",
    responses((status = 200, body = WorkspaceList, description = "All of them")),
)]
async fn list_workspaces(State(api): State<Api>) -> Json<WorkspaceList> {
    let summary = |tenant: &Arc<Tenant>| WorkspaceSummary {
        name: tenant.name().to_string(),
        sources: tenant.workspace.sources.len(),
        destinations: tenant.workspace.destinations.len(),
    };
    let mut items: Vec<WorkspaceSummary> = api.directory.tenants().iter().map(summary).collect();
    items.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Json(WorkspaceList { items, next: None })
}
