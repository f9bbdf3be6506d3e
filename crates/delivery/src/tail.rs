//! One follower of the tail for all destinations: it notes where each event stands, for the trace, and sets the marks
//! by which backlogs are measured. It holds nothing back: what was trimmed before it came is without a trace.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventlog::record::Processed;
use eventlog::{EventLog, Partition, Position, ReadError};
use tokio_util::sync::CancellationToken;

use crate::backlog::Ruler;
use crate::trace_index::{Found, TraceIndex};

const READ_BYTES: usize = 512 * 1024;

/// Follows one partition until `stop`.
pub(crate) async fn follow_tail(
    log: Arc<dyn EventLog>,
    (partition, mut after): (Partition, Option<Position>),
    index: Arc<Mutex<TraceIndex>>,
    ruler: Arc<Ruler>,
    stop: CancellationToken,
) {
    // Said once, not once per read: a full disk would be filled by saying so.
    let mut is_failing = false;
    while !stop.is_cancelled() {
        match log.read(partition, after, READ_BYTES).await {
            Ok(records) => match records.last() {
                Some(last) => {
                    after = Some(last.position);
                    let noted = note(partition, records, Arc::clone(&index), Arc::clone(&ruler)).await;
                    let was_failing = std::mem::replace(&mut is_failing, noted.is_err());
                    if let Err(error) = noted
                        && !was_failing
                    {
                        tracing::error!(%error, "the trace index is not written until this is mended");
                    }
                }
                None => tokio::select! {
                    () = log.changed(partition, after) => {}
                    () = stop.cancelled() => {}
                },
            },
            Err(ReadError::Trimmed { through }) => after = Some(through),
            Err(ReadError::Shredded { next, .. }) => after = Some(next),
            Err(ReadError::Damaged { block, .. }) => after = Some(Position { block, index: u32::MAX }),
            Err(ReadError::Io(error)) => {
                tracing::error!(%error, "the trace cannot read the log");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Runs on a thread that may wait for the disk: every quarter of a million events a file of them is sorted.
async fn note(
    partition: Partition,
    records: Vec<eventlog::Record>,
    index: Arc<Mutex<TraceIndex>>,
    ruler: Arc<Ruler>,
) -> std::io::Result<()> {
    let work = move || {
        let mut index = index.lock().expect("no holder of the index panics");
        for record in &records {
            let Ok(processed) = Processed::decode(&record.payload) else { continue };
            let event = &processed.event;
            let second = u32::try_from(event.received_at.0 / 1_000).unwrap_or(0);
            index.add(Found::new(&record.workspace, event.message_id, (partition, record.position), second));
            ruler.passed(partition, record.position, record.payload.len() as u64, event.received_at);
        }
        index.flush()
    };
    let noted = tokio::task::spawn_blocking(work).await;
    noted.unwrap_or_else(|_| Err(std::io::Error::other("the thread that wrote the index ended")))
}
