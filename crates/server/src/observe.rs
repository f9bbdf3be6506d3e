//! From what the parts observe to lines of the live view.

use std::sync::Arc;

use collector::Seen;
use serde_json::json;

use crate::live::Live;

/// What arrives. A refused event shows its reason and nothing of its content.
pub(crate) fn collector(live: &Live) -> collector::Observer {
    let (live, watched) = (live.clone(), live.watched());
    collector::Observer::new(
        watched,
        Arc::new(move |seen| {
            let mut line = json!({
                "at": seen.at.to_string(), "workspace": &*seen.workspace, "source": &*seen.source,
            });
            let what = match seen.what {
                Seen::Accepted { call, message_id, name } => {
                    json!({"tail": "accepted", "type": call, "message_id": message_id, "name": name})
                }
                Seen::Refused { call, reason } => json!({"tail": "refused", "type": call, "reason": reason}),
                Seen::Discarded { code, events } => {
                    json!({"tail": "discarded", "code": code.code(), "events": events})
                }
                Seen::Chosen => json!({"tail": "choice"}),
            };
            merge(&mut line, what);
            live.show(&line);
        }),
    )
}

/// What becomes of it before delivery.
pub(crate) fn pipeline(live: &Live) -> pipeline::Observer {
    let (live, watched) = (live.clone(), live.watched());
    pipeline::Observer {
        wanted: watched,
        tell: Arc::new(move |seen| {
            let mut line = json!({
                "workspace": &*seen.workspace, "source": seen.source, "message_id": seen.message_id,
            });
            let what = match seen.outcome {
                Ok(outputs) => json!({"tail": "processed", "outputs": outputs}),
                Err(reason) => json!({"tail": "dropped", "reason": reason.name()}),
            };
            merge(&mut line, what);
            live.show(&line);
        }),
    }
}

fn merge(line: &mut serde_json::Value, more: serde_json::Value) {
    if let (Some(line), serde_json::Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
}
