//! What operators ask about replays, and what a courier does about it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{History, Number, RATE_MAX, Replay, ReplayState, Selection};
use crate::attempt::Context;
use crate::desk::{Command, OperateError};
use crate::follow::Courier;
use crate::result_log::format::Entry;
use crate::{Delivery, ResultLogError};

/// A replay that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayAsked {
    /// Which events.
    pub selection: Selection,
    /// Events per second, at most; between 1 and [`RATE_MAX`].
    pub rate_per_s: u32,
    /// Who wants it.
    pub by: String,
}

/// What somebody wants of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Pause,
    Resume,
    Cancel,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is nothing to read from.
    #[error("this server has no archive to replay from")]
    NoArchive,
    /// One at a time.
    #[error("replay {0} of this destination is not over: wait for its end, or cancel it")]
    Open(Number),
    /// It is not known.
    #[error("there is no replay {0} of this destination")]
    Unknown(Number),
    /// It stands so that this is not possible.
    #[error("replay {number} is {state}")]
    State {
        /// Which.
        number: Number,
        /// How it stands.
        state: &'static str,
    },
    /// Its records would stand before those of a later one, which were read already.
    #[error("replay {latest} came after replay {number}, which cannot go on behind it: ask for a new one")]
    Outrun {
        /// Which.
        number: Number,
        /// The one that came after.
        latest: Number,
    },
    /// Nothing of it may be read for this destination.
    #[error("{0}")]
    Selection(String),
    /// The archive does not answer.
    #[error("{0}")]
    Archive(String),
    /// The destination does not answer.
    #[error(transparent)]
    Operate(#[from] OperateError),
}

impl From<ResultLogError> for ReplayError {
    fn from(error: ResultLogError) -> Self {
        Self::Operate(error.into())
    }
}

/// One wish, with where to answer it.
pub(crate) enum Wish {
    Begin(ReplayAsked, oneshot::Sender<Result<Replay, ReplayError>>),
    Step(Number, Step, oneshot::Sender<Result<Replay, ReplayError>>),
    Look(oneshot::Sender<Vec<Replay>>),
    Rehearse(oneshot::Sender<Arc<Context>>),
}

impl Wish {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Begin(_, answer) | Self::Step(_, _, answer) => answer.is_closed(),
            Self::Look(answer) => answer.is_closed(),
            Self::Rehearse(answer) => answer.is_closed(),
        }
    }
}

impl Courier {
    /// Does what was asked.
    pub(crate) async fn obey_replay(&mut self, wish: Wish) {
        match wish {
            Wish::Begin(asked, answer) => drop(answer.send(self.begin_replay(asked).await)),
            Wish::Step(number, step, answer) => drop(answer.send(self.step(number, step).await)),
            Wish::Look(answer) => drop(answer.send(self.folded.replays.shown())),
            Wish::Rehearse(answer) => drop(answer.send(Arc::clone(&self.context))),
        }
    }

    async fn begin_replay(&mut self, asked: ReplayAsked) -> Result<Replay, ReplayError> {
        if self.context.archive.is_none() {
            return Err(ReplayError::NoArchive);
        }
        let request = super::feed::asked(&self.context, &asked.selection).map_err(ReplayError::Selection)?;
        if let Some(open) = self.folded.replays.open() {
            return Err(ReplayError::Open(open.number));
        }
        let at = self.context.clock.now();
        let ReplayAsked { rate_per_s, by, .. } = asked;
        // What comes later is live, and a source that is added later was not meant.
        let selection = Selection { to: request.selection.to.min(at), ..request.selection };
        let replay = Replay {
            number: self.folded.replays.next_number()?,
            at,
            by,
            selection,
            rate_per_s: rate_per_s.clamp(1, RATE_MAX),
            state: ReplayState::Running,
            ended_at: None,
            total: None,
            taken: 0,
            gone: 0,
            outcomes: std::collections::BTreeMap::new(),
            waits: None,
            place: None,
            is_read: false,
            partition: self.context.log.replayed().0,
            runs: Vec::new(),
        };
        self.write(replay).await
    }

    async fn step(&mut self, number: Number, step: Step) -> Result<Replay, ReplayError> {
        let replays = &self.folded.replays;
        let replay = replays.get(number).cloned().ok_or(ReplayError::Unknown(number))?;
        let state = match (step, &replay.state) {
            (Step::Pause, ReplayState::Paused)
            | (Step::Resume, ReplayState::Running)
            | (Step::Cancel, ReplayState::Cancelled) => return Ok(replay),
            (Step::Pause, ReplayState::Running) => ReplayState::Paused,
            (Step::Cancel, ReplayState::Running | ReplayState::Paused | ReplayState::Failed(_)) => {
                ReplayState::Cancelled
            }
            (Step::Resume, ReplayState::Paused) => ReplayState::Running,
            (Step::Resume, ReplayState::Failed(_)) => match (replays.open(), replays.latest()) {
                (Some(open), _) => return Err(ReplayError::Open(open.number)),
                (None, latest) if latest > number => return Err(ReplayError::Outrun { number, latest }),
                (None, _) => ReplayState::Running,
            },
            (Step::Pause | Step::Resume | Step::Cancel, state) => {
                return Err(ReplayError::State { number, state: state.name() });
            }
        };
        let replay = self.write(replay.turned(state, self.context.clock.now())).await?;
        if replay.state != ReplayState::Running {
            // What it had not told yet is read once more.
            self.feed = None;
        }
        Ok(replay)
    }

    /// In the log before it is answered.
    async fn write(&mut self, replay: Replay) -> Result<Replay, ReplayError> {
        let entry = vec![Entry::Replay(Box::new(replay.clone()))];
        self.recorder.on_disk(move |files| files.results.append_synced(&entry)).await?;
        self.folded.replays.put(&replay);
        self.changed = true;
        Ok(replay)
    }
}

impl super::Replays {
    /// The number of the last that was asked for; 0 without one.
    fn latest(&self) -> Number {
        self.0.iter().map(|replay| replay.number).max().unwrap_or_default()
    }

    fn next_number(&self) -> Result<Number, ReplayError> {
        self.latest()
            .checked_add(1)
            .ok_or_else(|| ReplayError::Archive("this destination has had 65,535 replays".to_owned()))
    }
}

impl Delivery {
    /// Sends events of the archive to a destination, through the gate of today. It is durable when this returns, and goes
    /// on after a restart. One at a time.
    pub async fn replay(
        &self,
        (workspace, destination): (&str, &str),
        asked: ReplayAsked,
    ) -> Result<Replay, ReplayError> {
        self.wish(workspace, destination, |answer| Command::Replay(Wish::Begin(asked, answer))).await?
    }

    /// The replays of a destination, latest first.
    pub async fn replays(&self, workspace: &str, destination: &str) -> Result<Vec<Replay>, OperateError> {
        self.wish(workspace, destination, |answer| Command::Replay(Wish::Look(answer))).await
    }

    /// Stops reading for a replay, until it is resumed. What was taken up already still goes.
    pub async fn pause_replay(&self, of: (&str, &str), number: Number) -> Result<Replay, ReplayError> {
        self.step_replay(of, number, Step::Pause).await
    }

    /// Lets a replay go on that was paused, or that failed and is the latest, where it was.
    pub async fn resume_replay(&self, of: (&str, &str), number: Number) -> Result<Replay, ReplayError> {
        self.step_replay(of, number, Step::Resume).await
    }

    /// Ends a replay. What was taken up already still goes.
    pub async fn cancel_replay(&self, of: (&str, &str), number: Number) -> Result<Replay, ReplayError> {
        self.step_replay(of, number, Step::Cancel).await
    }

    async fn step_replay(
        &self,
        (workspace, destination): (&str, &str),
        number: Number,
        step: Step,
    ) -> Result<Replay, ReplayError> {
        self.wish(workspace, destination, |answer| Command::Replay(Wish::Step(number, step, answer))).await?
    }

    pub(super) async fn context_of(&self, workspace: &str, destination: &str) -> Result<Arc<Context>, OperateError> {
        self.wish(workspace, destination, |answer| Command::Replay(Wish::Rehearse(answer))).await
    }
}

impl History {
    /// The parts a courier needs.
    pub(crate) fn parts(history: Option<&Self>) -> (Option<Arc<dyn super::Archive>>, Option<super::OpenSpool>) {
        (history.map(|history| Arc::clone(&history.archive)), history.map(|history| Arc::clone(&history.spool)))
    }
}
