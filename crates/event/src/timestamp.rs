//! The four times of an event and the rule that corrects a wrong client clock.
//!
//! `timestamp = receivedAt - (sentAt - originalTimestamp)`: what lies between the moment something happened and the
//! moment it was sent is measured by one clock, the client's, so its error cancels out. Without `sentAt` the client's
//! time is taken as it is; without a time of its own the event happened when it was received.

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Unix time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Millis(pub i64);

/// 9999-12-31T23:59:59.999Z: the last moment that ISO 8601 writes with four digits.
const LAST: i64 = 253_402_300_799_999;
/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200_000;

impl Millis {
    /// Reads ISO 8601 with offset, without (taken as UTC), or a date alone. `None` for anything else and for years
    /// outside 0 to 9999: such a time is treated as absent, because a wrong one would poison every report.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(moment) = as_sdks_write(text.as_bytes()) {
            return Some(moment);
        }
        let moment = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            moment
        } else if let Ok(local) = text.parse::<civil::DateTime>() {
            local.to_zoned(TimeZone::UTC).ok()?.timestamp()
        } else {
            return None;
        };
        Self(moment.as_millisecond()).within_range()
    }

    fn within_range(self) -> Option<Self> {
        (FIRST..=LAST).contains(&self.0).then_some(self)
    }

    /// The day (UTC) as `YYYY-MM-DD`.
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl Millis {
    /// What [`fmt::Display`] writes. By hand, digit by digit: every event carries four times, and the formatting
    /// machinery made them a tenth of what accepting an event cost (measured).
    pub(crate) fn push_to(self, out: &mut String) {
        out.push_str(std::str::from_utf8(&self.text()).expect("digits and punctuation are ASCII"));
    }

    fn text(self) -> [u8; 24] {
        const DAY: i64 = 86_400_000;
        let clamped = self.0.clamp(FIRST, LAST);
        let (day, of_day) = (clamped.div_euclid(DAY), clamped.rem_euclid(DAY));
        let (year, month, day) = date(day);
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, of_day / 3_600_000),
            (14..16, of_day / 60_000 % 60),
            (17..19, of_day / 1000 % 60),
            (20..23, of_day % 1000),
        ];
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, value) in parts {
            write_digits(&mut text[place], value);
        }
        text
    }
}

/// Year, month and day of a day counted from 1970-01-01. The year is taken to begin in March, so that the leap day is
/// its last; then the days before a month grow by 153 in every five months, whatever the year.
fn date(day: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: i64 = 719_468;
    let (cycle, day) = ((day + TO_1970).div_euclid(DAYS_OF_400_YEARS), (day + TO_1970).rem_euclid(DAYS_OF_400_YEARS));
    // Without the leap days before it, a day is 1/365 of a year: one in four years, none in a hundred, one in 400.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 3, of_month) } else { (year + 1, month - 9, of_month) }
}

/// Reads `2026-11-21T22:00:00.000Z`, the form in which nearly all times come; `None` for all others and for what no
/// calendar or clock has, which the library then reads or refuses. It is asked twice per event.
fn as_sdks_write(text: &[u8]) -> Option<Millis> {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: i64 = 719_468;
    let text: &[u8; 24] = text.try_into().ok()?;
    let fits = FORM
        .iter()
        .zip(text)
        .fold(true, |fits, (form, byte)| fits & if *form == b'0' { byte.is_ascii_digit() } else { form == byte });
    if !fits {
        return None;
    }
    let number =
        |place: std::ops::Range<usize>| text[place].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let (hour, minute, second) = (number(11..13), number(14..16), number(17..19));
    // The last days of months are left to the library.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // The inverse of `date`: the year begins in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day - 1;
    Some(Millis(((days - TO_1970) * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + number(20..23)))
}

/// Right-aligned, zeros in front. Parts of a date are never negative.
fn write_digits(place: &mut [u8], value: i64) {
    let mut rest = value.unsigned_abs();
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

impl fmt::Display for Millis {
    /// ISO 8601 in UTC with milliseconds, as SDKs write it: `2026-11-21T22:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("digits and punctuation are ASCII"))
    }
}

/// The corrected time of an event.
pub fn correct(original: Option<Millis>, sent: Option<Millis>, received: Millis) -> Millis {
    let Some(original) = original else { return received };
    let Some(sent) = sent else { return original };
    sent.0
        .checked_sub(original.0)
        .and_then(|waited| received.0.checked_sub(waited))
        .and_then(|corrected| Millis(corrected).within_range())
        .unwrap_or(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Millis::parse(text).map(|moment| moment.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn reads_what_sdks_write() {
        check("2026-11-21T22:00:00.123Z", Some("2026-11-21T22:00:00.123Z"));
        check("2026-11-21T22:00:00+02:00", Some("2026-11-21T20:00:00.000Z"));
        check("2026-11-21T22:00:00.123456+00:00", Some("2026-11-21T22:00:00.123Z"));
        check("2026-11-21T22:00:00", Some("2026-11-21T22:00:00.000Z"));
        check("2026-11-21 22:00:00Z", Some("2026-11-21T22:00:00.000Z"));
        check("2026-11-21", Some("2026-11-21T00:00:00.000Z"));
        check("yesterday", None);
        check("", None);
        check("+275760-09-13T00:00:00.000Z", None);
        check("1763762400000", None);
    }

    #[test]
    fn the_clients_clock_error_cancels_out() {
        let hour = 3_600_000;
        let received = Millis(1_763_762_400_000);
        let skewed_sent = Millis(received.0 + 5 * hour);
        let happened = Millis(skewed_sent.0 - 2_000);
        assert_eq!(correct(Some(happened), Some(skewed_sent), received), Millis(received.0 - 2_000));
    }

    #[test]
    fn without_times_an_event_happened_when_it_came() {
        assert_eq!(correct(None, Some(Millis(5)), Millis(9)), Millis(9));
        assert_eq!(correct(Some(Millis(3)), None, Millis(9)), Millis(3));
    }

    proptest! {
        #[test]
        fn the_calendar_is_the_librarys(ms in FIRST..=LAST) {
            let moment = jiff::Timestamp::from_millisecond(ms).expect("inside the library's range");
            prop_assert_eq!(Millis(ms).to_string(), format!("{moment:.3}"));
        }

        #[test]
        fn printing_and_reading_is_the_identity(ms in FIRST..=LAST) {
            prop_assert_eq!(Millis::parse(&Millis(ms).to_string()), Some(Millis(ms)));
        }

        #[test]
        fn correction_never_leaves_the_range(a in any::<i64>(), b in any::<i64>(), r in 0..LAST) {
            let corrected = correct(Some(Millis(a)), Some(Millis(b)), Millis(r));
            prop_assert!((FIRST..=LAST).contains(&corrected.0));
        }

        #[test]
        fn correction_ignores_a_constant_skew(at in 0..LAST / 4, waited in 0..1_000_000_i64, skew in 0..LAST / 4) {
            let plain = correct(Some(Millis(at)), Some(Millis(at + waited)), Millis(at + waited + 10));
            let skewed = correct(Some(Millis(at + skew)), Some(Millis(at + waited + skew)), Millis(at + waited + 10));
            prop_assert_eq!(plain, skewed);
        }
    }
}
