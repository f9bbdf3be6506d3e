//! The webhook: events as they are, to a URL, signed by the [Standard Webhooks](https://www.standardwebhooks.com)
//! scheme when there is a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use consent::{Permitted, Told};
use delivery::{
    Attempt, Batching, Deletion, Destination, Inexpressible, Kind, Mapped, Setting, SettingsError, SubjectKeys,
};
use egress::{HttpRequest, Request, SigningKey};
use event::{Secret, Slug};
use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;
use workspace::Purpose;

use crate::settings::BatchSettings;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    slug: "webhook",
    title: "Webhook",
    docs: "Posts each event as JSON, as Segment's specification has it, or with `batch` an array of them. Headers: \
           `webhook-id` (the event's `messageId`; the same in every attempt), `webhook-timestamp`, \
           `webhook-signature` (`v1`, when `secret` is set) and `assent-attempt` (counted from 1). Answer 2xx to \
           accept, 429 with `Retry-After` to slow down; 401 and 403 pause the destination; 400, 413 and 422 to a \
           batch send its halves, so that only the event you refuse is rejected, and 413 makes batches smaller; other \
           4xx reject the whole request for good. With `withdrawals: tell` it also gets a `Segment Consent Preference \
           Updated` event for each refusal that concerns it, in the same shape and with the same headers.",
    settings: &[
        Setting {
            key: "url",
            shape: "http or https URL",
            required: true,
            secret: false,
            address: true,
            docs: "Where to.",
        },
        Setting {
            key: "allow_private",
            shape: "true or false",
            required: false,
            secret: false,
            address: true,
            docs: "Whether the URL may be inside your network. Not without it.",
        },
        Setting {
            key: "ca",
            shape: "certificates in PEM",
            required: false,
            secret: false,
            address: true,
            docs: "Authorities to trust besides the machine's, for a receiver with a certificate of your own.",
        },
        Setting {
            key: "secret",
            shape: "whsec_ and base64",
            required: false,
            secret: true,
            address: false,
            docs: "Signs each request.",
        },
        Setting {
            key: "headers",
            shape: "name: value",
            required: false,
            secret: true,
            address: false,
            docs: "More headers; a `content-type` takes the place of `application/json`.",
        },
        Setting {
            key: "batch.events_max",
            shape: "number",
            required: false,
            secret: false,
            address: false,
            docs: "Send arrays of at most so many events. One event per request without `batch`.",
        },
        Setting {
            key: "batch.wait_ms",
            shape: "milliseconds",
            required: false,
            secret: false,
            address: false,
            docs: "How long an event waits for others. 1000 without it.",
        },
        Setting {
            key: "timeout_ms",
            shape: "milliseconds",
            required: false,
            secret: false,
            address: false,
            docs: "How long a request may take. 10000 without it.",
        },
    ],
    purposes: &[Purpose::Service, Purpose::Analytics],
    open,
};

/// Bytes of events in one request.
const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    #[serde(default)]
    allow_private: bool,
    #[serde(default)]
    ca: Option<String>,
    #[serde(default)]
    secret: Option<Secret<String>>,
    #[serde(default)]
    headers: BTreeMap<String, Secret<String>>,
    #[serde(default)]
    batch: Option<BatchSettings>,
    #[serde(default = "timeout_ms")]
    timeout_ms: u64,
}

fn timeout_ms() -> u64 {
    10_000
}

#[derive(Debug)]
struct Webhook {
    settings: Settings,
    url: Url,
    key: Option<SigningKey>,
    headers: Vec<(HeaderName, Secret<String>)>,
}

/// Headers that Assent and its HTTP client write.
const OURS: [&str; 8] = [
    "assent-attempt",
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

fn open(name: &Slug, settings: &Map<String, Value>) -> Result<Box<dyn Destination>, SettingsError> {
    let settings: Settings = crate::settings::read(name, settings)?;
    let wrong = |what: String| SettingsError(format!("settings of destination `{name}`: {what}"));
    let url: Url = settings.url.parse().map_err(|error| wrong(format!("`url` is not a URL: {error}")))?;
    egress::check_url(&url, settings.allow_private).map_err(|error| wrong(format!("`url`: {error}")))?;
    let checked = settings.ca.as_deref().map_or(Ok(()), egress::check_authorities);
    checked.map_err(|what| wrong(format!("`ca` has {what}")))?;
    let key = settings.secret.as_ref().map(SigningKey::parse).transpose().map_err(wrong)?;
    let headers = settings.headers.iter().map(|(header, value)| {
        let parsed = HeaderName::try_from(header.as_str());
        let header = parsed.map_err(|_| wrong(format!("`{header}` is not the name of a header")))?;
        if OURS.contains(&header.as_str()) {
            return Err(wrong(format!("header `{header}` is written by Assent, and cannot stand there twice")));
        }
        HeaderValue::from_str(value.expose())
            .map_err(|_| wrong(format!("the value of header `{header}` has characters that HTTP forbids")))?;
        Ok((header, value.clone()))
    });
    let headers = headers.collect::<Result<_, SettingsError>>()?;
    Ok(Box::new(Webhook { settings, url, key, headers }))
}

impl Destination for Webhook {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn batching(&self) -> Batching {
        self.settings.batch.map_or(Batching::SINGLE, |batch| batch.batching(BODY_BYTES_MAX))
    }

    fn egress(&self) -> egress::Options {
        let (allow_private, timeout_ms) = (self.settings.allow_private, self.settings.timeout_ms);
        let authorities_pem = self.settings.ca.clone();
        egress::Options { allow_private, timeout_ms, authorities_pem, ..egress::Options::default() }
    }

    fn request(&self, events: &[Permitted<Mapped<'_>>], attempt: Attempt) -> Result<Request, Inexpressible> {
        Ok(self.post(id(events), self.body(events), attempt))
    }

    fn withdrawal(&self, told: &Permitted<Told>, attempt: Attempt) -> Request {
        let event = told.get().json();
        // As an array where events come as arrays: a receiver of batches reads nothing else.
        let body = if self.settings.batch.is_some() { format!("[{event}]") } else { event.to_owned() };
        self.post(told.get().message_id().to_owned(), Bytes::from(body), attempt)
    }

    fn deletion(&self, _: &Permitted<SubjectKeys>) -> Deletion {
        Deletion::Unsupported { reason: "a webhook has no call for deletion: ask its operator to delete the person" }
    }
}

impl Webhook {
    fn post(&self, id: String, body: Bytes, attempt: Attempt) -> Request {
        let timestamp = attempt.now.0.div_euclid(1_000).to_string();
        let mut headers = vec![(HeaderName::from_static("assent-attempt"), Secret::new(attempt.number.to_string()))];
        if self.headers.iter().all(|(header, _)| header != http::header::CONTENT_TYPE) {
            headers.push((http::header::CONTENT_TYPE, Secret::new("application/json".to_owned())));
        }
        if let Some(key) = &self.key {
            let signature = key.sign(&id, &timestamp, &body);
            headers.push((HeaderName::from_static("webhook-signature"), Secret::new(signature)));
        }
        headers.push((HeaderName::from_static("webhook-id"), Secret::new(id)));
        headers.push((HeaderName::from_static("webhook-timestamp"), Secret::new(timestamp)));
        headers.extend(self.headers.iter().cloned());
        Request::Http(HttpRequest { method: Method::POST, url: self.url.clone(), headers, body })
    }

    fn body(&self, events: &[Permitted<Mapped<'_>>]) -> Bytes {
        if let ([event], None) = (events, self.settings.batch) {
            return Bytes::copy_from_slice(event.get().json.as_bytes());
        }
        let mut body =
            BytesMut::with_capacity(2 + events.iter().map(|event| event.get().json.len() + 1).sum::<usize>());
        for (at, event) in events.iter().enumerate() {
            body.put_u8(if at == 0 { b'[' } else { b',' });
            body.put_slice(event.get().json.as_bytes());
        }
        body.put_u8(b']');
        body.freeze()
    }
}

/// The same for the same events in every attempt, so that a receiver can tell a repetition.
fn id(events: &[Permitted<Mapped<'_>>]) -> String {
    if let [event] = events {
        let id = event.get().message_id;
        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return id.to_owned();
        }
    }
    let mut digest = Sha256::new();
    for event in events {
        digest.update(event.get().message_id.as_bytes());
        digest.update([0]);
    }
    let mut id = "batch_".to_owned();
    for byte in &digest.finalize()[..16] {
        write!(id, "{byte:02x}").expect("writing to a string never fails");
    }
    id
}
