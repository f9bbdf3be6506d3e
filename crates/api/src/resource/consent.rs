//! The consent block: categories, regimes, regions, the banner; and what a visitor of some region is asked by it.

use axum::Json;
use axum::extract::State;
use consent::Experience;
use control::{Edit, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{DefaultRegime, DoNotTrack, ObjectKind, Regime, SourceKind};

use crate::Api;
use crate::access::Caller;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said};
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_categories, change_categories), routes!(show_experience), routes!(list_regimes)]
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
    #[schema(schema_with = crate::schema::default_regime)]
    default_regime: DefaultRegime,
    /// The workspace's own rows by region, as `{"US": "opt-out"}`.
    #[schema(value_type = Object)]
    regions: Map<String, Value>,
    /// Traits of `identify` that carry an explicit choice: trait → category.
    #[schema(value_type = Object)]
    choice_traits: Map<String, Value>,
    /// What `DNT: 1` means.
    #[schema(schema_with = crate::schema::do_not_track)]
    do_not_track: DoNotTrack,
    /// How visitors are asked, as in a workspace file.
    #[serde(default)]
    #[schema(value_type = Object)]
    banner: Map<String, Value>,
}

/// A category. It may be written as its name alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "workspace::CategoryRule")]
struct CategoryWritten {
    /// Its name.
    name: String,
    /// Other keys of a stamp that mean it.
    aliases: Vec<String>,
    /// Cookies and storage keys of the site that go when it is withdrawn.
    erase: Vec<String>,
}

impl From<workspace::CategoryRule> for CategoryWritten {
    fn from(rule: workspace::CategoryRule) -> Self {
        let aliases = rule.aliases.iter().map(ToString::to_string).collect();
        Self { name: rule.name.to_string(), aliases, erase: rule.erase }
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

/// For whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Visitor {
    /// The source whose page it is; the first browser source when left out.
    #[serde(default)]
    source: Option<String>,
    /// Where they are, as `DE` or `US-CA`; left out: not known.
    #[serde(default)]
    region: Option<String>,
    /// What their browser asks for, as `Accept-Language` says it.
    #[serde(default)]
    language: Option<String>,
}

/// What a visitor is asked: the document that their page gets under `assent` in its settings.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/experience", tag = "categories",
    params(("workspace" = String, Path, description = "The workspace"), Visitor),
    responses(
        (status = 200, body = Object, description = "As web/sdk/src/settings.ts describes it"),
        (status = 404, body = ErrorBody, description = "No such workspace, or it has no such source"),
    ),
)]
async fn show_experience(Here(tenant): Here, Asked(visitor): Asked<Visitor>) -> Result<Json<Value>> {
    let mut sources = tenant.workspace.sources.iter();
    let found = match &visitor.source {
        Some(name) => sources.find(|source| source.name.as_str() == name),
        None => sources.find(|source| source.kind == SourceKind::Browser),
    };
    let source = found.ok_or_else(|| match &visitor.source {
        Some(name) => Error::no_such("source", name),
        None => Error::no_such("source of kind", "browser"),
    })?;
    let language = visitor.language.as_deref().unwrap_or_default();
    let experience = Experience::new(&tenant.workspace, source, visitor.region.as_deref(), language);
    serde_json::to_value(experience).map(Json).map_err(|error| Error::internal("write what a visitor is asked", &error))
}

/// The table of regimes.
#[derive(Debug, Serialize, ToSchema)]
struct Regimes {
    /// Its version, recorded with every choice.
    version: u32,
    /// The day as of which it was written.
    as_of: &'static str,
    /// Its rows.
    items: Vec<RegimeShown>,
}

/// One regime.
#[derive(Debug, Serialize, ToSchema)]
struct RegimeShown {
    /// As it is configured.
    id: &'static str,
    /// For people.
    title: &'static str,
    /// Its row, field by field.
    #[schema(value_type = Object)]
    row: &'static workspace::RegimeRow,
}

/// The regimes that Assent knows.
#[utoipa::path(
    get, path = "/api/v1/regimes", tag = "categories",
    responses((status = 200, body = Regimes, description = "All of them")),
)]
async fn list_regimes() -> Json<Regimes> {
    let items = Regime::all()
        .map(|regime| RegimeShown { id: regime.id(), title: &regime.row().title, row: regime.row() })
        .collect();
    Json(Regimes { version: Regime::table_version(), as_of: Regime::table_as_of(), items })
}
