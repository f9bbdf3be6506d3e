//! What a request stores, in one buffer: a buffer per event was allocated here and freed by the log's thread, which the
//! allocator makes both threads pay for.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{Append, Partition};

/// What most events are written in.
const EVENT_BYTES: usize = 1536;
/// What a record needs beside the text that came, mostly: its head, and the times and ids that are added to the event.
pub(crate) const RECORD_HEAD_BYTES: usize = 400;

/// The records of a request.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) payloads: Vec<u8>,
    /// Where each payload ends.
    pub(crate) ends: Vec<(Partition, usize)>,
    /// The event being written.
    pub(crate) json: String,
}

impl Records {
    pub(crate) fn with_capacity(events: usize, bytes: usize) -> Self {
        Self {
            payloads: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(events),
            json: String::with_capacity(EVENT_BYTES),
        }
    }

    pub(crate) fn into_appends(self, workspace: &Arc<str>) -> Vec<Append> {
        let payloads = Bytes::from(self.payloads);
        let mut start = 0;
        let cut = |(partition, end)| {
            let payload = payloads.slice(std::mem::replace(&mut start, end)..end);
            Append { partition, workspace: Arc::clone(workspace), payload }
        };
        self.ends.into_iter().map(cut).collect()
    }
}
