//! Cutting addresses before anything is stored: /24 of IPv4, /48 of IPv6.
//!
//! The edge does it for the socket and for forwarding headers with [`truncate`], and for bodies with [`mask_json`],
//! which looks at every field whose name says that it holds an address, at any depth: its string, or all strings of the
//! list or object that it is. Values are not guessed at by their form: an app version `10.2.3.4` is not an address.
//!
//! Not found: an address as a number, in a text under another name, or in the name of a field that is not below such
//! a name.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Field names that say it as a whole, in lower case and without separators.
const NAMES: [&str; 9] =
    ["ip", "ips", "ipv4", "ipv6", "forwarded", "xforwarded", "remotehost", "remoteaddr", "remoteaddress"];
/// What names end with that say it without a separator in front of `ip`: those of proxies' headers
/// (`True-Client-IP`, `CF-Connecting-IP`, `X-Real-IP`, `X-Forwarded-For`) and those in use.
const NAME_ENDS: [&str; 21] = [
    "ipaddress",
    "ipaddr",
    "ipaddresses",
    "ipaddrs",
    "ipv4address",
    "ipv6address",
    "clientip",
    "clientaddr",
    "clientaddress",
    "connectingip",
    "connectingipv6",
    "forwardedfor",
    "hostip",
    "lastip",
    "peeraddr",
    "publicip",
    "realip",
    "remoteip",
    "sourceip",
    "userip",
    "visitorip",
];
/// The longest name that is looked at; those above have at most half of it.
const NAME_BYTES_MAX: usize = 48;

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

/// Cuts every address in a text, with or without port, alone, in a list, or as `Forwarded` writes it
/// (`for="[2001:db8::1]:80";proto=https`); `None` when it holds none. Everything else stays.
fn cut_addresses(text: &str) -> Option<String> {
    let may_be_in_one = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']');
    let bytes = text.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| may_be_in_one(**byte)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        // Only ASCII is in it, so both ends are between characters. A sentence may end behind an address.
        let run = text[at..at + length].trim_end_matches('.');
        if let Some(ip) = address(run) {
            out.push_str(&text[copied..at]);
            out.push_str(&truncate(ip).to_string());
            copied = at + run.len();
        }
        at += length;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// An address, with or without port, IPv6 with or without brackets, IPv4 also with leading zeros.
fn address(text: &str) -> Option<IpAddr> {
    if text.len() < 2 || !text.contains(['.', ':']) {
        return None;
    }
    let bare = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    bare.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()).or_else(|| padded(text))
}

/// `203.000.113.077`, as some systems write it, with or without port.
fn padded(text: &str) -> Option<IpAddr> {
    let mut octets = text.split_once(':').map_or(text, |(host, _)| host).split('.').map(|part| part.parse::<u8>().ok());
    let v4 = [octets.next()??, octets.next()??, octets.next()??, octets.next()??];
    octets.next().is_none().then(|| IpAddr::V4(v4.into()))
}

fn names_an_address(key: &str) -> bool {
    if key.len() > NAME_BYTES_MAX {
        return false;
    }
    // On the stack: this is asked of many keys of every event.
    let mut plain = [0_u8; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in key.bytes().filter(|byte| !is_separator(*byte)) {
        plain[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[..length];
    NAMES.iter().any(|name| name.as_bytes() == plain)
        || NAME_ENDS.iter().any(|end| plain.ends_with(end.as_bytes()))
        || ends_with_the_word_ip(key.as_bytes())
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ' | b':' | b'/' | b'$')
}

/// Whether the last word is `ip` or `ips`: behind a separator (`login_ip`), or behind a small letter (`loginIp`).
fn ends_with_the_word_ip(key: &[u8]) -> bool {
    let end = key.iter().rposition(|byte| !is_separator(*byte)).map_or(0, |last| last + 1);
    let key = &key[..end];
    let key = key.strip_suffix(b"s").or(key.strip_suffix(b"S")).unwrap_or(key);
    let [.., last, i, p] = key else { return false };
    let is_word = is_separator(*last) || (i.is_ascii_uppercase() && !last.is_ascii_uppercase());
    is_word && i.eq_ignore_ascii_case(&b'i') && p.eq_ignore_ascii_case(&b'p')
}

/// Cuts addresses in a JSON text, wherever a field's name says that it holds some. The text is returned untouched
/// when there is nothing to cut.
///
/// Works on the text, not on a tree: a key is what stands in quotes before a colon. On text that is not JSON it may
/// do nothing, never harm. Every event passes here, so what cannot be an address' key is left after two bytes, and no
/// byte is passed more than twice, however lists are nested.
pub fn mask_json(json: &str) -> Cow<'_, str> {
    let mut masking = Masking { json, out: String::new(), copied: 0 };
    let mut passed = 0;
    for colon in memchr::memchr_iter(b':', json.as_bytes()) {
        if colon < passed || !key_before(json, colon).is_some_and(|key| names_an_address(&unescape(key))) {
            continue;
        }
        passed = masking.value(colon + 1);
    }
    if masking.copied == 0 {
        return Cow::Borrowed(json);
    }
    masking.out.push_str(&json[masking.copied..]);
    Cow::Owned(masking.out)
}

/// A JSON text of which a beginning is written anew.
struct Masking<'t> {
    json: &'t str,
    out: String,
    /// Up to here `out` has it.
    copied: usize,
}

impl Masking<'_> {
    /// Cuts in the value that follows: in its string, or in all strings of the list or object that it is. Returns
    /// where it ends.
    fn value(&mut self, after: usize) -> usize {
        let bytes = self.json.as_bytes();
        let (mut at, mut depth) = (after, 0_usize);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => match end_of_string(bytes, at + 1) {
                    Some(close) => {
                        self.string(at + 1, close);
                        at = close;
                    }
                    None => return bytes.len(),
                },
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                byte if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        at
    }

    /// Cuts in the content of a string.
    fn string(&mut self, from: usize, to: usize) {
        let written = unescape(&self.json[from..to]);
        // What the edge filled in is cut already; copying the whole event for it would cost more than the look.
        let Some(cut) = cut_addresses(&written).filter(|cut| *cut != *written) else { return };
        self.out.push_str(&self.json[self.copied..from]);
        match written {
            Cow::Borrowed(_) => self.out.push_str(&cut),
            Cow::Owned(_) => {
                let escaped = serde_json::to_string(&cut).expect("a string always serialises");
                self.out.push_str(&escaped[1..escaped.len() - 1]);
            }
        }
        self.copied = to;
    }
}

/// What stands in quotes before the colon, escapes and all, if it may name an address.
///
/// A colon inside a string has an escaped quote or none before it, or the quote that opens its string; then what is
/// taken for a key is what stands between two strings, and that names nothing.
fn key_before(json: &str, colon: usize) -> Option<&str> {
    let before = json.as_bytes()[..colon].trim_ascii_end();
    let [inner @ .., b'"'] = before else { return None };
    if !may_end_a_name(inner) || is_escaped(inner) {
        return None;
    }
    let open = memchr::memrchr_iter(b'"', inner).find(|at| !is_escaped(&inner[..*at]))?;
    // Both ends are quotes, so neither is inside a character.
    Some(&json[open + 1..inner.len()])
}

/// Whether the last two bytes are those of a name, or a separator or an escape (`\u0070`) ends it.
fn may_end_a_name(key: &[u8]) -> bool {
    let [.., before, last] = key else { return false };
    match last.to_ascii_lowercase() {
        b'p' => before.eq_ignore_ascii_case(&b'i') || is_escape(key),
        b's' => matches!(before.to_ascii_lowercase(), b'p' | b's' | b'e' | b'r') || is_escape(key),
        b'r' => matches!(before.to_ascii_lowercase(), b'd' | b'o') || is_escape(key),
        b't' => before.eq_ignore_ascii_case(&b's'),
        b'4' | b'6' => before.eq_ignore_ascii_case(&b'v') || is_escape(key),
        b'd' => before.eq_ignore_ascii_case(&b'e') || is_escape(key),
        byte => is_separator(byte) || is_escape(key),
    }
}

/// Whether the end is written as an escape, or the byte before it is.
fn is_escape(key: &[u8]) -> bool {
    let starts = |back: usize| key.len() >= back && key[key.len() - back..].starts_with(b"\\u");
    starts(6) || starts(7)
}

/// Whether the byte after these is escaped: an odd number of backslashes stands before it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Where the string whose content begins at `from` is closed.
fn end_of_string(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'"', &bytes[from..]).map(|at| from + at).find(|at| !is_escaped(&bytes[from..*at]))
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
        for name in NAMES.into_iter().chain(NAME_ENDS) {
            let (head, tail) = name.split_at(1);
            for key in [name.to_owned(), name.to_uppercase(), format!("_{head}-{tail}_")] {
                check(&format!(r#"{{"{key}":"203.0.113.77"}}"#), &format!(r#"{{"{key}":"203.0.113.0"}}"#));
            }
        }
    }

    #[test]
    fn names_of_headers_and_of_programs_are_found() {
        for key in [
            "x-real-ip",
            "true_client_ip",
            "X-Forwarded-For",
            "x-original-forwarded-for",
            "cf-connecting-ip",
            "CF-Connecting-IPv6",
            "HTTP_X_FORWARDED_FOR",
            "remote_addr",
            "REMOTE_ADDR",
            "$ip",
            "loginIp",
            "lastLoginIP",
            "last_login_ip",
            "client.ip",
            "allowedIps",
            "userIpAddress",
            "i\\u0070",
            "\\u0049P",
        ] {
            check(&format!(r#"{{"{key}":"203.0.113.77"}}"#), &format!(r#"{{"{key}":"203.0.113.0"}}"#));
        }
        for key in ["zip", "ZIP", "postalZip", "tips", "membership", "version", "address", "color", &"x".repeat(60)] {
            let same = format!(r#"{{"{key}":"203.0.113.77"}}"#);
            check(&same, &same);
        }
    }

    #[test]
    fn lists_and_objects_below_a_name_are_cut() {
        check(r#"{"ips":["1.2.3.4", "5.6.7.8:9", 7]}"#, r#"{"ips":["1.2.3.0", "5.6.7.0", 7]}"#);
        check(
            r#"{"ip": {"v4":["1.2.3.4"],"9.8.7.6":1},"x":"1.2.3.4"}"#,
            r#"{"ip": {"v4":["1.2.3.0"],"9.8.7.0":1},"x":"1.2.3.4"}"#,
        );
        check(
            r#"{"ip":[[{"a":"1.2.3.4"}],"]",":\"}","2.3.4.5"],"ip":"3.4.5.6"}"#,
            r#"{"ip":[[{"a":"1.2.3.0"}],"]",":\"}","2.3.4.0"],"ip":"3.4.5.0"}"#,
        );
        check(r#"{"ip":[],"a":"1.2.3.4","clientIp":"1.2.3.4"}"#, r#"{"ip":[],"a":"1.2.3.4","clientIp":"1.2.3.0"}"#);
        check(r#"{"ip":null,"a":["1.2.3.4"]}"#, r#"{"ip":null,"a":["1.2.3.4"]}"#);
        // Nested a thousand times, and passed once.
        let deep = format!("{}\"1.2.3.4\"{}", r#"{"ip":["#.repeat(4_000), "]}".repeat(4_000));
        check(&deep, &deep.replace("1.2.3.4", "1.2.3.0"));
    }

    #[test]
    fn addresses_are_found_as_headers_and_people_write_them() {
        for (text, cut) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "for=192.0.2.0;proto=http;by=203.0.113.0"),
            (r#"for=\"[2001:db8:cafe::17]:4711\", for=unknown"#, r#"for=\"2001:db8:cafe::\", for=unknown"#),
            ("1.2.3.4/32", "1.2.3.0/32"),
            ("fe80::1:2%eth0", "fe80::%eth0"),
            ("203.000.113.077", "203.0.113.0"),
            ("1.2.3.4 (proxy 5.6.7.8).", "1.2.3.0 (proxy 5.6.7.0)."),
            (r"1.2.3.4\u002c \ud83d\ude00", "1.2.3.0, 😀"),
            (r#"1.2.3.4 \"x\" \\"#, r#"1.2.3.0 \"x\" \\"#),
        ] {
            check(&format!(r#"{{"forwarded":"{text}"}}"#), &format!(r#"{{"forwarded":"{cut}"}}"#));
        }
        for same in ["1.2.3", "1.2.3.4.5", "999.1.1.1", "a.1.2.3.4", "12:34", "::", "example.com:80", "10.0.0.0"] {
            check(&format!(r#"{{"ip":"{same}"}}"#), &format!(r#"{{"ip":"{same}"}}"#));
        }
    }

    #[test]
    fn other_values_stay() {
        for same in [
            r#"{"version":"10.2.3.4"}"#,
            r#"{"ip":"unknown"}"#,
            r#"{"ip":{"v":"1"}}"#,
            r#"{"ip":"1.2.3.4"#,
            r#"{"ip":["#,
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
        fn any_text_is_survived(text in "(.|\"ip\":|[\\[\\]{}\",:]|1.2.3.4){0,40}") {
            let _ = mask_json(&text);
        }

        /// What is cut stays JSON of the same shape, and has nothing left to cut.
        #[test]
        fn json_stays_json(key in "(ip|[a-z\"\\\\]{1,4})", texts in prop::collection::vec("([0-9a-f.:\"\\\\é ]|1.2.3.4){0,12}", 0..4)) {
            let before = serde_json::json!({ key: texts.clone(), "ip": { "a": texts } });
            let masked = mask_json(&before.to_string()).into_owned();
            let after: serde_json::Value = serde_json::from_str(&masked).expect("JSON");
            let fields = |value: &serde_json::Value| value.as_object().map(serde_json::Map::len);
            prop_assert_eq!(fields(&after), fields(&before));
            prop_assert_eq!(mask_json(&masked), masked.as_str());
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
