//! What happens now, as a stream.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Method};
use utoipa_axum::routes;

use crate::Api;
use crate::access::{self, Caller, Sight};
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::Asked;
use crate::live::{Filter, Reader, stream};
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(watch_live)]
}

/// How soon a reader who lost their login or their right sees nothing more.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Returns when whoever asked is no longer who they were. If they still may look, they come again.
async fn lost(api: Api, who: Caller, headers: HeaderMap) {
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        match access::identify(&api, &Method::GET, &headers).await {
            Ok(Some(now)) if now.0.rights == who.0.rights => {}
            // Whether they may cannot be told: then they may not.
            Ok(_) | Err(_) => return,
        }
    }
}

/// What happens now: server-sent events `line` (JSON) and `lagged` (`{"skipped": n}`: more happened than a person can
/// follow). Ends after ten minutes; come again then.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/live", tag = "live",
    params(("workspace" = String, Path, description = "The workspace"), Filter),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "The stream"),
        (status = 404, body = ErrorBody, description = "No such workspace"),
        (status = 429, body = ErrorBody, description = "Too many look already"),
    ),
)]
async fn watch_live(
    State(api): State<Api>,
    (who, headers): (Caller, HeaderMap),
    sight: Sight,
    Here(tenant): Here,
    Asked(filter): Asked<Filter>,
) -> Result<Response> {
    let busy = || Error::new(Code::Busy, "as many people look at live views as may").retry_after(10);
    let seat = std::sync::Arc::clone(&api.bounds().viewers).try_acquire_owned().map_err(|_| busy())?;
    let reader = Reader { workspace: tenant.name(), filter, sees_personal_data: sight.sees_personal_data() };
    let pieces = stream(&api.window, reader, api.stopping.clone());
    let pieces = pieces.take_until(Box::pin(lost(api, who, headers))).map(move |piece| {
        // Held as long as the stream is.
        let _seat = &seat;
        Ok::<_, std::convert::Infallible>(piece)
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
