//! The webhook that receives, in this process: it notes when each event came, and misbehaves where asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::event::numbers_in;

/// How a webhook behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers 200 at once.
    Good,
    /// Answers 500 at once.
    Fails,
    /// Answers 200 after this long.
    Slow(Duration),
    /// Takes the request and never answers.
    Hangs,
}

/// A webhook on a free port of this machine.
#[derive(Debug)]
pub(super) struct Sink {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What has come.
#[derive(Debug)]
pub(super) struct Arrivals {
    since: Instant,
    /// Microseconds after `since` at which the event with this number first came; 0 while it has not.
    first_us: Vec<AtomicU32>,
    distinct: AtomicU64,
    repeats: AtomicU64,
    requests: AtomicU64,
}

impl Sink {
    /// Starts one that tells events numbered below `numbers` apart; 0: it counts requests only.
    pub(super) async fn start(manner: Manner, numbers: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let arrivals = Arc::new(Arrivals {
            since: Instant::now(),
            first_us: (0..numbers).map(|_| AtomicU32::new(0)).collect(),
            distinct: AtomicU64::new(0),
            repeats: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, manner, Arc::clone(&arrivals)));
        Ok(Self { address, arrivals, accepting })
    }

    /// Where events are to be sent.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What has come so far.
    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Waits until `events` different events came, at most for `wait_max`. Returns how many did.
    pub(super) async fn wait_for(&self, events: u64, wait_max: Duration) -> u64 {
        let until = Instant::now() + wait_max;
        while self.arrivals.distinct() < events && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.arrivals.distinct()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Arrivals {
    /// Different events.
    pub(super) fn distinct(&self) -> u64 {
        self.distinct.load(Ordering::Relaxed)
    }

    /// Events that had come before.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }

    /// Requests, whatever they held.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// When the event with this number first came.
    pub(super) fn moment_of(&self, number: u64) -> Option<Instant> {
        let micros = self.first_us.get(usize::try_from(number).ok()?)?.load(Ordering::Relaxed);
        (micros > 0).then(|| self.since + Duration::from_micros(u64::from(micros)))
    }

    fn note(&self, body: &[u8]) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.first_us.is_empty() {
            return;
        }
        // Zero means "not yet", and nothing arrives within the first microsecond.
        let now_us = u32::try_from(self.since.elapsed().as_micros()).unwrap_or(u32::MAX).max(1);
        for number in numbers_in(body) {
            let Some(first) = usize::try_from(number).ok().and_then(|at| self.first_us.get(at)) else { continue };
            let counter = match first.compare_exchange(0, now_us, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => &self.distinct,
                Err(_) => &self.repeats,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn accept(listener: TcpListener, manner: Manner, arrivals: Arc<Arrivals>) {
    // The set ends its connections with the sink, so that no later measurement meets a webhook of an earlier one.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: trying again at once would take a core from what is measured.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let arrivals = Arc::clone(&arrivals);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| answer(request, manner, Arc::clone(&arrivals)));
            // A connection that the sender gives up is part of the measurement, not an error of the sink.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    manner: Manner,
    arrivals: Arc<Arrivals>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    let status = match manner {
        Manner::Good => StatusCode::OK,
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR,
        Manner::Slow(wait) => {
            tokio::time::sleep(wait).await;
            StatusCode::OK
        }
        Manner::Hangs => std::future::pending().await,
    };
    if status == StatusCode::OK {
        arrivals.note(&body);
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
