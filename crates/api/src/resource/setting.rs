//! The settings of the server in force, to be read. They are changed in its file.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::router::Operations;
use crate::server_facts::{SettingFact, Storage};

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_settings)]
}

#[derive(Debug, Serialize, ToSchema)]
struct ServerSettings {
    /// All of them, in the order of the reference page.
    items: Vec<SettingFact>,
    /// The version of the server.
    version: &'static str,
    /// The disk; `null` when it cannot be asked.
    storage: Option<Storage>,
}

/// The settings of the server in force.
#[utoipa::path(
    get, path = "/api/v1/settings", tag = "settings",
    responses((status = 200, body = ServerSettings, description = "All of them")),
)]
async fn list_settings(State(api): State<Api>) -> Json<ServerSettings> {
    let look = std::sync::Arc::clone(&api.storage);
    let storage = tokio::task::spawn_blocking(move || look()).await.unwrap_or_default();
    Json(ServerSettings { items: api.settings.clone(), version: api.version, storage })
}
