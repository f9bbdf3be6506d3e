//! What a browser on another site may do here: post events and read settings and scripts, nothing with credentials.
//!
//! `*` and no `Access-Control-Allow-Credentials`: no cookie of this host travels with an event of another origin, while
//! pages of its own bring theirs along (`visitor/identifier.rs`). A choice is the exception: its answer may set the
//! cookie that keeps it. Cookies here are `SameSite=Lax`, so none travels from another site. `Authorization` is not
//! covered by a wildcard, and SDK users add headers of their own, so a preflight is answered with the names that it
//! asked for.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, StatusCode};

use crate::answer::{Answer, empty};

/// What a preflight gets that asks for no header.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-retry-count");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// A day; browsers cut it to their own maximum (Chrome: two hours).
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("86400");
const ANYONE: HeaderValue = HeaderValue::from_static("*");
/// The SDK waits as long as this says, if it may read it.
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-RateLimit-Reset");

/// Lets pages of any site read an answer.
pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANYONE);
}

/// Lets the page that asked read an answer that comes with a cookie.
pub(crate) fn allow_own(headers: &mut HeaderMap, asked: &HeaderMap) {
    let Some(origin) = asked.get(ORIGIN) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}

/// As [`allow`], with the header that says when to come back.
pub(crate) fn allow_with_retry(headers: &mut HeaderMap) {
    allow(headers);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The answer to a preflight.
pub(crate) fn preflight(asked: &HeaderMap) -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    allow(headers);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let wanted = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|value| is_list_of_names(value));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.cloned().unwrap_or(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    answer
}

fn is_list_of_names(value: &HeaderValue) -> bool {
    // RFC 9110: tokens. A name outside of it cannot be sent either.
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, ".contains(byte);
    !value.is_empty() && value.as_bytes().iter().all(name)
}
