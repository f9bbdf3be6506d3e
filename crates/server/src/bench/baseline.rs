//! The floor: hyper, a parse of each event, and memory. What remains between it and the collector is what durability,
//! consent, limits and bookkeeping cost.
//!
//! It runs as a process of its own (`assent bench-baseline`, hidden), so that its CPU can be told from the generator's,
//! and in this binary, so that runtime, allocator and compiler settings are the same.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

/// How an event is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parse {
    /// Into a tree of values, as a service does that looks at what it takes.
    Whole,
    /// Only the fields that a collector cannot do without; all else is passed over. No service that must mask addresses
    /// or ask for consent can do with that: it is the least that could be called reading.
    Skim,
}

/// Bytes kept before the oldest are forgotten: the baseline keeps events in memory and must not fill it.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The fields a collector cannot do without; the rest is passed over without being built.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "event")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Items apart first, then each by itself: the protocol answers for each item, so one that cannot be read must not
/// take the others with it.
#[derive(Debug, Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
}

impl Event<'_> {
    fn is_valid(&self) -> bool {
        let named = self.kind != "track" || self.name.as_ref().is_some_and(|name| !name.is_empty());
        let has_subject = self.anonymous_id.is_some() || self.user_id.is_some();
        let raw_bytes = [self.context, self.properties].into_iter().flatten().map(|raw| raw.get().len()).sum::<usize>();
        named && has_subject && !self.message_id.is_empty() && self.timestamp.is_some() && raw_bytes < 32 * 1024
    }
}

/// Serves until it is killed.
pub(crate) async fn serve(listen: SocketAddr, parse: Parse) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let kept = Arc::new(Mutex::new(Vec::with_capacity(KEPT_BYTES_MAX)));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| answer(request, parse, Arc::clone(&kept)));
            // A generator that goes away ends its connection in the middle; nothing depends on it.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    parse: Parse,
    kept: Arc<Mutex<Vec<u8>>>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let is_batch = request.uri().path() == "/v1/batch";
    let body = request.into_body().collect().await?.to_bytes();
    let mut response = Response::new(Full::from(r#"{"success":true}"#));
    if accept(&body, is_batch, parse) {
        let mut kept = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() + body.len() > KEPT_BYTES_MAX {
            kept.clear();
        }
        kept.extend_from_slice(&body);
    } else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

fn accept(body: &[u8], is_batch: bool, parse: Parse) -> bool {
    if parse == Parse::Whole {
        return serde_json::from_slice::<Value>(body).is_ok_and(|value| {
            let items = if is_batch { value["batch"].as_array().map_or(&[][..], Vec::as_slice) } else { &[value][..] };
            !items.is_empty() && items.iter().all(is_valid_tree)
        });
    }
    let is_valid = |event: &[u8]| serde_json::from_slice::<Event<'_>>(event).is_ok_and(|event| event.is_valid());
    if is_batch {
        serde_json::from_slice::<Batch<'_>>(body)
            .is_ok_and(|batch| batch.batch.iter().all(|item| is_valid(item.get().as_bytes())))
    } else {
        is_valid(body)
    }
}

fn is_valid_tree(event: &Value) -> bool {
    let text = |key: &str| event[key].as_str().is_some_and(|text| !text.is_empty());
    let named = event["type"] != "track" || text("event");
    named && text("messageId") && text("timestamp") && (text("anonymousId") || text("userId"))
}
