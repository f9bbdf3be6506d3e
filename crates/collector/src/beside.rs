//! What the process serves on the collector's port beside the collector: admin API and console, handed in by the
//! server. It gets the requests that no route of the wire protocol claims.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use crate::answer::Answer;

/// An answer in the making. Boxed: requests of SDKs never get here.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers what the collector does not know. Cheap to clone.
#[derive(Clone)]
pub struct Beside(Arc<dyn Fn(Request<Incoming>, SocketAddr) -> Answering + Send + Sync>);

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside(…)")
    }
}

impl Beside {
    /// Answers with `answer`, which is given the request and whose it is: the other end of its connection, or behind the
    /// operator's own proxies the client that they name.
    pub fn new(answer: impl Fn(Request<Incoming>, SocketAddr) -> Answering + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answering {
        (self.0)(request, peer)
    }
}
