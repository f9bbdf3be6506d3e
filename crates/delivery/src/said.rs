//! What an answer says, as a person may read it: one line, short, and without what names somebody or something.
//!
//! Receivers like to repeat what they were sent (`no user ada@example.com`). Words with digits, `@` or of great length
//! are masked, which also makes the answers of a thousand events one text; and so is every word that stands in a value
//! of the events that were sent, whatever it looks like. Events and answers in JSON are compared as what they mean, not as
//! they are written: one side may escape what the other does not. What a backslash stands for elsewhere nobody knows, so
//! words at one are masked.

use std::borrow::Cow;
use std::collections::HashSet;

/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 2_048;
/// Characters of a text.
const CHARS_MAX: usize = 160;
/// A longer word is a token of some kind.
const WORD_CHARS_MAX: usize = 24;
/// Bytes of events that are searched for words of the answer.
const SEARCHED: usize = 512 * 1024;
/// Words of the specification: they are in every event and name nobody.
const SPOKEN: [&str; 12] =
    ["track", "identify", "page", "screen", "group", "alias", "server", "client", "browser", "true", "false", "null"];

/// The text of an answer to some events.
pub(crate) fn said<'e>(body: &[u8], events: impl Iterator<Item = &'e str>) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    let text = if text.trim_start().starts_with(['{', '[', '"']) { unescaped(&text) } else { text };
    let words = values(&text, events);
    masked(&text, |word| words.contains(&word.to_lowercase()))
}

/// The text of what went wrong without an answer.
pub(crate) fn plain(text: &str) -> String {
    masked(text, |_| false)
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '@' | '.' | '-' | '_' | '%' | '+' | '/' | '\u{fffd}')
}

/// Words of the text that stand in a value of an event, in small letters.
fn values<'e>(text: &str, events: impl Iterator<Item = &'e str>) -> HashSet<String> {
    let words = |text: &str| -> HashSet<String> {
        text.split(|character| !is_part(character))
            .flat_map(|word| [word, word.trim_matches(['.', '-', '/'])])
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let mut asked = words(text);
    asked.retain(|word| !SPOKEN.contains(&word.as_str()));
    let (mut found, mut searched) = (HashSet::new(), 0);
    for event in events {
        searched += event.len();
        if searched > SEARCHED {
            // What was not looked at could be anything.
            return asked;
        }
        let mut rest = event;
        while let Some(begins) = rest.find('"') {
            let (string, after) = to_quote(&rest[begins + 1..]);
            let is_key = after.trim_start().starts_with(':');
            if !is_key {
                found.extend(words(&unescaped(string)).into_iter().filter(|word| asked.contains(word)));
            }
            rest = after;
        }
    }
    found
}

/// A string of JSON without its quotes, and what comes after it.
fn to_quote(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let ends = text.find(|character| {
        let is_end = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    });
    ends.map_or((text, ""), |ends| (&text[..ends], &text[ends + 1..]))
}

/// JSON without its escapes; one that is cut off or unknown stays.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(begins) = rest.find('\\') {
        out.push_str(&rest[..begins]);
        rest = &rest[begins..];
        let (character, bytes) = match rest.as_bytes().get(1) {
            Some(b'b' | b'f' | b'n' | b'r' | b't') => (' ', 2),
            Some(b'"') => ('"', 2),
            Some(b'/') => ('/', 2),
            Some(b'u') => sixteen_bits(rest).map_or(('\\', 1), |unit| match char::from_u32(u32::from(unit)) {
                Some(character) => (character, 6),
                // A half of a pair.
                None => sixteen_bits(&rest[6..])
                    .and_then(|other| char::decode_utf16([unit, other]).next()?.ok())
                    .map_or(('\u{fffd}', 6), |character| (character, 12)),
            }),
            Some(b'\\') => ('\\', 2),
            _ => ('\\', 1),
        };
        out.push(character);
        rest = &rest[bytes..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The number of `\uXXXX` at the beginning.
fn sixteen_bits(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn masked(text: &str, is_known: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let (mut rest, mut is_behind_backslash) = (text, false);
    while let Some(first) = rest.chars().next() {
        if out.chars().count() >= CHARS_MAX {
            return out.chars().take(CHARS_MAX).chain(['…']).collect();
        }
        if !is_part(first) {
            let is_space = first.is_whitespace() || first.is_control();
            if !is_space {
                out.push(first);
            } else if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            is_behind_backslash = first == '\\';
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let bare = word.trim_matches(['.', '-', '/']);
        let names = word
            .contains(|character: char| character.is_numeric() || matches!(character, '@' | '%' | '\u{fffd}'))
            || word.chars().count() > WORD_CHARS_MAX
            || is_known(word)
            || is_known(bare)
            || std::mem::take(&mut is_behind_backslash)
            || (after.starts_with('\\') && !after.starts_with("\\\""));
        out.push_str(if names { "…" } else { word });
        rest = after;
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, event: &str, expected: &str) {
        assert_eq!(said(body.as_bytes(), [event].into_iter()), expected, "{body}");
    }

    #[test]
    fn whoever_an_answer_names_is_masked_and_what_is_wrong_stays() {
        let event =
            r#"{"type":"track","event":"Order Done","userId":"ada","traits":{"name":"Lovelace","plan":"free"}}"#;
        check(r#"{"error": "field `email` is required"}"#, event, r#"{"error": "field `email` is required"}"#);
        check("no user ada@example.com in list 4711", event, "no user … in list …");
        check("user Ada LOVELACE. may not", event, "user … … may not");
        check("type track:  not\n taken", event, "type track: not taken");
        check("id 7f0e-11aa was seen 3 times", event, "id … was seen … times");
        check("", event, "");
        check("no Bo here", r#"{"a":"say \"Bo\"","b":"x"}"#, "no … here");
        check("no x here", r#"{"say \"x\"":1,"b":"y"}"#, "no x here");
        check(&"word ".repeat(100), event, &format!("{}…", "word ".repeat(32)));
    }

    #[test]
    fn an_escaped_value_is_masked_however_the_answer_writes_it() {
        let event = r#"{"name":"Jos\u00e9","at":"Street\nLondon","of":"\ud83d\ude00Zo\u00EB","as":"ACME\\nina"}"#;
        check("no José in London", event, "no … in …");
        check(r#"{"error":"no Jos\u00e9 in Street\nLondon\ttoday"}"#, event, r#"{"error":"no … in … … today"}"#);
        check(r#"{"error":"no 😀Zoë, \ud83d\ude00Zo\u00eb"}"#, event, r#"{"error":"no 😀…, 😀…"}"#);
        check(r#"["ACME\\nina may \"not\""]"#, event, r#"["…\… may "not""]"#);
        check(r"no ACME\nina, no Jos\u00e9", event, r"no …\…, no …\…");
        check(r#"{"error":"{\"name\":\"Jos\\u00e9\"}"}"#, event, r#"{"error":"{"name":"…\…"}"}"#);
        check(r#"{"error":"cut \u00"#, event, r#"{"error":"cut \…"#);
        check(r#"{"error":"half \ud83d\u0041"#, event, r#"{"error":"half …"#);
    }

    #[test]
    fn what_was_not_looked_at_is_masked() {
        let large = format!(r#"{{"a":"{}"}}"#, "x ".repeat(SEARCHED));
        assert_eq!(said(b"no Ada here", [large.as_str()].into_iter()), "… … …");
        assert_eq!(plain("no answer within 10000 ms"), "no answer within … ms");
        assert_eq!(said(b"caf\xff gone", std::iter::empty()), "… gone");
    }
}
