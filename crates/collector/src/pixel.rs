//! Events in a query, for e-mails and advertisements: `?data=` with base64 JSON, or dotted keys
//! (`?userId=u&event=E&properties.subject=S`). Both become the JSON text that the other routes read.
//!
//! The answer is always the image, also when nothing was kept: a broken picture in somebody's letter helps nobody.
//! What was not kept is counted.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::reject::{Refusal, Reject};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Dots in one key that are followed; more are part of the last name.
const DEPTH_MAX: usize = 8;

/// The JSON text of a pixel's query.
pub(crate) fn json(query: &str) -> Result<String, Refusal> {
    let pairs: Vec<(String, String)> = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    match pairs.iter().find(|(key, _)| key == "data") {
        Some((_, data)) => decoded(data, &pairs),
        None => Ok(dotted(&pairs).to_string()),
    }
}

fn pair(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (plain(key), plain(value))
}

fn plain(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// `data` as JSON. A write key beside it counts when there is none in it.
fn decoded(data: &str, pairs: &[(String, String)]) -> Result<String, Refusal> {
    // Both alphabets are met in the wild, and `+` has become a space in the query.
    let url_safe: String = data
        .chars()
        .map(|c| match c {
            '+' | ' ' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    let bytes = BASE64.decode(url_safe).map_err(|error| Reject::BadJson.because(format_args!("`data`: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Refusal::from(Reject::InvalidUtf8))?;
    let Some((_, key)) = pairs.iter().find(|(key, _)| key == "writeKey") else { return Ok(text) };
    let mut value: Map<String, Value> = serde_json::from_str(&text).map_err(|error| Reject::BadJson.because(error))?;
    value.entry("writeKey").or_insert_with(|| key.as_str().into());
    Ok(Value::Object(value).to_string())
}

/// Nests values by the dots of their keys. Of two that want the same place, the first stays.
fn dotted(pairs: &[(String, String)]) -> Value {
    let mut root = Map::new();
    for (key, value) in pairs {
        let mut names: Vec<&str> = key.splitn(DEPTH_MAX, '.').collect();
        let Some(last) = names.pop() else { continue };
        let place = names.into_iter().try_fold(&mut root, |place, name| {
            place.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
        });
        if let Some(place) = place {
            place.entry(last).or_insert_with(|| read_value(key, value));
        }
    }
    Value::Object(root)
}

/// A query knows only text. Where the specification asks for a switch, `true` and `false` are read as one, and the version
/// of a choice as a number: a stamp or an `integrations` of strings would be refused, or not obeyed.
fn read_value(key: &str, value: &str) -> Value {
    let is_switch = key.starts_with("context.consent.categoryPreferences.")
        || key.starts_with("integrations.")
        || key == "context.direct";
    match value {
        "true" if is_switch => Value::Bool(true),
        "false" if is_switch => Value::Bool(false),
        text if key == "context.consent.version" => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        text => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        assert_eq!(json(query).unwrap_or_else(|refusal| format!("{:?}", refusal.reject)), expected, "{query}");
    }

    #[test]
    fn dotted_keys_nest() {
        check(
            "event=E&userId=u&context.consent.categoryPreferences.performance=true&integrations.All=false&properties.x=true",
            r#"{"context":{"consent":{"categoryPreferences":{"performance":true}}},"event":"E","integrations":{"All":false},"properties":{"x":"true"},"userId":"u"}"#,
        );
        check(
            "userId=u1&event=Email%20Opened&properties.subject=a+b&properties.n.m=1&writeKey=wk",
            r#"{"event":"Email Opened","properties":{"n":{"m":"1"},"subject":"a b"},"userId":"u1","writeKey":"wk"}"#,
        );
        check(
            "context.consent.version=2&context.direct=true&properties.version=2",
            r#"{"context":{"consent":{"version":2},"direct":true},"properties":{"version":"2"}}"#,
        );
        check("a=1&a.b=2&c.d=3&c=4&&e", r#"{"a":"1","c":{"d":"3"},"e":""}"#);
        check("", "{}");
        // A name that serde_json keeps for itself is a name like any other; a fuzz target found that a `Value` reads it
        // as something else.
        check("$serde_json::private::RawValue.a=1&b=2", r#"{"$serde_json::private::RawValue":{"a":"1"},"b":"2"}"#);
        let deep = format!("{}=1", "a.".repeat(5_000));
        assert!(json(&deep).expect("bounded").len() < deep.len() + 100);
    }

    #[test]
    fn data_is_base64_of_either_alphabet() {
        check("data=eyJ1c2VySWQiOiJ1In0=", r#"{"userId":"u"}"#);
        check("data=eyJ1c2VySWQiOiJ1In0", r#"{"userId":"u"}"#);
        check("data=eyJhIjoiw7_Dvz8ifQ", r#"{"a":"ÿÿ?"}"#);
        check("data=eyJhIjoiw7/Dvz8ifQ%3D%3D", r#"{"a":"ÿÿ?"}"#);
        check("data=eyJ1c2VySWQiOiJ1In0&writeKey=wk", r#"{"userId":"u","writeKey":"wk"}"#);
        check("data=!!", "BadJson");
        check("data=_w", "InvalidUtf8");
    }
}
