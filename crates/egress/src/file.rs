//! Lines appended to files: `events-000001.ndjson`, `events-000002.ndjson`, … A request is answered once its lines
//! are synced, because "delivered" is final.
//!
//! A line that a crash tore is ended by a newline before the next append, so that a reader loses that line only; its
//! event was not answered and comes again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use consent::{Gate, Permitted};
use http::StatusCode;

use crate::{Answer, FileRequest, Request, SendError};

#[derive(Debug)]
struct Open {
    file: File,
    number: u64,
    bytes: u64,
}

type Slot = Arc<Mutex<Option<Open>>>;

/// The files being written, by directory.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    open: Mutex<HashMap<PathBuf, Slot>>,
}

impl Writers {
    /// Appends and syncs, if the permission still holds when it is this request's turn: a slow disk may keep it
    /// waiting for the one before for as long as it likes.
    pub(crate) async fn append(&self, request: Permitted<Request>, gate: &Arc<Gate>) -> Result<Answer, SendError> {
        let request = request.try_map(|request| match request {
            Request::File(request) => Ok(request),
            Request::Http(_) | Request::Echo(_) => Err(SendError::Invalid("not a file request".to_owned())),
        })?;
        let directory = request.get().directory.clone();
        let slot = {
            let mut open = self.open.lock().expect("no holder of the writers panics");
            Arc::clone(open.entry(directory.clone()).or_default())
        };
        let (path, gate) = (directory.display().to_string(), Arc::clone(gate));
        let written = tokio::task::spawn_blocking(move || {
            let mut open = slot.lock().expect("no holder of a writer panics");
            if !gate.is_current(&request) {
                return Err(SendError::Stale);
            }
            let result = write(&mut open, &request.into_inner());
            if result.is_err() {
                // What the file holds now is not known: look again.
                *open = None;
            }
            result.map_err(|error| SendError::File { path, error })
        });
        let result = written.await.map_err(|_| SendError::Broken("the writer ended".to_owned()))?;
        result.map(|()| Answer::of(StatusCode::OK))
    }
}

fn write(open: &mut Option<Open>, request: &FileRequest) -> io::Result<()> {
    let current = match open.take() {
        Some(current) => current,
        None => newest(&request.directory)?,
    };
    let mut current = if current.bytes >= request.file_bytes_max && current.bytes > 0 {
        create(&request.directory, current.number + 1)?
    } else {
        current
    };
    current.file.write_all(&request.lines)?;
    current.file.sync_data()?;
    current.bytes += request.lines.len() as u64;
    *open = Some(current);
    Ok(())
}

fn newest(directory: &Path) -> io::Result<Open> {
    fs::create_dir_all(directory)?;
    let mut latest = 0;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("events-")?.strip_suffix(".ndjson")?.parse().ok());
        latest = latest.max(number.unwrap_or(0));
    }
    if latest == 0 {
        return create(directory, 1);
    }
    let mut file = OpenOptions::new().read(true).append(true).open(named(directory, latest))?;
    let mut bytes = file.metadata()?.len();
    if bytes > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            bytes += 1;
        }
    }
    Ok(Open { file, number: latest, bytes })
}

fn create(directory: &Path, number: u64) -> io::Result<Open> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(named(directory, number))?;
    // The file's name must be as durable as its content.
    File::open(directory)?.sync_all()?;
    Ok(Open { bytes: file.metadata()?.len(), file, number })
}

fn named(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("events-{number:06}.ndjson"))
}
