//! The consent block: categories, regimes, regions.

use axum::Json;
use axum::extract::State;
use control::{Edit, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{DoNotTrack, ObjectKind, Regime};

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said};
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_categories, change_categories)]
}

/// How consent is read in a workspace.
#[derive(Debug, Serialize, ToSchema)]
struct Consent {
    #[serde(flatten)]
    written: ConsentWritten,
    /// The file that declares it, so that it cannot be changed here; `null`: it can.
    declared_by: Option<String>,
    /// Its version, to be sent with a change; 0 when nobody ever wrote it.
    version: i64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ConsentWritten {
    /// The categories, `required` among them.
    categories: Vec<CategoryWritten>,
    /// What holds before a visitor has chosen, in regions without a row.
    #[schema(schema_with = crate::schema::regime)]
    default_regime: Regime,
    /// Regimes by region, as `{"US": "opt-out"}`.
    #[schema(value_type = Object)]
    regions: Map<String, Value>,
    /// Traits of `identify` that carry an explicit choice: trait → category.
    #[schema(value_type = Object)]
    choice_traits: Map<String, Value>,
    /// What `DNT: 1` means.
    #[schema(schema_with = crate::schema::do_not_track)]
    do_not_track: DoNotTrack,
}

/// A category. It may be written as its name alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "workspace::CategoryRule")]
struct CategoryWritten {
    /// Its name.
    name: String,
    /// Other keys of a stamp that mean it.
    aliases: Vec<String>,
}

impl From<workspace::CategoryRule> for CategoryWritten {
    fn from(rule: workspace::CategoryRule) -> Self {
        Self { name: rule.name.to_string(), aliases: rule.aliases.iter().map(ToString::to_string).collect() }
    }
}

fn shown(object: Object) -> Result<Json<Consent>> {
    let read: std::result::Result<ConsentWritten, _> = serde_json::from_value(object.body.into());
    let written = read.map_err(|error| Error::internal("read the consent block that it stores", &error))?;
    Ok(Json(Consent { written, declared_by: object.declared_by, version: object.version }))
}

/// The categories and how consent is read.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/categories", tag = "categories",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Consent, description = "As it is"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_categories(State(api): State<Api>, Here(tenant): Here) -> Result<Json<Consent>> {
    let kind = ObjectKind::Consent;
    shown(api.configuration.object(&tenant.name(), kind, kind.name()).await?)
}

/// Writes the categories and how consent is read anew, as a whole.
#[utoipa::path(
    put, path = "/api/v1/workspaces/{workspace}/categories", tag = "categories", request_body = ConsentWritten,
    params(("workspace" = String, Path, description = "The workspace"), Seen),
    responses(
        (status = 200, body = Consent, description = "Changed"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 409, body = ErrorBody, description = "It was changed meanwhile, or a file declares it"),
    ),
)]
async fn change_categories(
    State(api): State<Api>,
    Caller(who): Caller,
    Here(tenant): Here,
    Asked(seen): Asked<Seen>,
    Body(fields): Body<Fields>,
) -> Result<Json<Consent>> {
    let (kind, if_version) = (ObjectKind::Consent, seen.version()?);
    let edit = Edit::Replace { kind, name: kind.name().to_owned(), body: said(fields), if_version };
    api.configuration.edit(&who, &tenant.name(), edit).await?;
    shown(api.configuration.object(&tenant.name(), kind, kind.name()).await?)
}
