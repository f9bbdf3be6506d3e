//! What is shown of an object, and how what is not shown comes back.
//!
//! A literal secret (a setting that its kind calls secret, the key that signs an alert's webhook) never leaves the store: it is shown as `{"secret": true}`,
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
        if let Some(value) = value_mut(&mut body, &path) {
            *value = hidden();
        }
    }
    body
}

/// Where a secret itself stands, not a reference to one: paths with dots, places of a list as numbers.
pub(crate) fn literal_secrets(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Vec<String> {
    let is_literal = |path: &String| match value_at(body, path) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => env_reference(text).is_none(),
        Some(_) => true,
    };
    secrets(kind, body, kinds).into_iter().filter(is_literal).collect()
}

fn secrets(kind: ObjectKind, body: &Body, kinds: &dyn Kinds) -> Vec<String> {
    match kind {
        ObjectKind::Source | ObjectKind::Consent => Vec::new(),
        ObjectKind::Alert => {
            let channels = channels(body).iter().enumerate();
            let signed = channels.filter(|(_, channel)| channel.pointer("/webhook/secret").is_some());
            signed.map(|(at, _)| format!("notify.{at}.webhook.secret")).collect()
        }
        ObjectKind::Destination => {
            let slug = body.get("kind").and_then(Value::as_str).unwrap_or_default();
            let settings = body.get("settings").and_then(Value::as_object);
            let all = || settings.into_iter().flat_map(Body::keys).cloned().collect::<Vec<_>>();
            let named = kinds.secrets(slug).map(|secrets| secrets.into_iter().map(str::to_owned).collect::<Vec<_>>());
            // Of a kind that nobody knows, any setting may be one.
            named.unwrap_or_else(all).into_iter().map(|setting| format!("settings.{setting}")).collect()
        }
    }
}

/// The ways in which an alert tells somebody.
fn channels(body: &Body) -> &[Value] {
    body.get("notify").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Where an alert's request goes; `None` for what is no webhook.
fn webhook_address(channel: &Value) -> Option<(&Value, bool)> {
    let webhook = channel.get("webhook")?;
    let allows_private = webhook.get("allow_private").and_then(Value::as_bool).unwrap_or(false);
    Some((webhook.get("url")?, allows_private))
}

/// The stored secret that stands for one that is kept. Those of an alert have no names, and their places move when one is
/// taken out: the same address is the same channel.
fn stored<'c>(kind: ObjectKind, body: &Body, current: &'c Body, path: &str) -> Option<&'c Value> {
    if kind != ObjectKind::Alert {
        return value_at(current, path);
    }
    let at: usize = path.split('.').nth(1)?.parse().ok()?;
    let wanted = webhook_address(channels(body).get(at)?)?;
    let mut same = channels(current).iter().filter(|channel| webhook_address(channel) == Some(wanted));
    same.find_map(|channel| channel.pointer("/webhook/secret"))
}

/// The first setting by which an edit would send secrets elsewhere than where the stored body sends them.
fn moved(kind: ObjectKind, body: &Body, current: &Body, kinds: &dyn Kinds) -> Option<String> {
    match kind {
        ObjectKind::Destination => {}
        ObjectKind::Alert => {
            let addresses = |body| channels(body).iter().map(webhook_address).collect::<Vec<_>>();
            return (addresses(body) != addresses(current)).then(|| "notify".to_owned());
        }
        ObjectKind::Source | ObjectKind::Consent => return None,
    }
    if body.get("kind") != current.get("kind") {
        return Some("kind".to_owned());
    }
    let slug = body.get("kind").and_then(Value::as_str).unwrap_or_default();
    let said = |body: &Body, setting: &str| {
        value_at(body, &format!("settings.{setting}")).filter(|value| !value.is_null()).cloned()
    };
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
    // An alert's secrets are found by their addresses, so they cannot go elsewhere.
    let moved = current.filter(|_| kind != ObjectKind::Alert).and_then(|current| moved(kind, body, current, kinds));
    for path in secrets(kind, body, kinds) {
        let kept = current.and_then(|current| stored(kind, body, current, &path)).cloned();
        let Some(value) = value_mut(body, &path) else { continue };
        let is_hidden = *value == hidden();
        if !is_hidden && !stays(&path, value) {
            continue;
        }
        match kept {
            Some(kept) => {
                if let Some(moved) = &moved {
                    return Err(format!(
                        "`{path}` must be typed anew, because `{moved}` is not what is stored: a secret that is \
                         kept goes only where it goes already"
                    ));
                }
                *value = kept;
            }
            None if is_hidden => {
                return Err(format!("`{path}` has no secret yet that could be kept: give one"));
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

/// A value by its path: keys with dots between them, places of a list as numbers.
fn value_at<'b>(body: &'b Body, path: &str) -> Option<&'b Value> {
    let mut keys = path.split('.');
    keys.clone().skip(1).try_fold(body.get(keys.next()?)?, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })
}

pub(crate) fn value_mut<'b>(body: &'b mut Body, path: &str) -> Option<&'b mut Value> {
    let mut keys = path.split('.');
    keys.clone().skip(1).try_fold(body.get_mut(keys.next()?)?, |value, key| match value {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        value => value.get_mut(key),
    })
}
