//! The echo: takes everything and sends it nowhere. For trying Assent out.
//!
//! What it holds is not served: the edge has no login, and who may send events may not read other people's.

use bytes::Bytes;
use consent::{Permitted, Told};
use delivery::{Attempt, Batching, Deletion, Destination, Inexpressible, Kind, Mapped, SettingsError, SubjectKeys};
use egress::{EchoRequest, Request};
use event::Slug;
use serde::Deserialize;
use serde_json::{Map, Value};
use workspace::Purpose;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    slug: "echo",
    title: "Echo",
    docs: "Accepts every event that consent permits, for trying Assent out: `assent tail` shows each as it arrives, \
           `assent trace` what became of one. Nothing leaves the machine; the latest hundred are in memory until a \
           restart and nowhere else.",
    settings: &[],
    purposes: &[Purpose::Service],
    open,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

#[derive(Debug)]
struct Echo {
    name: Slug,
}

fn open(name: &Slug, settings: &Map<String, Value>) -> Result<Box<dyn Destination>, SettingsError> {
    let Settings {} = crate::settings::read(name, settings)?;
    Ok(Box::new(Echo { name: name.clone() }))
}

impl Destination for Echo {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn batching(&self) -> Batching {
        Batching { events_max: 100, bytes_max: 1 << 20, wait_ms: 0 }
    }

    fn egress(&self) -> egress::Options {
        egress::Options::default()
    }

    fn request(&self, events: &[Permitted<Mapped<'_>>], _: Attempt) -> Result<Request, Inexpressible> {
        let bodies = events.iter().map(|event| Bytes::copy_from_slice(event.get().json.as_bytes())).collect();
        Ok(Request::Echo(EchoRequest { name: self.name.shared(), bodies }))
    }

    fn withdrawal(&self, told: &Permitted<Told>, _: Attempt) -> Request {
        let bodies = vec![Bytes::copy_from_slice(told.get().json().as_bytes())];
        Request::Echo(EchoRequest { name: self.name.shared(), bodies })
    }

    fn deletion(&self, _: &Permitted<SubjectKeys>) -> Deletion {
        Deletion::Unsupported { reason: "keeps the latest hundred events in memory only; a restart forgets them" }
    }
}
