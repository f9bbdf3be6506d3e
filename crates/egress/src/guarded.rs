//! A body that looks at its permission when its first byte is wanted.
//!
//! Between making a request and sending it a connection may have to be made, which takes seconds at worst. The
//! connection asks for the body when it can write; only there do the bytes leave their [`Permitted`]. If consent
//! changed meanwhile, the body fails, the connection is dropped, and no byte of the body was written.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use consent::{Gate, Permitted};
use hyper::body::{Body, Frame, SizeHint};

/// The body.
#[derive(Debug)]
pub(crate) struct GuardedBody {
    waiting: Option<Permitted<Bytes>>,
    length: u64,
    gate: Arc<Gate>,
    stale: Arc<AtomicBool>,
}

impl GuardedBody {
    /// The body, and the flag that says afterwards whether it was refused.
    pub(crate) fn new(body: Permitted<Bytes>, gate: &Arc<Gate>) -> (Self, Arc<AtomicBool>) {
        let stale = Arc::new(AtomicBool::new(false));
        let length = body.get().len() as u64;
        let gate = Arc::clone(gate);
        (Self { waiting: Some(body), length, gate, stale: Arc::clone(&stale) }, stale)
    }
}

/// The permission is old.
#[derive(Debug, thiserror::Error)]
#[error("consent changed")]
pub(crate) struct Changed;

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = Changed;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Changed>>> {
        let Some(body) = self.waiting.take() else { return Poll::Ready(None) };
        if self.gate.is_current(&body) {
            self.length = 0;
            return Poll::Ready(Some(Ok(Frame::data(body.into_inner()))));
        }
        self.stale.store(true, Ordering::Release);
        Poll::Ready(Some(Err(Changed)))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
