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
        let stopped: Vec<String> = (0..self.partitions)
            .filter(|partition| self.metrics.is_stopped(Partition(*partition)))
            .map(|partition| partition.to_string())
            .collect();
        let pipeline_ended = self.pipeline.as_ref().is_some_and(AbortHandle::is_finished);
        told(&stopped, pipeline_ended, self.lake.has_changed().is_err())
    }
}

fn told(stopped: &[String], pipeline_ended: bool, lake_ended: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if pipeline_ended {
        wrong.push("the pipeline ended: events are kept and wait; the server's log says why".to_owned());
    } else if !stopped.is_empty() {
        let which = stopped.join(", ");
        wrong.push(format!(
            "the pipeline stopped partition {which}: its events are kept and wait; the server's log says why"
        ));
    }
    if lake_ended {
        wrong.push(
            "the lake ended: events are kept and delivered, but not queried; the server's log says why".to_owned(),
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_once() {
        let check = |stopped: &[&str], pipeline_ended, lake_ended| {
            let stopped: Vec<String> = stopped.iter().map(|one| (*one).to_owned()).collect();
            told(&stopped, pipeline_ended, lake_ended).join("\n")
        };
        assert_eq!(check(&[], false, false), "");
        assert_eq!(
            check(&["3", "7"], false, true),
            "the pipeline stopped partition 3, 7: its events are kept and wait; the server's log says why\n\
             the lake ended: events are kept and delivered, but not queried; the server's log says why"
        );
        assert!(check(&["3"], true, false).starts_with("the pipeline ended: "), "of the whole, not of its parts");
    }

    #[test]
    fn the_parts_are_asked_each_time() {
        let ready = Ready::default();
        assert!(ready.answer().is_err(), "nothing was opened");
        let (reached, lake) = watch::channel(Vec::new());
        ready.open(Behind { metrics: pipeline::Metrics::default(), partitions: 2, pipeline: None, lake });
        assert_eq!(ready.answer(), Ok(Vec::new()));
        drop(reached);
        assert!(ready.answer().expect("still ready")[0].contains("the lake ended"));
        ready.close();
        assert!(ready.answer().is_err());
    }
}
