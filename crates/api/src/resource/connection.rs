//! Trying a destination out with one event about nobody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use consent::Permitted;
use control::{Action, Entry};
use delivery::response::{Verdict, Verdicts};
use delivery::{Attempt, Destination, Mapped};
use egress::{Echoes, Egress};
use event::{Call, Slug};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Caller;
use crate::error::{Code, Error, ErrorBody, Result};
use crate::extract::Body;
use crate::resource::workspace::Here;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(test_destination)]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// A `slug` of `/destination-kinds`.
    kind: String,
    /// The settings to try.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// The destination whose secrets stand where `{"secret": true}` does.
    #[serde(default)]
    name: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
struct TrialResult {
    /// Whether it took the event.
    ok: bool,
    /// The status of the answer; `null` without one.
    status: Option<u16>,
    /// The beginning of the answer, or why there is none.
    answer: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// Sends one event about nobody, marked as a test, with these settings.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace}/destinations/test", tag = "destinations", request_body = Trial,
    params(("workspace" = String, Path, description = "The workspace")),
    responses(
        (status = 200, body = TrialResult, description = "What came of it, good or bad"),
        (status = 400, body = ErrorBody, description = "Settings that cannot be"),
        (status = 429, body = ErrorBody, description = "Others are being tried out"),
    ),
)]
async fn test_destination(
    State(api): State<Api>,
    Caller(who): Caller,
    Here(tenant): Here,
    Body(trial): Body<Trial>,
) -> Result<Json<TrialResult>> {
    let busy = || Error::new(Code::Busy, "as many destinations are being tried out as may").retry_after(5);
    let _seat = Arc::clone(&api.bounds().tests).try_acquire_owned().map_err(|_| busy())?;
    let kind = api.kinds.iter().find(|kind| kind.slug == trial.kind);
    let kind = kind.ok_or_else(|| Error::no_such("destination kind", &trial.kind))?;
    let mut settings = trial.settings;
    settings.retain(|_, value| !value.is_null());
    let settings = (trial.kind.as_str(), settings);
    let settings = api.configuration.tried(&who, &tenant.name(), trial.name.as_deref(), settings).await?;
    let name: Slug = "test".parse().map_err(|error: event::InvalidSlug| Error::internal("name the test", &error))?;
    let destination = (kind.open)(&name, &settings).map_err(|error| Error::invalid(error.to_string()))?;
    let entry = Entry {
        actor: who.actor(),
        action: Action::Test,
        workspace: Some(tenant.name().to_string()),
        kind: "destination",
        object: trial.name.unwrap_or(trial.kind),
        before: None,
        after: None,
    };
    api.store.append_audit(&[entry], api.clock.now()).await?;
    Ok(Json(send(&api, &*destination).await))
}

async fn send(api: &Api, destination: &dyn Destination) -> TrialResult {
    let now = api.clock.now();
    let message_id = event::new_message_id();
    let json = json!({
        "type": "track", "event": "Assent Connection Test", "messageId": message_id, "anonymousId": "assent-test",
        "timestamp": now.to_string(), "receivedAt": now.to_string(), "properties": {"test": true}, "context": {},
    })
    .to_string();
    let began = tokio::time::Instant::now();
    let done = async {
        let mapped = Mapped { message_id: &message_id, call: Call::Track, received_at: now, json: &json };
        let (event, gate) = egress::about_nobody(mapped).ok_or("the gate did not let a test pass")?;
        let made = Permitted::try_combine(&[event], |events| destination.request(events, Attempt { number: 1, now }));
        let request = made.ok_or("no event to send")?.map_err(|error| error.to_string())?;
        let egress = Egress::new(destination.egress(), Arc::new(Echoes::default()));
        egress.send(request, &gate).await.map_err(|error| error.to_string())
    };
    let done: std::result::Result<egress::Answer, String> = done.await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match done {
        Ok(answer) => {
            let verdict = match destination.classify(&answer, now) {
                Verdicts::All(verdict) => Some(verdict),
                Verdicts::Each(each) => each.first().copied(),
            };
            let ok = matches!(verdict, Some(Verdict::Delivered));
            TrialResult { ok, status: Some(answer.status.as_u16()), answer: beginning(&answer.body), took_ms }
        }
        Err(why) => TrialResult { ok: false, status: None, answer: why, took_ms },
    }
}

fn beginning(body: &[u8]) -> String {
    const SHOWN_CHARS_MAX: usize = 2_000;
    String::from_utf8_lossy(body).chars().take(SHOWN_CHARS_MAX).collect()
}
