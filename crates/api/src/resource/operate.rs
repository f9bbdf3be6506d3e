//! Pausing a destination and letting it go on.

use axum::extract::State;
use axum::http::StatusCode;
use control::{Action, Entry};
use delivery::{Held, OperateError};
use utoipa_axum::routes;
use workspace::ObjectKind;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::resource::workspace::Of;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(pause_destination), routes!(resume_destination)]
}

impl From<OperateError> for Error {
    fn from(error: OperateError) -> Self {
        match &error {
            OperateError::NotRunning(_) => Self::new(Code::NotRunning, error.to_string()),
            OperateError::Busy => Self::new(Code::Busy, error.to_string()).retry_after(5),
            OperateError::Results(_) => Self::internal("use the results of the destination", &error),
        }
    }
}

/// The entry of something done to a destination.
pub(super) fn entry(who: &Caller, of: &Of, action: Action, after: Option<serde_json::Value>) -> Entry {
    let workspace = Some(of.tenant.name().to_string());
    Entry { actor: who.0.actor(), action, workspace, kind: "destination", object: of.name.clone(), before: None, after }
}

/// Keeps a destination from sending until somebody lets it go on, also over a restart. Events wait in the log, within
/// the budget of its backlog. What was on its way already may still arrive.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/pause", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 204, description = "It sends nothing any more"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
    ),
)]
async fn pause_destination(State(api): State<Api>, who: Caller, of: Of) -> Result<StatusCode> {
    let held = Held { since: api.clock.now(), by: who.0.actor() };
    set_held(&api, &who, &of, Some(held)).await
}

/// Told before it is done, so that nothing is done that was not told; once, unless two ask at the same moment.
async fn set_held(api: &Api, who: &Caller, of: &Of, held: Option<Held>) -> Result<StatusCode> {
    let workspace = of.tenant.name();
    api.configuration.object(&workspace, ObjectKind::Destination, &of.name).await?;
    let action = if held.is_some() { Action::Pause } else { Action::Resume };
    let told = [entry(who, of, action, None)];
    let is_told = api.delivery.is_paused(&workspace, &of.name)? != held.is_some();
    if is_told {
        api.store.append_audit(&told, api.clock.now()).await?;
    }
    let is_done = match held {
        Some(held) => api.delivery.pause(&workspace, &of.name, held).await?,
        None => api.delivery.resume(&workspace, &of.name).await?,
    };
    // What was shown was older than what was so.
    if is_done && !is_told {
        api.store.append_audit(&told, api.clock.now()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a destination go on where it was: one that somebody paused, and one that waits because its receiver failed.
/// What waits for a next attempt is tried at once.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/{name}/resume", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 204, description = "It sends again"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It does not run"),
    ),
)]
async fn resume_destination(State(api): State<Api>, who: Caller, of: Of) -> Result<StatusCode> {
    set_held(&api, &who, &of, None).await
}
