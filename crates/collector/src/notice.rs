//! What a source's workspace publishes about its vendors, for everybody: the cookie notice as a page and as its facts, and
//! the cookie declaration alone.
//!
//! Whoever reads it is asked for nothing and told to no one: no cookie, no region, no event. It depends on the language
//! alone, so a browser may keep it for some minutes, and by its tag for longer.

use bytes::Bytes;
use consent::{Declaration, NOTICE_POLICY, Notice};
use flate2::Crc;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use workspace::Site;

use crate::answer::{Answer, empty, with_body};
use crate::cors;
use crate::reject::{Refusal, Reject};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The notice for people.
    Page,
    /// The notice as JSON: its text, and the facts that it was made from.
    Facts,
    /// The cookie declaration as JSON. It names nobody, so there is always one.
    Cookies,
}

/// A language's code is not longer (BCP 47).
const CODE_BYTES_MAX: usize = 35;

/// The answer in the language that `?language=` names, else that the browser asks for.
pub(crate) fn answer(site: Site<'_>, form: Form, query: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let asked = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let language = named(query).unwrap_or_else(asked);
    let notice = || Notice::new(site, language).ok_or(Reject::NoNotice);
    let json = |json: serde_json::Result<String>| json.map_err(|error| Reject::Internal.because(error));
    let (kind, body) = match form {
        Form::Page => ("text/html; charset=utf-8", notice()?.to_html()),
        Form::Facts => ("application/json", json(serde_json::to_string(&notice()?))?),
        Form::Cookies => ("application/json", json(serde_json::to_string(&Declaration::new(site, language)))?),
    };
    Ok(published(kind, body, form, headers))
}

/// The language that a query names. What is no code is as good as none.
fn named(query: &str) -> Option<&str> {
    let code = query.split('&').find_map(|pair| pair.strip_prefix("language="))?;
    let is_code = code.len() <= CODE_BYTES_MAX && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_code && !code.is_empty()).then_some(code)
}

fn published(kind: &'static str, body: String, form: Form, asked: &HeaderMap) -> Answer {
    let mut crc = Crc::new();
    crc.update(body.as_bytes());
    let tag = format!("\"{:08x}-{:x}\"", crc.sum(), body.len());
    let is_known =
        asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| known.contains(&tag));
    let mut answer = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        with_body(HeaderValue::from_static(kind), Bytes::from(body))
    };
    let headers = answer.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits are a header"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if form == Form::Page {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTICE_POLICY));
        // Vendors whose pages are followed from here need not learn from where.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    cors::allow(headers);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_code() {
        assert_eq!(named("a=b&language=pt-BR"), Some("pt-BR"));
        for none in ["", "language=", "language=%64e", "language=de,en", "lang=de"] {
            assert_eq!(named(none), None, "{none}");
        }
    }
}
