//! What was counted in each of the last minutes, from the process's own metrics: no second set of counters, and nothing
//! on the path of an event.
//!
//! Kept in memory, one day at most; a restart begins anew, and the overview says since when it counts. Counters are read
//! from the metrics page, every few seconds, and only those named in [`COUNTERS`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;

use event::Millis;

/// The counters that are kept, as they stand on the page, and the labels that tell their series apart.
const COUNTERS: [(&str, Counter, &[&str]); 6] = [
    ("assent_collect_accepted_total", Counter::Accepted, &["source"]),
    ("assent_collect_refused_total", Counter::Refused, &["source", "reason"]),
    ("assent_collect_discarded_total", Counter::Discarded, &["source", "code"]),
    ("assent_collect_settings_total", Counter::Settings, &["source"]),
    ("assent_collect_choices_total", Counter::Choices, &["source", "recorded"]),
    ("assent_delivery_results_total", Counter::Results, &["destination", "result"]),
];

/// Minutes kept: a day.
pub(crate) const MINUTES_MAX: usize = 24 * 60;
const MINUTE_MS: i64 = 60_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// Events taken, by source.
    Accepted,
    /// Events not stored for lack of consent, by source and reason.
    Refused,
    /// Events not kept because of what they are, by source and code.
    Discarded,
    /// Settings given to pages, by source.
    Settings,
    /// Choices recorded, by source and under whose name.
    Choices,
    /// Results, by destination and result.
    Results,
}

/// A series: workspace, counter, label values.
type Series = (String, Counter, Vec<String>);

#[derive(Debug, Default)]
struct Minutes {
    /// The counters as they were read last.
    last: HashMap<Series, u64>,
    /// Minute → how much each series grew in it, oldest first.
    grown: VecDeque<(i64, BTreeMap<Series, u64>)>,
    since: Option<Millis>,
    /// Source → first and latest moment at which its counter had grown.
    sources: HashMap<(String, String), (Millis, Millis)>,
}

/// The last minutes.
#[derive(Debug, Default)]
pub struct History(Mutex<Minutes>);

impl History {
    /// Reads a metrics page.
    pub fn note(&self, page: &str, now: Millis) {
        let minute = now.0.div_euclid(MINUTE_MS);
        let mut minutes = self.0.lock().expect("no holder of the history panics");
        let minutes = &mut *minutes;
        let is_first = minutes.since.is_none();
        minutes.since.get_or_insert(now);
        if minutes.grown.back().is_none_or(|(last, _)| *last < minute) {
            minutes.grown.push_back((minute, BTreeMap::new()));
        }
        while minutes.grown.len() > MINUTES_MAX {
            minutes.grown.pop_front();
        }
        for (series, value) in page.lines().filter_map(read) {
            let before = minutes.last.insert(series.clone(), value).unwrap_or(0);
            let grown = value.saturating_sub(before);
            if grown == 0 || is_first && before == value {
                continue;
            }
            if series.1 == Counter::Accepted {
                let seen = minutes.sources.entry((series.0.clone(), series.2[0].clone())).or_insert((now, now));
                seen.1 = now;
            }
            if let Some((_, bucket)) = minutes.grown.back_mut() {
                *bucket.entry(series).or_default() += grown;
            }
        }
    }

    /// Since when it counts.
    pub fn since(&self) -> Option<Millis> {
        self.0.lock().expect("no holder of the history panics").since
    }

    /// The first and latest moment at which events of a source were seen.
    pub(crate) fn source(&self, workspace: &str, source: &str) -> Option<(Millis, Millis)> {
        let minutes = self.0.lock().expect("no holder of the history panics");
        minutes.sources.get(&(workspace.to_owned(), source.to_owned())).copied()
    }

    /// Sums of the minutes after `from`, by label values.
    pub fn sums(&self, workspace: &str, counter: Counter, from: Millis) -> BTreeMap<Vec<String>, u64> {
        let first = from.0.div_euclid(MINUTE_MS);
        let minutes = self.0.lock().expect("no holder of the history panics");
        let mut sums = BTreeMap::new();
        for (_, bucket) in minutes.grown.iter().filter(|(minute, _)| *minute >= first) {
            for ((_, _, labels), grown) in
                bucket.iter().filter(|((of, what, _), _)| of == workspace && *what == counter)
            {
                *sums.entry(labels.clone()).or_default() += grown;
            }
        }
        sums
    }

    /// The sum of each minute from `from` to `to`, zeros included.
    pub(crate) fn minutes(&self, workspace: &str, counter: Counter, from: Millis, to: Millis) -> Vec<(Millis, u64)> {
        let (first, last) = (from.0.div_euclid(MINUTE_MS), to.0.div_euclid(MINUTE_MS));
        let minutes = self.0.lock().expect("no holder of the history panics");
        let mut by_minute: BTreeMap<i64, u64> = (first..=last).map(|minute| (minute, 0)).collect();
        for (minute, bucket) in &minutes.grown {
            let Some(sum) = by_minute.get_mut(minute) else { continue };
            let of = bucket.iter().filter(|((of, what, _), _)| of == workspace && *what == counter);
            *sum += of.map(|(_, grown)| grown).sum::<u64>();
        }
        by_minute.into_iter().map(|(minute, sum)| (Millis(minute * MINUTE_MS), sum)).collect()
    }
}

/// One line of the page, when it is a counter that is kept.
fn read(line: &str) -> Option<(Series, u64)> {
    let (name, rest) = line.split_once('{')?;
    let (_, counter, wanted) = COUNTERS.iter().find(|(known, ..)| *known == name)?;
    let (labels, value) = rest.rsplit_once("} ")?;
    let value: u64 = value.split(' ').next()?.parse().ok()?;
    // Values here are slugs and codes: none has a quote or a comma.
    let labels: HashMap<&str, &str> = labels
        .split(',')
        .filter_map(|pair| pair.split_once('=').map(|(key, value)| (key, value.trim_matches('"'))))
        .collect();
    let of = wanted.iter().map(|key| labels.get(key).map(|value| (*value).to_owned())).collect::<Option<Vec<_>>>()?;
    Some((((*labels.get("workspace")?).to_owned(), *counter, of), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(accepted: u64, delivered: u64) -> String {
        format!(
            "# TYPE assent_collect_accepted counter\n\
             assent_collect_accepted_total{{source=\"web\",workspace=\"acme\"}} {accepted}\n\
             assent_collect_accepted_total{{source=\"web\",workspace=\"other\"}} 7\n\
             assent_delivery_results_total{{workspace=\"acme\",destination=\"hook\",result=\"delivered\",reason=\"\"}} {delivered}\n\
             # EOF\n"
        )
    }

    #[test]
    fn minutes_hold_what_grew_in_them() {
        let history = History::default();
        let at = |minute: i64| Millis(minute * MINUTE_MS + 5_000);
        history.note(&page(0, 0), at(100));
        history.note(&page(10, 4), at(100));
        history.note(&page(25, 9), at(102));
        let counted = history.minutes("acme", Counter::Accepted, at(99), at(102));
        assert_eq!(counted.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 10, 0, 15]);
        let sums = history.sums("acme", Counter::Results, at(101));
        assert_eq!(sums, BTreeMap::from([(vec!["hook".to_owned(), "delivered".to_owned()], 5)]));
        assert_eq!(history.source("acme", "web"), Some((at(100), at(102))));
        assert_eq!(history.since(), Some(at(100)));
    }

    #[test]
    fn memory_is_bounded() {
        let history = History::default();
        for minute in 0..3_000 {
            history.note(&page(minute, 0), Millis(i64::try_from(minute).expect("small") * MINUTE_MS));
        }
        assert_eq!(history.0.lock().expect("free").grown.len(), MINUTES_MAX);
    }
}
