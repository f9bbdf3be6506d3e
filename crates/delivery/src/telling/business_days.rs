//! Business days: Monday to Friday, in UTC. Holidays are not known, so on a holiday a day is counted too many and the end
//! comes sooner, never later, than where it is one.

use event::Millis;

/// Within so many business days third parties are told of an opt-out (11 CCR 7026(f)).
pub(crate) const WITHIN: i64 = 15;

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday.
const DAYS_FROM_MONDAY: i64 = 3;

/// How many business days have begun after the day of `from`, up to and with the day of `now`. The day itself does not count.
pub fn business_days_since(from: Millis, now: Millis) -> i64 {
    (up_to(day(now)) - up_to(day(from))).max(0)
}

/// The earliest moment from which not more than [`WITHIN`] business days have begun.
pub(crate) fn still_within(now: Millis) -> Millis {
    let today = day(now);
    let mut first = today;
    while up_to(today) - up_to(first - 1) <= WITHIN {
        first -= 1;
    }
    Millis(first * DAY_MS)
}

fn day(at: Millis) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// Business days up to and with a day, counted from a Monday.
fn up_to(day: i64) -> i64 {
    let days = day + DAYS_FROM_MONDAY;
    days.div_euclid(7) * 5 + (days.rem_euclid(7) + 1).min(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-20T12:00:00Z, a Friday.
    const FRIDAY: i64 = 1_795_176_000_000;

    fn at(days: i64) -> Millis {
        Millis(FRIDAY + days * DAY_MS)
    }

    #[test]
    fn a_weekend_counts_nothing() {
        assert_eq!([0, 1, 2, 3, 4].map(|days| business_days_since(at(0), at(days))), [0, 0, 0, 1, 2]);
        assert_eq!(business_days_since(at(1), at(3)), 1, "from a Saturday");
        assert_eq!(business_days_since(at(0), at(21)), 15, "three weeks");
        assert_eq!(
            (still_within(at(21)), still_within(at(22))),
            (Millis(at(0).0 - DAY_MS / 2), Millis(at(0).0 - DAY_MS / 2))
        );
        assert_eq!(
            still_within(at(24)),
            Millis(at(3).0 - DAY_MS / 2),
            "on the Monday after, the weekend's are late too"
        );
    }

    proptest! {
        #[test]
        fn it_is_what_counting_day_by_day_gives(from in 0..3_000_000_000_000_i64, days in 0..60_i64, ms in 0..DAY_MS) {
            let now = Millis(from + days * DAY_MS + ms);
            let is_business = |day: i64| {
                // Unix day 4 was a Monday.
                (day - 4).rem_euclid(7) < 5
            };
            let counted = (from / DAY_MS + 1..=now.0 / DAY_MS).filter(|day| is_business(*day)).count();
            prop_assert_eq!(business_days_since(Millis(from), now), i64::try_from(counted).expect("few"));
        }

        #[test]
        fn who_is_within_is_not_given_up(from in 0..3_000_000_000_000_i64, ms in 0..60 * DAY_MS) {
            let (from, now) = (Millis(from), Millis(from + ms));
            prop_assert_eq!(business_days_since(from, now) <= WITHIN, from >= still_within(now));
        }
    }
}
