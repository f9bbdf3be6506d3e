//! The browser SDKs as Assent serves them: the script with the write key filled in, and the files that it loads when it
//! needs them. Which of the two a page gets, its source says: Assent's own, which asks, or Segment's, as npm has it.
//!
//! Segment's script finds its host in the address of its own tag, but only when that is `https://`. So that a page on
//! `http://localhost` works too, a line in front tells it where it came from; behind TLS the line does nothing.
//! Its anonymous ids do not end, and the pipeline refuses those that are too old: what stands behind that line
//! (`renew.js`) has it make a new one in time.
//! The script differs by write key, so it is compressed per key, once: the cache holds keys of sources only and is
//! bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use bytes::Bytes;
use flate2::Crc;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{HeaderMap, StatusCode};
use libdeflater::{CompressionLvl, Compressor};
use workspace::{Sdk, Workspace};

use crate::answer::{Answer, empty, with_body};
use crate::cors;
use crate::reject::{Refusal, Reject};

/// A file that a script loads when it needs it.
pub(crate) struct File {
    name: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// An SDK as it was at build time.
pub(crate) struct Published {
    /// `None` when nobody had built it.
    script: Option<&'static str>,
    files: &'static [File],
}

include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// What stands in the published script where the key belongs, with its quotes.
const PLACEHOLDER: &str = "\"__WRITE_KEY__\"";
/// The same in `block.js`, where the hosts belong.
const HOSTS: &str = "\"__HOSTS__\"";
const BLOCKING: &str = "block.js";
/// Tells the script its host when its address is not `https://`, which is all that it recognises by itself.
const ORIGIN: &str = "!function(){var s=document.currentScript,a=s&&window[s.getAttribute(\"data-global-segment-\
analytics-key\")||\"analytics\"];a&&!a._cdn&&/^http:/.test(s.src)&&(a._cdn=s.src.split(\"/analytics.js/v1/\")[0])}();\n";
/// Ends the ids of Segment's script; `__DAYS__` is how long they may live.
const RENEW: &str = include_str!("renew.js");
/// Scripts kept; a script is 115 KB and its compressed form 32 KB.
const CACHED_MAX: usize = 64;
/// Files whose names do not change with their content, because pages name them: the ES module, what stands in for the
/// IAB's interfaces, what keeps hosts back, and what compares with another platform.
const NAMED_BY_PAGES: [&str; 5] = ["assent.mjs", "block.js", "gpp-stub.js", "shadow.js", "tcf-stub.js"];

/// A key's script.
#[derive(Debug, Clone)]
struct Script {
    plain: Bytes,
    gzip: Bytes,
    etag: HeaderValue,
}

/// Serves the files.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    filled: Mutex<HashMap<(Sdk, String, u16), Script>>,
}

/// What was embedded of an SDK.
fn published(sdk: Sdk) -> &'static Published {
    match sdk {
        Sdk::Assent => &ASSENT,
        Sdk::Segment => &SEGMENT,
    }
}

impl Scripts {
    /// The script for the key of a source, whose anonymous ids may be used for so many days.
    pub(crate) fn script(&self, (sdk, key): (Sdk, &str), days: u16, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let published = published(sdk).script.ok_or(Reject::SdkAbsent)?;
        let script = self.filled((sdk, key), days, published).map_err(|error| Reject::Internal.because(error))?;
        let files = (script.plain, script.gzip);
        Ok(file(headers, files, &script.etag, HeaderValue::from_static("public, max-age=300")))
    }

    fn filled(&self, (sdk, key): (Sdk, &str), days: u16, published: &str) -> std::io::Result<Script> {
        let id = (sdk, key.to_owned(), days);
        if let Some(script) = self.filled.lock().expect("no holder of the cache panics").get(&id) {
            return Ok(script.clone());
        }
        let script = Script::new((sdk, key), days, published)?;
        let mut filled = self.filled.lock().expect("no holder of the cache panics");
        if filled.len() >= CACHED_MAX {
            filled.clear();
        }
        filled.insert(id, script.clone());
        Ok(script)
    }

    /// A file that a script loads, by its name. A name with a hash in it stands for one content for ever.
    pub(crate) fn file(sdk: Sdk, name: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let published = published(sdk);
        if published.script.is_none() {
            return Err(Reject::SdkAbsent.into());
        }
        let found = published.files.iter().find(|file| file.name == name).ok_or(Reject::NotFound)?;
        let etag = etag(found.plain);
        let files = (Bytes::from_static(found.plain), Bytes::from_static(found.gzip));
        let is_named = NAMED_BY_PAGES.contains(&name);
        let cache = if is_named { "public, max-age=300" } else { "public, max-age=31536000, immutable" };
        Ok(file(headers, files, &etag, HeaderValue::from_static(cache)))
    }
}

/// `block.js` with the hosts of the workspace's vendors. It is small and browsers keep it, so it is made at each request.
pub(crate) fn blocking(workspace: &Workspace, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let found = ASSENT.files.iter().find(|file| file.name == BLOCKING);
    let published = std::str::from_utf8(found.ok_or(Reject::SdkAbsent)?.plain);
    let published = published.map_err(|error| Reject::Internal.because(error))?;
    let filled = published.replace(HOSTS, &literal(&hosts(workspace)));
    let gzip = packed(filled.as_bytes()).map_err(|error| Reject::Internal.because(error))?;
    let etag = etag(filled.as_bytes());
    Ok(file(headers, (filled.into(), gzip), &etag, HeaderValue::from_static("public, max-age=300")))
}

/// The hosts of the vendors with the categories that each waits for, as `data-hosts` has them. Where vendors of several
/// categories share a host, which of them is asked cannot be told: all must be granted. What is required waits for nobody.
fn hosts(workspace: &Workspace) -> String {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for vendor in workspace.consent.banner.vendors.iter().filter(|vendor| !vendor.category.is_required()) {
        for domain in &vendor.about.domains {
            all.entry(domain).or_default().insert(vendor.category.as_str());
        }
    }
    let pairs = all.into_iter().map(|(host, of)| format!("{host}={}", Vec::from_iter(of).join(",")));
    pairs.collect::<Vec<_>>().join(" ")
}

/// As gzip, at its best: three percent less for each visitor than zlib's best. Six milliseconds for a script, which is kept,
/// and half of one for `block.js`, which is not.
fn packed(content: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = Compressor::new(CompressionLvl::best());
    let mut gzip = vec![0; encoder.gzip_compress_bound(content.len())];
    let bytes = encoder.gzip_compress(content, &mut gzip).map_err(std::io::Error::other)?;
    gzip.truncate(bytes);
    Ok(gzip.into())
}

impl Script {
    fn new((sdk, key): (Sdk, &str), days: u16, published: &str) -> std::io::Result<Self> {
        // The licence notice stays the first thing in the file.
        let (notice, code) = match published.split_once("*/") {
            Some((notice, code)) if notice.starts_with("/*!") => (format!("{notice}*/\n"), code),
            _ => (String::new(), published),
        };
        let first = match sdk {
            Sdk::Segment => format!("{ORIGIN}{}", RENEW.replace("__DAYS__", &days.to_string())),
            Sdk::Assent => String::new(),
        };
        let filled = format!("{notice}{first}{}", code.replace(PLACEHOLDER, &literal(key)));
        let gzip = packed(filled.as_bytes())?;
        Ok(Self { etag: etag(filled.as_bytes()), plain: filled.into(), gzip })
    }
}

/// A key as a JavaScript string that cannot end itself, also inside HTML.
fn literal(key: &str) -> String {
    let json = serde_json::to_string(key).expect("a string always serialises");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn etag(content: &[u8]) -> HeaderValue {
    let mut crc = Crc::new();
    crc.update(content);
    let tag = format!("\"{:08x}-{:x}\"", crc.sum(), content.len());
    HeaderValue::from_str(&tag).expect("hexadecimal digits are a header")
}

fn file(headers: &HeaderMap, (plain, gzip): (Bytes, Bytes), etag: &HeaderValue, cache: HeaderValue) -> Answer {
    let fresh = headers.get(IF_NONE_MATCH).is_some_and(|value| matches(value.as_bytes(), etag.as_bytes()));
    let packed = headers.get_all(ACCEPT_ENCODING).iter().any(|value| matches(value.as_bytes(), b"gzip"));
    let mut answer = if fresh {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let kind = HeaderValue::from_static("application/javascript; charset=utf-8");
        with_body(kind, if packed { gzip } else { plain })
    };
    let headers = answer.headers_mut();
    if packed && !fresh {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // A weak comparison suffices: both forms of a file carry the same tag.
    headers.insert(ETAG, etag.clone());
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    cors::allow(headers);
    answer
}

fn matches(list: &[u8], wanted: &[u8]) -> bool {
    list.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_filled_in_behind_the_notice() {
        let published = "/*! MIT */\nwindow.k=\"__WRITE_KEY__\"";
        let script = Script::new((Sdk::Segment, "wk\"</script>"), 90, published).expect("memory takes it");
        let text = String::from_utf8_lossy(&script.plain).into_owned();
        assert!(text.starts_with("/*! MIT */\n!function()"), "{text}");
        assert!(text.contains(")(90, \"ajs_anonymous_id\""), "{text}");
        assert!(text.ends_with("window.k=\"wk\\\"\\u003c/script>\""), "{text}");
    }

    #[test]
    fn assents_own_script_knows_where_it_came_from() {
        let script = Script::new((Sdk::Assent, "wk"), 90, "k(\"__WRITE_KEY__\")").expect("memory takes it");
        assert_eq!(&script.plain[..], b"k(\"wk\")");
    }

    #[test]
    fn a_host_waits_for_the_categories_of_all_its_vendors_and_a_required_one_for_none() {
        let yaml = "workspace: acme\nconsent: { banner: { vendors: [{ id: google-analytics }, { id: google-tag-manager }, \
                    { id: trustarc, category: required }, { id: own, name: O, category: functionality, domains: [chat.example] }] } }";
        let workspace = workspace::parse(yaml, &|_| None).expect("valid");
        assert_eq!(
            hosts(&workspace),
            "analytics.google.com=performance chat.example=functionality google-analytics.com=performance \
             googletagmanager.com=performance,targeting"
        );
    }

    #[test]
    fn the_cache_is_bounded() {
        let scripts = Scripts::default();
        for key in 0..=CACHED_MAX {
            scripts.filled((Sdk::Assent, &format!("wk{key}")), 90, "window.k=\"__WRITE_KEY__\"").expect("it is there");
        }
        assert!(scripts.filled.lock().expect("nobody panicked").len() <= CACHED_MAX);
    }
}
