//! Where a request says its write key: Basic auth (with or without the colon), body, or query of a pixel.
//!
//! A key is a name for a source, not a secret: it stands in the page. It permits writing and nothing else.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use event::Fields;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Standard alphabet, padding or not: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The longest `Basic` credentials that are looked at, decoded.
const CREDENTIALS_BYTES_MAX: usize = 256;

/// The user name of Basic auth. The password is ignored, as at Segment; so is every other scheme.
pub(crate) fn from_headers(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut decoded = [0; CREDENTIALS_BYTES_MAX];
    let length = BASE64.decode_slice(encoded.trim_ascii(), &mut decoded).ok()?;
    let user = decoded[..length].split(|byte| *byte == b':').next()?;
    let user = std::str::from_utf8(user).ok()?;
    (!user.is_empty()).then(|| user.to_owned())
}

/// The `writeKey` of a JSON object that holds one.
pub(crate) fn from_body(json: &str) -> Option<String> {
    from_field(Fields::parse(json).ok()?.get("writeKey"))
}

/// The text of a `writeKey` field.
pub(crate) fn from_field(json: Option<&str>) -> Option<String> {
    serde_json::from_str(json?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(header: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(header).expect("a header"));
        assert_eq!(from_headers(&headers).as_deref(), expected, "{header}");
    }

    #[test]
    fn basic_auth_in_all_its_spellings() {
        check("Basic d2tfZGVtbzo=", Some("wk_demo")); // wk_demo:
        check("Basic d2tfZGVtbw==", Some("wk_demo")); // wk_demo
        check("Basic d2tfZGVtbw", Some("wk_demo"));
        check("basic d2tfZGVtbzpwYXNz", Some("wk_demo")); // wk_demo:pass
        check("BASIC  d2tfZGVtbzo=", Some("wk_demo"));
    }

    #[test]
    fn anything_else_is_no_key() {
        for header in
            ["", "Basic", "Basic ", "Basic Og==", "Basic !!", "Basic /w==", "Bearer d2tfZGVtbzo=", "d2tfZGVtbzo="]
        {
            check(header, None);
        }
        check(&format!("Basic {}", "QUFB".repeat(200)), None);
    }

    #[test]
    fn the_body_names_it_as_a_string() {
        assert_eq!(from_body(r#"{"writeKey":"w\u006b"}"#).as_deref(), Some("wk"));
        for body in [r#"{"writeKey":7}"#, "{}", "[]", "{", ""] {
            assert_eq!(from_body(body), None, "{body}");
        }
    }
}
