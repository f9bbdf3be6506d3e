//! Cutting addresses before anything is stored: /24 of IPv4, /48 of IPv6.
//!
//! The edge does it for the socket and for forwarding headers with [`truncate`], and for bodies with [`mask_json`],
//! which looks at every field whose name says that it holds an address, at any depth. Values are not guessed at by
//! their form: an app version `10.2.3.4` is not an address.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

/// Truncates the addresses of a comma-separated list, with or without ports; `None` when it holds none. Parts that are
/// no addresses (`unknown`) stay.
fn truncate_list(text: &str) -> Option<String> {
    let address = |part: &str| -> Option<IpAddr> {
        let bare = part.trim_matches(['[', ']']);
        bare.parse().ok().or_else(|| part.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
    };
    let mut found = false;
    let parts: Vec<String> = text
        .split(',')
        .map(str::trim)
        .map(|part| match address(part) {
            Some(ip) => {
                found = true;
                truncate(ip).to_string()
            }
            None => part.to_owned(),
        })
        .collect();
    found.then(|| parts.join(", "))
}

fn names_an_address(key: &str) -> bool {
    // Longer keys cannot match, nor others than these beginnings; most keys of most events end here.
    if key.len() > 20 || key.len() < 2 || !key.bytes().next().is_some_and(may_begin_a_name) {
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

/// The first byte that the names have, separators included.
fn may_begin_a_name(byte: u8) -> bool {
    matches!(byte.to_ascii_lowercase(), b'i' | b'c' | b'u' | b'r' | b'l' | b'x' | b'_' | b'-')
}

/// Truncates addresses in a JSON text, wherever a field's name says that its string is one. The text is returned
/// untouched when there is nothing to cut.
///
/// Works on the text, not on a tree: a key is what stands in quotes before a colon. On text that is not JSON it may
/// do nothing, never harm. Every event passes here, so what cannot be an address' key is left after one byte.
pub fn mask_json(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    for colon in memchr::memchr_iter(b':', bytes) {
        if !key_before(json, colon).is_some_and(|key| names_an_address(&unescape(key))) {
            continue;
        }
        let Some((from, to)) = string_after(bytes, colon) else { continue };
        // What the edge filled in is cut already; copying the whole event for it would cost more than the look.
        let written = unescape(&json[from..to]);
        if let Some(cut) = truncate_list(&written).filter(|cut| *cut != *written) {
            out.push_str(&json[copied..from]);
            out.push_str(&cut);
            copied = to;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// What stands in quotes before the colon, escapes and all, if it may name an address.
///
/// A colon inside a string has an escaped quote or none before it, or the quote that opens its string; then what is
/// taken for a key is what stands between two strings, and that names nothing.
fn key_before(json: &str, colon: usize) -> Option<&str> {
    let before = json.as_bytes()[..colon].trim_ascii_end();
    let [inner @ .., b'"'] = before else { return None };
    if !inner.last().is_some_and(|last| may_end_a_name(*last)) || is_escaped(inner) {
        return None;
    }
    let open = memchr::memrchr_iter(b'"', inner).find(|at| !is_escaped(&inner[..*at]))?;
    // Both ends are quotes, so neither is inside a character.
    Some(&json[open + 1..inner.len()])
}

/// The last byte that the names have, separators and the last digit of an escape (`\u0070`) included.
fn may_end_a_name(byte: u8) -> bool {
    matches!(
        byte,
        b'p' | b'P' | b's' | b'S' | b'r' | b'R' | b'_' | b'-' | b'0' | b'2'..=b'4' | b'6' | b'd' | b'D' | b'f' | b'F'
    )
}

/// Whether the byte after these is escaped: an odd number of backslashes stands before it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The content of the string that is the value after the colon, as offsets.
fn string_after(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let from = colon + 1 + bytes[colon + 1..].iter().position(|byte| !byte.is_ascii_whitespace())?;
    if bytes[from] != b'"' {
        return None;
    }
    let close = memchr::memchr_iter(b'"', &bytes[from + 1..])
        .map(|at| from + 1 + at)
        .find(|at| !is_escaped(&bytes[from + 1..*at]))?;
    Some((from + 1, close))
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
        check(r#"{"ip":"1.2.3.4:5678"}"#, r#"{"ip":"1.2.3.0"}"#);
        check(r#"{"ip":"[2001:db8:1:2::9]:443"}"#, r#"{"ip":"2001:db8:1::"}"#);
        check(r#"{"ip":"1.2.3.4, unknown"}"#, r#"{"ip":"1.2.3.0, unknown"}"#);
    }

    #[test]
    fn every_name_is_found_in_every_spelling() {
        for name in ADDRESS_NAMES {
            let (head, tail) = name.split_at(1);
            for key in [name.to_owned(), name.to_uppercase(), format!("_{head}-{tail}_")] {
                check(&format!(r#"{{"{key}":"203.0.113.77"}}"#), &format!(r#"{{"{key}":"203.0.113.0"}}"#));
            }
        }
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
            r#"{"a":":ip","b":": 1.2.3.4"}"#,
            r#"{"a\\":"x","ip\\\":":"1.2.3.4"}"#,
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
