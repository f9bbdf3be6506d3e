//! The consent block: categories, regimes, regions, the banner; and what a visitor of some region is
//! asked by it and reads about it, published or as a draft; and how visitors answered.

use axum::Json;
use axum::extract::State;
use consent::{Experience, Notice};
use control::{Edit, Object, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{DefaultRegime, DoNotTrack, ObjectKind, Regime, Source, SourceKind, Workspace};

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Asked, Body};
use crate::resource::configured::{Fields, Seen, said};
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

/// Days where a request names none.
const DAYS: u16 = 30;
/// Days of counts that may be asked for.
const RATE_DAYS_MAX: u16 = 365;

pub(super) fn routes() -> Vec<Operations> {
    vec![
        routes!(show_categories, change_categories),
        routes!(show_experience),
        routes!(preview_consent),
        routes!(preview_notice),
        routes!(show_consent_rates),
        routes!(list_regimes),
        routes!(list_vendors),
    ]
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
pub(super) struct ConsentWritten {
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
    /// Which field of events says who is a child, as in a workspace file; `null`: nobody is known to be one.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    children: Option<Map<String, Value>>,
    /// How visitors are asked, as in a workspace file.
    #[serde(default)]
    #[schema(value_type = Object)]
    banner: Map<String, Value>,
    /// What the workspace says about itself in its notice, as in a workspace file; `null`: no notice is published.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    notice: Option<Map<String, Value>>,
    /// Days that the record of a choice is kept; what somebody refuses today stays for as long as they are known.
    #[serde(default = "record_days")]
    record_days: u16,
}

fn record_days() -> u16 {
    workspace::ConsentRules::default().record_days
}

/// A category. It may be written as its name alone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(from = "workspace::CategoryRule")]
struct CategoryWritten {
    /// Its name.
    name: String,
    /// Other keys of a stamp that mean it.
    aliases: Vec<String>,
    /// Cookies, storage keys and databases of the site that go when it is withdrawn.
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
    /// The source whose page it is; the first browser source without a banner of its own when left out.
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
    asked_of(&tenant.workspace, &visitor)
}

/// The source whose page is meant.
fn source_of<'w>(workspace: &'w Workspace, named: Option<&str>) -> Result<&'w Source> {
    let mut sources = workspace.sources.iter();
    let mut browsers = workspace.sources.iter().filter(|source| source.kind == SourceKind::Browser);
    let found = match named {
        Some(name) => sources.find(|source| source.name.as_str() == name),
        // The workspace's own banner is meant, if there is a site that shows it as it is.
        None => browsers.clone().find(|source| source.banner.is_none()).or_else(|| browsers.next()),
    };
    found.ok_or_else(|| match named {
        Some(name) => Error::no_such("source", name),
        None => Error::no_such("source of kind", "browser"),
    })
}

/// What a visitor of a workspace is asked.
fn asked_of(workspace: &Workspace, visitor: &Visitor) -> Result<Json<Value>> {
    let source = source_of(workspace, visitor.source.as_deref())?;
    let language = visitor.language.as_deref().unwrap_or_default();
    let experience = Experience::new(workspace, source, visitor.region.as_deref(), language);
    serde_json::to_value(experience).map(Json).map_err(|error| Error::internal("write what a visitor is asked", &error))
}

/// A consent block that is not published, and for whom it is looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// As it would be written.
    #[schema(value_type = ConsentWritten)]
    consent: Fields,
    /// The source whose page it is; the first browser source without a banner of its own when left out.
    #[serde(default)]
    source: Option<String>,
    /// Where the visitor is, as `DE` or `US-CA`; left out: not known.
    #[serde(default)]
    region: Option<String>,
    /// What their browser asks for, as `Accept-Language` says it.
    #[serde(default)]
    language: Option<String>,
}

/// What a visitor would be asked by a consent block that is not published. Nothing is stored. It is refused for what would
/// keep it from being written, except that its version need not be a new one yet.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/consent/preview", tag = "categories", request_body = Draft,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Object, description = "As `experience` has it"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 404, body = ErrorBody, description = "No such workspace, or it has no such source"),
    ),
)]
async fn preview_consent(Here(tenant): Here, Body(draft): Body<Draft>) -> Result<Json<Value>> {
    let workspace = drafted(&tenant, draft.consent)?;
    let Draft { source, region, language, .. } = draft;
    asked_of(&workspace, &Visitor { source, region, language })
}

/// A consent block that is not published, and for whom its notice is read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftOfNotice {
    /// As it would be written.
    #[schema(value_type = ConsentWritten)]
    consent: Fields,
    /// The source whose visitors read it; the first browser source without a banner of its own when left out.
    #[serde(default)]
    source: Option<String>,
    /// What the reader asks for, as `Accept-Language` says it.
    #[serde(default)]
    language: Option<String>,
}

/// The cookie notice that a consent block would publish if it were written. Nothing is stored, and it is refused as a preview
/// of the block is.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/consent/preview/notice", tag = "categories", request_body = DraftOfNotice,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = Object, description = "As `/v1/projects/WRITE_KEY/notice.json` has it when it is published"),
        (status = 400, body = ErrorBody, description = "It contradicts itself or the workspace"),
        (status = 404, body = ErrorBody, description = "No such workspace or source, or the block has no `notice`"),
    ),
)]
async fn preview_notice(Here(tenant): Here, Body(draft): Body<DraftOfNotice>) -> Result<Json<Value>> {
    let workspace = drafted(&tenant, draft.consent)?;
    let site = workspace.site(source_of(&workspace, draft.source.as_deref())?);
    let notice = Notice::new(site, draft.language.as_deref().unwrap_or_default());
    let notice =
        notice.ok_or_else(|| Error::new(Code::NotFound, "the draft has no `notice`: none would be published"))?;
    serde_json::to_value(notice).map(Json).map_err(|error| Error::internal("write a notice", &error))
}

/// The workspace as it would be with another consent block.
pub(super) fn drafted(tenant: &Tenant, consent: Fields) -> Result<Workspace> {
    let read = tenant.workspace.with_consent(said(consent));
    read.map_err(|error| Error::new(Code::InvalidWorkspace, error.to_string()))
}

/// How far back.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// Days, today included, as UTC has them: 1 to 365, 30 without it.
    #[serde(default)]
    #[param(minimum = 1, maximum = 365)]
    days: Option<u16>,
}

/// How visitors answered.
#[derive(Debug, Serialize, ToSchema)]
struct Rates {
    /// The beginning of the first day.
    since: At,
    /// By what was shown. Imports and traits of `identify` are not in it: no banner of this workspace asked for them.
    rows: Vec<RateShown>,
}

/// The choices of one regime, version and language, each `null` where the page did not say.
#[derive(Debug, Serialize, ToSchema)]
struct RateShown {
    /// The regime under which the page asked.
    regime: Option<String>,
    /// The version of the banner.
    banner_version: Option<u32>,
    /// The language of its words.
    language: Option<String>,
    /// All choices: the sum of the four that follow.
    choices: u64,
    /// Granted everything that was asked for.
    accepted_all: u64,
    /// Refused everything.
    rejected_all: u64,
    /// Granted some and refused some.
    partial: u64,
    /// Taken back, by the control that withdraws.
    withdrawn: u64,
    /// How many of all choices granted what: the categories of today, and any other that was granted then.
    by_category: Vec<CategoryRate>,
}

/// How often a category was granted.
#[derive(Debug, Serialize, ToSchema)]
struct CategoryRate {
    /// Its name.
    category: String,
    /// Choices that granted it.
    granted: u64,
}

/// How visitors answered, by regime, version and language of what they were shown.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/consent/rates", tag = "categories",
    params(("workspace" = String, Path, description = "The workspace"), Days),
    responses(
        (status = 200, body = Rates, description = "Counted by day of arrival"),
        (status = 400, body = ErrorBody, description = "Too few or too many days"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_consent_rates(
    State(api): State<Api>,
    Here(tenant): Here,
    Asked(Days { days }): Asked<Days>,
) -> Result<Json<Rates>> {
    let days = days_of(days, RATE_DAYS_MAX)?;
    let since = control::day_of(api.clock.now()) - i64::from(days - 1);
    let found = api.store.rates(&tenant.name(), since).await?;
    let rules = tenant.workspace.consent.categories.iter();
    let names: Vec<&str> = rules.map(|rule| rule.name.as_str()).filter(|name| *name != workspace::REQUIRED).collect();
    let rows = found.into_iter().map(|(key, mut rate)| {
        for name in &names {
            rate.granted.entry((*name).to_owned()).or_default();
        }
        RateShown {
            choices: rate.choices(),
            regime: Some(key.regime).filter(|regime| !regime.is_empty()),
            banner_version: Some(key.version).filter(|version| *version > 0),
            language: Some(key.language).filter(|language| !language.is_empty()),
            accepted_all: rate.accepted_all,
            rejected_all: rate.rejected_all,
            partial: rate.partial,
            withdrawn: rate.withdrawn,
            by_category: rate
                .granted
                .into_iter()
                .map(|(category, granted)| CategoryRate { category, granted })
                .collect(),
        }
    });
    Ok(Json(Rates { since: At(control::day_begins(since)), rows: rows.collect() }))
}

/// Days of a request, 30 where it says none.
pub(super) fn days_of(days: Option<u16>, days_max: u16) -> Result<u16> {
    let days = days.unwrap_or(DAYS);
    if !(1..=days_max).contains(&days) {
        return Err(Error::invalid(format!("`days` must be between 1 and {days_max}")));
    }
    Ok(days)
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

/// The catalogue of vendors.
#[derive(Debug, Serialize, ToSchema)]
struct Vendors {
    /// Its version.
    version: u32,
    /// The day as of which it was written.
    as_of: &'static str,
    /// Its vendors, field by field as a workspace file writes them under `banner.vendors`.
    #[schema(value_type = Vec<Object>)]
    items: &'static [workspace::VendorEntry],
}

/// The vendors that Assent knows: an `id` under `banner.vendors` takes the rest from here.
#[utoipa::path(
    get, path = "/api/v1/vendors", tag = "categories",
    responses((status = 200, body = Vendors, description = "All of them")),
)]
async fn list_vendors() -> Json<Vendors> {
    let catalogue = workspace::Catalogue::get();
    Json(Vendors { version: catalogue.version, as_of: &catalogue.as_of, items: &catalogue.vendors })
}
