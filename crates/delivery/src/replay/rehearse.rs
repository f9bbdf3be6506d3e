//! A dry run: the same events, the same gate, the same request, and nothing is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use eventlog::Position;
use eventlog::record::Processed;

use super::{ReplayError, Selection, feed};
use crate::attempt::{Context, Decision, prepare};
use crate::destination::Attempt;
use crate::lane::Item;
use crate::{Delivery, OperateError, Outcome};

/// What a replay would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rehearsal {
    /// How many events the selection has.
    pub total: u64,
    /// How many of them were looked at.
    pub read: u64,
    /// Those that cannot be made whole any more.
    pub gone: u64,
    /// Those that would be sent.
    pub sent: u64,
    /// What would become of the others.
    pub kept_back: BTreeMap<Outcome, u64>,
    /// By call.
    pub calls: BTreeMap<String, Tally>,
    /// By source.
    pub sources: BTreeMap<String, Tally>,
    /// Whether time was up before all were looked at. Those that were are chance picks of subjects within the first days.
    pub is_estimate: bool,
}

/// A part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Looked at.
    pub read: u64,
    /// Would be sent.
    pub sent: u64,
}

impl Rehearsal {
    fn count(&mut self, payload: Option<&Bytes>, decision: Option<Decision>) {
        let is_sent = decision.is_none();
        self.sent += u64::from(is_sent);
        if let Some(Decision::Final(outcome)) = decision {
            *self.kept_back.entry(outcome).or_default() += 1;
        }
        let Some(Ok(record)) = payload.map(|payload| Processed::decode(payload)) else { return };
        for (tallies, key) in [(&mut self.calls, record.event.call.name()), (&mut self.sources, record.event.source)] {
            if !tallies.contains_key(key) {
                tallies.insert(key.to_owned(), Tally::default());
            }
            if let Some(tally) = tallies.get_mut(key) {
                tally.read += 1;
                tally.sent += u64::from(is_sent);
            }
        }
    }

    fn batch(&mut self, context: &Context, gate: &consent::Gate, items: Vec<Item>) {
        let mut kept_back = Vec::new();
        let attempt = Attempt { number: 1, now: context.clock.now() };
        let going = prepare(context, gate, items, attempt, &mut kept_back).map(|prepared| prepared.going);
        for (item, decision) in kept_back {
            self.count(item.payload.as_ref(), Some(decision));
        }
        for item in going.unwrap_or_default() {
            self.count(item.payload.as_ref(), None);
        }
    }
}

impl Delivery {
    /// Says what a replay would do now, after looking at events for at most so long.
    pub async fn rehearse(
        &self,
        (workspace, destination): (&str, &str),
        selection: Selection,
        time_max: Duration,
    ) -> Result<Rehearsal, ReplayError> {
        let context = self.context_of(workspace, destination).await?;
        let archive = context.archive.clone().ok_or(ReplayError::NoArchive)?;
        let selection = Selection { to: selection.to.min(context.clock.now()), ..selection };
        let request = feed::asked(&context, &selection).map_err(ReplayError::Selection)?;
        archive.settled().await.map_err(ReplayError::Archive)?;
        let total = archive.count(request.clone()).await.map_err(ReplayError::Archive)?;
        let mut found = Rehearsal { total, ..Rehearsal::default() };
        let until = tokio::time::Instant::now() + time_max;
        let mut pages = archive.read(request).await.map_err(ReplayError::Archive)?;
        let events_max = context.destination.batching().events_max.max(1);
        loop {
            // Asked apart: pages that are always there would never let the time be up.
            let is_up = tokio::time::Instant::now() >= until;
            let reading = feed::next_page(&mut pages);
            let next = if is_up { None } else { tokio::time::timeout_at(until, reading).await.ok() };
            let Some(page) = next else {
                found.is_estimate = found.read < found.total;
                return Ok(found);
            };
            let Some(page) = page.map_err(ReplayError::Archive)? else { return Ok(found) };
            let gone = || OperateError::NotRunning("its workspace was taken away meanwhile".to_owned());
            let tenant = context.directory.tenant(&context.workspace).ok_or_else(gone)?;
            let read = page.events.len();
            let whole: Vec<Bytes> = page.events.into_iter().filter_map(|(_, payload)| payload).collect();
            found.read += read as u64;
            found.gone += (read - whole.len()) as u64;
            for batch in whole.chunks(events_max) {
                found.batch(&context, &tenant.gate, batch.iter().map(|payload| item(&context, payload)).collect());
                tokio::task::yield_now().await;
            }
        }
    }
}

/// An event that goes nowhere.
fn item(context: &Context, payload: &Bytes) -> Item {
    Item {
        seq: 0,
        partition: context.log.replayed(),
        position: Position { block: 0, index: 0 },
        lane: 0,
        failures: 0,
        first_failed: None,
        arrived: tokio::time::Instant::now(),
        payload: Some(payload.clone()),
    }
}
