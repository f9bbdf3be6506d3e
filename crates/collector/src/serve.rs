//! The accept loop: bounded connections, bounded heads, and an end that lets running requests finish.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::Collector;
use crate::answer::AnswerBody;
use crate::patience::Patience;

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long a connection may take to send a head, also the first byte of the next one.
    pub head_wait: Duration,
    /// Bytes of a head and of what hyper buffers for a connection.
    pub head_bytes_max: usize,
    /// How long running requests may take to end after the shutdown began.
    pub drain_wait: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_wait: Duration::from_secs(75),
            head_bytes_max: 64 * 1024,
            drain_wait: Duration::from_secs(10),
        }
    }
}

/// After a failed accept (out of file descriptors, mostly) nothing is gained by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done, then stops accepting and waits for running requests, `drain_wait` at most.
pub async fn serve(
    listener: TcpListener,
    collector: Arc<Collector>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopped) = watch::channel(());
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await.expect("the semaphore is never closed");
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (permit, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let collector = Arc::clone(&collector);
                    tokio::spawn(connection(stream, collector, limits, stopped.clone(), permit));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(stopped);
    stop.send_replace(());
    // Each connection holds a receiver; the last one that goes ends the wait.
    if tokio::time::timeout(limits.drain_wait, stop.closed()).await.is_err() {
        tracing::warn!(connections = stop.receiver_count(), "connections were still open at the end");
    }
}

async fn connection(
    stream: TcpStream,
    collector: Arc<Collector>,
    limits: ServeLimits,
    mut stopped: watch::Receiver<()>,
    permit: OwnedSemaphorePermit,
) {
    let Ok(peer) = stream.peer_addr() else { return };
    // Answers are small and complete: waiting to join them with more costs only time.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let _open = collector.opened();
    let patience = Patience::new(limits.head_wait);
    let service = service_fn(|request| {
        let (collector, patience) = (&collector, &patience);
        async move {
            let busy = patience.busy();
            let mut answer = collector.handle(request, peer).await;
            if matches!(answer.body(), AnswerBody::Streamed(_)) {
                // The stream is the server's turn, however long it lasts; nobody would see when it is over.
                busy.outlast();
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        // `patience` bounds heads.
        .header_read_timeout(None)
        // One buffer: a plain send costs less than gathering a body of 16 bytes.
        .writev(false)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(8 * 1024))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = patience.ends() => Ok(()),
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                ended = connection => ended,
                () = patience.ends() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
    drop(permit);
}
