//! The kinds of destination: what a form needs to be drawn.

use axum::Json;
use axum::extract::State;
use delivery::{Kind, Setting};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::Api;
use crate::router::Operations;

pub(super) fn routes() -> Vec<Operations> {
    vec![routes!(list_destination_kinds)]
}

/// A kind of destination.
#[derive(Debug, Serialize, ToSchema)]
struct DestinationKind {
    /// The name in configuration.
    slug: &'static str,
    /// The name for people.
    title: &'static str,
    /// What it does, in Markdown.
    docs: &'static str,
    /// JSON Schema of its settings; `x-secret` marks what is never shown again.
    #[schema(value_type = Object)]
    settings_schema: Value,
    /// The purposes that it is usually used for; the first is suggested.
    purposes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DestinationKindList {
    items: Vec<DestinationKind>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// All kinds by name.
#[utoipa::path(
    get, path = "/api/v1/destination-kinds", tag = "destinations",
    responses((status = 200, body = DestinationKindList, description = "All of them")),
)]
async fn list_destination_kinds(State(api): State<Api>) -> Json<DestinationKindList> {
    let items = api.kinds.iter().map(|kind| DestinationKind {
        slug: kind.slug,
        title: kind.title,
        docs: kind.docs,
        settings_schema: settings_schema(kind),
        purposes: kind.purposes.iter().map(ToString::to_string).collect(),
    });
    Json(DestinationKindList { items: items.collect(), next: None })
}

/// The schema of a kind's settings; a key with a dot is a field of an object.
fn settings_schema(kind: &Kind) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for setting in kind.settings {
        match setting.key.split_once('.') {
            None => {
                properties.insert(setting.key.to_owned(), field(setting));
                if setting.required {
                    required.push(setting.key);
                }
            }
            Some((outer, inner)) => {
                let object = properties.entry(outer).or_insert_with(
                    || json!({"type": "object", "title": title(outer), "properties": {}, "additionalProperties": false}),
                );
                object["properties"][inner] = field(setting);
            }
        }
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn field(setting: &Setting) -> Value {
    let mut schema = match setting.shape {
        "true or false" => json!({"type": "boolean"}),
        "number" | "milliseconds" => json!({"type": "integer", "minimum": 0}),
        "name: value" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        _ => json!({"type": "string"}),
    };
    let name = setting.key.rsplit('.').next().unwrap_or(setting.key);
    schema["title"] = title(name).into();
    schema["description"] = setting.docs.into();
    schema["x-shape"] = setting.shape.into();
    if setting.secret {
        schema["x-secret"] = true.into();
    }
    schema
}

/// `timeout_ms` → `Timeout ms`.
fn title(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_can_be_drawn_for_every_kind() {
        for kind in destinations::registry::DESTINATIONS {
            let schema = settings_schema(kind);
            for setting in kind.settings {
                let field = match setting.key.split_once('.') {
                    Some((outer, inner)) => &schema["properties"][outer]["properties"][inner],
                    None => &schema["properties"][setting.key],
                };
                assert!(field["type"].is_string() && field["title"].is_string(), "{} {}", kind.slug, setting.key);
                assert_eq!(field["x-secret"] == true, setting.secret, "{} {}", kind.slug, setting.key);
            }
        }
        let webhook = destinations::registry::find("webhook").expect("it is there");
        assert_eq!(settings_schema(webhook)["required"], json!(["url"]));
    }
}
