//! A vendor: an HTTP receiver on a free port of this machine whose answers a test writes down.
//!
//! It answers from a script, one row per request, and goes on with the last one. It remembers what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How one request is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// What happens before the answer.
    pub delay: Delay,
}

/// What happens before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Nothing.
    None,
    /// Some time passes.
    Of(Duration),
    /// The answer never comes.
    Forever,
}

impl Reply {
    /// This status, at once.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), delay: Delay::None }
    }

    /// Never.
    pub fn never() -> Self {
        Self { delay: Delay::Forever, ..Self::status(200) }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// After some time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = Delay::Of(delay);
        self
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

type Choose = Box<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

struct State {
    script: Mutex<VecDeque<Reply>>,
    choose: Mutex<Option<Choose>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
}

/// The vendor. It is gone when this is dropped.
pub struct Vendor {
    address: SocketAddr,
    state: Arc<State>,
    listener: AbortHandle,
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vendor({})", self.address)
    }
}

impl Vendor {
    /// One that answers by this script and goes on with its last row.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            script: Mutex::new(script.into_iter().collect()),
            choose: Mutex::new(None),
            received: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let listener = tokio::spawn(serve(listener, Arc::clone(&state))).abort_handle();
        Self { address, state, listener }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on, requests for which `choose` has an answer get that; others go by the script.
    pub fn choose(&self, choose: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) {
        *self.state.choose.lock().expect("no holder panics") = Some(Box::new(choose));
    }

    /// Replaces the script.
    pub fn script(&self, script: impl IntoIterator<Item = Reply>) {
        *self.state.script.lock().expect("no holder panics") = script.into_iter().collect();
        *self.state.choose.lock().expect("no holder panics") = None;
    }

    /// What arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no holder panics").clone()
    }

    /// Waits until so many requests arrived in all.
    pub async fn wait_for(&self, requests: usize) -> Vec<Received> {
        let mut count = self.state.count.subscribe();
        count.wait_for(|count| *count >= requests).await.expect("the vendor outlives the wait");
        self.received()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let answer = service_fn(move |request| answer(request, Arc::clone(&state)));
        connections.spawn(async move {
            // A client that hangs up is the test's business, not an error here.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await);
        });
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let received = Received { path: head.uri.to_string(), headers: head.headers, body };
    let reply = reply(&state, received);
    match reply.delay {
        Delay::None => {}
        Delay::Of(delay) => tokio::time::sleep(delay).await,
        Delay::Forever => std::future::pending().await,
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Full::new(Bytes::from(reply.body)))?)
}

fn reply(state: &State, received: Received) -> Reply {
    let chosen = state.choose.lock().expect("no holder panics").as_ref().and_then(|choose| choose(&received));
    state.received.lock().expect("no holder panics").push(received);
    let reply = chosen.unwrap_or_else(|| {
        let mut script = state.script.lock().expect("no holder panics");
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
            .unwrap_or_else(|| Reply::status(200))
    });
    state.count.send_modify(|count| *count += 1);
    reply
}
