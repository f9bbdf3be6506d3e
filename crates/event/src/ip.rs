//! Cutting addresses before anything is stored: /24 of IPv4, /48 of IPv6.
//!
//! The edge does it for the socket and for forwarding headers with [`truncate`], and for bodies with [`mask_json`],
//! which looks at every field whose name says that it holds an address, at any depth. Values are not guessed at by
//! their form: an app version `10.2.3.4` is not an address.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Field names, in lower case and without `_` and `-`, whose string value is an address or a list of them.
const ADDRESS_NAMES: [&str; 12] = [
    "ip",
    "ipaddress",
    "ipaddr",
    "ipv4",
    "ipv6",
    "clientip",
    "userip",
    "remoteip",
    "realip",
    "lastip",
    "remoteaddr",
    "xforwardedfor",
];

/// The network that an address is reduced to. An IPv4 address inside IPv6 is treated as what it is.
pub fn truncate(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => truncate(IpAddr::V4(v4)),
            None => {
                let [a, b, c, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        },
    }
}

/// Truncates the addresses of a comma-separated list; `None` when one of its parts is not an address.
fn truncate_list(text: &str) -> Option<String> {
    let parts: Option<Vec<String>> = text
        .split(',')
        .map(|part| part.trim().trim_matches(['[', ']']).parse().ok().map(|ip: IpAddr| truncate(ip).to_string()))
        .collect();
    parts.map(|parts| parts.join(", "))
}

fn names_an_address(key: &str) -> bool {
    // Longer keys cannot match; this keeps the common case to one comparison of lengths.
    if key.len() > 20 || key.len() < 2 {
        return false;
    }
    // On the stack: this is asked of every key of every event.
    let mut plain = [0_u8; 20];
    let mut length = 0;
    for byte in key.bytes().filter(|byte| !matches!(byte, b'_' | b'-')) {
        plain[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    ADDRESS_NAMES.iter().any(|name| name.as_bytes() == &plain[..length])
}

/// Truncates addresses in a JSON text, wherever a field's name says that its string is one. The text is returned
/// untouched when there is nothing to cut.
///
/// Works on tokens, not on a tree: strings are found by their quotes, a string followed by a colon is a key. On text
/// that is not JSON it may do nothing, never harm.
pub fn mask_json(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut strings = Strings { json, at: 0 };
    while let Some(key) = strings.next() {
        if !strings.follows(b':') || !names_an_address(&unescape(key.inner(json))) {
            continue;
        }
        if !strings.next_value_is_string() {
            continue;
        }
        let Some(value) = strings.next() else { break };
        let written = unescape(value.inner(json));
        // What the edge filled in is cut already; copying the whole event for it would cost more than the look.
        if let Some(cut) = truncate_list(&written).filter(|cut| *cut != *written) {
            out.push_str(&json[copied..=value.open]);
            out.push_str(&cut);
            copied = value.close;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// A string token: the offsets of its two quotes.
#[derive(Clone, Copy)]
struct Token {
    open: usize,
    close: usize,
}

impl Token {
    fn inner(self, json: &str) -> &str {
        &json[self.open + 1..self.close]
    }
}

struct Strings<'a> {
    json: &'a str,
    at: usize,
}

impl Strings<'_> {
    fn next(&mut self) -> Option<Token> {
        let bytes = self.json.as_bytes();
        let open = self.at + memchr::memchr(b'"', bytes.get(self.at..)?)?;
        let mut at = open + 1;
        loop {
            let hit = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[hit] == b'"' {
                self.at = hit + 1;
                return Some(Token { open, close: hit });
            }
            at = hit + 2;
        }
    }

    /// Whether the next byte that is not white space is `wanted`; it is consumed then.
    fn follows(&mut self, wanted: u8) -> bool {
        let rest = &self.json.as_bytes()[self.at..];
        match rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(skip) if rest[skip] == wanted => {
                self.at += skip + 1;
                true
            }
            _ => false,
        }
    }

    fn next_value_is_string(&self) -> bool {
        self.json.as_bytes()[self.at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"')
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(mask_json(input), expected);
    }

    #[test]
    fn addresses_are_cut_at_any_depth() {
        check(r#"{"context":{"ip":"203.0.113.77"}}"#, r#"{"context":{"ip":"203.0.113.0"}}"#);
        check(r#"{"a":[{"ip_address" : "2001:db8:1:2::9"}]}"#, r#"{"a":[{"ip_address" : "2001:db8:1::"}]}"#);
        check(r#"{"X-Forwarded-For":"1.2.3.4, ::ffff:5.6.7.8"}"#, r#"{"X-Forwarded-For":"1.2.3.0, 5.6.7.0"}"#);
        check(r#"{"\u0069p":"1.2.3.4"}"#, r#"{"\u0069p":"1.2.3.0"}"#);
    }

    #[test]
    fn other_values_stay() {
        for same in [
            r#"{"version":"10.2.3.4"}"#,
            r#"{"ip":"unknown"}"#,
            r#"{"ip":{"v":"1"}}"#,
            r#"{"zip":"10115","say":"\"ip\":\"1.2.3.4\""}"#,
            r#"{"list":["ip","1.2.3.4"]}"#,
            r#"{"ip":"0.0.0.0"}"#,
        ] {
            check(same, same);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = mask_json(&text);
        }

        #[test]
        fn no_full_address_is_left(a in 1..255_u8, b: u8, c: u8, d in 1..255_u8) {
            let full = format!("{a}.{b}.{c}.{d}");
            let masked = mask_json(&format!(r#"{{"context":{{"ip":"{full}"}}}}"#)).into_owned();
            let left = masked.contains(&format!("\"{full}\""));
            prop_assert!(!left);
        }
    }
}
