//! One event: as it was received, and what became of it at each output.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use consent::{ReasonKind, Stamp};
use control::Tenant;
use delivery::{Outcome, OutputTrace};
use eventlog::record::{Processed, Raw};
use eventlog::{EventLog, Partition, Position};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::access::Sight;
use crate::error::{Error, ErrorBody, Result};
use crate::extract::In;
use crate::resource::workspace::Here;
use crate::router::Operations;
use crate::time::At;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(show_event)]
}

#[derive(Debug, Deserialize)]
struct MessageId {
    message_id: String,
}

/// An event and its fate.
#[derive(Debug, Serialize, ToSchema)]
struct EventTrace {
    /// Its id.
    message_id: String,
    /// When its request arrived; `null` when that is longer ago than seven days, and a replay of it is known only.
    received_at: Option<At>,
    /// Its source; `null` when its record is gone from the log.
    source: Option<String>,
    /// As it was received, addresses cut; `null` when its record is gone from the log. Without the right to see
    /// personal data only its shape.
    #[schema(value_type = Option<Object>)]
    received: Option<Value>,
    /// As it came out of the pipeline, in the same form.
    #[schema(value_type = Option<Object>)]
    processed: Option<Value>,
    /// Whether values are masked.
    masked: bool,
    /// What held at its capture.
    stamp: Option<StampShown>,
    /// Where its record stands; `null` with that.
    place: Option<EventPlace>,
    /// What became of it, by output.
    outputs: Vec<EventOutput>,
}

/// Where a record stands in the log.
#[derive(Debug, Serialize, ToSchema)]
struct EventPlace {
    /// The partition.
    partition: u16,
    /// The position in `processed`.
    position: String,
}

/// What held at capture; the decision is made from it.
#[derive(Debug, Serialize, ToSchema)]
struct StampShown {
    /// Where it came from: the event, the choice on record, or the regime's default.
    origin: Value,
    /// Category → granted.
    #[schema(value_type = Object)]
    preferences: Value,
    /// Global Privacy Control.
    gpc: bool,
    /// Do Not Track.
    dnt: bool,
    /// The regime of its region.
    regime: Value,
    /// The basis of its source.
    basis: Value,
}

/// What became of an event at one output.
#[derive(Debug, Serialize, ToSchema)]
struct EventOutput {
    /// The destination.
    destination: String,
    /// What the gate said; `null` before it was asked.
    decision: Option<Decision>,
    /// Its attempts, oldest first.
    attempts: Vec<EventAttempt>,
}

/// What the gate said and what it looked at.
#[derive(Debug, Serialize, ToSchema)]
struct Decision {
    /// `permitted`, `withheld` or `filtered`.
    verdict: &'static str,
    /// The code of the reason; empty when permitted.
    reason: &'static str,
    /// What the destination asks for, as configured today.
    inputs: Option<DecisionInputs>,
}

/// What a destination asks for.
#[derive(Debug, Serialize, ToSchema)]
struct DecisionInputs {
    /// All of them must be granted.
    categories: Vec<String>,
    /// What it uses events for.
    purpose: String,
    /// What it is.
    recipient: Value,
    /// How that is known: no contract is on record yet.
    recipient_is: &'static str,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
struct EventAttempt {
    /// When it ended.
    at: At,
    /// Counted from 1; 0 when it was given up or withheld without one.
    number: u32,
    /// The status of the answer, 0 without one.
    status: u16,
    /// What became of the event.
    outcome: &'static str,
    /// The code of the reason.
    reason: &'static str,
    /// What was answered, or why nothing was, when it failed; masked and cut.
    text: String,
    /// Of which replay of the destination it was; `null` when it was sent as it came.
    replay: Option<u16>,
}

/// An event as it was received and what became of it at each output. Known for seven days.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{workspace}/events/{message_id}", tag = "events",
    params(
        ("workspace" = String, Path, description = "The workspace"),
        ("message_id" = String, Path, description = "The event's `messageId`"),
    ),
    responses(
        (status = 200, body = EventTrace, description = "The event and its fate"),
        (status = 404, body = ErrorBody, description = "Nothing is known of it"),
    ),
)]
async fn show_event(
    State(api): State<Api>,
    sight: Sight,
    Here(tenant): Here,
    In(path): In<MessageId>,
) -> Result<Json<EventTrace>> {
    let workspace = tenant.name();
    let trace = api.delivery.trace(&workspace, &path.message_id).await;
    let trace = trace.map_err(|error| Error::internal("read the trace", &error))?;
    let trace = trace.ok_or_else(|| Error::no_such("known event", &path.message_id))?;
    let partition = trace.place.map_or(0, |(partition, _)| partition);
    let record = match trace.place {
        Some((partition, position)) => read(&api.processed, partition, position).await,
        None => None,
    };
    let processed = record.as_deref().and_then(|payload| Processed::decode(payload).ok());
    let raw_record = match &processed {
        Some(processed) => read(&api.raw, partition, processed.raw_position).await,
        None => None,
    };
    let raw = raw_record.as_deref().and_then(|payload| Raw::decode(payload).ok());
    let raw = raw.filter(|raw| raw.message_id == path.message_id);
    let sees_personal_data = sight.sees_personal_data();
    let shape = |json: &str| content(json, sees_personal_data);
    Ok(Json(EventTrace {
        received_at: raw.as_ref().map(|raw| raw.received_at).or(trace.received_at).map(At),
        source: processed.as_ref().map(|processed| processed.event.source.to_owned()),
        received: raw.as_ref().and_then(|raw| shape(raw.json)),
        processed: processed.as_ref().and_then(|processed| shape(processed.event.json)),
        masked: !sees_personal_data,
        stamp: processed.as_ref().map(|processed| stamp(&processed.event.stamp)),
        place: trace.place.map(|(partition, at)| EventPlace { partition, position: at.to_string() }),
        outputs: trace.outputs.iter().map(|output| shown(&tenant, output)).collect(),
        message_id: path.message_id,
    }))
}

/// The payload of one record; `None` when it is gone.
async fn read(log: &Arc<dyn EventLog>, partition: u16, position: Position) -> Option<bytes::Bytes> {
    const ONE_RECORD: usize = 1;
    let after = before(position);
    let records = log.read(Partition(partition), after, ONE_RECORD).await.ok()?;
    records.into_iter().find(|record| record.position == position).map(|record| record.payload)
}

/// The position after which reading begins with this one.
fn before(position: Position) -> Option<Position> {
    match (position.block, position.index) {
        (0, 0) => None,
        (block, 0) => Some(Position { block: block - 1, index: u32::MAX }),
        (block, index) => Some(Position { block, index: index - 1 }),
    }
}

/// The event as JSON; without the right, keys and the values that say nothing about anybody.
fn content(json: &str, sees_personal_data: bool) -> Option<Value> {
    let mut value: Value = serde_json::from_str(json).ok()?;
    if !sees_personal_data {
        for (key, field) in value.as_object_mut()? {
            // One of these that is no plain value is none of the operator's words.
            if !SHOWN_TO_ALL.contains(&key.as_str()) || field.is_object() || field.is_array() {
                mask(field);
            }
        }
        if value["type"] != "track" {
            for key in ["name", "event"] {
                value.get_mut(key).map(mask);
            }
        }
        // What was consented to is no secret from those who follow whether it was kept.
        let consent = serde_json::from_str::<Value>(json).ok().map(|original| original["context"]["consent"].clone());
        if let (Some(consent), Some(context)) = (consent.filter(Value::is_object), value["context"].as_object_mut()) {
            let mut preferences = consent["categoryPreferences"].clone();
            if let Some(preferences) = preferences.as_object_mut() {
                preferences.values_mut().filter(|preference| !preference.is_boolean()).for_each(mask);
            } else {
                mask(&mut preferences);
            }
            context.insert("consent".to_owned(), json!({"categoryPreferences": preferences}));
        }
    }
    Some(value)
}

/// Fields of an event that are the operator's words, or say only when and how it came.
const SHOWN_TO_ALL: [&str; 9] =
    ["type", "event", "messageId", "timestamp", "sentAt", "originalTimestamp", "receivedAt", "channel", "version"];

/// Keys stay, so that the shape can be seen; values go.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => *value = "…".into(),
    }
}

fn stamp(stamp: &Stamp<'_>) -> StampShown {
    let preferences = stamp.preferences.0.iter().map(|(key, granted)| (key.to_string(), Value::from(*granted)));
    StampShown {
        origin: json!(stamp.origin),
        preferences: Value::Object(preferences.collect()),
        gpc: stamp.signals.gpc,
        dnt: stamp.signals.dnt,
        regime: json!(stamp.regime),
        basis: json!(stamp.basis),
    }
}

fn shown(tenant: &Tenant, output: &OutputTrace) -> EventOutput {
    let model = tenant.workspace.destinations.iter().find(|model| *model.name.as_str() == *output.destination);
    let inputs = model.map(|model| DecisionInputs {
        categories: model.categories().iter().map(ToString::to_string).collect(),
        purpose: model.purpose.to_string(),
        recipient: json!(model.recipient),
        recipient_is: "claimed",
    });
    let decision = output.attempts.last().map(|last| match last.outcome {
        Outcome::Withheld(reason) => {
            let verdict = if reason.kind() == ReasonKind::Filtered { "filtered" } else { "withheld" };
            Decision { verdict, reason: reason.code(), inputs }
        }
        _ => Decision { verdict: "permitted", reason: "", inputs },
    });
    let attempts = output.attempts.iter().map(|attempt| EventAttempt {
        at: At(attempt.at),
        number: attempt.number,
        status: attempt.status,
        outcome: attempt.outcome.result(),
        reason: attempt.outcome.reason(),
        text: attempt.text.clone(),
        replay: attempt.replay,
    });
    EventOutput { destination: output.destination.to_string(), decision, attempts: attempts.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_right_the_shape_is_seen_and_nobody() {
        let json = r#"{"type":"identify","messageId":"m","userId":"ada","traits":{"email":"ada@example.com","age":36},
            "context":{"ip":"192.0.2.0","consent":{"categoryPreferences":{"performance":true}}}}"#;
        let masked = content(json, false).expect("JSON");
        let expected = json!({"type": "identify", "messageId": "m", "userId": "…",
            "traits": {"email": "…", "age": "…"},
            "context": {"ip": "…", "consent": {"categoryPreferences": {"performance": true}}}});
        assert_eq!(masked, expected);
        assert_eq!(content(json, true).expect("JSON")["userId"], "ada");
        let json = r#"{"type":"page","event":"ada","channel":{"of":"ada"},"integrations":{"Ads":{"clientId":"ada"}},
            "context":{"consent":{"categoryPreferences":{"performance":"ada"}}}}"#;
        assert!(!content(json, false).expect("JSON").to_string().contains("ada"));
    }

    #[test]
    fn reading_begins_right_before_a_record() {
        let at = |block, index| Position { block, index };
        assert_eq!(before(at(0, 0)), None);
        assert_eq!(before(at(4, 0)), Some(at(3, u32::MAX)));
        assert_eq!(before(at(4, 7)), Some(at(4, 6)));
    }
}
