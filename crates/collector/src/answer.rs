//! Building answers. Everything here is made of static parts: the common answer allocates its header map and nothing
//! else.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};

use crate::cors;
use crate::reject::Refusal;

/// Seconds, beside `Retry-After`, as Segment's 429 has it.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What the collector answers with.
pub type Answer = Response<AnswerBody>;

/// The body of an answer: all there, or coming as it is made.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it. Everything that the collector itself says.
    Whole(Full<Bytes>),
    /// Pieces without a known end, as of the live view. Its connection serves no other request after it.
    Streamed(UnsyncBoxBody<Bytes, Infallible>),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Streamed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A transparent pixel: the smallest GIF that every client shows.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\
\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(Full::default()));
    *answer.status_mut() = status;
    answer
}

/// An answer with a body of a kind.
pub(crate) fn with_body(kind: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(AnswerBody::Whole(Full::new(body)));
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// Segment's answer to everything that it takes.
pub(crate) fn success() -> Answer {
    let mut answer = with_body(JSON, Bytes::from_static(b"{\"success\":true}"));
    cors::allow(answer.headers_mut());
    answer
}

/// The pixel, never to be cached: a second view is a second event.
pub(crate) fn gif() -> Answer {
    let mut answer = with_body(HeaderValue::from_static("image/gif"), Bytes::from_static(GIF));
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    cors::allow(answer.headers_mut());
    answer
}

/// JSON that is meant for whoever asked, and is asked for again each time.
pub(crate) fn private_json(body: String) -> Answer {
    let mut answer = with_body(JSON, body.into());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    cors::allow(answer.headers_mut());
    answer
}

/// JSON that nobody may keep.
pub(crate) fn no_store_json(body: String) -> Answer {
    let mut answer = with_body(JSON, body.into());
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    cors::allow(answer.headers_mut());
    answer
}

/// Plain text for probes.
pub(crate) fn text(body: impl Into<Bytes>) -> Answer {
    with_body(HeaderValue::from_static("text/plain; charset=utf-8"), body.into())
}

/// A refusal.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    let row = refusal.reject.row();
    let mut answer = with_body(JSON, refusal.body());
    *answer.status_mut() = row.status;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    if let Some(seconds) = row.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        if row.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RATE_LIMIT_RESET, HeaderValue::from_static(seconds));
        }
    }
    cors::allow_with_retry(headers);
    answer
}

/// The refusal of a method, with those that the path takes.
pub(crate) fn wrong_method(refusal: &Refusal, allowed: &'static str) -> Answer {
    let mut answer = refused(refusal);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// Prometheus' text format.
pub(crate) fn metrics(body: String) -> Answer {
    with_body(HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"), body.into())
}
