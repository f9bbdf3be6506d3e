//! Requests over HTTP.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use consent::{Gate, Permitted};
use http::{HeaderMap, HeaderValue};

use crate::address::{CheckedResolver, check_url};
use crate::guarded::GuardedBody;
use crate::{ANSWER_BYTES_MAX, AddressRefused, Answer, HttpRequest, Options, Request, SendError};

/// A client with connections of its own.
pub(crate) fn client(options: &Options) -> Result<reqwest::Client, SendError> {
    let pem = options.authorities_pem.as_deref();
    let authorities = pem.map(authorities).transpose().map_err(SendError::Connect)?.unwrap_or_default();
    let builder = || {
        reqwest::Client::builder()
            .dns_resolver(Arc::new(CheckedResolver { allow_private: options.allow_private }))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names for us, past the address rules.
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
            .timeout(Duration::from_millis(options.timeout_ms))
            .pool_max_idle_per_host(options.idle_connections_max)
            .pool_idle_timeout(Duration::from_secs(50))
            .tcp_nodelay(true)
            .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
    };
    // A machine without root certificates cannot do TLS but to the authorities named here, if any; plain HTTP inside
    // its network it can.
    builder()
        .tls_certs_merge(authorities.clone())
        .build()
        .or_else(|_| builder().tls_certs_only(authorities).build())
        .map_err(|error| SendError::Connect(said(&error.without_url())))
}

/// Whether a text is one or more certificates in PEM; says what is wrong.
pub fn check_authorities(pem: &str) -> Result<(), String> {
    authorities(pem).map(drop)
}

fn authorities(pem: &str) -> Result<Vec<reqwest::Certificate>, String> {
    let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
    let found = found.map_err(|error| format!("certificates that cannot be read: {}", said(&error)))?;
    if found.is_empty() {
        return Err("no certificate: it has to be PEM, beginning with `-----BEGIN CERTIFICATE-----`".to_owned());
    }
    Ok(found)
}

/// Sends one request and reads its answer up to the limit.
pub(crate) async fn send(
    client: &reqwest::Client,
    options: &Options,
    request: Permitted<Request>,
    gate: &Arc<Gate>,
) -> Result<Answer, SendError> {
    let Request::Http(http) = request.get() else {
        return Err(SendError::Invalid("not an HTTP request".to_owned()));
    };
    check_url(&http.url, options.allow_private)?;
    let head = client.request(http.method.clone(), http.url.clone()).headers(headers(http)?);
    let body = request.try_map(|request| match request {
        Request::Http(http) => Ok(http.body),
        Request::File(_) | Request::Echo(_) => Err(SendError::Invalid("not an HTTP request".to_owned())),
    })?;
    let (body, stale) = GuardedBody::new(body, gate);
    let failed = |error: reqwest::Error| {
        if stale.load(Ordering::Acquire) { SendError::Stale } else { failure(error, options) }
    };
    let mut response = head.body(reqwest::Body::wrap(body)).send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    // The status is the answer; a body that breaks off changes nothing about it.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - body.len())]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Answer { status, headers, body: Bytes::from(body) })
}

fn headers(request: &HttpRequest) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| SendError::Invalid(format!("the value of header `{name}` has characters HTTP forbids")))?;
        value.set_sensitive(true);
        headers.append(name.clone(), value);
    }
    Ok(headers)
}

fn failure(error: reqwest::Error, options: &Options) -> SendError {
    let error = error.without_url();
    if let Some(refused) = sources(&error).find_map(|source| source.downcast_ref::<AddressRefused>()) {
        return SendError::Address(refused.clone());
    }
    if error.is_timeout() {
        let after_ms = if error.is_connect() { options.connect_timeout_ms } else { options.timeout_ms };
        return SendError::Timeout { after_ms };
    }
    if error.is_connect() { SendError::Connect(said(&error)) } else { SendError::Broken(said(&error)) }
}

fn sources<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The innermost message: the outer ones say "error sending request" and the like.
fn said(error: &reqwest::Error) -> String {
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}
