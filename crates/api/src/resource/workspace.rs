//! Workspaces: what there is, as a file, and from a file.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use control::{ApplyOptions, Secrets, Tenant, WorkspaceFile};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Asked, In, Yaml};
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_workspaces), routes!(export_workspace), routes!(apply_workspace)]
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

/// An object of a workspace: both names of the path.
#[derive(Debug, Clone)]
pub(crate) struct Of {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
struct NameOfPath {
    name: String,
}

impl FromRequestParts<Api> for Of {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self> {
        let Here(tenant) = Here::from_request_parts(parts, api).await?;
        let In(NameOfPath { name }) = In::from_request_parts(parts, api).await?;
        Ok(Self { tenant, name })
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
    /// The files that declare something in it.
    declared_by: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WorkspaceList {
    items: Vec<WorkspaceSummary>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// How a file is applied.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Applying {
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
    /// Remove what a file said before and this one no longer says.
    #[serde(default)]
    prune: bool,
    /// Let the file win over what was edited by API or console.
    #[serde(default)]
    take_over: bool,
}

/// A change of one object.
#[derive(Debug, Serialize, ToSchema)]
struct AppliedChange {
    /// `source`, `destination` or `consent`.
    kind: String,
    /// Its name.
    name: String,
    /// `create`, `update` or `delete`.
    action: &'static str,
    /// What it said, without secrets.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What it says, without secrets.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AppliedChanges {
    changes: Vec<AppliedChange>,
}

/// All workspaces by name.
#[utoipa::path(
    get, path = "/api/v1/workspaces", tag = "workspaces",
    responses((status = 200, body = WorkspaceList, description = "All of them")),
)]
async fn list_workspaces(State(api): State<Api>) -> Result<Json<WorkspaceList>> {
    let summaries = api.configuration.summaries().await?;
    let items = summaries.into_iter().map(|one| WorkspaceSummary {
        name: one.name,
        sources: one.sources,
        destinations: one.destinations,
        declared_by: one.declared_by,
    });
    Ok(Json(WorkspaceList { items: items.collect(), next: None }))
}

/// The workspace as a file. Write keys are in it; literal secrets are references to variables.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/export", tag = "workspaces",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = String, content_type = "text/yaml", description = "The file"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn export_workspace(State(api): State<Api>, Here(tenant): Here) -> Result<Response> {
    let text = api.configuration.export(&tenant.name(), Secrets::AsReferences).await?;
    Ok(([(CONTENT_TYPE, "text/yaml; charset=utf-8")], text).into_response())
}

/// Applies a file once, or tells what it would change.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/apply", tag = "workspaces",
    request_body(content = String, content_type = "application/yaml"),
    params(("workspace" = String, Path, description = "The workspace"), Applying),
    responses(
        (status = 200, body = AppliedChanges, description = "What changed, or would"),
        (status = 400, body = ErrorBody, description = "The file cannot be applied"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn apply_workspace(
    State(api): State<Api>,
    Caller(who): Caller,
    Here(tenant): Here,
    Asked(how): Asked<Applying>,
    Yaml(yaml): Yaml,
) -> Result<Json<AppliedChanges>> {
    let files = [WorkspaceFile { path: "the request".to_owned(), yaml }];
    let once = |dry_run| ApplyOptions { take_over: how.take_over, ..ApplyOptions::once(how.prune, dry_run) };
    // First without doing it: only then is it known which workspace the file is about.
    let mut applied = api.configuration.apply(&who, &files, once(true)).await?;
    if let Some(other) = applied.iter().find(|applied| *applied.workspace != *tenant.name()) {
        let message = format!("the file is about workspace `{}`, the path about `{}`", other.workspace, tenant.name());
        return Err(Error::new(Code::InvalidWorkspace, message));
    }
    if !how.dry_run {
        applied = api.configuration.apply(&who, &files, once(false)).await?;
    }
    let changes = applied.into_iter().flat_map(|applied| applied.changes).map(|change| AppliedChange {
        kind: change.kind.name().to_owned(),
        name: change.name,
        action: change.action.name(),
        before: change.before,
        after: change.after,
    });
    Ok(Json(AppliedChanges { changes: changes.collect() }))
}
