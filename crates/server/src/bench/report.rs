//! What is printed: one row per figure with its bar, what was seen and whether the bar is met, as a table or as JSON.

use std::io::Write;

use serde::Serialize;

use super::machine::Machine;

/// A run's figures.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    rows: Vec<Row>,
    /// What a reader has to know about the figures of this run: peers that were missing, counts that were checked.
    notes: Vec<String>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    what: String,
    unit: &'static str,
    /// The median of the rounds.
    seen: f64,
    /// The smallest and the largest round.
    spread: (f64, f64),
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<Bar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

/// What a figure must reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bar {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Bar {
    fn is_met_by(self, seen: f64) -> bool {
        match self {
            Self::AtMost(bar) => seen <= bar,
            Self::AtLeast(bar) => seen >= bar,
        }
    }
}

impl Report {
    pub(super) fn new(machine: Machine) -> Self {
        Self { machine, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds the figure that the rounds gave. No rounds, no row.
    pub(super) fn figure(&mut self, what: impl Into<String>, unit: &'static str, rounds: &[f64], bar: Option<Bar>) {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return };
        let seen = sorted[sorted.len() / 2];
        let met = bar.map(|bar| bar.is_met_by(seen));
        self.rows.push(Row { what: what.into(), unit, seen, spread: (*low, *high), bar, met });
    }

    /// Adds a sentence.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn write_json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        Ok(writeln!(out)?)
    }

    /// Writes the table; the machine stands above it already.
    pub(super) fn write_table(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or_default();
        writeln!(out, "{:width$}  {:>10}  {:>19}  {:>10}  {:7}", "", "seen", "spread", "bar", "unit")?;
        for Row { what, unit, seen, spread: (low, high), bar, met } in &self.rows {
            let spread = if low < high { format!("{low:.1}–{high:.1}") } else { String::new() };
            let bar = match bar {
                Some(Bar::AtMost(bar)) => format!("≤ {bar}"),
                Some(Bar::AtLeast(bar)) => format!("≥ {bar}"),
                None => String::new(),
            };
            let met = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            writeln!(out, "{what:width$}  {seen:>10.2}  {spread:>19}  {bar:>10}  {unit:7}  {met}")?;
        }
        for note in &self.notes {
            writeln!(out, "· {note}")?;
        }
        Ok(())
    }
}

/// A count as a number to divide by. Counts here stay far below the 2^52 at which this would lose digits.
#[expect(clippy::cast_precision_loss, reason = "counts of one run stay below 2^52")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Microseconds of CPU per event.
pub(super) fn micros_per_event(cpu: std::time::Duration, events: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / float(events)
}

/// Bytes as megabytes of 2^20.
pub(super) fn megabytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1024 * 1024)
}

/// The value below which this share of `sorted` lies.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= share <= 1")]
    let at = (float(sorted.len() as u64) * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        let seen = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(&sorted, share).to_string());
        assert_eq!(seen, ["51", "96", "100", "100"]);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_figure_that_is_not_a_number_meets_no_bar() {
        assert!(!Bar::AtMost(1.0).is_met_by(f64::NAN));
        assert!(!Bar::AtLeast(1.0).is_met_by(f64::NAN));
    }
}
