//! A notice as a request, through `egress` like every other: its address rules, its limits, its silence about URLs.

use std::sync::Arc;

use bytes::Bytes;
use egress::{Echoes, Egress, HttpRequest, Request, SigningKey};
use event::{Millis, Secret};
use http::{HeaderName, Method};
use serde_json::Value;
use url::Url;
use workspace::WebhookChannel;

/// The longest that a request may take, answer included.
const TIMEOUT_MS: u64 = 10_000;

fn options(channel: &WebhookChannel) -> egress::Options {
    egress::Options { allow_private: channel.allow_private, timeout_ms: TIMEOUT_MS, ..egress::Options::default() }
}

/// The URL and the key, or what is wrong with them.
pub(crate) fn parse(channel: &WebhookChannel) -> Result<(Url, Option<SigningKey>), String> {
    let url: Url = channel.url.parse().map_err(|error| format!("`url` is not a URL: {error}"))?;
    egress::check_url(&url, channel.allow_private).map_err(|error| format!("`url`: {error}"))?;
    Ok((url, channel.secret.as_ref().map(SigningKey::parse).transpose()?))
}

/// Posts a notice; says why it did not arrive.
pub(crate) async fn send(channel: &WebhookChannel, id: &str, message: &Value, now: Millis) -> Result<(), String> {
    let (url, key) = parse(channel)?;
    let body = Bytes::from(message.to_string());
    let timestamp = now.0.div_euclid(1_000).to_string();
    let mut headers = vec![
        (http::header::CONTENT_TYPE, Secret::new("application/json".to_owned())),
        (HeaderName::from_static("webhook-id"), Secret::new(id.to_owned())),
        (HeaderName::from_static("webhook-timestamp"), Secret::new(timestamp.clone())),
    ];
    if let Some(key) = key {
        let signature = Secret::new(key.sign(id, &timestamp, &body));
        headers.push((HeaderName::from_static("webhook-signature"), signature));
    }
    let request = Request::Http(HttpRequest { method: Method::POST, url, headers, body });
    let (request, gate) = egress::about_nobody(request).ok_or("the gate did not let a notice pass")?;
    // Connections of its own: alerts are rare, and what they say may be that connections fail.
    let answer = Egress::new(options(channel), Arc::new(Echoes::default())).send(request, &gate).await;
    let status = answer.map_err(|error| error.to_string())?.status;
    if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
}
