//! Which addresses may be reached. A destination's URL is the operator's, but the name in it is resolved by somebody
//! else: without this check a name server could point Assent at the machine's own services or at a cloud's metadata
//! (server-side request forgery).
//!
//! The check stands inside the resolver that the connection uses, so the address that was checked is the one that is
//! connected to; checking first and resolving again would leave a gap (DNS rebinding). Addresses written as numbers
//! never pass a resolver and are checked by [`check_url`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// An address that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// Private, local or special.
    #[error("`{host}` is {what}: set `allow_private: true` if this destination may be inside your network")]
    Private {
        /// As the URL names it.
        host: String,
        /// Which kind of address.
        what: &'static str,
    },
    /// Neither `http` nor `https`.
    #[error("scheme `{0}` is not served: use `https` or `http`")]
    Scheme(String),
    /// No host.
    #[error("the URL has no host")]
    Host,
}

/// Checks what can be known of a URL without resolving its name.
pub fn check_url(url: &Url, allow_private: bool) -> Result<(), AddressRefused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressRefused::Scheme(url.scheme().to_owned()));
    }
    let address = match url.host().ok_or(AddressRefused::Host)? {
        Host::Domain(_) => return Ok(()),
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    match special(address).filter(|_| !allow_private) {
        Some(what) => Err(AddressRefused::Private { host: address.to_string(), what }),
        None => Ok(()),
    }
}

/// What an address is, if it is not one of the public internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// The rows of IANA's special-purpose registry that lead somewhere else than to the public internet.
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Some("an address of this network (0.0.0.0/8)"),
        (127, ..) => Some("a loopback address"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("a private address"),
        (169, 254, _) => Some("a link-local address, where clouds keep their metadata"),
        (100, 64..=127, _) => Some("a carrier's shared address (100.64.0.0/10)"),
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (198, 18 | 19, _) | (192, 88, 99) => {
            Some("an address reserved for protocols, tests or documentation")
        }
        (224..=239, ..) => Some("a multicast address"),
        (240..=255, ..) => Some("a reserved address"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_unspecified() {
        return Some("an unspecified address");
    }
    if let Some(inner) = address.to_ipv4_mapped() {
        return special_v4(inner);
    }
    let [a, b, .., g, h] = address.segments();
    let low = (u32::from(g) << 16) | u32::from(h);
    match (a, b) {
        // Translations and tunnels carry an IPv4 address, which decides.
        (0x0064, 0xff9b) | (0, 0) => special_v4(Ipv4Addr::from_bits(low)).or(Some("an embedded IPv4 address")),
        (0x2002, _) => {
            let inner = (u32::from(b) << 16) | u32::from(address.segments()[2]);
            special_v4(Ipv4Addr::from_bits(inner))
        }
        (0xfc00..=0xfdff, _) => Some("a unique local address"),
        (0xfe80..=0xfebf, _) => Some("a link-local address"),
        (0xfec0..=0xfeff, _) => Some("a site-local address"),
        (0xff00..=0xffff, _) => Some("a multicast address"),
        (0x2001, 0x0db8 | 0x0000) | (0x0100, 0) => Some("an address reserved for protocols or documentation"),
        _ => None,
    }
}

/// Resolves names to addresses that may be reached.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    pub(crate) allow_private: bool,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(reachable(host, found, allow_private)?.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be reached; refused when there are only others.
fn reachable(host: String, found: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, AddressRefused> {
    if allow_private {
        return Ok(found);
    }
    let refused = found.iter().find_map(|address| special(address.ip()));
    let public: Vec<SocketAddr> = found.into_iter().filter(|address| special(address.ip()).is_none()).collect();
    match refused {
        Some(what) if public.is_empty() => Err(AddressRefused::Private { host, what }),
        _ => Ok(public),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, reached: bool) {
        let url: Url = url.parse().expect("a URL");
        assert_eq!(check_url(&url, false).is_ok(), reached, "{url}");
        assert_eq!(check_url(&url, true).is_ok(), matches!(url.scheme(), "http" | "https"), "{url}");
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://169.254.169.254/",
            "http://100.64.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[ff02::1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "file:///etc/passwd",
            "ftp://example.com/",
        ] {
            check(private, false);
        }
        for public in [
            "https://example.com/",
            "http://1.1.1.1/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "http://[2606:4700::1111]/",
            "http://localhost/",
        ] {
            check(public, true);
        }
    }

    #[test]
    fn of_a_names_addresses_only_public_ones_are_tried() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let mixed = vec![at("10.0.0.1:0"), at("1.1.1.1:0")];
        assert_eq!(reachable("x".to_owned(), mixed, false), Ok(vec![at("1.1.1.1:0")]));
        let private = vec![at("127.0.0.1:0")];
        assert!(reachable("x".to_owned(), private.clone(), false).is_err());
        assert_eq!(reachable("x".to_owned(), private.clone(), true), Ok(private));
    }
}
