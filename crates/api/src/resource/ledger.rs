//! The ledger: its state and receipts for whoever is signed in, its files for everybody.
//!
//! The files are public because a log that only its owner can read proves nothing; they hold no word about anybody.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use control::{Evidence, Issued};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::{Asked, In};
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_ledger), routes!(list_configurations), routes!(show_configuration), routes!(show_receipt)]
}

/// Where a ledger stands.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerShown {
    /// Its public key, for `assent ledger verify`.
    key: String,
    /// Leaves that are published.
    size: u64,
    /// The last signed checkpoint, as C2SP `tlog-checkpoint` has it. Keep one elsewhere.
    checkpoint: String,
    /// When that checkpoint was published, by the time of its file; a copy of the data directory may have another. `null`: the
    /// file system does not tell.
    published_at: Option<At>,
    /// Where its files are served to everybody.
    files: String,
    /// Whether the last checkpoint is held outside of the data directory (`ledger_anchor_dir`). `false`: after a restored backup
    /// this ledger would sign a second history, and only who holds a receipt or a checkpoint could show that.
    anchored: bool,
}

fn ledger_of(api: &Api, workspace: &str) -> Result<Evidence> {
    let closed =
        || Error::new(Code::Busy, "the ledger is not open; if that lasts, the server's log says why").retry_after(1);
    (api.evidence)(workspace).ok_or_else(closed)
}

/// Where the ledger of a workspace stands.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/ledger", tag = "choices",
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = LedgerShown, description = "As it is published"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn show_ledger(State(api): State<Api>, Here(tenant): Here) -> Result<Json<LedgerShown>> {
    let workspace = tenant.name();
    let log = std::sync::Arc::clone(ledger_of(&api, &workspace)?.log());
    let read = std::sync::Arc::clone(&log);
    let read = tokio::task::spawn_blocking(move || (read.checkpoint(), read.published_at())).await;
    let (signed, published_at) = read.map_err(|error| Error::internal("read the ledger's checkpoint", &error))?;
    let signed = signed.map_err(|error| Error::internal("read the ledger's checkpoint", &error))?;
    Ok(Json(LedgerShown {
        key: log.verifier().to_string(),
        size: signed.checkpoint().size,
        checkpoint: signed.note().to_owned(),
        published_at: published_at.and_then(At::of),
        files: format!("/ledger/{workspace}/"),
        anchored: log.is_anchored(),
    }))
}

/// Where a page begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Before {
    /// Only versions before this one; the latest when left out.
    #[serde(default)]
    before: Option<i64>,
}

/// Versions of the configuration, latest first.
#[derive(Debug, Serialize, ToSchema)]
struct ConfigurationVersions {
    items: Vec<VersionShown>,
    /// The version to ask for those `before`; `null` at the end.
    next: Option<i64>,
}

/// A version of the configuration.
#[derive(Debug, Serialize, ToSchema)]
struct VersionShown {
    /// Its number. Numbers are counted over all workspaces, so some are missing.
    version: i64,
    /// Who made it.
    actor: String,
    /// When.
    at: At,
    /// SHA-256 of its text, in hex: what its leaf in the ledger commits to.
    sha256: String,
    /// The number of its record: `choices/{receipt}/receipt` gives its receipt.
    receipt: String,
}

/// The versions of the configuration that have a leaf in the ledger, latest first.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/ledger/configurations", tag = "choices",
    params(("workspace" = String, Path, description = "The workspace"), Before),
    responses(
        (status = 200, body = ConfigurationVersions, description = "Up to 100 of them"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
    ),
)]
async fn list_configurations(
    State(api): State<Api>,
    Here(tenant): Here,
    Asked(Before { before }): Asked<Before>,
) -> Result<Json<ConfigurationVersions>> {
    const PAGE: u32 = 100;
    let found = api.store.configuration_versions(&tenant.name(), before, PAGE).await?;
    let next = (found.len() as u64 == u64::from(PAGE)).then(|| found.last().map(|last| last.version)).flatten();
    let shown = |one: control::RecordedVersion| VersionShown {
        version: one.version,
        actor: one.actor,
        at: At(one.at),
        sha256: one.sha256,
        receipt: one.receipt.to_string(),
    };
    Ok(Json(ConfigurationVersions { items: found.into_iter().map(shown).collect(), next }))
}

#[derive(Debug, Deserialize)]
struct VersionOfPath {
    version: i64,
}

/// The text of a version of the configuration, with secrets and write keys masked: `sha256sum` of it is what its leaf
/// commits to.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/ledger/configurations/{version}", tag = "choices",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("version" = i64, Path, description = "Its number"),
    ),
    responses(
        (status = 200, content_type = "application/yaml", body = String, description = "As the workspace was, byte by byte"),
        (status = 404, body = ErrorBody, description = "No such workspace or version"),
    ),
)]
async fn show_configuration(
    State(api): State<Api>,
    Here(tenant): Here,
    In(VersionOfPath { version }): In<VersionOfPath>,
) -> Result<Response> {
    let text = api.store.configuration_text(&tenant.name(), version).await?;
    let text = text.ok_or_else(|| Error::no_such("version of the configuration", &version.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/yaml"), (CACHE_CONTROL, "private, no-store")], text).into_response())
}

#[derive(Debug, Deserialize)]
struct ReceiptOfPath {
    receipt: String,
}

/// The receipt of a choice, as its maker may keep it; also that of a version of the configuration.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/choices/{receipt}/receipt", tag = "choices",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("receipt" = String, Path, description = "The number of the choice, or of the version's record"),
    ),
    responses(
        (status = 200, content_type = "application/ld+json", body = String, description = "To be kept as it is: a byte more, and it does not verify"),
        (status = 404, body = ErrorBody, description = "No such choice, or what opens it was erased"),
    ),
)]
async fn show_receipt(
    State(api): State<Api>,
    Here(tenant): Here,
    In(ReceiptOfPath { receipt }): In<ReceiptOfPath>,
) -> Result<Response> {
    let unknown = || Error::no_such("choice", &receipt);
    let number = control::Receipt::parse(&receipt).ok_or_else(unknown)?;
    let evidence = ledger_of(&api, &tenant.name())?;
    let issued = evidence.receipt(number).await.map_err(|error| Error::internal("prove a choice", &error))?;
    let Issued::Receipt(text) = issued else { return Err(unknown()) };
    let disposition = format!("attachment; filename=\"receipt-{number}.json\"");
    let headers = [(CONTENT_TYPE, "application/ld+json"), (CACHE_CONTROL, "private, no-store")];
    Ok((headers, [(CONTENT_DISPOSITION, disposition)], text).into_response())
}

/// The files of a log by their names in C2SP `tlog-tiles`, and `key`. For everybody, from every site.
pub(crate) async fn file(State(api): State<Api>, Path((workspace, name)): Path<(String, String)>) -> Result<Response> {
    let tenant = api.directory.tenant(&workspace).ok_or_else(|| Error::no_such("workspace", &workspace))?;
    let log = std::sync::Arc::clone(ledger_of(&api, &tenant.name())?.log());
    let anyone = [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    if name == "key" {
        return Ok((anyone, [(CACHE_CONTROL, "no-cache")], format!("{}\n", log.verifier())).into_response());
    }
    let asked = name.clone();
    let served = tokio::task::spawn_blocking(move || log.served(&asked)).await;
    let served = served.map_err(|error| Error::internal("read the ledger", &error))?;
    let served = served.map_err(|error| Error::internal("read the ledger", &error))?;
    let served = served.ok_or_else(|| Error::no_such("file of the ledger", &name))?;
    let cache = if served.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(CONTENT_TYPE, served.content_type), (CACHE_CONTROL, cache)];
    Ok((anyone, headers, served.bytes).into_response())
}
