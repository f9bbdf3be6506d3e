//! Sources: where events come from.

use axum::Json;
use axum::extract::State;
use control::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{Basis, Compat, SourceKind};

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::In;
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_sources), routes!(show_source)]
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    /// Its name.
    name: String,
    /// What sends.
    #[schema(schema_with = crate::schema::source_kind)]
    kind: SourceKind,
    /// The key that SDKs send; `null` for whoever is less than an admin.
    write_key: Option<String>,
    /// The category that must be granted before it may collect by consent.
    category: String,
    /// By what right it collects.
    #[schema(schema_with = crate::schema::basis)]
    basis: Basis,
    /// Whose reading of missing stamps it follows; `null`: ours.
    #[schema(schema_with = crate::schema::compat_or_null)]
    compat: Option<Compat>,
    /// The region of all its events; `null`: from the address.
    region: Option<String>,
    /// Whether its events are kept.
    enabled: bool,
    /// The file that declares it, so that it cannot be changed here; `null`: it can.
    declared_by: Option<String>,
    /// Its version, to be sent with a change.
    version: i64,
    /// When its first event since the server's start was taken; `null`: none was.
    first_event_at: Option<At>,
    /// When its latest event since the server's start was taken; `null`: none was.
    last_event_at: Option<At>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceList {
    items: Vec<Source>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// The names of a path.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

fn shown(_: &Api, source: &workspace::Source, who: &Caller) -> Source {
    let key = source.write_key.as_ref().filter(|_| who.is_at_least(Role::Admin));
    Source {
        name: source.name.to_string(),
        kind: source.kind,
        write_key: key.map(|key| key.expose().clone()),
        category: source.category.to_string(),
        basis: source.basis(),
        compat: source.compat,
        region: source.region.clone(),
        enabled: source.enabled,
        declared_by: None,
        version: 0,
        first_event_at: None,
        last_event_at: None,
    }
}

/// All sources, in the order of their configuration.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/sources", tag = "sources",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = SourceList, description = "All of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_sources(State(api): State<Api>, who: Caller, Here(tenant): Here) -> Json<SourceList> {
    let items = tenant.workspace.sources.iter().map(|source| shown(&api, source, &who)).collect();
    Json(SourceList { items, next: None })
}

/// One source.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/sources/{name}", tag = "sources",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The source"),
    ),
    responses(
        (status = 200, body = Source, description = "As it is"),
        (status = 404, body = ErrorBody, description = "No such source"),
    ),
)]
async fn show_source(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    In(path): In<Named>,
) -> Result<Json<Source>> {
    let source = tenant.source(&path.name).ok_or_else(|| Error::no_such("source", &path.name))?;
    Ok(Json(shown(&api, source, &who)))
}
