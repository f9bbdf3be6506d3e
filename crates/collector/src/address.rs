//! Who asks: the client's address, cut as soon as it is known, and the scheme and host it used.
//!
//! A forwarding header is a claim by whoever sent it. It is believed only as far as each hop that added to it is one
//! of the operator's own proxies: the list is read from its end, and the first address that is not a proxy is the
//! client. `X-Forwarded-For` is read first because every proxy writes it; `Forwarded` (RFC 7239) when it is missing.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A network of proxies, as `10.0.0.0/8` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network: write an address with the number of its leading bits, as `10.0.0.0/8` or `::1/128`")]
pub struct InvalidNetwork(pub String);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| invalid()))?;
        if bits > width { Err(invalid()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                same_prefix(mine.to_bits().into(), other.to_bits().into(), self.bits, 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => same_prefix(mine.to_bits(), other.to_bits(), self.bits, 128),
            _ => false,
        }
    }
}

fn same_prefix(mine: u128, other: u128, bits: u8, width: u8) -> bool {
    bits == 0 || (mine ^ other) >> (width - bits) == 0
}

/// The operator's own proxies, whose word counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<Network>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address, cut to its network.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        event::ip::truncate(self.speaker(peer, headers))
    }

    /// The client's whole address: for whoever signs in, which is paced by address. Not for visitors.
    pub(crate) fn speaker(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.ip();
        if self.trusts(client) {
            for hop in forwarded(headers).into_iter().rev() {
                // What cannot be read cannot be passed: the last readable hop stays the answer.
                let Some(address) = hop else { break };
                client = address;
                if !self.trusts(address) {
                    break;
                }
            }
        }
        client
    }

    /// Whether the client's side of a trusted proxy spoke TLS.
    pub(crate) fn client_used_tls(&self, peer: SocketAddr, headers: &HeaderMap) -> bool {
        let claimed = headers.get(X_FORWARDED_PROTO).is_some_and(|value| value.as_bytes().starts_with(b"https"));
        claimed && self.trusts(peer.ip())
    }
}

/// The addresses of the forwarding headers in the order of hops; `None` for one that is not an address.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list: Vec<&str> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    if !list.is_empty() {
        return list.iter().flat_map(|value| value.split(',')).map(address).collect();
    }
    let standard = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
    standard.flat_map(|value| value.split(',')).map(forwarded_for).collect()
}

/// The `for=` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().or_else(|_| text.trim_matches(['[', ']']).parse::<IpAddr>());
    bare.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trusted: &[&str], peer: &str, header: (&'static str, &str), expected: &str) {
        let networks = trusted.iter().map(|network| network.parse().expect("a network")).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header.0, header.1.parse().expect("a header"));
        let peer = SocketAddr::new(peer.parse().expect("an address"), 9);
        assert_eq!(TrustedProxies(networks).client(peer, &headers).to_string(), expected, "{header:?}");
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        check(&[], "203.0.113.7", ("x-forwarded-for", "198.51.100.1"), "203.0.113.0");
        check(&["10.0.0.0/8"], "203.0.113.7", ("x-forwarded-for", "198.51.100.1"), "203.0.113.0");
        check(&["10.0.0.0/8"], "10.1.2.3", ("x-forwarded-for", "198.51.100.1"), "198.51.100.0");
    }

    #[test]
    fn the_first_hop_from_the_end_that_is_no_proxy_is_the_client() {
        let trusted = &["10.0.0.0/8", "::1"];
        check(trusted, "10.1.2.3", ("x-forwarded-for", "1.1.1.1, 198.51.100.9, 10.9.9.9"), "198.51.100.0");
        check(trusted, "10.1.2.3", ("x-forwarded-for", "10.2.2.2"), "10.2.2.0");
        check(trusted, "10.1.2.3", ("x-forwarded-for", "198.51.100.9, unknown"), "10.1.2.0");
        check(trusted, "::1", ("x-forwarded-for", "[2001:db8:1:2::9]:443"), "2001:db8:1::");
        check(trusted, "::ffff:10.1.2.3", ("x-forwarded-for", "198.51.100.9:5000"), "198.51.100.0");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        let trusted = &["10.0.0.0/8"];
        check(trusted, "10.1.2.3", ("forwarded", "for=1.1.1.1, proto=https;For=\"198.51.100.9\""), "198.51.100.0");
        check(trusted, "10.1.2.3", ("forwarded", "for=\"[2001:db8:1:2::9]:1\";by=10.0.0.1"), "2001:db8:1::");
        check(trusted, "10.1.2.3", ("forwarded", "for=_hidden"), "10.1.2.0");
    }

    #[test]
    fn a_network_is_an_address_and_bits() {
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "proxy"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().expect("everything");
        assert!(all.contains("9.9.9.9".parse().expect("an address")));
        assert!(!all.contains("2001:db8::1".parse().expect("an address")));
    }
}
