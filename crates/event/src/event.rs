//! One call: what is required of it, what is read from it, and how it is written for the log.

use std::borrow::Cow;

use crate::batch::Defaults;
use crate::fields::{Fields, push_string};
use crate::parts::EventParts;
use crate::timestamp::{Millis, correct};
use crate::{Call, Discard, limits};

/// The reserved track event by which a visitor's choice travels.
pub const CONSENT_EVENT: &str = "Segment Consent Preference Updated";

/// A validated call, still made of the text that came.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    call: Call,
    name: Option<Cow<'a, str>>,
    message_id: Option<Cow<'a, str>>,
    anonymous_id: Option<Cow<'a, str>>,
    user_id: Option<Cow<'a, str>>,
    context: Fields<'a>,
    integrations: Fields<'a>,
    fields: Fields<'a>,
}

/// What the edge adds to an event when it writes it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'r> {
    /// When the request arrived; all events of a batch share it.
    pub at: Millis,
    /// The id to write when the event has none.
    pub message_id: &'r str,
    /// The batch's `sentAt`, for events without one.
    pub sent_at: Option<Millis>,
    /// The client's address, already cut, for events that have none; `None` where the edge does not collect it.
    pub ip: Option<&'r str>,
    /// The client's user agent, for events that have none (pixels).
    pub user_agent: Option<&'r str>,
}

impl<'a> Event<'a> {
    /// Reads and validates one event. `route` is the call that the path names; it wins over `type`.
    pub fn parse(json: &'a str, route: Option<Call>) -> Result<Self, Discard> {
        Self::parse_with(json, route, &Defaults::default())
    }

    /// The same for an item of a batch, with the batch's context and integrations underneath.
    pub fn parse_with(json: &'a str, route: Option<Call>, defaults: &Defaults<'a>) -> Result<Self, Discard> {
        if json.len() > limits::EVENT_BYTES_MAX {
            return Err(Discard::EventTooLarge);
        }
        let parts: EventParts<'a> = serde_json::from_str(json).map_err(|_| Discard::BadRequest)?;
        let EventParts { mut context, mut integrations, rest: mut fields } = parts;
        let named = string(&mut fields, "type").map_err(|NotString| Discard::BadRequest)?;
        let call = route.or_else(|| named.as_deref().and_then(Call::from_name)).ok_or(Discard::BadRequest)?;
        // What a batch lends counts for each item that borrows it.
        let lent = context.merge_missing(&defaults.context) + integrations.merge_missing(&defaults.integrations);
        if json.len() + lent > limits::EVENT_BYTES_MAX {
            return Err(Discard::EventTooLarge);
        }
        let message_id = string(&mut fields, "messageId").map_err(|NotString| Discard::MessageIdInvalid)?;
        if message_id.as_ref().is_some_and(|id| id.chars().count() > limits::MESSAGE_ID_CHARS_MAX) {
            return Err(Discard::MessageIdInvalid);
        }
        let event = Self {
            call,
            name: None,
            message_id: message_id.filter(|id| !id.is_empty()),
            anonymous_id: id(&mut fields, "anonymousId")?,
            user_id: id(&mut fields, "userId")?,
            context,
            integrations,
            fields,
        };
        event.validated()
    }

    fn validated(mut self) -> Result<Self, Discard> {
        match self.call {
            Call::Track => {
                self.name = Some(self.event_name()?);
                self.require_object("properties", Discard::PropertiesNotObject)?;
            }
            Call::Page | Call::Screen => {
                self.name = self.page_name()?;
                self.require_object("properties", Discard::PropertiesNotObject)?;
            }
            Call::Identify => self.require_object("traits", Discard::TraitsNotObject)?,
            Call::Group => {
                self.require_id("groupId")?;
                self.require_object("traits", Discard::TraitsNotObject)?;
            }
            Call::Alias => {
                self.require_id("previousId")?;
                if self.user_id.is_none() {
                    return Err(Discard::IdRequired);
                }
            }
        }
        if self.user_id.is_none() && self.anonymous_id.is_none() {
            return Err(Discard::NoUserAnonId);
        }
        self.check_device()?;
        if self.is_choice() {
            self.check_choice()?;
        }
        Ok(self)
    }

    fn event_name(&self) -> Result<Cow<'a, str>, Discard> {
        match read(self.fields.get_sent("event")) {
            Read::Absent => Err(Discard::EventNotDefined),
            Read::Text(text) if text.is_empty() => Err(Discard::EventNotDefined),
            Read::Text(text) => Ok(text),
            Read::Other => Err(Discard::EventNotString),
        }
    }

    fn page_name(&self) -> Result<Option<Cow<'a, str>>, Discard> {
        if let Read::Other = read(self.fields.get("category")) {
            return Err(Discard::CategoryNotString);
        }
        match read(self.fields.get_sent("name")) {
            Read::Absent => Ok(None),
            Read::Text(text) if !text.is_empty() => Ok(Some(text)),
            Read::Text(_) | Read::Other => Err(Discard::NameNotString),
        }
    }

    fn require_id(&self, key: &str) -> Result<(), Discard> {
        match read(self.fields.get(key)) {
            Read::Absent => Err(Discard::IdRequired),
            Read::Text(text) if !text.is_empty() => Ok(()),
            Read::Text(_) | Read::Other => Err(Discard::IdNotString),
        }
    }

    fn require_object(&self, key: &str, discard: Discard) -> Result<(), Discard> {
        match self.fields.get(key) {
            None | Some("null") => Ok(()),
            Some(text) if text.starts_with('{') => Ok(()),
            Some(_) => Err(discard),
        }
    }

    fn check_device(&self) -> Result<(), Discard> {
        let Some(device) = self.context.get("device").filter(|text| text.starts_with('{')) else { return Ok(()) };
        let device = Fields::parse(device).map_err(|_| Discard::BadRequest)?;
        match read(device.get("advertisingId")) {
            Read::Other => Err(Discard::DeviceAdvertisingIdShouldBeString),
            Read::Absent | Read::Text(_) => Ok(()),
        }
    }

    /// A choice must say what was chosen: a malformed one is refused loudly, never read as a grant.
    fn check_choice(&self) -> Result<(), Discard> {
        let consent = self.consent().ok_or(Discard::ConsentCategoryPreferencesShouldExist)?;
        let consent = Fields::parse(consent).map_err(|_| Discard::ConsentCategoryPreferencesShouldExist)?;
        let preferences = match consent.get("categoryPreferences") {
            None | Some("null") => return Err(Discard::ConsentCategoryPreferencesShouldExist),
            Some(text) => Fields::parse(text).map_err(|_| Discard::ConsentCategoryPreferencesFieldsShouldBeObject)?,
        };
        if preferences.iter().any(|(_, value)| !matches!(value, "true" | "false")) {
            return Err(Discard::ConsentCategoryPreferencesFieldsShouldBeBool);
        }
        match consent.get("version") {
            Some(text) if text != "null" && !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Err(Discard::ConsentVersionShouldBeNumber)
            }
            _ => Ok(()),
        }
    }

    /// Which of the six calls it is.
    pub fn call(&self) -> Call {
        self.call
    }

    /// The event name of a track call, the name of a page or screen.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The id that the sender gave.
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// The device's or browser's id.
    pub fn anonymous_id(&self) -> Option<&str> {
        self.anonymous_id.as_deref()
    }

    /// The known user's id.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The earlier id that an alias names.
    pub fn previous_id(&self) -> Option<Cow<'_, str>> {
        if self.call != Call::Alias {
            return None;
        }
        match read(self.fields.get("previousId")) {
            Read::Text(text) => Some(text),
            Read::Absent | Read::Other => None,
        }
    }

    /// The key by which order is kept: `anonymousId`, else `userId`.
    pub fn subject_key(&self) -> &str {
        self.anonymous_id().or(self.user_id()).expect("validation requires one of the two")
    }

    /// The text of `context.consent`, when it is an object.
    pub fn consent(&self) -> Option<&str> {
        self.context.get("consent").filter(|text| text.starts_with('{'))
    }

    /// The text of a field of `context`.
    pub fn context(&self, key: &str) -> Option<&str> {
        self.context.get(key)
    }

    /// The text of a top-level field other than ids, `context`, `integrations` and `type`.
    pub fn field(&self, key: &str) -> Option<&str> {
        self.fields.get(key)
    }

    /// The `integrations` object, empty when absent.
    pub fn integrations(&self) -> &Fields<'a> {
        &self.integrations
    }

    /// Whether it carries a visitor's explicit choice.
    pub fn is_choice(&self) -> bool {
        self.call == Call::Track && self.name.as_deref() == Some(CONSENT_EVENT)
    }

    /// The time of the client, before correction: `timestamp`, else `originalTimestamp`.
    pub fn original_timestamp(&self) -> Option<Millis> {
        self.time("timestamp").or_else(|| self.time("originalTimestamp"))
    }

    /// The event's own `sentAt`.
    pub fn sent_at(&self) -> Option<Millis> {
        self.time("sentAt")
    }

    fn time(&self, key: &str) -> Option<Millis> {
        match read(self.fields.get(key)) {
            Read::Text(text) => Millis::parse(&text),
            Read::Absent | Read::Other => None,
        }
    }

    /// Writes the event as it is stored and delivered: its own fields, the four times, ids, context without full
    /// addresses. `writeKey` is left out: it is a credential of the source.
    pub fn write(&self, received: &Received<'_>) -> String {
        let mut out = String::with_capacity(1536);
        self.write_to(received, &mut out);
        out
    }

    /// The same into a buffer that is used again for the next event of a batch; what it held is gone.
    pub fn write_to(&self, received: &Received<'_>, out: &mut String) {
        out.clear();
        out.push_str("{\"type\":\"");
        out.push_str(self.call.name());
        out.push('"');
        let message_id = self.message_id().unwrap_or(received.message_id);
        push_field(out, "messageId", |out| push_string(out, message_id));
        for (key, value) in [("anonymousId", self.anonymous_id()), ("userId", self.user_id())] {
            if let Some(value) = value {
                push_field(out, key, |out| push_string(out, value));
            }
        }
        self.write_times(received, out);
        for (key, value) in self.fields.iter() {
            if !matches!(key, "timestamp" | "originalTimestamp" | "sentAt" | "receivedAt" | "writeKey") {
                push_field(out, key, |out| out.push_str(value));
            }
        }
        if !self.integrations.is_empty() {
            push_field(out, "integrations", |out| self.integrations.write(out));
        }
        push_field(out, "context", |out| self.context.write(out));
        // Before the edge's own address is added, which is cut already: most events carry no other.
        if let Cow::Owned(masked) = crate::ip::mask_json(out) {
            *out = masked;
        }
        self.extend_context(received, out);
        out.push('}');
    }

    fn write_times(&self, received: &Received<'_>, out: &mut String) {
        let original = self.original_timestamp();
        let sent = self.sent_at().or(received.sent_at);
        push_time(out, "timestamp", correct(original, sent, received.at));
        match original {
            Some(original) => push_time(out, "originalTimestamp", original),
            // What the client sent and nobody can read is kept as evidence, under the name it would have got.
            None => {
                if let Some(raw) = self.fields.get("timestamp").or_else(|| self.fields.get("originalTimestamp")) {
                    push_field(out, "originalTimestamp", |out| out.push_str(raw));
                }
            }
        }
        if let Some(sent) = sent {
            push_time(out, "sentAt", sent);
        }
        push_time(out, "receivedAt", received.at);
    }

    /// Adds to the context, with which `out` ends, what the event does not say itself.
    fn extend_context(&self, received: &Received<'_>, out: &mut String) {
        let added = [("ip", received.ip), ("userAgent", received.user_agent)];
        for (key, value) in added {
            let absent = matches!(self.context.get(key), None | Some("null" | "\"\""));
            if let Some(value) = value.filter(|_| absent) {
                out.pop();
                if !out.ends_with('{') {
                    out.push(',');
                }
                push_string(out, key);
                out.push(':');
                push_string(out, value);
                out.push('}');
            }
        }
    }
}

/// Writes a field behind others.
fn push_field(out: &mut String, key: &str, value: impl FnOnce(&mut String)) {
    out.push(',');
    push_string(out, key);
    out.push(':');
    value(out);
}

fn push_time(out: &mut String, key: &str, time: Millis) {
    push_field(out, key, |out| {
        out.push('"');
        time.push_to(out);
        out.push('"');
    });
}

struct NotString;

enum Read<'t> {
    Absent,
    Text(Cow<'t, str>),
    Other,
}

/// Reads a JSON text as a string; `null` counts as absent.
fn read(json: Option<&str>) -> Read<'_> {
    match json {
        None | Some("null") => Read::Absent,
        Some(text) => match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inner) if !inner.contains('\\') => Read::Text(Cow::Borrowed(inner)),
            Some(_) => serde_json::from_str(text).map_or(Read::Other, |text: String| Read::Text(Cow::Owned(text))),
            None => Read::Other,
        },
    }
}

fn string<'a>(fields: &mut Fields<'a>, key: &str) -> Result<Option<Cow<'a, str>>, NotString> {
    let Some(text) = fields.take(key) else { return Ok(None) };
    // `take` hands out what was borrowed from the request, so that the common id is not copied.
    if let Cow::Borrowed(text) = text {
        return match read(Some(text)) {
            Read::Absent => Ok(None),
            Read::Text(text) => Ok(Some(text)),
            Read::Other => Err(NotString),
        };
    }
    match read(Some(&text)) {
        Read::Absent => Ok(None),
        Read::Text(text) => Ok(Some(Cow::Owned(text.into_owned()))),
        Read::Other => Err(NotString),
    }
}

/// An id; the empty string, which some SDKs send for "nobody", counts as absent.
fn id<'a>(fields: &mut Fields<'a>, key: &str) -> Result<Option<Cow<'a, str>>, Discard> {
    string(fields, key).map(|id| id.filter(|id| !id.is_empty())).map_err(|NotString| Discard::IdNotString)
}

#[cfg(test)]
mod tests;
