//! From the collector's port to the router and back: the API's side of [`collector::Beside`].
//!
//! The port opens before everything behind the API is built, so a door may stand there with nothing behind it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use collector::{Answer, AnswerBody, Beside};
use futures::StreamExt as _;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use crate::error::{Code, Error};

/// Whose a request is, as the collector found out: a proxy of the operator's own does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A request as it comes from the other end of a connection; for a router that is served otherwise than by a [`Door`].
pub fn from_peer<B>(mut request: Request<B>, peer: SocketAddr) -> Request<B> {
    request.extensions_mut().insert(Peer(peer));
    request
}

/// Where requests for API and console come in.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<OnceLock<Router>>);

impl Door {
    /// The handler to give to the collector.
    pub fn beside(&self) -> Beside {
        let door = self.clone();
        Beside::new(move |request, peer| {
            let door = door.clone();
            Box::pin(async move { door.answer(request, peer).await })
        })
    }

    /// Answers with this router from now on.
    pub fn open(&self, router: Router) {
        // A second call would be a second server in one process: the first goes on.
        drop(self.0.set(router));
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let request = from_peer(request.map(Body::new), peer);
        let is_api = request.uri().path().starts_with("/api/");
        let mut answer = match self.0.get() {
            Some(router) => {
                let Ok(answer) = tower::ServiceExt::oneshot(router.clone(), request).await;
                answer
            }
            None => Error::new(Code::NotReady, "the server is starting").into_response(),
        };
        protect(answer.headers_mut(), is_api);
        leave(answer).await
    }
}

/// Which sites may load an answer as a part of theirs; none but this one, unless the answer says otherwise.
pub(crate) const RESOURCE_POLICY: &str = "cross-origin-resource-policy";

/// What stands on every answer: no page of another site may frame, read or guess anything.
fn protect(headers: &mut HeaderMap, is_api: bool) {
    const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
        frame-ancestors 'none'";
    const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
    let policy = if is_api { API_POLICY } else { PAGE_POLICY };
    for (name, value) in [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(http::header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Whole answers as they are, event streams as streams.
async fn leave(answer: axum::response::Response) -> Answer {
    let is_stream =
        answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let (head, body) = answer.into_parts();
    if is_stream {
        // An error of our own body can only end it.
        let pieces = body.into_data_stream().scan((), |(), piece| std::future::ready(piece.ok()));
        let pieces = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let body = UnsyncBoxBody::new(StreamBody::new(pieces));
        return Response::from_parts(head, AnswerBody::Streamed(body));
    }
    match body.collect().await {
        Ok(body) => Response::from_parts(head, AnswerBody::Whole(Full::new(body.to_bytes()))),
        Err(error) => {
            let answer = Error::internal("write its answer", &error).into_response();
            let (head, _) = answer.into_parts();
            Response::from_parts(head, AnswerBody::Whole(Full::default()))
        }
    }
}
