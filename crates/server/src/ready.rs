//! What `/readyz` tells beside the state of the log: whether the process takes requests, and what is wrong behind it.
//!
//! Not ready means: send events elsewhere. That helps while the process starts or stops and while the log takes nothing.
//! It does not help when the pipeline has stopped a partition or the lake has ended: what comes is still taken, durable
//! and waits, and a load balancer that took the server out would turn an incident that loses nothing into refused
//! events. So these are said in a ready answer, for people; alerts belong on the metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use eventlog::{Partition, Position};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The parts behind the log.
#[derive(Debug)]
pub(crate) struct Behind {
    /// Knows which partitions were stopped.
    pub(crate) metrics: pipeline::Metrics,
    /// Knows which partitions the lake cannot read on.
    pub(crate) lake_metrics: lake::Metrics,
    /// How many there are.
    pub(crate) partitions: u16,
    /// The pipeline's task, where this role has one.
    pub(crate) pipeline: Option<AbortHandle>,
    /// Closed when the lake has ended.
    pub(crate) lake: watch::Receiver<Vec<Option<Position>>>,
}

#[derive(Debug, Default)]
struct State {
    serving: AtomicBool,
    behind: OnceLock<Behind>,
}

/// See the module. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    state: Arc<State>,
}

impl Ready {
    /// Requests are taken from now on.
    pub(crate) fn open(&self, behind: Behind) {
        drop(self.state.behind.set(behind));
        self.state.serving.store(true, Ordering::Relaxed);
    }

    /// Requests are taken no more.
    pub(crate) fn close(&self) {
        self.state.serving.store(false, Ordering::Relaxed);
    }

    /// Why not, or what is wrong all the same.
    pub(crate) fn answer(&self) -> Result<Vec<String>, String> {
        match self.state.behind.get() {
            Some(behind) if self.state.serving.load(Ordering::Relaxed) => Ok(behind.wrong()),
            _ => Err("starting or stopping".to_owned()),
        }
    }
}

impl Behind {
    fn wrong(&self) -> Vec<String> {
        let those = |is_meant: &dyn Fn(Partition) -> bool| -> Vec<String> {
            let those = (0..self.partitions).filter(|partition| is_meant(Partition(*partition)));
            those.map(|partition| partition.to_string()).collect()
        };
        let pipeline = PartState {
            waiting: those(&|partition| self.metrics.is_stopped(partition)),
            has_ended: self.pipeline.as_ref().is_some_and(AbortHandle::is_finished),
        };
        let lake = PartState {
            waiting: those(&|partition| self.lake_metrics.is_waiting(partition)),
            has_ended: self.lake.has_changed().is_err(),
        };
        told(&pipeline, &lake, self.lake_metrics.is_store_failing())
    }
}

/// How a part behind the log is doing.
struct PartState {
    /// The partitions in which it cannot go on.
    waiting: Vec<String>,
    has_ended: bool,
}

fn told(pipeline: &PartState, lake: &PartState, is_store_failing: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if pipeline.has_ended {
        wrong.push("the pipeline ended: events are kept and wait; the server's log says why".to_owned());
    } else if !pipeline.waiting.is_empty() {
        let which = pipeline.waiting.join(", ");
        wrong.push(format!(
            "the pipeline stopped partition {which}: its events are kept and wait; the server's log says why"
        ));
    }
    if lake.has_ended {
        wrong.push(
            "the lake ended: events are kept and delivered, but not queried; the server's log says why".to_owned(),
        );
    } else if is_store_failing {
        // Before the partitions, which wait for it.
        wrong.push(
            "the lake's store refuses or does not answer: events are kept and delivered, and are in the lake once it \
             does; the server's log says what it says"
                .to_owned(),
        );
    } else if !lake.waiting.is_empty() {
        let which = lake.waiting.join(", ");
        wrong.push(format!(
            "the lake waits in partition {which}: its events are kept and delivered, but not queried; the server's log \
             says why"
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_once() {
        let state = |waiting: &[&str], has_ended| PartState {
            waiting: waiting.iter().map(|one| (*one).to_owned()).collect(),
            has_ended,
        };
        let check = |pipeline, lake| told(&pipeline, &lake, false).join("\n");
        assert_eq!(check(state(&[], false), state(&[], false)), "");
        assert_eq!(
            check(state(&["3", "7"], false), state(&["2"], true)),
            "the pipeline stopped partition 3, 7: its events are kept and wait; the server's log says why\n\
             the lake ended: events are kept and delivered, but not queried; the server's log says why"
        );
        assert!(
            check(state(&["3"], true), state(&[], false)).starts_with("the pipeline ended: "),
            "of the whole, not of its parts"
        );
        assert!(check(state(&[], false), state(&["2"], false)).starts_with("the lake waits in partition 2: "));
        let away = told(&state(&[], false), &state(&["2"], false), true);
        assert!(away.len() == 1 && away[0].starts_with("the lake's store refuses or does not answer"), "{away:?}");
    }

    #[test]
    fn the_parts_are_asked_each_time() {
        let ready = Ready::default();
        assert!(ready.answer().is_err(), "nothing was opened");
        let (reached, lake) = watch::channel(Vec::new());
        let (metrics, lake_metrics) = (pipeline::Metrics::default(), lake::Metrics::default());
        ready.open(Behind { metrics, lake_metrics, partitions: 2, pipeline: None, lake });
        assert_eq!(ready.answer(), Ok(Vec::new()));
        drop(reached);
        assert!(ready.answer().expect("still ready")[0].contains("the lake ended"));
        ready.close();
        assert!(ready.answer().is_err());
    }
}
