//! SQL over the lake, bounded. Whoever asks says what for, and gets the rows that may be used so; the whole table is for the
//! workspace's operators, who repair it and answer the people whom it is about.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use consent::Use;
use control::{Role, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use workspace::{Purpose, REQUIRED, RecipientRole};

use crate::Api;
use crate::access::{Caller, Sight};
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::Body;
use crate::lake::{LakeColumn, LakeQuestion};
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(query_lake), routes!(show_lake_schema)]
}

/// Rows without `rows_max`.
const ROWS: usize = 1_000;
/// The most that may be asked for: a page has to hold it.
const ROWS_MAX: usize = 10_000;
/// The longest query text.
pub(super) const SQL_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LakeQuery {
    /// One `SELECT` over the table `events`.
    sql: String,
    /// Rows at most: 1 to 10000, 1000 without it. The rest is cut.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10000)]
    rows_max: Option<usize>,
    /// What the rows are used for. Needed below the role `admin`; without it, admins and owners ask the whole table, as its
    /// operators may for repair and for requests of the people whom it is about.
    #[serde(default, rename = "use")]
    declared: Option<DeclaredUse>,
}

/// A use of events: those that may not be used so are left out, by the stamp of their capture and the choices of today.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeclaredUse {
    /// `service`, `security`, `analytics`, `personalisation`, `advertising`, `sale`, `sharing`, `research`, or one of your own.
    #[schema(value_type = String)]
    purpose: Purpose,
    /// The categories that it needs; all must be granted.
    categories: Vec<String>,
    /// `service_provider` (without it) or `third_party`: for whom the rows are.
    #[serde(default = "ourselves")]
    #[schema(value_type = String)]
    recipient: RecipientRole,
}

/// Who asks acts for the workspace, unless it says otherwise.
fn ourselves() -> RecipientRole {
    RecipientRole::ServiceProvider
}

#[derive(Debug, Serialize, ToSchema)]
struct LakeAnswer {
    /// The columns in their order.
    columns: Vec<LakeColumn>,
    /// The rows, each with a value per column.
    #[schema(value_type = Vec<Vec<Object>>)]
    rows: Vec<Vec<Value>>,
    /// Whether there were more rows.
    truncated: bool,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// A table that can be asked.
#[derive(Debug, Serialize, ToSchema)]
struct LakeTable {
    /// Its name in SQL.
    name: &'static str,
    /// Its columns in their order.
    columns: Vec<LakeColumn>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LakeSchema {
    tables: Vec<LakeTable>,
}

/// Asks the lake. Identifiers and contents of events are `null` for whoever may not see personal data. Whoever is below
/// `admin` says under `use` what the rows are for, so that a withdrawal counts for what is stored too.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/lake/query", tag = "lake", request_body = LakeQuery,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = LakeAnswer, description = "The rows"),
        (status = 400, body = ErrorBody, description = "The engine did not take or not finish it"),
        (status = 403, body = ErrorBody, description = "It says no `use`, which the role must"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
        (status = 429, body = ErrorBody, description = "Others ask already"),
    ),
)]
async fn query_lake(
    State(api): State<Api>,
    who: Caller,
    sight: Sight,
    Here(tenant): Here,
    Body(query): Body<LakeQuery>,
) -> Result<Json<LakeAnswer>> {
    let rows_max = query.rows_max.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&rows_max) {
        return Err(Error::invalid(format!("`rows_max` must be between 1 and {ROWS_MAX}")));
    }
    if query.sql.len() > SQL_BYTES_MAX {
        return Err(Error::invalid(format!("`sql` has more than {SQL_BYTES_MAX} bytes")));
    }
    let personal_data = sight.sees_personal_data();
    let purpose = match query.declared {
        Some(declared) => Some((Arc::clone(&tenant.gate), read(declared, &tenant)?)),
        None if who.is_at_least(Role::Admin) => None,
        None => return Err(no_use(&who, &tenant)),
    };
    let question = LakeQuestion { workspace: tenant.name(), sql: query.sql, rows_max, personal_data, purpose };
    let (rows, took_ms) = ask(&api, question).await?;
    Ok(Json(LakeAnswer { columns: rows.columns, rows: rows.rows, truncated: rows.is_truncated, took_ms }))
}

fn read(declared: DeclaredUse, tenant: &Tenant) -> Result<Use> {
    let DeclaredUse { purpose, categories, recipient } = declared;
    let read = Use::of_query(purpose, &categories, recipient, &tenant.gate.rules().categories);
    read.map_err(|error| Error::invalid(format!("`use`: {error}")))
}

/// What to add, with a category that the workspace has.
fn no_use(who: &Caller, tenant: &Tenant) -> Error {
    let mut names = tenant.workspace.consent.categories.iter().map(|rule| rule.name.as_str());
    let category = names.find(|name| *name != REQUIRED).unwrap_or(REQUIRED);
    let example = format!(r#""use": {{"purpose": "analytics", "categories": ["{category}"]}}"#);
    let role = who.0.rights.role;
    Error::new(Code::UseMissing, format!("a question by the role `{role}` says what its rows are for: add `{example}`"))
}

/// The tables of the lake and their columns.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/lake/schema", tag = "lake",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = LakeSchema, description = "All tables"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
        (status = 429, body = ErrorBody, description = "Others ask already"),
    ),
)]
async fn show_lake_schema(State(api): State<Api>, Here(tenant): Here) -> Result<Json<LakeSchema>> {
    let sql = "select * from events limit 0".to_owned();
    let question = LakeQuestion { workspace: tenant.name(), sql, rows_max: 1, personal_data: false, purpose: None };
    let (rows, _) = ask(&api, question).await?;
    Ok(Json(LakeSchema { tables: vec![LakeTable { name: "events", columns: rows.columns }] }))
}

async fn ask(api: &Api, question: LakeQuestion) -> Result<(crate::lake::LakeRows, u64)> {
    let busy = || Error::new(Code::Busy, "as many queries run as may").retry_after(5);
    let _seat = Arc::clone(&api.bounds().queries).try_acquire_owned().map_err(|_| busy())?;
    let began = tokio::time::Instant::now();
    let rows = api.lake.ask(question).await.map_err(|error| Error::new(Code::QueryFailed, error))?;
    Ok((rows, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
}
