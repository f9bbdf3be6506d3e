//! Sending dead letters again: what was asked is in the log of results before it is answered, and is then searched out
//! a piece at a time, a file of results or less, so that others go on meanwhile. What is in memory for it is a place for
//! each event that was sent again in the last week, not the dead letters themselves.
//!
//! A piece is one record: the events wait again from that moment on, and no longer count as given up. They pass the gate
//! of today like any other, and what becomes of them is their one result. A crash between two pieces costs nothing; one
//! in a piece is as it is for every event: sent again when its result was not written.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Millis;
use eventlog::ReadError;
use eventlog::record::Processed;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::cursor::before;
use crate::desk::letters::{Piece, Scan};
use crate::desk::{Desk, LetterFilter, LetterMark};
use crate::follow::Courier;
use crate::lane::Item;
use crate::result_log::format::{AttemptRecord, Entry, PendingEvent, Place, Resent};

/// Events that are being sent again at a time.
const RESENDING_MAX: usize = 1_000;
/// Events of a piece.
const PIECE: usize = 500;
/// After a file that cannot be read or written. What else the destination does goes on meanwhile.
const SEARCH_AGAIN: Duration = Duration::from_secs(2);

/// What was asked to be sent again, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// Its number, unique for its destination.
    pub number: u64,
    /// When it was asked.
    pub at: Millis,
    /// By whom.
    pub by: String,
    /// What.
    pub filter: LetterFilter,
    /// Where the search goes on; `None` when it is over.
    pub next: Option<LetterMark>,
    /// Where it ends: what fails later is not meant.
    pub end: LetterMark,
    /// Events taken up again.
    pub taken: u64,
    /// Of those, the ones that arrived.
    pub delivered: u64,
    /// … that the gate of today kept back.
    pub withheld: u64,
    /// … that were given up anew.
    pub failed: u64,
    /// Events found that the log does not have any more.
    pub gone: u64,
}

impl Resend {
    pub(crate) fn settled(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Withheld(_) => self.withheld += 1,
            Outcome::Rejected(_) | Outcome::DeadLettered(_) | Outcome::Waiting(_) => self.failed += 1,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.next.is_none() && self.delivered + self.withheld + self.failed >= self.taken
    }
}

impl Desk {
    pub(crate) fn asked(&mut self, resend: Resend) {
        self.resends.push(resend);
    }

    /// Dead letters wait again.
    pub(crate) fn resent(&mut self, resent: &Resent) {
        let mut taken = 0;
        for (place, outcome) in resent.was.events() {
            if outcome.leaves_letter() {
                self.kept.remove(place);
            }
            self.resending.insert((place.0.0, place.1), resent.number);
            taken += 1;
        }
        self.resent += taken;
        if let Some(resend) = self.resends.iter_mut().find(|resend| resend.number == resent.number) {
            resend.taken += taken;
            resend.gone += resent.gone;
            resend.next = resent.next;
        }
    }
}

impl Courier {
    /// Whether there is a search that can go on now.
    pub(crate) fn is_searching(&self) -> bool {
        let desk = &self.folded.desk;
        desk.resends.iter().any(|resend| resend.next.is_some())
            && tokio::time::Instant::now() >= self.search_not_before
            && desk.held.is_none()
            && desk.resending.len() < RESENDING_MAX
            && self.has_room()
    }

    /// Takes the next dead letters up, when something was asked and not too many are on their way.
    pub(crate) async fn resend_some(&mut self) {
        let Some(resend) = self.folded.desk.resends.iter().find(|resend| resend.next.is_some()) else {
            self.scan = None;
            return;
        };
        if !self.is_searching() {
            return;
        }
        let (number, filter, from, end) = (resend.number, resend.filter.clone(), resend.next, resend.end);
        let scan = self.scan.take().filter(|(of, _)| *of == number).map(|(_, scan)| scan);
        let range = (from.unwrap_or_default(), end);
        let searched = self.recorder.on_disk(move |files| {
            let mut scan = scan.map_or_else(|| Scan::new(files.results.directory()), Ok)?;
            let piece = if scan.gather(&filter)? { None } else { Some(scan.piece(&filter, range, PIECE)?) };
            Ok((scan, piece))
        });
        match searched.await {
            Ok((scan, piece)) => {
                self.scan = Some((number, scan));
                if let Some(piece) = piece {
                    self.take_again(number, piece).await;
                }
            }
            Err(error) => self.try_later(&error),
        }
    }

    fn try_later(&mut self, error: &(dyn std::error::Error + Sync)) {
        tracing::error!(%error, destination = self.labels.destination, "dead letters are not sent again; trying again");
        self.changed = true;
        self.search_not_before = tokio::time::Instant::now() + SEARCH_AGAIN;
    }

    async fn take_again(&mut self, number: u64, piece: Piece) {
        let (mut found, mut gone) = (BTreeMap::new(), piece.in_stretches);
        for (place, outcome) in piece.found {
            match self.lane_of(place).await {
                _ if self.folded.desk.is_resending(place) => {}
                Ok(Some(lane)) => drop(found.insert(place, (outcome, lane))),
                Ok(None) => gone += 1,
                // It may be there: the piece is searched again.
                Err(error) => return self.try_later(&error),
            }
        }
        if found.is_empty() && gone == 0 && !piece.is_last {
            // Nothing to write down: after a crash the search comes here again.
            if let Some(resend) = self.folded.desk.resends.iter_mut().find(|resend| resend.number == number) {
                resend.next = Some(piece.next);
            }
            return;
        }
        let events = found.iter().map(|(place, (outcome, _))| (*place, *outcome)).collect();
        let lanes: Vec<u64> = found.values().map(|(_, lane)| *lane).collect();
        let was = AttemptRecord::new(self.context.clock.now().0, 0, 0, events);
        let next = (!piece.is_last).then_some(piece.next);
        let resent = Resent { number, was, lanes: lanes.clone(), gone, next };
        let entry = vec![Entry::Resent(resent.clone())];
        let written = self.recorder.on_disk(move |files| files.results.append_synced(&entry)).await;
        if let Err(error) = written {
            self.is_checkpoint_due = true;
            self.try_later(&error);
            return;
        }
        self.changed = true;
        self.folded.take_back(&resent);
        for ((partition, position), lane) in found.into_keys().zip(lanes) {
            let event = PendingEvent { partition: partition.0, position, lane, failures: 0, first_failed_ms: None };
            let seq = self.next_seq(partition);
            self.lanes.arrive(Item::waiting(seq, &event));
        }
    }

    /// The lane of an event, read from the log; `None` when it is not there any more. An error: the disk may answer
    /// later.
    async fn lane_of(&self, (partition, position): Place) -> Result<Option<u64>, ReadError> {
        let records = match self.context.log.read(partition, before(position), 1).await {
            Err(error @ ReadError::Io(_)) => return Err(error),
            read => read.unwrap_or_default(),
        };
        let lane = |record: &eventlog::Record| {
            let processed = Processed::decode(&record.payload).ok()?;
            (record.workspace == self.context.workspace).then(|| self.lane_for(partition, processed.subject))
        };
        Ok(records.iter().find(|record| record.position == position).and_then(lane))
    }
}
