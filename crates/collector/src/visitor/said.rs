//! A choice as a page, a form or an app states it, and the event that it becomes: one path for both, so that a choice
//! counts alike however it came.
//!
//! ```json
//! { "writeKey": "wk_demo", "categories": { "performance": true },
//!   "refusedVendors": ["ga"], "version": 3, "textHash": "…", "language": "en", "layer": "first", "method": "choose",
//!   "regime": "eu", "regimeVersion": 1, "anonymousId": "a-1", "userId": "u-1", "messageId": "m-1",
//!   "timestamp": "2026-11-22T10:00:00Z", "sentAt": "2026-11-22T10:00:01Z", "att": "authorized",
//!   "domain": "example.com" }
//! ```
//!
//! Only `categories` must be there. Identifiers are for visitors who permitted them; without one the choice is recorded
//! and becomes no event, because there is nobody whom an event would be about.

use event::{CONSENT_EVENT, new_message_id};
use serde_json::{Map, Value, json};

use crate::reject::{Refusal, Reject};

/// What describes the choice, under the names that it has in `context.consent`.
const DESCRIBED: [&str; 8] =
    ["refusedVendors", "version", "textHash", "language", "layer", "method", "regime", "regimeVersion"];
/// What an event has in the same place.
const SAME: [&str; 5] = ["anonymousId", "userId", "messageId", "timestamp", "sentAt"];
/// What Apple's App Tracking Transparency may answer; anything but the last denies.
const ATT: [&str; 4] = ["denied", "restricted", "not_determined", "authorized"];

/// A choice that was read, as the text of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The write key in the body.
    pub(crate) write_key: Option<String>,
    /// The domain on which the page's own cookie holds; empty where only its host does.
    pub(crate) domain: Option<String>,
    /// Whose choice it is.
    pub(crate) anonymous_id: Option<String>,
    /// The event that says the same.
    pub(crate) event: String,
    /// Whether nobody is named. The event then has an id, because events must, and nothing may be kept under it.
    pub(crate) is_nameless: bool,
}

impl Said {
    /// Reads a body.
    pub(crate) fn parse(body: &str) -> Result<Self, Refusal> {
        let said: Value = serde_json::from_str(body).map_err(|error| Reject::BadJson.because(error))?;
        let Value::Object(mut said) = said else { return Err(Reject::BadJson.into()) };
        let write_key = said.remove("writeKey").and_then(|key| key.as_str().map(str::to_owned));
        Self::new(said, write_key)
    }

    /// From its members.
    pub(crate) fn new(mut said: Map<String, Value>, write_key: Option<String>) -> Result<Self, Refusal> {
        let Some(Value::Object(mut categories)) = said.remove("categories") else {
            return Err(Reject::BadChoice.because("`categories` must be an object: category to `true` or `false`"));
        };
        if denies_tracking(said.get("att"))? {
            // Beside an alias that grants it this refuses all the same: of both, the refusal counts.
            categories.insert(TARGETING.to_owned(), false.into());
        }
        let domain = said.remove("domain").and_then(|domain| domain.as_str().map(str::to_owned));
        let mut consent = Map::from_iter([("categoryPreferences".to_owned(), Value::Object(categories))]);
        let mut take = |name: &str| said.remove(name).filter(|value| !value.is_null() && value != "");
        for name in DESCRIBED {
            consent.extend(take(name).map(|value| (name.to_owned(), value)));
        }
        let mut event = Map::new();
        for name in SAME {
            event.extend(take(name).map(|value| (name.to_owned(), value)));
        }
        let anonymous_id = event.get("anonymousId").and_then(Value::as_str).map(str::to_owned);
        let is_nameless = !event.contains_key("anonymousId") && !event.contains_key("userId");
        if is_nameless {
            event.insert("anonymousId".to_owned(), new_message_id().into());
        }
        event.insert("type".to_owned(), "track".into());
        event.insert("event".to_owned(), CONSENT_EVENT.into());
        event.insert("properties".to_owned(), json!({}));
        event.insert("context".to_owned(), json!({ "consent": consent }));
        Ok(Self { write_key, domain, anonymous_id, event: Value::Object(event).to_string(), is_nameless })
    }
}

/// The category that tracking across apps and sites needs.
const TARGETING: &str = "targeting";

/// Whether the device's own dialog keeps an app from tracking. An app that did not ask may not track either.
fn denies_tracking(att: Option<&Value>) -> Result<bool, Refusal> {
    match att {
        None | Some(Value::Null) => Ok(false),
        Some(Value::String(status)) if ATT.contains(&status.as_str()) => Ok(status != "authorized"),
        Some(_) => Err(Reject::BadChoice.because(format_args!("`att` is one of `{}`", ATT.join("`, `")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consent::Preferences;
    use event::{Call, Event};

    fn event(body: &Value) -> Value {
        let said = Said::parse(&body.to_string()).expect("a choice");
        serde_json::from_str(&said.event).expect("JSON")
    }

    #[test]
    fn it_becomes_the_event_that_says_the_same() {
        let body = json!({
            "writeKey": "wk", "categories": { "performance": true }, "refusedVendors": ["ga"], "version": 3,
            "layer": "first", "method": "choose", "regime": "eu", "anonymousId": "a", "userId": "", "messageId": "m",
            "timestamp": "2026-11-22T10:00:00Z", "note": "left out",
        });
        let said = Said::parse(&body.to_string()).expect("a choice");
        assert_eq!((said.write_key.as_deref(), said.is_nameless), (Some("wk"), false));
        let event = Event::parse(&said.event, Some(Call::Track)).expect("a valid event");
        assert!(event.is_choice());
        assert_eq!((event.anonymous_id(), event.user_id(), event.message_id()), (Some("a"), None, Some("m")));
        let consent = event.consent().expect("it is one");
        let preferences = Preferences::from_consent(consent).expect("they are there");
        assert_eq!(preferences.0, [("performance".into(), true)]);
        assert!(consent.contains(r#""refusedVendors":["ga"]"#) && !said.event.contains("left out"), "{consent}");
    }

    #[test]
    fn without_identifier_nobody_is_named() {
        let body = json!({ "categories": {} }).to_string();
        let [one, other] = [(); 2].map(|()| Said::parse(&body).expect("a choice"));
        assert!(one.is_nameless && one.event != other.event, "no two share an id");
    }

    #[test]
    fn a_device_that_denies_tracking_denies_targeting() {
        let targeting = |att: &str| {
            let body = json!({ "categories": { "targeting": true, "C0004": true }, "att": att });
            event(&body)["context"]["consent"]["categoryPreferences"]["targeting"].clone()
        };
        assert_eq!(ATT.map(targeting), [false, false, false, true].map(Value::from));
    }

    #[test]
    fn what_is_no_choice_is_refused_by_name() {
        for (body, code) in [
            ("[]", Reject::BadJson),
            ("{", Reject::BadJson),
            ("{}", Reject::BadChoice),
            (r#"{"categories":[]}"#, Reject::BadChoice),
            (r#"{"categories":{},"att":"asked"}"#, Reject::BadChoice),
            (r#"{"categories":{},"att":1}"#, Reject::BadChoice),
        ] {
            assert_eq!(Said::parse(body).map_err(|refusal| refusal.reject), Err(code), "{body}");
        }
    }
}
