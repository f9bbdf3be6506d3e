//! Destinations: where events go.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Edit, Object, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{ObjectKind, RecipientRole, Switch, Withdrawals};

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said, said_of};
use crate::resource::health::{self, Health};
use crate::resource::workspace::{Here, Of};
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(list_destinations, create_destination),
        routes!(show_destination, change_destination, delete_destination),
    ]
}

/// A destination with how it is doing.
#[derive(Debug, Serialize, ToSchema)]
struct Destination {
    #[serde(flatten)]
    written: DestinationWritten,
    /// The file that declares it, so that it cannot be changed here; `null`: it can.
    declared_by: Option<String>,
    /// Its version, to be sent with a change.
    version: i64,
    /// How it is doing.
    health: Health,
}

/// What is written about a destination.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct DestinationWritten {
    /// Its name.
    name: String,
    /// Its kind.
    kind: String,
    /// The sources whose events it may be for.
    sources: Vec<String>,
    /// What its kind asks for. `{"secret": true}` stands for a secret; sent back, it keeps it.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// All of them must be granted; `null`: it is unmapped.
    #[serde(default)]
    categories: Option<Vec<String>>,
    /// The vendor of `banner.vendors` that it is, so that refusing the vendor refuses it; `null`: none of them.
    #[serde(default)]
    vendor: Option<String>,
    /// What the recipient uses the events for.
    purpose: String,
    /// What the recipient is, by the operator's claim.
    #[schema(schema_with = crate::schema::recipient)]
    recipient: RecipientRole,
    /// What it gets when it has no categories.
    #[schema(schema_with = crate::schema::switch)]
    unmapped: Switch,
    /// Whether events of unknown consent may reach it.
    #[schema(schema_with = crate::schema::switch)]
    unstamped: Switch,
    /// Whether it is told of each refusal that concerns it: `silent` or `tell`.
    #[schema(schema_with = crate::schema::withdrawals)]
    withdrawals: Withdrawals,
    /// Whether it gets anything.
    enabled: bool,
}

/// A destination to create or to write anew. What is left out is as in a workspace file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `control` reads, for the OpenAPI document")]
struct DestinationToWrite {
    /// Its name. Cannot be changed.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$")]
    name: String,
    /// Its kind: a `slug` of `/destination-kinds`.
    kind: String,
    /// The sources whose events it may be for.
    sources: Vec<String>,
    /// What its kind asks for. `{"secret": true}` keeps a secret.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// All of them must be granted.
    categories: Option<Vec<String>>,
    /// The vendor of `banner.vendors` that it is, so that refusing the vendor refuses it.
    vendor: Option<String>,
    /// What the recipient uses the events for.
    purpose: String,
    /// What the recipient is.
    #[schema(schema_with = crate::schema::recipient, required = false)]
    recipient: Option<RecipientRole>,
    /// What it gets when it has no categories.
    #[schema(schema_with = crate::schema::switch, required = false)]
    unmapped: Option<Switch>,
    /// Whether events of unknown consent may reach it.
    #[schema(schema_with = crate::schema::switch, required = false)]
    unstamped: Option<Switch>,
    /// Whether it is told of each refusal that concerns it: `silent` without it.
    #[schema(schema_with = crate::schema::withdrawals, required = false)]
    withdrawals: Option<Withdrawals>,
    /// Whether it gets anything.
    enabled: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DestinationList {
    items: Vec<Destination>,
    /// The cursor of the next page.
    next: Option<String>,
}

fn shown(api: &Api, tenant: &Tenant, object: Object) -> Result<Destination> {
    let read: std::result::Result<DestinationWritten, _> = serde_json::from_value(object.body.into());
    let written = read.map_err(|error| Error::internal("read a destination that it stores", &error))?;
    let health = health::of(api, tenant, &written.name);
    Ok(Destination { written, declared_by: object.declared_by, version: object.version, health })
}

async fn edited(api: &Api, who: &Caller, tenant: &Tenant, edit: Edit) -> Result<Json<Destination>> {
    let object = api.configuration.edit(&who.0, &tenant.name(), edit).await?;
    let object = object.ok_or_else(|| Error::internal("find what it has just stored", &"it is gone"))?;
    // Delivery follows changes by itself; whoever made this one should see it in force.
    api.delivery.refresh().await;
    let tenant = api.directory.tenant(&tenant.name()).ok_or_else(|| Error::no_such("workspace", &tenant.name()))?;
    Ok(Json(shown(api, &tenant, object)?))
}

/// All destinations by name, with how they are doing.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations", tag = "destinations",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = DestinationList, description = "All of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_destinations(State(api): State<Api>, Here(tenant): Here) -> Result<Json<DestinationList>> {
    let objects = api.configuration.objects(&tenant.name(), ObjectKind::Destination).await?;
    let items = objects.into_iter().map(|object| shown(&api, &tenant, object)).collect::<Result<_>>()?;
    Ok(Json(DestinationList { items, next: None }))
}

/// One destination.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/destinations/{name}", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
    ),
    responses(
        (status = 200, body = Destination, description = "As it is"),
        (status = 404, body = ErrorBody, description = "No such destination"),
    ),
)]
async fn show_destination(State(api): State<Api>, Of { tenant, name }: Of) -> Result<Json<Destination>> {
    let object = api.configuration.object(&tenant.name(), ObjectKind::Destination, &name).await?;
    Ok(Json(shown(&api, &tenant, object)?))
}

/// Creates a destination; it gets events from now on.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations", tag = "destinations",
    request_body = DestinationToWrite,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 201, body = Destination, description = "Created"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 409, body = ErrorBody, description = "The name is taken"),
    ),
)]
async fn create_destination(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Body(fields): Body<Fields>,
) -> Result<(StatusCode, Json<Destination>)> {
    let edit = Edit::Create { kind: ObjectKind::Destination, body: said(fields) };
    Ok((StatusCode::CREATED, edited(&api, &who, &tenant, edit).await?))
}

/// Writes a destination anew, as a whole. It goes on where it was.
#[utoipa::path(
    put, path = "/api/v1/workspaces/{workspace}/destinations/{name}", tag = "destinations",
    request_body = DestinationToWrite,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        Seen,
    ),
    responses(
        (status = 200, body = Destination, description = "Changed"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn change_destination(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
    Body(fields): Body<Fields>,
) -> Result<Json<Destination>> {
    let (if_version, body) = (seen.version()?, said_of(&name, fields));
    let edit = Edit::Replace { kind: ObjectKind::Destination, name, body, if_version };
    edited(&api, &who, &tenant, edit).await
}

/// Removes a destination. What waits for it is not sent any more.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace}/destinations/{name}", tag = "destinations",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The destination"),
        Seen,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, body = ErrorBody, description = "No such destination"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn delete_destination(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
) -> Result<StatusCode> {
    let edit = Edit::Delete { kind: ObjectKind::Destination, name, if_version: seen.version()? };
    api.configuration.edit(&who.0, &tenant.name(), edit).await?;
    api.delivery.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}
