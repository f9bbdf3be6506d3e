//! Segment's browser SDK as Assent serves it: the npm package's script with the write key filled in, and its chunks.
//!
//! The script finds its host in the address of its own tag, but only when that is `https://`. So that a page on
//! `http://localhost` works too, a line in front tells it where it came from; behind TLS the line does nothing.
//! The script differs by write key, so it is compressed per key, once: the cache holds keys of sources only and is
//! bounded.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;

use bytes::Bytes;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use http::{HeaderMap, StatusCode};

use crate::answer::{Answer, empty, with_body};
use crate::cors;
use crate::reject::{Refusal, Reject};

/// A file that the script loads when it needs it; its name carries a hash of its content.
pub(crate) struct Chunk {
    name: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// What stands in the published script where the key belongs, with its quotes.
const PLACEHOLDER: &str = "\"__WRITE_KEY__\"";
/// Tells the script its host when its address is not `https://`, which is all that it recognises by itself.
const ORIGIN: &str = "!function(){var s=document.currentScript,a=s&&window[s.getAttribute(\"data-global-segment-\
analytics-key\")||\"analytics\"];a&&!a._cdn&&/^http:/.test(s.src)&&(a._cdn=s.src.split(\"/analytics.js/v1/\")[0])}();\n";
/// Scripts kept; a script is 115 KB and its compressed form 32 KB.
const CACHED_MAX: usize = 64;

/// A key's script.
#[derive(Debug, Clone)]
struct Script {
    plain: Bytes,
    gzip: Bytes,
    etag: HeaderValue,
}

/// Serves the files.
#[derive(Debug)]
pub(crate) struct Sdk {
    /// As npm has it; `None` when it was not there at build time.
    published: Option<&'static str>,
    scripts: Mutex<HashMap<String, Script>>,
}

impl Default for Sdk {
    /// With the script that was embedded.
    fn default() -> Self {
        Self { published: SCRIPT, scripts: Mutex::default() }
    }
}

impl Sdk {
    /// The script for the key of a source.
    pub(crate) fn script(&self, key: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let published = self.published.ok_or(Reject::SdkAbsent)?;
        let cached = self.scripts.lock().expect("no holder of the cache panics").get(key).cloned();
        let script = match cached {
            Some(script) => script,
            None => {
                let script = Script::new(published, key).map_err(|error| Reject::Internal.because(error))?;
                let mut scripts = self.scripts.lock().expect("no holder of the cache panics");
                if scripts.len() >= CACHED_MAX {
                    scripts.clear();
                }
                scripts.insert(key.to_owned(), script.clone());
                script
            }
        };
        let files = (script.plain, script.gzip);
        Ok(file(headers, files, &script.etag, HeaderValue::from_static("public, max-age=300")))
    }

    /// A chunk by its file name.
    pub(crate) fn chunk(name: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
        if SCRIPT.is_none() {
            return Err(Reject::SdkAbsent.into());
        }
        let chunk = CHUNKS.iter().find(|chunk| chunk.name == name).ok_or(Reject::NotFound)?;
        let etag = etag(chunk.plain);
        let files = (Bytes::from_static(chunk.plain), Bytes::from_static(chunk.gzip));
        Ok(file(headers, files, &etag, HeaderValue::from_static("public, max-age=31536000, immutable")))
    }
}

impl Script {
    fn new(published: &str, key: &str) -> std::io::Result<Self> {
        // The licence notice stays the first thing in the file.
        let (notice, code) = match published.split_once("*/") {
            Some((notice, code)) if notice.starts_with("/*!") => (format!("{notice}*/\n"), code),
            _ => (String::new(), published),
        };
        let filled = format!("{notice}{ORIGIN}{}", code.replace(PLACEHOLDER, &literal(key)));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(filled.as_bytes())?;
        let gzip = encoder.finish()?;
        Ok(Self { etag: etag(filled.as_bytes()), plain: filled.into(), gzip: gzip.into() })
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
        let script = Script::new(published, "wk\"</script>").expect("memory takes it");
        let text = String::from_utf8_lossy(&script.plain).into_owned();
        assert!(text.starts_with("/*! MIT */\n!function()"), "{text}");
        assert!(text.ends_with("window.k=\"wk\\\"\\u003c/script>\""), "{text}");
    }

    #[test]
    fn a_binary_without_the_script_says_how_to_get_it() {
        let sdk = Sdk { published: None, scripts: Mutex::default() };
        let refusal = sdk.script("wk", &HeaderMap::new()).expect_err("there is none");
        assert_eq!(refusal.reject, Reject::SdkAbsent);
        assert!(String::from_utf8_lossy(&refusal.body()).contains("`make web`"));
    }

    #[test]
    fn the_cache_is_bounded() {
        let sdk = Sdk { published: Some("window.k=\"__WRITE_KEY__\""), scripts: Mutex::default() };
        for key in 0..=CACHED_MAX {
            sdk.script(&format!("wk{key}"), &HeaderMap::new()).expect("it is there");
        }
        assert!(sdk.scripts.lock().expect("nobody panicked").len() <= CACHED_MAX);
    }
}
