//! JSON in the one spelling of RFC 8785, so that a record has one sequence of bytes to commit to: no white space, keys
//! in the order of their UTF-16 code units, the shortest escapes.
//!
//! Numbers are whole and at most 2^53 − 1 here. RFC 8785 writes a fraction as JavaScript would, and readers that parse
//! it differently would see different records; nothing that is recorded needs one, so it is refused, never rounded.

use serde_json::Value;

/// The largest whole number that every JSON parser reads exactly.
pub const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Why a value has no spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A fraction, or a number that some parser would round.
    #[error("the number `{0}` is not whole or beyond ±{WHOLE_MAX}: write it as a text")]
    Number(String),
}

/// The value as text.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(is) => text.push_str(if *is { "true" } else { "false" }),
        Value::Number(number) => {
            let magnitude = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
            if magnitude.is_none_or(|magnitude| magnitude > WHOLE_MAX) {
                return Err(NotCanonical::Number(number.to_string()));
            }
            text.push_str(&number.to_string());
        }
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (place, (key, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_string(key, text);
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

/// `serde_json` escapes exactly as RFC 8785 wants it: the five short escapes, `\u00xx` in lower case for other control
/// characters, everything else as it is.
fn write_string(string: &str, text: &mut String) {
    text.push_str(&serde_json::to_string(string).expect("a string is always JSON"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(json: &str) -> String {
        canonical(&serde_json::from_str(json).expect("JSON")).expect("has a spelling")
    }

    #[test]
    fn keys_stand_in_the_order_of_their_utf_16_units() {
        // U+1F600 begins with the unit D83D, so it stands before U+FB33, though its code point is the larger one.
        let json = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
        let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(spelled(json), expected);
        assert_eq!(
            spelled(r#" { "b" : [ {} , { "z":1, "a":null } ], "a" : true } "#),
            r#"{"a":true,"b":[{},{"a":null,"z":1}]}"#
        );
    }

    #[test]
    fn escapes_are_the_shortest_ones() {
        let json = r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\b\t\f\r\u007f\u001b\u2028""#;
        let expected = "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\t\\f\\r\u{7f}\\u001b\u{2028}\"";
        assert_eq!(spelled(json), expected);
    }

    #[test]
    fn whole_numbers_have_one_spelling_and_others_none() {
        for number in ["0", "-1", "9007199254740991", "-9007199254740991"] {
            assert_eq!(spelled(number), number);
        }
        for number in ["1.5", "1e3", "1.0", "-0", "9007199254740992", "-9007199254740992", "18446744073709551616"] {
            let value: Value = serde_json::from_str(number).expect("JSON");
            assert!(matches!(canonical(&value), Err(NotCanonical::Number(_))), "{number}");
        }
    }
}
