//! What the generator sends: one realistic `track` event of 1,047 bytes, as a page sends it, stamped with consent.
//!
//! A request is built once and patched in place: every event needs its own `messageId`, or all but the first would be
//! duplicates and cost next to nothing. Rejected: a body built per request, which made the generator the bottleneck.

use std::time::SystemTime;

use anyhow::Context as _;

/// Bytes of one event, the size that the other systems were measured with.
pub(super) const EVENT_BYTES: usize = 1047;
/// Events in a batch, as an SDK with default settings sends them.
pub(super) const BATCH_EVENTS: u64 = 20;
/// The write key of the source that takes the events.
pub(super) const WRITE_KEY: &str = "wk_bench";
/// `wk_bench:` in base64, as SDKs send it.
pub(super) const AUTHORIZATION: &str = "Basic d2tfYmVuY2g6";

/// What stands before the number in every `messageId`.
pub(super) const ID_PREFIX: &str = "assent-bench-";
/// Digits of the number behind [`ID_PREFIX`].
pub(super) const ID_DIGITS: usize = 12;
/// Visitors whose events they are. Enough that lanes per subject do not queue behind one another.
pub(super) const SUBJECTS: u64 = 20_000;
const SUBJECT_PREFIX: &str = "5e1f7a52-08a4-4d9c-9f1b-";

/// The anonymous id of a visitor.
pub(super) fn subject(number: u64) -> String {
    format!("{SUBJECT_PREFIX}{number:0ID_DIGITS$}")
}

/// How many events a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One event to `/v1/track`.
    Single,
    /// [`BATCH_EVENTS`] events to `/v1/batch`.
    Batch,
}

impl Shape {
    /// Events in a request.
    pub(super) fn events(self) -> u64 {
        match self {
            Self::Single => 1,
            Self::Batch => BATCH_EVENTS,
        }
    }
}

/// A request whose numbers can be replaced.
#[derive(Debug, Clone)]
pub(super) struct Template {
    bytes: Vec<u8>,
    /// Where the digits of each event stand: of its message id and of its subject.
    events: Vec<(usize, usize)>,
}

impl Template {
    /// Builds the request for `shape`.
    pub(super) fn new(shape: Shape, host: &str) -> anyhow::Result<Self> {
        let now = jiff::Timestamp::try_from(SystemTime::now()).context("the clock is outside the calendar")?;
        let event = event_json(&format!("{now:.3}"))?;
        let (path, body) = match shape {
            Shape::Single => ("/v1/track", event),
            Shape::Batch => {
                let events = vec![event; usize::try_from(BATCH_EVENTS)?].join(",");
                ("/v1/batch", format!(r#"{{"batch":[{events}],"sentAt":"{now:.3}"}}"#))
            }
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len(),
        );
        let request = head + &body;
        let ids = request.match_indices(ID_PREFIX).map(|(at, found)| at + found.len());
        let subjects = request.match_indices(SUBJECT_PREFIX).map(|(at, found)| at + found.len());
        let mut events: Vec<_> = ids.zip(subjects).collect();
        events.truncate(usize::try_from(shape.events())?);
        Ok(Self { bytes: request.into_bytes(), events })
    }

    /// The request with the events numbered from `first` on.
    pub(super) fn numbered(&mut self, first: u64) -> &[u8] {
        for (number, &(id, subject)) in (first..).zip(&self.events) {
            write_digits(&mut self.bytes[id..id + ID_DIGITS], number);
            write_digits(&mut self.bytes[subject..subject + ID_DIGITS], number % SUBJECTS);
        }
        &self.bytes
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit is below 10");
        number /= 10;
    }
}

/// The numbers of all events that a body holds, found by their prefix: the sink must be cheaper than what it measures.
pub(super) fn numbers_in(body: &[u8]) -> impl Iterator<Item = u64> + '_ {
    memchr::memmem::find_iter(body, ID_PREFIX.as_bytes()).filter_map(|at| {
        let digits = body.get(at + ID_PREFIX.len()..at + ID_PREFIX.len() + ID_DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

fn event_json(now: &str) -> anyhow::Result<String> {
    let zeros = "0".repeat(ID_DIGITS);
    let before = format!(
        concat!(
            r#"{{"type":"track","event":"Product Viewed","messageId":"{prefix}{zeros}","#,
            r#""anonymousId":"{subject}{zeros}","timestamp":"{now}","sentAt":"{now}","#,
            r#""context":{{"consent":{{"categoryPreferences":{{"performance":true}}}},"#,
            r#""library":{{"name":"analytics.js","version":"npm:next-1.81.0"}},"locale":"en-GB","timezone":"Europe/Berlin","#,
            r#""page":{{"path":"/tea/assam","referrer":"https://www.example.com/tea","search":"?utm_source=letter","#,
            r#""title":"Assam, loose leaf","url":"https://www.example.com/tea/assam?utm_source=letter"}},"#,
            r#""campaign":{{"source":"letter","name":"autumn"}},"#,
            r#""userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"}},"#,
            r#""integrations":{{}},"properties":{{"product_id":"507f1f77bcf86cd799439011","name":"Assam, loose leaf, 250 g","#,
            r#""price":12.9,"quantity":1,"currency":"EUR","in_stock":true,"description":""#,
        ),
        prefix = ID_PREFIX,
        zeros = zeros,
        subject = SUBJECT_PREFIX,
        now = now,
    );
    let after = r#""}}"#;
    let missing = EVENT_BYTES.checked_sub(before.len() + after.len()).context("the event outgrew its size")?;
    let filler = "malty, full-bodied, second flush. ".bytes().cycle().take(missing).map(char::from).collect::<String>();
    Ok(before + &filler + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(request: &[u8]) -> serde_json::Value {
        let at = memchr::memmem::find(request, b"\r\n\r\n").expect("a request has a head") + 4;
        serde_json::from_slice(&request[at..]).expect("the body is JSON")
    }

    #[test]
    fn a_single_event_has_its_size_and_its_number() {
        let mut template = Template::new(Shape::Single, "localhost").expect("it is built");
        let request = template.numbered(41_234);
        assert_eq!(numbers_in(request).collect::<Vec<_>>(), [41_234]);
        let head = memchr::memmem::find(request, b"\r\n\r\n").expect("a request has a head") + 4;
        assert_eq!(request.len() - head, EVENT_BYTES);
        let event = body_of(request);
        assert_eq!(event["messageId"], "assent-bench-000000041234");
        assert_eq!(event["anonymousId"], "5e1f7a52-08a4-4d9c-9f1b-000000001234");
        assert_eq!(event["context"]["consent"]["categoryPreferences"]["performance"], true);
    }

    #[test]
    fn a_batch_numbers_each_event() {
        let mut template = Template::new(Shape::Batch, "localhost").expect("it is built");
        template.numbered(999);
        let request = template.numbered(7);
        assert_eq!(numbers_in(request).collect::<Vec<_>>(), (7..27).collect::<Vec<_>>());
        let batch = body_of(request);
        let ids: std::collections::BTreeSet<_> =
            batch["batch"].as_array().expect("an array").iter().map(|event| event["messageId"].to_string()).collect();
        assert_eq!(ids.len(), 20);
    }
}
