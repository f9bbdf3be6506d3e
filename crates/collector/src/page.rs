//! Static pages that the server hands in, served beside the routes of the wire protocol.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::answer::{self, Answer};

/// A file under a path.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// Its content type.
    pub kind: &'static str,
    /// Its content.
    pub body: &'static str,
    /// Its Content-Security-Policy.
    pub policy: &'static str,
}

impl Page {
    pub(crate) fn answer(&self) -> Answer {
        let mut answer =
            answer::with_body(HeaderValue::from_static(self.kind), Bytes::from_static(self.body.as_bytes()));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.policy));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        answer
    }
}
