//! Any bytes as what the edge reads before it knows the sender: packed bodies, pixels' queries, credentials, forwarding
//! headers. Nothing may crash or grow past its limit, and what a client packed comes out as it went in.
#![no_main]

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use collector::{TrustedProxies, untrusted};
use event::{Batch, Call, Event, Millis, Received};
use http::header::{FORWARDED, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const BYTES_MAX: usize = 32 * 1024;
const ENCODINGS: [&str; 4] = ["gzip", "deflate", "identity", "br"];

// The first byte says as what the rest is read, so that a seed can be made by hand.
fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let text = std::str::from_utf8(rest);
    match (kind % 10, text) {
        (kind @ 0..=3, _) => unpacked(ENCODINGS[usize::from(kind)], rest),
        (4, _) => packed(rest),
        (5, Ok(query)) => pixel(query),
        (6, Ok(json)) => data(json),
        (7, Ok(key)) => credentials(key),
        (8, _) => {
            if let Ok(header) = HeaderValue::from_bytes(rest) {
                let _ = untrusted::write_key(&header);
            }
        }
        (9, _) => forwarded(rest),
        _ => {}
    }
});

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible ASCII")
}

/// Bytes that claim an encoding: bounded, whatever they unpack to.
fn unpacked(encoding: &str, bytes: &[u8]) {
    let body = untrusted::body(&header(encoding), Bytes::copy_from_slice(bytes), BYTES_MAX);
    let Some(body) = body else { return };
    assert!(body.len() <= BYTES_MAX.max(bytes.len()), "unpacked past the limit");
    if let Ok(text) = std::str::from_utf8(&body) {
        read(text);
    }
}

/// What any client packs comes out as it was, if it is not too long.
fn packed(body: &[u8]) {
    let fast = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), fast);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), fast);
    let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), fast);
    for writer in [&mut gzip as &mut dyn Write, &mut zlib, &mut bare] {
        writer.write_all(body).expect("memory takes it");
    }
    let expected = (body.len() <= BYTES_MAX).then_some(body);
    let gzip = gzip.finish().expect("memory takes it");
    let zlib = zlib.finish().expect("memory takes it");
    for (encoding, packed) in [("gzip", gzip), ("deflate", zlib)] {
        let body = untrusted::body(&header(encoding), packed.into(), BYTES_MAX);
        assert_eq!(body.as_deref(), expected, "{encoding}");
    }
    // A bare stream that begins like a zlib header is read as one: refused then, never misread.
    let bare = bare.finish().expect("memory takes it");
    let looks_like_zlib = bare.len() > 1 && bare[0] & 0x0f == 8 && u16::from_be_bytes([bare[0], bare[1]]) % 31 == 0;
    let body = untrusted::body(&header("deflate"), bare.into(), BYTES_MAX);
    assert!(body.as_deref() == expected || (looks_like_zlib && body.is_none()), "deflate without a header");
}

/// Any query is refused or is a text that the other routes may be given.
fn pixel(query: &str) {
    let Some(text) = untrusted::pixel(query) else { return };
    if !query.split('&').any(|pair| pair.starts_with("data") || pair.starts_with('%')) {
        // Not a `Value`: serde_json takes an object whose key is the name that it uses inside for a raw value for one.
        let object: &serde_json::value::RawValue = serde_json::from_str(&text).expect("dotted keys become JSON");
        assert!(object.get().starts_with('{'));
    }
    read(&text);
}

/// A text sent as `data` is the text that is read.
fn data(json: &str) {
    let query = format!("data={}", URL_SAFE_NO_PAD.encode(json));
    assert_eq!(untrusted::pixel(&query).as_deref(), Some(json));
    let standard = STANDARD.encode(json);
    assert_eq!(untrusted::pixel(&format!("data={standard}")).as_deref(), Some(json), "as some libraries encode it");
    read(json);
}

/// A key sent with and without a colon and padding is the key that is read.
fn credentials(key: &str) {
    let plain = !key.is_empty() && !key.contains(':') && key.len() < 200;
    for user in [key.to_owned(), format!("{key}:"), format!("{key}:password")] {
        let padded = STANDARD.encode(&user);
        for encoded in [padded.as_str(), padded.trim_end_matches('=')] {
            let read = untrusted::write_key(&header(&format!("Basic {encoded}")));
            if plain {
                assert_eq!(read.as_deref(), Some(key), "{user:?}");
            }
        }
    }
}

/// Whatever a proxy claims, the address that comes out is cut.
fn forwarded(claim: &[u8]) {
    let Ok(claim) = HeaderValue::from_bytes(claim) else { return };
    let trusted = ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
    let peer = SocketAddr::from(([10, 1, 2, 3], 9));
    for name in [HeaderName::from_static("x-forwarded-for"), FORWARDED] {
        match untrusted::client(&TrustedProxies(trusted.to_vec()), peer, (name, claim.clone())) {
            IpAddr::V4(v4) => assert_eq!(v4.octets()[3], 0),
            IpAddr::V6(v6) => assert_eq!(v6.segments()[3..], [0; 5]),
        }
    }
}

/// What was unpacked goes where every body goes.
fn read(text: &str) {
    if let Ok(batch) = Batch::parse(text) {
        for item in &batch.items {
            write(Event::parse_with(item, None, &batch.defaults).ok());
        }
    }
    write(Event::parse(text, Some(Call::Track)).ok());
}

fn write(event: Option<Event<'_>>) {
    let Some(event) = event else { return };
    let received =
        Received { at: Millis(1_795_305_600_000), message_id: "assigned", sent_at: None, ip: None, user_agent: None };
    serde_json::from_str::<&serde_json::value::RawValue>(&event.write(&received)).expect("what is written is JSON");
}
