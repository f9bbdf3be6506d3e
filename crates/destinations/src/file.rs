//! Files: one event per line (NDJSON) in a directory of this machine, a new file when one is full.

use std::path::PathBuf;

use bytes::{BufMut, Bytes, BytesMut};
use consent::{Permitted, Told};
use delivery::{
    Attempt, Batching, Deletion, Destination, Inexpressible, Kind, Mapped, Setting, SettingsError, SubjectKeys,
};
use egress::{FileRequest, Request};
use event::Slug;
use serde::Deserialize;
use serde_json::{Map, Value};
use workspace::Purpose;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    slug: "file",
    title: "File",
    docs: "Appends each event as one line of JSON to `events-000001.ndjson` and so on. An event counts as delivered \
           when its line is synced to disk. At least once: after a crash the latest lines may come again.",
    settings: &[
        Setting {
            key: "directory",
            shape: "path",
            required: true,
            secret: false,
            address: true,
            docs: "Where the files go; made when absent.",
        },
        Setting {
            key: "file_bytes_max",
            shape: "number",
            required: false,
            secret: false,
            address: false,
            docs: "Begin a new file at this size. 64 MiB without it.",
        },
    ],
    purposes: &[Purpose::Service, Purpose::Analytics],
    open,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    directory: PathBuf,
    #[serde(default = "file_bytes_max")]
    file_bytes_max: u64,
}

fn file_bytes_max() -> u64 {
    64 << 20
}

fn open(name: &Slug, settings: &Map<String, Value>) -> Result<Box<dyn Destination>, SettingsError> {
    Ok(Box::new(crate::settings::read::<Settings>(name, settings)?))
}

impl Destination for Settings {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn batching(&self) -> Batching {
        // A sync costs as much for a thousand lines as for one.
        Batching { events_max: 1_000, bytes_max: 1 << 20, wait_ms: 20 }
    }

    fn egress(&self) -> egress::Options {
        egress::Options::default()
    }

    fn request(&self, events: &[Permitted<Mapped<'_>>], _: Attempt) -> Result<Request, Inexpressible> {
        let mut lines = BytesMut::with_capacity(events.iter().map(|event| event.get().json.len() + 1).sum());
        for event in events {
            // The collector keeps an event's text as it came; a newline inside it can only be between tokens.
            for part in event.get().json.split(['\n', '\r']) {
                lines.put_slice(part.as_bytes());
            }
            lines.put_u8(b'\n');
        }
        let (directory, file_bytes_max) = (self.directory.clone(), self.file_bytes_max);
        Ok(Request::File(FileRequest { directory, lines: lines.freeze(), file_bytes_max }))
    }

    fn withdrawal(&self, told: &Permitted<Told>, _: Attempt) -> Request {
        let (directory, file_bytes_max) = (self.directory.clone(), self.file_bytes_max);
        let lines = Bytes::from(format!("{}\n", told.get().json()));
        Request::File(FileRequest { directory, lines, file_bytes_max })
    }

    fn deletion(&self, _: &Permitted<SubjectKeys>) -> Deletion {
        Deletion::Unsupported {
            reason: "files may have been copied or shipped: delete the person's lines where they are now",
        }
    }
}
