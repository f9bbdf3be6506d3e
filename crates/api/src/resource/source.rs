//! Sources: where events come from.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Edit, Object, PublishTo, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{Basis, Compat, ObjectKind, Sdk, SourceKind};

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said, said_of, version_in};
use crate::resource::workspace::{Here, Of};
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(list_sources, create_source),
        routes!(show_source, change_source, delete_source),
        routes!(publish_banner),
    ]
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    #[serde(flatten)]
    written: SourceWritten,
    /// The file that declares it, so that it cannot be changed here; `null`: it can.
    declared_by: Option<String>,
    /// What your own server proves with who is signed in on its pages (`banner.other_devices`): a secret, derived from the
    /// write key. `null` for whoever is less than an admin.
    proof_key: Option<String>,
    /// Its version, to be sent with a change.
    version: i64,
    /// When its first event since the server's start was seen; `null`: none was.
    first_event_at: Option<At>,
    /// When its latest event was seen; `null`: none since the server's start.
    last_event_at: Option<At>,
}

/// What is written about a source.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct SourceWritten {
    /// Its name.
    name: String,
    /// What sends.
    #[schema(schema_with = crate::schema::source_kind)]
    kind: SourceKind,
    /// The key that SDKs send; `null` for whoever is less than an admin.
    #[serde(default)]
    write_key: Option<String>,
    /// The category that must be granted before it may collect by consent.
    category: String,
    /// By what right it collects; `null`: by consent.
    #[serde(default)]
    #[schema(schema_with = crate::schema::basis_or_null)]
    basis: Option<Basis>,
    /// Whose reading of missing stamps it follows; `null`: Assent's.
    #[serde(default)]
    #[schema(schema_with = crate::schema::compat_or_null)]
    compat: Option<Compat>,
    /// The script that a page gets; `null`: Assent's own, or Segment's where `compat` says so.
    #[serde(default)]
    #[schema(schema_with = crate::schema::sdk_or_null)]
    sdk: Option<Sdk>,
    /// The region of all its events; `null`: from the address.
    #[serde(default)]
    region: Option<String>,
    /// Whether its events are kept.
    enabled: bool,
    /// What its site asks otherwise than `banner` of the consent block, as in a workspace file; `null`: nothing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    banner: Option<Map<String, Value>>,
}

/// A source to create or to write anew. What is left out is as in a workspace file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `control` reads, for the OpenAPI document")]
struct SourceToWrite {
    /// Its name. Cannot be changed.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$")]
    name: String,
    /// What sends.
    #[schema(schema_with = crate::schema::source_kind)]
    kind: SourceKind,
    /// The key that SDKs send. Left out: a new source gets one, a known one keeps its own.
    write_key: Option<String>,
    /// The category that must be granted before it may collect by consent.
    category: Option<String>,
    /// By what right it collects; a source of kind `server` must say it.
    #[schema(schema_with = crate::schema::basis_or_null, required = false)]
    basis: Option<Basis>,
    /// Whose reading of missing stamps it follows.
    #[schema(schema_with = crate::schema::compat_or_null, required = false)]
    compat: Option<Compat>,
    /// The script that a page gets: Assent's own, which asks, or Segment's.
    #[schema(schema_with = crate::schema::sdk_or_null, required = false)]
    sdk: Option<Sdk>,
    /// The region of all its events.
    region: Option<String>,
    /// Whether its events are kept.
    enabled: Option<bool>,
    /// What its site asks otherwise than `banner` of the consent block, as in a workspace file; for browsers only. Where it
    /// changes what visitors are shown, `version` of that banner is raised with it.
    #[schema(value_type = Option<Object>)]
    banner: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceList {
    items: Vec<Source>,
    /// The cursor of the next page.
    next: Option<String>,
}

fn shown(api: &Api, workspace: &str, object: Object, who: &Caller) -> Result<Source> {
    let read: std::result::Result<SourceWritten, _> = serde_json::from_value(object.body.into());
    let mut written = read.map_err(|error| Error::internal("read a source that it stores", &error))?;
    written.write_key = written.write_key.filter(|_| who.is_at_least(Role::Admin));
    let tenant = api.directory.tenant(workspace);
    let proof_key = written.write_key.as_ref().zip(tenant).map(|(key, tenant)| tenant.fingerprints.proof_key(key));
    let seen = api.history.source(workspace, &written.name);
    Ok(Source {
        written,
        declared_by: object.declared_by,
        proof_key,
        version: object.version,
        first_event_at: seen.map(|(first, _)| At(first)),
        last_event_at: seen.map(|(_, last)| At(last)),
    })
}

async fn edited(api: &Api, who: &Caller, workspace: &str, edit: Edit) -> Result<Json<Source>> {
    let object = api.configuration.edit(&who.0, workspace, edit).await?;
    let object = object.ok_or_else(|| Error::internal("find what it has just stored", &"it is gone"))?;
    Ok(Json(shown(api, workspace, object, who)?))
}

/// All sources by name.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/sources", tag = "sources",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = SourceList, description = "All of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_sources(State(api): State<Api>, who: Caller, Here(tenant): Here) -> Result<Json<SourceList>> {
    let workspace = tenant.name();
    let objects = api.configuration.objects(&workspace, ObjectKind::Source).await?;
    let items = objects.into_iter().map(|object| shown(&api, &workspace, object, &who)).collect::<Result<_>>()?;
    Ok(Json(SourceList { items, next: None }))
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
async fn show_source(State(api): State<Api>, who: Caller, Of { tenant, name }: Of) -> Result<Json<Source>> {
    let workspace = tenant.name();
    let object = api.configuration.object(&workspace, ObjectKind::Source, &name).await?;
    Ok(Json(shown(&api, &workspace, object, &who)?))
}

/// Creates a source; it takes events at once.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/sources", tag = "sources", request_body = SourceToWrite,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 201, body = Source, description = "Created"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 409, body = ErrorBody, description = "The name is taken"),
    ),
)]
async fn create_source(
    State(api): State<Api>,
    who: Caller,
    Here(tenant): Here,
    Body(fields): Body<Fields>,
) -> Result<(StatusCode, Json<Source>)> {
    let edit = Edit::Create { kind: ObjectKind::Source, body: said(fields) };
    Ok((StatusCode::CREATED, edited(&api, &who, &tenant.name(), edit).await?))
}

/// Writes a source anew, as a whole.
#[utoipa::path(
    put, path = "/api/v1/workspaces/{workspace}/sources/{name}", tag = "sources", request_body = SourceToWrite,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The source"),
        Seen,
    ),
    responses(
        (status = 200, body = Source, description = "Changed"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 404, body = ErrorBody, description = "No such source"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn change_source(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
    Body(fields): Body<Fields>,
) -> Result<Json<Source>> {
    let (if_version, body) = (seen.version()?, said_of(&name, fields));
    let edit = Edit::Replace { kind: ObjectKind::Source, name, body, if_version };
    edited(&api, &who, &tenant.name(), edit).await
}

/// Removes a source. Its write key is unknown from then on.
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{workspace}/sources/{name}", tag = "sources",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The source"),
        Seen,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 400, body = ErrorBody, description = "A destination reads from it"),
        (status = 404, body = ErrorBody, description = "No such source"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn delete_source(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(seen): Asked<Seen>,
) -> Result<StatusCode> {
    let edit = Edit::Delete { kind: ObjectKind::Source, name, if_version: seen.version()? };
    api.configuration.edit(&who.0, &tenant.name(), edit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a banner is published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Publishing {
    /// The source that gets it, in the place of its own; left out: it goes into `banner` of the consent block, from which
    /// every source inherits.
    #[serde(default)]
    to: Option<String>,
}

/// What the author of a publication saw of both sides.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BothSeen {
    /// The `version` of the source whose banner it is, as it was read.
    #[serde(default)]
    #[param(required = true)]
    if_version: Option<i64>,
    /// The `version`, as it was read, of what is written over: of the source `to`, else of the consent block, as
    /// `categories` answers it. Another one means that somebody changed it meanwhile, and their edit would be lost.
    #[serde(default)]
    #[param(required = true)]
    to_version: Option<i64>,
}

/// Moves the banner of a source to where other visitors meet it, in one step: what was tried on one site is published. What
/// belongs to its host (`cookie_domain`, `frames`) stays with the source, and nothing else. Where it changes what visitors
/// are shown, `version` of the banner is raised.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/sources/{name}/banner/publish", tag = "sources",
    request_body = Publishing,
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("name" = String, Path, description = "The source whose banner it is"),
        BothSeen,
    ),
    responses(
        (status = 200, body = Source, description = "Published; the source as it is now"),
        (status = 400, body = ErrorBody, description = "It has no banner, or what it says may not be published there"),
        (status = 404, body = ErrorBody, description = "No such source"),
        (status = 409, body = ErrorBody, description = "One of both was changed meanwhile, or a file declares what would change"),
    ),
)]
async fn publish_banner(
    State(api): State<Api>,
    who: Caller,
    Of { tenant, name }: Of,
    Asked(versions): Asked<BothSeen>,
    Body(publishing): Body<Publishing>,
) -> Result<Json<Source>> {
    let workspace = tenant.name();
    let from = (name.as_str(), version_in("if_version", versions.if_version)?);
    let to = publishing.to.map_or(PublishTo::Workspace, PublishTo::Source);
    let to = (&to, version_in("to_version", versions.to_version)?);
    let object = api.configuration.publish_banner(&who.0, &workspace, from, to).await?;
    Ok(Json(shown(&api, &workspace, object, &who)?))
}
