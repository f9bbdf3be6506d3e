//! Merging: which runs become one, and how.
//!
//! Eight neighbours of a level become one of the next, so an id is rewritten once per level, of which there are two
//! at the default size. A merged run holds at most an eighth of the window and of `ids_max`: it is forgotten as a
//! whole. Where eight are too many, as many as fit become one that is left alone from then on.

use std::io;
use std::sync::Arc;

use super::run::{Run, RunWriter, Span, Walk};
use super::{Index, Keeper, Options, io_of};

/// Runs of a level that make one of the next.
const FAN_IN: usize = 8;
/// The parts into which the window and `ids_max` are cut.
const PARTS: u64 = 8;

/// How often a run was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level(pub(super) u8);

impl Level {
    pub(super) const FLUSHED: Self = Self(0);
    /// As large as a run may get.
    const FINAL: Self = Self(u8::MAX);
}

/// Neighbours to be merged: their place in the list, and what becomes of them.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    from: usize,
    count: usize,
    level: Level,
}

/// What of a run matters for planning: level, ids, span.
type Sketch = (Level, u64, Span);

fn plan(runs: &[Sketch], options: &Options) -> Option<Plan> {
    let mut from = 0;
    while from < runs.len() {
        let level = runs[from].0;
        let group = runs[from..].iter().take_while(|run| run.0 == level).count();
        if level != Level::FINAL && group >= FAN_IN {
            let count = fitting(&runs[from..from + FAN_IN], options);
            let level = if count == FAN_IN { Level(level.0 + 1) } else { Level::FINAL };
            return Some(Plan { from, count, level });
        }
        from += group;
    }
    None
}

/// How many of the runs, from the first on, fit into one; at least one.
fn fitting(runs: &[Sketch], options: &Options) -> usize {
    let window_ms = options.window_ms / PARTS.cast_signed();
    let ids_max = options.ids_max / PARTS;
    let mut whole: Option<(u64, Span)> = None;
    let fits = |(_, ids, span): &&Sketch| {
        let (ids, span) = whole.map_or((*ids, *span), |(held, with)| (held + ids, with.with(*span)));
        whole = Some((ids, span));
        ids <= ids_max && span.last.0 - span.first.0 <= window_ms
    };
    runs.iter().take_while(fits).count().max(1)
}

impl Index {
    pub(super) fn merge(&self, keeper: &mut Keeper) -> io::Result<()> {
        loop {
            let runs = self.runs.load_full();
            let level_of = |run: &Run| keeper.state.runs.iter().find(|(sequence, _)| *sequence == run.sequence);
            let sketches: Vec<Sketch> = runs
                .iter()
                .map(|run| (level_of(run).map_or(Level::FINAL, |(_, level)| Level(*level)), run.entries, run.span))
                .collect();
            let Some(plan) = plan(&sketches, &self.options) else { return Ok(()) };
            let parts = &runs[plan.from..plan.from + plan.count];
            let mut state = keeper.state.clone();
            let merged = match parts {
                [single] => Arc::clone(single),
                parts => Arc::new(self.merged(parts, state.take_sequence())?),
            };
            let range = plan.from..plan.from + plan.count;
            let mut list = runs.to_vec();
            state.runs = sketches.iter().zip(&list).map(|((level, ..), run)| (run.sequence, level.0)).collect();
            state.runs.splice(range.clone(), [(merged.sequence, plan.level.0)]);
            list.splice(range, [merged]);
            self.replace(keeper, state, list)?;
        }
    }

    fn merged(&self, parts: &[Arc<Run>], sequence: u64) -> io::Result<Run> {
        let ids: u64 = parts.iter().map(|run| run.entries).sum();
        let span = parts.iter().map(|run| run.span).reduce(Span::with);
        let span = span.ok_or_else(|| io::Error::other("nothing to merge"))?;
        let ids = usize::try_from(ids).map_err(|_| io::Error::other("more ids than memory"))?;
        let mut writer = RunWriter::create(&self.options.directory, sequence, ids)?;
        let mut walks: Vec<Walk<'_>> = parts.iter().map(|run| run.walk()).collect();
        let mut heads = Vec::with_capacity(walks.len());
        for walk in &mut walks {
            heads.push(walk.next()?);
        }
        loop {
            // With eight, a scan beats a heap. Of a repeated id the oldest run's comes first and counts.
            let least = heads.iter().enumerate().filter_map(|(at, head)| Some((head.as_ref()?.0, at))).min();
            let Some((_, at)) = least else { break };
            if let Some(entry) = std::mem::replace(&mut heads[at], walks[at].next()?) {
                writer.push(entry)?;
            }
        }
        writer.finish(span).map_err(io_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Millis;

    fn check(runs: &[(u8, u64, i64, i64)], expected: Option<(usize, usize, u8)>) {
        let options =
            Options { directory: std::path::PathBuf::new(), partitions: 1, window_ms: 80_000, ids_max: 8_000 };
        let sketch = |(level, ids, first, last): &(u8, u64, i64, i64)| {
            (Level(*level), *ids, Span { first: Millis(*first), last: Millis(*last) })
        };
        let runs: Vec<Sketch> = runs.iter().map(sketch).collect();
        let plan = plan(&runs, &options).map(|plan| (plan.from, plan.count, plan.level.0));
        assert_eq!(plan, expected, "{runs:?}");
    }

    #[test]
    fn eight_of_a_level_become_one_unless_they_are_too_much() {
        let small = (0, 10, 0, 100);
        check(&[small; 7], None);
        check(&[small; 8], Some((0, 8, 1)));
        check(&[&[(1, 80, 0, 0)][..], &[small; 9]].concat(), Some((1, 8, 1)));
        check(&[(0, 300, 0, 100); 8], Some((0, 3, 255)));
        check(&[(0, 2_000, 0, 100); 8], Some((0, 1, 255)));
        check(&[&[(0, 10, 0, 100)][..], &[(0, 10, 9_000, 11_000); 7]].concat(), Some((0, 1, 255)));
        check(&[(255, 10, 0, 100); 20], None);
    }
}
