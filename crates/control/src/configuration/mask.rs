//! What is shown of an object, and how what is not shown comes back.
//!
//! A literal secret (a setting that its kind calls secret) never leaves the store: it is shown as `{"secret": true}`,
//! and the same value in an edit means that it stays. A reference `${env:NAME}` is no secret and is shown.

use serde_json::{Value, json};
use workspace::{Body, ObjectKind, env_reference};

use super::Kinds;

/// Over the API a reference may only name variables that begin with this. Whoever edits there is not whoever sets the
/// server's environment, and could otherwise send any of it to a destination of their own.
pub const API_VARIABLES: &str = "ASSENT_SECRET_";

/// What stands for a secret.
pub(crate) fn hidden() -> Value {
    json!({ "secret": true })
}

/// For the API: with defaults, without secrets.
pub(crate) fn shown(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Body {
    kind.complete(without_secrets(kind, body, kinds))
}

/// For the audit log: as written, without secrets, and with write keys cut.
pub(crate) fn audited(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Value {
    let mut body = without_secrets(kind, body, kinds);
    if let Some(Value::String(key)) = body.get_mut("write_key")
        && env_reference(key).is_none()
    {
        *key = crate::write_keys::masked(key);
    }
    Value::Object(body)
}

fn without_secrets(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Body {
    let mut body = body.clone();
    for path in literal_secrets(kind, &body, kinds) {
        if let Some(value) = setting_mut(&mut body, &path) {
            *value = hidden();
        }
    }
    body
}

/// The settings of a destination that hold a secret itself, not a reference to one.
pub(crate) fn literal_secrets(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Vec<String> {
    let is_literal = |path: &String| match setting(body, path) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => env_reference(text).is_none(),
        Some(_) => true,
    };
    secret_settings(kind, body, kinds).into_iter().filter(is_literal).collect()
}

fn secret_settings(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Vec<String> {
    if kind != ObjectKind::Destination {
        return Vec::new();
    }
    let slug = body.get("kind").and_then(Value::as_str).unwrap_or_default();
    match kinds.secrets(slug) {
        Some(secrets) => secrets.into_iter().map(str::to_owned).collect(),
        // Of a kind that nobody knows, any setting may be one.
        None => body.get("settings").and_then(Value::as_object).into_iter().flat_map(Body::keys).cloned().collect(),
    }
}

/// Puts back the secrets that an edit keeps. `stays` says whether another value also means "keep".
pub(crate) fn keep_secrets(
    kind: ObjectKind,
    body: &mut Body,
    current: Option<&Body>,
    kinds: &dyn Kinds,
    stays: impl Fn(&str, &Value) -> bool,
) -> Result<(), String> {
    for path in secret_settings(kind, body, kinds) {
        let Some(value) = setting_mut(body, &path) else { continue };
        let is_hidden = *value == hidden();
        if !is_hidden && !stays(&path, value) {
            continue;
        }
        match current.and_then(|current| setting(current, &path)) {
            Some(kept) => *value = kept.clone(),
            None if is_hidden => {
                return Err(format!("`settings.{path}` has no secret yet that could be kept: give one"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Checks what an edit over the API refers to: what it does not change, or variables meant for that.
pub(crate) fn check_references(body: &Body, current: Option<&Body>) -> Result<(), String> {
    fn walk(value: &Value, current: Option<&Value>, path: &str) -> Result<(), String> {
        match value {
            Value::String(text) => {
                let Some(name) = env_reference(text) else { return Ok(()) };
                if current == Some(value) || name.starts_with(API_VARIABLES) {
                    return Ok(());
                }
                Err(format!(
                    "`{path}` refers to the environment variable `{name}`: here only variables whose names begin with \
                     `{API_VARIABLES}` may be used; others only in a workspace file"
                ))
            }
            Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
                walk(item, current.and_then(|current| current.get(at)), &format!("{path}[{at}]"))
            }),
            Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(field, current.and_then(|current| current.get(key)), &path)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
    body.iter().try_for_each(|(key, field)| walk(field, current.and_then(|current| current.get(key)), key))
}

/// A setting by its key, with dots for inner ones.
fn setting<'b>(body: &'b Body, path: &str) -> Option<&'b Value> {
    path.split('.').try_fold(body.get("settings")?, |value, key| value.get(key))
}

pub(crate) fn setting_mut<'b>(body: &'b mut Body, path: &str) -> Option<&'b mut Value> {
    path.split('.').try_fold(body.get_mut("settings")?, |value, key| value.get_mut(key))
}
