//! Which subjects a file holds, as one number that says by itself how many buckets there were.
//!
//! A bucket is a prefix of the subject's surrogate, which is random, so buckets are even. Numbers are those of a binary
//! heap: with `2^k` buckets, the subjects whose first `k` bits are `p` are in bucket `2^k + p`. Bucket 1 holds everyone
//! (one bucket), 2 and 3 the halves, 256 to 511 the 256 parts. 0 is a landing file: not bucketed yet.
//!
//! So a day may hold files of several counts, as its volume grew, and nobody needs a record of them beside the table:
//! the files that can hold a subject are those whose bucket is in [`of_subject`], a list of ten numbers. Because
//! buckets are prefixes, rows sorted by subject are sorted by bucket too, for every count.

use event::SubjectId;

/// The bucket of files that are not bucketed yet.
pub const LANDING: i32 = 0;

/// The finest division: 256 buckets (2^8). More would make files of large tenants smaller than their target.
pub const BITS_MAX: u32 = 8;

/// The bucket of a subject among `2^bits`.
pub fn of(subject: &SubjectId, bits: u32) -> i32 {
    let bits = bits.min(BITS_MAX);
    let first = i32::from(subject.0[0]);
    (1 << bits) + (first >> (8 - bits))
}

/// The bucket of a subject given as hexadecimal digits, as the files hold it; `None` when it is none.
pub(crate) fn of_hex(subject: &str, bits: u32) -> Option<i32> {
    let first = u8::from_str_radix(subject.get(..2)?, 16).ok()?;
    let mut id = SubjectId([0; 16]);
    id.0[0] = first;
    Some(of(&id, bits))
}

/// Every bucket whose files can hold the subject, landing files included.
pub fn of_subject(subject: &SubjectId) -> Vec<i32> {
    std::iter::once(LANDING).chain((0..=BITS_MAX).map(|bits| of(subject, bits))).collect()
}

/// How fine a volume is divided so that files come near `file_bytes`: the largest power of two of buckets that keeps
/// them at least that large.
pub fn bits_for(bytes: u64, file_bytes: u64) -> u32 {
    (bytes / file_bytes.max(1)).max(1).ilog2().min(BITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_count_follows_the_volume() {
        let mb = 1 << 20;
        let counts: Vec<u32> =
            [0, 31, 63, 64, 127, 128, 8_192, 1_000_000].map(|volume| 1 << bits_for(volume * mb, 32 * mb)).into();
        assert_eq!(counts, [1, 1, 1, 2, 2, 4, 256, 256]);
    }

    proptest! {
        #[test]
        fn a_subject_is_in_one_bucket_of_each_count(bytes in any::<[u8; 16]>(), bits in 0..=BITS_MAX) {
            let subject = SubjectId(bytes);
            let bucket = of(&subject, bits);
            prop_assert!((1 << bits..2 << bits).contains(&bucket));
            prop_assert!(of_subject(&subject).contains(&bucket));
            prop_assert_eq!(of_hex(&subject.to_string(), bits), Some(bucket));
        }

        #[test]
        fn rows_in_the_order_of_subjects_are_in_the_order_of_buckets(
            a in any::<[u8; 16]>(), b in any::<[u8; 16]>(), bits in 0..=BITS_MAX,
        ) {
            let (first, second) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(of(&SubjectId(first), bits) <= of(&SubjectId(second), bits));
        }
    }
}
