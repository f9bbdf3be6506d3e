//! What reads a stranger's bytes before anything is known about them, callable without a connection: the entry for
//! fuzzing (`fuzz/fuzz_targets/collector_body.rs`). The routes use the same functions.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderName, HeaderValue};

use crate::{TrustedProxies, body, pixel, write_key};

/// A body that came whole, unpacked as its `Content-Encoding` says; `None` when it is refused.
pub fn body(content_encoding: &HeaderValue, packed: Bytes, bytes_max: usize) -> Option<Bytes> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, content_encoding.clone());
    body::unpacked(body::Encoding::of(&headers).ok()?, packed, bytes_max).ok()
}

/// The text that a pixel's query stands for; `None` when it is refused.
pub fn pixel(query: &str) -> Option<String> {
    pixel::json(query).ok()
}

/// The write key in an `Authorization` header.
pub fn write_key(authorization: &HeaderValue) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization.clone());
    write_key::from_headers(&headers)
}

/// The client's address, cut, behind proxies that are all trusted.
pub fn client(proxies: &TrustedProxies, peer: SocketAddr, forwarded: (HeaderName, HeaderValue)) -> IpAddr {
    proxies.client(peer, &HeaderMap::from_iter([forwarded]))
}
