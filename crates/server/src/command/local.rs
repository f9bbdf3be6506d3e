//! `assent tail` and `assent trace`: what the running server of a data directory sees.

use std::io::Write as _;

use crate::cli::{Local, Trace};
use crate::local::ask;

/// Prints lines as they come, until the server ends or the reader does.
pub(crate) async fn tail(local: &Local) -> anyhow::Result<()> {
    print(local, "/tail").await
}

/// Prints the trace of one event.
pub(crate) async fn trace(trace: &Trace) -> anyhow::Result<()> {
    let id = percent_encoding::utf8_percent_encode(&trace.message_id, percent_encoding::NON_ALPHANUMERIC);
    print(&trace.local, &format!("/trace/{id}")).await
}

async fn print(local: &Local, path: &str) -> anyhow::Result<()> {
    let mut failed = None;
    ask(&local.data_dir, path, |piece| {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(piece).and_then(|()| out.flush()) {
            failed = Some(error);
        }
    })
    .await?;
    // A reader like `head` that has enough closes the pipe: that is no failure.
    match failed {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
