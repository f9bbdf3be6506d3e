//! What an answer says, as a person may read it: one line, short, and without what names somebody or something.
//!
//! Receivers like to repeat what they were sent (`no user ada@example.com`). Words with digits, `@` or of great length
//! are masked, which also makes the answers of a thousand events one text; and so is every word that stands in a value
//! of the events that were sent, whatever it looks like.

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
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]).into_owned();
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
        if event.contains("\\\"") {
            // Quotes within strings: what is key and what is value cannot be told this way.
            found.extend(words(event).into_iter().filter(|word| asked.contains(word)));
            continue;
        }
        // Strings of JSON: every second piece between quotes; a key is followed by a colon.
        let mut pieces = event.split('"').skip(1).peekable();
        while let Some(piece) = pieces.next() {
            let is_key = pieces.next().is_none_or(|after| after.trim_start().starts_with(':'));
            if !is_key {
                found.extend(words(piece).into_iter().filter(|word| asked.contains(word)));
            }
        }
    }
    found
}

fn masked(text: &str, is_known: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut rest = text;
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
            || is_known(bare);
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
        check(&"word ".repeat(100), event, &format!("{}…", "word ".repeat(32)));
    }

    #[test]
    fn what_was_not_looked_at_is_masked() {
        let large = format!(r#"{{"a":"{}"}}"#, "x ".repeat(SEARCHED));
        assert_eq!(said(b"no Ada here", [large.as_str()].into_iter()), "… … …");
        assert_eq!(plain("no answer within 10000 ms"), "no answer within … ms");
        assert_eq!(said(b"caf\xff gone", std::iter::empty()), "… gone");
    }
}
