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
use crate::extract::In;
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_ledger), routes!(show_receipt)]
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
    /// Where its files are served to everybody.
    files: String,
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
    let signed = tokio::task::spawn_blocking(move || read.checkpoint()).await;
    let signed = signed.map_err(|error| Error::internal("read the ledger's checkpoint", &error))?;
    let signed = signed.map_err(|error| Error::internal("read the ledger's checkpoint", &error))?;
    Ok(Json(LedgerShown {
        key: log.verifier().to_string(),
        size: signed.checkpoint().size,
        checkpoint: signed.note().to_owned(),
        files: format!("/ledger/{workspace}/"),
    }))
}

#[derive(Debug, Deserialize)]
struct ReceiptOfPath {
    receipt: String,
}

/// The receipt of a choice, as its maker may keep it.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/choices/{receipt}/receipt", tag = "choices",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("receipt" = String, Path, description = "The number of the choice"),
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
