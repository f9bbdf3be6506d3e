//! A webhook receiver that remembers what came, and can be told to misbehave.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What the receiver does.
#[derive(Debug, Default)]
struct Inner {
    /// messageId → how often.
    seen: Mutex<HashMap<String, u64>>,
    /// Bodies as they came.
    bodies: Mutex<Vec<String>>,
    status: AtomicU16,
    delay_ms: AtomicU64,
    requests: AtomicU64,
}

/// A webhook receiver on a free loopback port.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    inner: Arc<Inner>,
    address: SocketAddr,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let sink = Self { inner: Arc::default(), address };
        sink.answer_with(200);
        let accepting = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = accepting.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let sink = sink.clone();
                        async move { Ok::<_, Infallible>(sink.take(request).await) }
                    });
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        sink
    }

    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.inner.requests.fetch_add(1, Ordering::SeqCst);
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(self.inner.delay_ms.load(Ordering::SeqCst))).await;
        let status = self.inner.status.load(Ordering::SeqCst);
        if status == 200 {
            self.remember(&String::from_utf8_lossy(&body));
        }
        let mut answer = Response::new(Full::new(Bytes::new()));
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        answer
    }

    fn remember(&self, body: &str) {
        let value: serde_json::Value = serde_json::from_str(body).expect("the webhook's body is JSON");
        let events = match value {
            serde_json::Value::Array(events) => events,
            event => vec![event],
        };
        let mut seen = self.inner.seen.lock().expect("no holder panics");
        for event in &events {
            let id = event["messageId"].as_str().expect("every event has its id");
            *seen.entry(id.to_owned()).or_default() += 1;
        }
        self.inner.bodies.lock().expect("no holder panics").push(body.to_owned());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What to answer from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.inner.status.store(status, Ordering::SeqCst);
    }

    /// How long to wait before answering.
    pub(crate) fn wait(&self, delay: Duration) {
        self.inner.delay_ms.store(u64::try_from(delay.as_millis()).expect("short"), Ordering::SeqCst);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::SeqCst)
    }

    /// The ids that came with a 200, and how often.
    pub(crate) fn seen(&self) -> HashMap<String, u64> {
        self.inner.seen.lock().expect("no holder panics").clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.inner.bodies.lock().expect("no holder panics").clone()
    }
}
