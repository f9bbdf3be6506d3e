//! Questions to the lake that are kept for everybody of a workspace.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Action, Entry, SAVED_QUERIES_MAX, SavedQuery, Saving};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Body, In};
use crate::resource::lake::SQL_BYTES_MAX;
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_saved_queries, save_query), routes!(delete_saved_query)]
}

const NAME_CHARS_MAX: usize = 100;

/// A question that is kept.
#[derive(Debug, Serialize, ToSchema)]
struct SavedQueryShown {
    /// Names it in paths.
    id: String,
    /// What it is called.
    name: String,
    /// The question.
    sql: String,
    /// Who keeps it.
    by: String,
    /// Since when.
    at: At,
}

#[derive(Debug, Serialize, ToSchema)]
struct SavedQueries {
    items: Vec<SavedQueryShown>,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueryToSave {
    /// What it is called: 1 to 100 characters, and no other of the workspace has it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The question.
    sql: String,
}

#[derive(Debug, Deserialize)]
struct IdOfPath {
    id: String,
}

impl From<SavedQuery> for SavedQueryShown {
    fn from(query: SavedQuery) -> Self {
        let SavedQuery { id, name, sql, by, at } = query;
        Self { id: id.to_string(), name, sql, by, at: At(at) }
    }
}

/// Its name only: the text of a question may name somebody, and more people read the audit log.
fn entry(who: &Caller, workspace: &str, action: Action, object: String) -> Entry {
    let workspace = Some(workspace.to_owned());
    Entry { actor: who.0.actor(), action, workspace, kind: "saved_query", object, before: None, after: None }
}

/// The questions that are kept, by name.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/lake/saved", tag = "lake",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = SavedQueries, description = "All of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_saved_queries(State(api): State<Api>, Here(tenant): Here) -> Result<Json<SavedQueries>> {
    let queries = api.store.saved_queries(&tenant.name()).await?;
    Ok(Json(SavedQueries { items: queries.into_iter().map(Into::into).collect(), next: None }))
}

/// Keeps a question for everybody who may ask the lake.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/lake/saved", tag = "lake", request_body = QueryToSave,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 201, body = SavedQueryShown, description = "Kept"),
        (status = 400, body = ErrorBody, description = "A value that cannot be"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
        (status = 409, body = ErrorBody, description = "The name is taken"),
    ),
)]
async fn save_query(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Body(given): Body<QueryToSave>,
) -> Result<(StatusCode, Json<SavedQueryShown>)> {
    let name = given.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control) {
        return Err(Error::invalid(format!("`name` must have 1 to {NAME_CHARS_MAX} characters that can be seen")));
    }
    if given.sql.trim().is_empty() || given.sql.len() > SQL_BYTES_MAX {
        return Err(Error::invalid(format!("`sql` must have 1 to {SQL_BYTES_MAX} bytes")));
    }
    let entry = entry(&who, &tenant.name(), Action::Create, name.clone());
    let query = SavedQuery { id: 0, name, sql: given.sql, by: who.0.actor(), at: api.clock.now() };
    match api.store.save_query(&tenant.name(), &query, &entry).await? {
        Saving::Saved(kept) => Ok((StatusCode::CREATED, Json(kept.into()))),
        Saving::Taken => {
            let name = crate::error::shortened(&query.name);
            Err(Error::new(Code::AlreadyExists, format!("there is a saved query `{name}` already")))
        }
        Saving::Full => {
            Err(Error::invalid(format!("a workspace keeps at most {SAVED_QUERIES_MAX} queries: delete one first")))
        }
    }
}

/// Deletes a question that was kept.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace}/lake/saved/{id}", tag = "lake",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("id" = String, Path, description = "The saved query"),
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, body = ErrorBody, description = "No such saved query"),
    ),
)]
async fn delete_saved_query(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    In(IdOfPath { id }): In<IdOfPath>,
) -> Result<StatusCode> {
    let workspace = tenant.name();
    let none = || Error::no_such("saved query", &id);
    let number: i64 = id.parse().map_err(|_| none())?;
    let known = api.store.saved_queries(&workspace).await?.into_iter().find(|query| query.id == number);
    let entry = entry(&who, &workspace, Action::Delete, known.ok_or_else(none)?.name);
    let is_gone = api.store.delete_query(&workspace, number, &entry, api.clock.now()).await?;
    if is_gone { Ok(StatusCode::NO_CONTENT) } else { Err(none()) }
}
