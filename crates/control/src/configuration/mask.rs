//! What is shown of an object, and how what is not shown comes back.
//!
//! A literal secret (a setting that its kind calls secret) never leaves the store: it is shown as `{"secret": true}`,
//! and the same value in an edit means that it stays. A reference `${env:NAME}` is no secret and is shown.
//!
//! **What is kept goes only where it goes already.** Whoever may edit a destination may not read its secrets, and would
//! read them all if they could be kept while the address changes. So an edit that changes where requests go, or whom to
//! believe there, types the secrets anew. Edits, files and trials of a connection all ask [`keep_secrets`].

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

/// The first setting by which an edit would send secrets elsewhere than where the stored body sends them.
fn moved(kind: ObjectKind, body: &Body, current: &Body, kinds: &dyn Kinds) -> Option<String> {
    if kind != ObjectKind::Destination {
        return None;
    }
    if body.get("kind") != current.get("kind") {
        return Some("kind".to_owned());
    }
    let slug = body.get("kind").and_then(Value::as_str).unwrap_or_default();
    let said = |body: &Body, path: &str| setting(body, path).filter(|value| !value.is_null()).cloned();
    match kinds.addresses(slug) {
        Some(addresses) => {
            let mut addresses = addresses.into_iter();
            addresses.find(|path| said(body, path) != said(current, path)).map(|path| format!("settings.{path}"))
        }
        // Of a kind that nobody knows, any setting may be an address.
        None => (body.get("settings") != current.get("settings")).then(|| "settings".to_owned()),
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
    let moved = current.and_then(|current| moved(kind, body, current, kinds));
    for path in secret_settings(kind, body, kinds) {
        let Some(value) = setting_mut(body, &path) else { continue };
        let is_hidden = *value == hidden();
        if !is_hidden && !stays(&path, value) {
            continue;
        }
        match current.and_then(|current| setting(current, &path)) {
            Some(kept) => {
                if let Some(moved) = &moved {
                    return Err(format!(
                        "`settings.{path}` must be typed anew, because `{moved}` is not what is stored: a secret that is \
                         kept goes only where it goes already"
                    ));
                }
                *value = kept.clone();
            }
            None if is_hidden => {
                return Err(format!("`settings.{path}` has no secret yet that could be kept: give one"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Checks what an edit over the API refers to: variables meant for that, or what it does not change and does not send
/// elsewhere. What somebody else's variable holds is a secret that is kept, too.
pub(crate) fn check_references(
    kind: ObjectKind,
    body: &Body,
    current: Option<&Body>,
    kinds: &dyn Kinds,
) -> Result<(), String> {
    fn walk(value: &Value, current: Option<&Value>, path: &str, moved: Option<&str>) -> Result<(), String> {
        match value {
            Value::String(text) => {
                let Some(name) = env_reference(text) else { return Ok(()) };
                if name.starts_with(API_VARIABLES) {
                    return Ok(());
                }
                match moved {
                    None if current == Some(value) => return Ok(()),
                    Some(moved) if current == Some(value) => {
                        return Err(format!(
                            "`{path}` must be typed anew, because `{moved}` is not what is stored: what the environment \
                             variable `{name}` holds goes only where it goes already"
                        ));
                    }
                    None | Some(_) => {}
                }
                Err(format!(
                    "`{path}` refers to the environment variable `{name}`: here only variables whose names begin with \
                     `{API_VARIABLES}` may be used; others only in a workspace file"
                ))
            }
            Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
                walk(item, current.and_then(|current| current.get(at)), &format!("{path}[{at}]"), moved)
            }),
            Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(field, current.and_then(|current| current.get(key)), &path, moved)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
    let moved = current.and_then(|current| moved(kind, body, current, kinds));
    let mut fields = body.iter();
    fields.try_for_each(|(key, field)| walk(field, current.and_then(|current| current.get(key)), key, moved.as_deref()))
}

/// A setting by its key, with dots for inner ones.
fn setting<'b>(body: &'b Body, path: &str) -> Option<&'b Value> {
    path.split('.').try_fold(body.get("settings")?, |value, key| value.get(key))
}

pub(crate) fn setting_mut<'b>(body: &'b mut Body, path: &str) -> Option<&'b mut Value> {
    path.split('.').try_fold(body.get_mut("settings")?, |value, key| value.get_mut(key))
}
