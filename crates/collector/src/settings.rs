//! What an SDK asks before it starts: `GET /v1/projects/{key}/settings`, in the full shape that analytics.js, its
//! consent tools and the mobile SDKs read (`segment.md` §3.2), and under `assent` what Assent's own SDK shows and obeys.
//! It depends on region and language of whoever asks, so nobody may keep it for another.
//!
//! `consentSettings.hasUnmappedDestinations` is always true. The consent tools switch Segment off altogether when it
//! is false and no category is granted, and then a later refusal would have no way to reach the record. What may not
//! be collected is refused here, where it is counted, and not in a page that could be changed.

use std::fmt;

use consent::Experience;
use http::HeaderMap;
use http::header::HOST;
use http::uri::{Authority, Uri};
use serde_json::{Value, json};

/// Where browsers reach the collector, as the operator says it: `https://events.example.com`, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    host: String,
}

/// Not a public address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a public address: write scheme and host, as `https://events.example.com`")]
pub struct InvalidPublicUrl(pub String);

impl std::str::FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let invalid = || InvalidPublicUrl(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        let host = uri.authority().filter(|host| is_plain(host)).ok_or_else(invalid)?.to_string();
        if uri.path().trim_end_matches('/').is_empty() && uri.query().is_none() {
            Ok(Self { https, host })
        } else {
            Err(invalid())
        }
    }
}

impl PublicUrl {
    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// The address that a request itself used; `localhost` when it does not say one that can be repeated.
    pub(crate) fn of_request(uri: &Uri, headers: &HeaderMap, https: bool) -> Self {
        let named = headers.get(HOST).and_then(|value| Authority::try_from(value.as_bytes()).ok());
        let host = named.or_else(|| uri.authority().cloned()).filter(is_plain);
        Self { https, host: host.map_or_else(|| "localhost".to_owned(), |host| host.to_string()) }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.https { "s" } else { "" }, self.host)
    }
}

/// A host with or without port, and no credentials.
fn is_plain(host: &Authority) -> bool {
    !host.as_str().contains('@') && !host.host().is_empty()
}

/// The document for one source.
pub(crate) fn document(key: &str, at: &PublicUrl, experience: &Experience<'_>) -> String {
    let mut segment = json!({
        "apiKey": key,
        "apiHost": format!("{}/v1", at.host),
        "retryQueue": true,
        "addBundledMetadata": true,
        "unbundledIntegrations": [],
        "bundledConfigIds": [],
        "unbundledConfigIds": [],
        "maybeBundledConfigIds": {},
        "versionSettings": { "version": "4.4.7", "componentTypes": ["browser"] },
    });
    if !at.https {
        // analytics.js takes https unless told otherwise.
        segment["protocol"] = Value::from("http");
    }
    json!({
        "integrations": { "Segment.io": segment },
        "plan": {
            "track": { "__default": { "enabled": true, "integrations": {} } },
            "identify": { "__default": { "enabled": true } },
            "group": { "__default": { "enabled": true } },
        },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        // Reports of the SDK about itself would be dropped here: it need not send them.
        "metrics": { "sampleRate": 0 },
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
        "consentSettings": { "allCategories": experience.keys(), "hasUnmappedDestinations": true },
        "autoInstrumentationSettings": { "sampleRate": 0 },
        // What Segment's SDK passes over and Assent's own reads.
        "assent": experience,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_scheme_and_host() {
        for good in ["https://e.example.com", "http://127.0.0.1:8080/", "https://[::1]:1"] {
            assert!(good.parse::<PublicUrl>().is_ok(), "{good}");
        }
        for bad in ["", "e.example.com", "ftp://e", "https://", "https://u@e", "https://e/v1", "https://e?x"] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_document_of_a_source() {
        let yaml = "workspace: acme\nsources: [{ name: web, kind: browser }]\nconsent: { categories: [required, { name: performance, aliases: [C0002] }] }";
        let workspace = workspace::parse(yaml, &|_| None).expect("valid");
        let at = "http://127.0.0.1:8080".parse().expect("an address");
        let experience = Experience::new(&workspace, &workspace.sources[0], Some("DE"), "en");
        let document: Value = serde_json::from_str(&document("wk", &at, &experience)).expect("JSON");
        insta::assert_snapshot!(document["integrations"], @r#"{"Segment.io":{"addBundledMetadata":true,"apiHost":"127.0.0.1:8080/v1","apiKey":"wk","bundledConfigIds":[],"maybeBundledConfigIds":{},"protocol":"http","retryQueue":true,"unbundledConfigIds":[],"unbundledIntegrations":[],"versionSettings":{"componentTypes":["browser"],"version":"4.4.7"}}}"#);
        insta::assert_snapshot!(document["consentSettings"], @r#"{"allCategories":["required","performance","C0002"],"hasUnmappedDestinations":true}"#);
        insta::assert_snapshot!(document["assent"]["regime"]["id"], @r#""opt-in""#);
    }
}
