//! A day in slices of subjects. A surrogate is random, so a prefix of it cuts a day into even parts, and buckets are
//! prefixes too: a slice names the buckets that can hold it, and files of others are not opened.

use std::collections::BTreeMap;

use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};
use datafusion::scalar::ScalarValue;

use super::Selection;
use crate::bucket::{BITS_MAX, LANDING};
use crate::schema::{BUCKET, DAY};
use crate::table::LiveFile;

/// The finest cut: four hexadecimal digits.
const CUT_BITS_MAX: u32 = 16;

/// The days that a selection reaches, with the rows in their files.
pub(super) fn days(files: Vec<LiveFile>, selection: &Selection) -> BTreeMap<String, u64> {
    let (first, last) = (selection.from.map(event::Millis::day), selection.to.day());
    let mut days = BTreeMap::new();
    for file in files {
        if file.day <= last && first.as_ref().is_none_or(|first| file.day >= *first) {
            *days.entry(file.day).or_default() += file.rows;
        }
    }
    days
}

/// Some subjects of a day: those whose first `bits` bits are `prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    day: String,
    bits: u32,
    prefix: u32,
}

/// All of a day, in the order of subjects.
pub(super) fn slices(day: &str, rows: u64, slice_rows: u64) -> impl Iterator<Item = Slice> + use<> {
    let parts = rows.div_ceil(slice_rows.max(1)).max(1);
    let bits = parts.next_power_of_two().ilog2().min(CUT_BITS_MAX);
    let day = day.to_owned();
    (0..1 << bits).map(move |prefix| Slice { day: day.clone(), bits, prefix })
}

impl Slice {
    pub(super) fn day(&self) -> &str {
        &self.day
    }

    /// Where the slice after this one begins; `None` for the last.
    fn end(&self) -> Option<String> {
        let next = self.prefix + 1;
        (next < 1 << self.bits).then(|| format!("{:04x}", next << (CUT_BITS_MAX - self.bits)))
    }

    /// Whether it holds this subject or later ones.
    pub(super) fn reaches(&self, subject: &str) -> bool {
        self.end().is_none_or(|end| end.as_str() > subject)
    }

    /// The rows of it.
    pub(super) fn predicate(&self) -> Expr {
        let day = ScalarValue::Utf8(Some(self.day.clone())).cast_to(&arrow::datatypes::DataType::Date32);
        let day = day.expect("the table's days are dates");
        let mut all = col(DAY).eq(lit(day));
        if self.bits == 0 {
            return all;
        }
        let buckets = self.buckets().into_iter().map(lit).collect();
        let begin = format!("{:04x}", self.prefix << (CUT_BITS_MAX - self.bits));
        all = all.and(col(BUCKET).in_list(buckets, false)).and(col("subject_id").gt_eq(lit(begin)));
        match self.end() {
            Some(end) => all.and(col("subject_id").lt(lit(end))),
            None => all,
        }
    }

    /// The buckets that can hold one of its subjects, of every count.
    fn buckets(&self) -> Vec<i32> {
        let parts = (0..=BITS_MAX).flat_map(|level| {
            let (first, last) = if level <= self.bits {
                let part = self.prefix >> (self.bits - level);
                (part, part)
            } else {
                let finer = level - self.bits;
                (self.prefix << finer, ((self.prefix + 1) << finer) - 1)
            };
            (first..=last).map(move |part| (1 << level) + part)
        });
        let parts = parts.map(|bucket| i32::try_from(bucket).expect("there are 511 buckets"));
        std::iter::once(LANDING).chain(parts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::SLICE_ROWS;
    use event::SubjectId;
    use proptest::prelude::*;

    #[test]
    fn a_day_has_as_many_slices_as_it_needs() {
        let count = |rows| slices("2026-11-21", rows, SLICE_ROWS).count();
        assert_eq!([0, 1, 4_096, 4_097, 1_000_000, u64::MAX].map(count), [1, 1, 1, 2, 256, 65_536]);
    }

    proptest! {
        #[test]
        fn every_subject_is_in_one_slice_which_knows_its_buckets(bytes in any::<[u8; 16]>(), bits in 0..9_u32) {
            let subject = SubjectId(bytes);
            let name = subject.to_string();
            let all: Vec<Slice> = slices("2026-11-21", SLICE_ROWS << bits, SLICE_ROWS).collect();
            let holding: Vec<&Slice> = all
                .iter()
                .enumerate()
                .filter(|(at, slice)| slice.reaches(&name) && (*at == 0 || !all[at - 1].reaches(&name)))
                .map(|(_, slice)| slice)
                .collect();
            let first = u32::from(u16::from_be_bytes([bytes[0], bytes[1]])) >> (16 - bits);
            prop_assert_eq!(holding.iter().map(|slice| slice.prefix).collect::<Vec<_>>(), [first]);
            let buckets = holding[0].buckets();
            for bucket in crate::bucket::of_subject(&subject) {
                prop_assert!(buckets.contains(&bucket));
            }
        }
    }
}
