//! How often a sign-in may be tried: by name and address together, by address, and by name.
//!
//! An attempt takes a token from each of its three buckets before the password is looked at, and a right one puts them
//! back. By name and address together the bucket is small: that is somebody guessing. By address it is larger (an office
//! behind one address), by name larger still, because anybody can spend the tokens of a name they know: it only bounds
//! guessing from many addresses at once.
//!
//! Memory is bounded: of more than [`BUCKETS_MAX`] buckets the fullest, which say least, are forgotten. What an
//! attacker has emptied is therefore the last to go.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard};

use event::Millis;

/// Buckets remembered at once: about 2 MB.
const BUCKETS_MAX: usize = 20_000;

/// A bucket's size and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Attempts at once.
    pub burst: u32,
    /// Milliseconds until one more.
    pub every_ms: u32,
}

/// The allowances of sign-ins.
#[derive(Debug, Clone, Copy)]
pub struct PaceLimits {
    /// For one name from one address.
    pub by_both: Allowance,
    /// For one address (IPv6: one /64, which is what one connection gets).
    pub by_address: Allowance,
    /// For one name.
    pub by_name: Allowance,
}

impl Default for PaceLimits {
    fn default() -> Self {
        Self {
            by_both: Allowance { burst: 5, every_ms: 30_000 },
            by_address: Allowance { burst: 20, every_ms: 5_000 },
            by_name: Allowance { burst: 100, every_ms: 5_000 },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Address(IpAddr),
    Name(String),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The moment at which it is full. A full bucket is the same as none.
    full_at: i64,
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: PaceLimits,
    buckets: Mutex<HashMap<Key, Bucket>>,
}

impl Pace {
    pub(crate) fn new(limits: PaceLimits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Takes one attempt, or says in how many seconds to come again.
    pub(crate) fn take(&self, name: &str, from: IpAddr, now: Millis) -> Result<(), u64> {
        let mut buckets = self.buckets();
        let keys = self.keys(name, from);
        let waits = keys.iter().map(|(key, allowance)| wait_ms(buckets.get(key), *allowance, now));
        // All or none: an attempt refused by one bucket costs nothing in the others.
        let wait = waits.max().unwrap_or(0);
        if wait > 0 {
            return Err(wait.unsigned_abs().div_ceil(1_000));
        }
        for (key, allowance) in keys {
            let bucket = buckets.entry(key).or_insert(Bucket { full_at: now.0 });
            bucket.full_at = bucket.full_at.max(now.0) + i64::from(allowance.every_ms);
        }
        if buckets.len() > BUCKETS_MAX {
            forget(&mut buckets);
        }
        Ok(())
    }

    /// Puts back what [`Pace::take`] took.
    pub(crate) fn give_back(&self, name: &str, from: IpAddr) {
        let mut buckets = self.buckets();
        for (key, allowance) in self.keys(name, from) {
            if let Some(bucket) = buckets.get_mut(&key) {
                bucket.full_at -= i64::from(allowance.every_ms);
            }
        }
    }

    fn keys(&self, name: &str, from: IpAddr) -> [(Key, Allowance); 3] {
        let (from, limits) = (connection(from), &self.limits);
        [
            (Key::Both(name.to_owned(), from), limits.by_both),
            (Key::Address(from), limits.by_address),
            (Key::Name(name.to_owned()), limits.by_name),
        ]
    }

    fn buckets(&self) -> MutexGuard<'_, HashMap<Key, Bucket>> {
        self.buckets.lock().expect("no holder of the buckets panics")
    }
}

/// How long until the bucket has a token.
fn wait_ms(bucket: Option<&Bucket>, allowance: Allowance, now: Millis) -> i64 {
    let missing_ms = bucket.map_or(0, |bucket| (bucket.full_at - now.0).max(0));
    let room_ms = i64::from(allowance.burst.saturating_sub(1)) * i64::from(allowance.every_ms);
    (missing_ms - room_ms).max(0)
}

/// Keeps the emptiest half.
fn forget(buckets: &mut HashMap<Key, Bucket>) {
    let mut moments: Vec<i64> = buckets.values().map(|bucket| bucket.full_at).collect();
    let middle = moments.len() / 2;
    let (_, median, _) = moments.select_nth_unstable(middle);
    let median = *median;
    let mut ties = BUCKETS_MAX / 2;
    buckets.retain(|_, bucket| {
        if bucket.full_at == median && ties > 0 {
            ties -= 1;
            return true;
        }
        bucket.full_at > median
    });
}

/// What one connection to the Internet gets: an IPv4 address or an IPv6 /64.
fn connection(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_763_762_400_000);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn pace(by_both: u32, by_address: u32, by_name: u32) -> Pace {
        let allowance = |burst| Allowance { burst, every_ms: 10_000 };
        let limits =
            PaceLimits { by_both: allowance(by_both), by_address: allowance(by_address), by_name: allowance(by_name) };
        Pace::new(limits)
    }

    fn taken(pace: &Pace, name: &str, from: IpAddr, tries: usize) -> usize {
        (0..tries).filter(|_| pace.take(name, from, NOW).is_ok()).count()
    }

    #[test]
    fn guessing_is_slowed_and_others_are_not() {
        let pace = pace(3, 10, 10);
        assert_eq!(taken(&pace, "admin", address(1), 9), 3);
        assert_eq!(pace.take("admin", address(1), NOW), Err(10));
        assert_eq!(pace.take("admin", address(1), Millis(NOW.0 + 9_999)), Err(1));
        assert_eq!(pace.take("admin", address(1), Millis(NOW.0 + 10_000)), Ok(()));
        assert_eq!(pace.take("admin", address(2), NOW), Ok(()));
        assert_eq!(pace.take("ada", address(1), NOW), Ok(()));
    }

    #[test]
    fn many_names_from_one_address_and_many_addresses_for_one_name_are_bounded() {
        let pace = pace(3, 5, 7);
        let names: usize = (0..20).map(|number| taken(&pace, &format!("n{number}"), address(1), 1)).sum();
        assert_eq!(names, 5);
        let addresses: usize = (2..30).map(|last| taken(&pace, "admin", address(last), 1)).sum();
        assert_eq!(addresses, 7);
    }

    #[test]
    fn a_right_password_costs_nothing() {
        let pace = pace(2, 2, 2);
        for _ in 0..50 {
            assert_eq!(pace.take("ada", address(1), NOW), Ok(()));
            pace.give_back("ada", address(1));
        }
        assert_eq!(taken(&pace, "ada", address(1), 5), 2);
    }

    #[test]
    fn one_connection_counts_once_however_many_addresses_it_has() {
        let pace = pace(9, 2, 9);
        let six = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!((0..9).map(|last| taken(&pace, "ada", six(last), 1)).sum::<usize>(), 2);
    }

    #[test]
    fn memory_is_bounded_and_what_was_emptied_is_kept() {
        let pace = pace(3, 1_000_000, 1_000_000);
        assert_eq!(taken(&pace, "admin", address(1), 3), 3);
        for number in 0..60_000_u32 {
            let from = IpAddr::V4((0x0a00_0000 + number).into());
            assert_eq!(pace.take(&format!("n{number}"), from, NOW), Ok(()));
        }
        assert!(pace.buckets().len() <= BUCKETS_MAX, "{}", pace.buckets().len());
        assert_eq!(taken(&pace, "admin", address(1), 1), 0);
    }
}
