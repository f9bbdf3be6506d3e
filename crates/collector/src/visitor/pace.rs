//! How often one address may ask for receipts, and tell what another platform holds. Nobody guesses a number of 128 bits;
//! this bounds what a stranger's asking costs the state's disk, and how far a stranger can bend a comparison.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use event::Millis;

const MINUTE_MS: i64 = 60_000;
/// Requests of one address (cut: a /24 or /48, which many people may share) in a minute.
const PER_ADDRESS: u32 = 60;
/// Addresses counted in a minute: about a megabyte. Beyond, the minute is full for everybody new.
const ADDRESSES_MAX: usize = 20_000;

/// The requests of the current minute.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    asked: HashMap<IpAddr, u32>,
}

impl Pace {
    /// Whether one more may be answered.
    pub(crate) fn admits(&self, from: IpAddr, now: Millis) -> bool {
        let mut minute = self.0.lock().expect("no holder of the counts panics");
        let number = now.0.div_euclid(MINUTE_MS);
        if minute.number != number {
            *minute = Minute { number, asked: HashMap::new() };
        }
        if minute.asked.len() >= ADDRESSES_MAX && !minute.asked.contains_key(&from) {
            return false;
        }
        let asked = minute.asked.entry(from).or_default();
        *asked = asked.saturating_add(1);
        *asked <= PER_ADDRESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn an_address_is_bounded_and_begins_anew_each_minute() {
        let pace = Pace::default();
        let from = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        let admitted = |n, at| (0..100).filter(|_| pace.admits(from(n), Millis(at))).count();
        assert_eq!((admitted(1, 0), admitted(2, 59_999), admitted(1, 59_999)), (60, 60, 0));
        assert_eq!(admitted(1, 60_000), 60);
    }

    #[test]
    fn its_memory_is_bounded() {
        let pace = Pace::default();
        let admitted = (0..30_000).filter(|n| pace.admits(IpAddr::V4(Ipv4Addr::from_bits(*n)), Millis(0))).count();
        assert_eq!(admitted, ADDRESSES_MAX);
    }
}
