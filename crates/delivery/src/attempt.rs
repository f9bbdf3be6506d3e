//! One attempt: read what is missing, ask the gate, make the request, send it, read the answer.
//!
//! The gate is asked here, for every event and every attempt, and again by `egress` where the bytes go. A choice made
//! in between sends the attempt back to the gate, as often as that happens.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use consent::{Permitted, Use};
use control::{Directory, Tenant};
use egress::{Egress, Request};
use event::{Clock, Done, Fact, Millis, Tracer, Work};
use eventlog::record::Processed;
use eventlog::{Partition, Position};

use crate::cursor::before;
use crate::dead_letter::unreadable;
use crate::destination::{Attempt, Mapped, verdict_of};
use crate::lane::Item;
use crate::replay::Archive;
use crate::replay::stream::Stream;
use crate::response::{Verdict, Verdicts, classify_error};
use crate::said::{plain, said};
use crate::{Cause, Destination, Outcome};

/// What an attempt needs of its destination; shared by all in flight.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) workspace: Arc<str>,
    pub(crate) model: workspace::Destination,
    pub(crate) destination: Box<dyn Destination>,
    pub(crate) egress: Egress,
    pub(crate) directory: Arc<Directory>,
    pub(crate) log: Arc<Stream>,
    /// Where replays come from.
    pub(crate) archive: Option<Arc<dyn Archive>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Tracer,
    /// Whether an operator paused the destination: nothing more is sent.
    pub(crate) held: AtomicBool,
}

/// What is to be done with an event after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing more.
    Final(Outcome),
    /// Try again; counts as a failure of the event.
    Again(Cause, Option<Duration>),
    /// Try again when the destination works; not the event's fault.
    Paused(Cause),
    /// Not sent by this attempt: goes with the next, and has no result yet.
    Unsent,
}

/// What a request told about its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) verdict: Verdict,
    /// The status; 0 without an answer.
    pub(crate) status: u16,
    /// What was answered, or why nothing was, for people: masked and cut. Empty for a success.
    pub(crate) said: String,
    /// How many events were in it.
    pub(crate) events: usize,
    /// Bytes of their records.
    pub(crate) bytes: usize,
    /// When those that arrived were received.
    pub(crate) arrived: Vec<Millis>,
    /// Which of the attempt's events it decided.
    pub(crate) decided: Range<usize>,
}

/// A finished attempt.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The events with what is to be done, each once.
    pub(crate) events: Vec<(Item, Decision)>,
    /// The requests that were made, in order; none when nothing was permitted.
    pub(crate) exchanges: Vec<Exchange>,
    /// Which attempt.
    pub(crate) number: u32,
    /// An operator paused the destination before all of it was sent.
    pub(crate) is_held: bool,
}

/// Makes one attempt for a batch, and traces it.
pub(crate) async fn attempt(context: Arc<Context>, items: Vec<Item>) -> Finished {
    let began = context.tracer.is_on().then(tokio::time::Instant::now);
    let finished = make(&context, items).await;
    // Without a request nobody was asked, so there is nothing to trace.
    if let (Some(began), Some(last)) = (began, finished.exchanges.last()) {
        trace(&context, &finished, (last, began.elapsed()));
    }
    finished
}

/// Names, codes and numbers only: neither an address, which may hold a secret, nor anything of an event.
fn trace(context: &Context, finished: &Finished, (last, took): (&Exchange, Duration)) {
    let (outcome, reason) = match last.verdict {
        Verdict::Delivered => ("delivered", ""),
        Verdict::Retry { cause, .. } => ("retry", cause.code()),
        Verdict::Split(cause) => ("split", cause.code()),
        Verdict::Pause(cause) => ("paused", cause.code()),
        Verdict::Rejected(cause) => ("rejected", cause.code()),
    };
    context.tracer.tell(&Done {
        name: "delivery attempt",
        work: Work::Asked,
        took,
        parent: None,
        is_failed: outcome != "delivered",
        facts: &[
            ("assent.workspace", Fact::Text(&context.workspace)),
            ("assent.destination", Fact::Text(context.model.name.as_str())),
            ("assent.attempt", Fact::Number(i64::from(finished.number))),
            ("assent.events", finished.events.len().into()),
            ("assent.requests", finished.exchanges.len().into()),
            ("assent.outcome", Fact::Text(outcome)),
            ("assent.reason", Fact::Text(reason)),
            ("http.response.status_code", Fact::Number(i64::from(last.status))),
        ],
    });
}

async fn make(context: &Context, items: Vec<Item>) -> Finished {
    let number = items.iter().map(|item| item.failures).max().unwrap_or(0) + 1;
    let mut finished =
        Finished { events: Vec::with_capacity(items.len()), exchanges: Vec::new(), number, is_held: false };
    let items = fetch(context, items, &mut finished.events).await;
    let requests_max = requests_max(items.len());
    let mut parts = VecDeque::from([items]);
    while let Some(part) = parts.pop_front() {
        if finished.is_held || finished.exchanges.len() >= requests_max {
            let rest = part.into_iter().chain(parts.drain(..).flatten());
            finished.events.extend(rest.map(|item| (item, Decision::Unsent)));
            break;
        }
        let Some((part, exchange, verdicts)) = exchange(context, part, &mut finished).await else { continue };
        let verdict = exchange.verdict;
        finished.exchanges.push(exchange);
        if matches!(verdict, Verdict::Split(_)) && part.len() > 1 {
            // Depth first and the earlier half first: the order of each subject's events stays.
            let mut first = part;
            let second = first.split_off(first.len() / 2);
            parts.push_front(second);
            parts.push_front(first);
            continue;
        }
        let decisions = part.into_iter().enumerate().map(|(at, item)| (item, decision(verdict_of(&verdicts, at))));
        let first = finished.events.len();
        finished.events.extend(decisions);
        finished.decided(first);
        hold_behind(&mut parts, first, &mut finished);
        // The other parts may hold later events of the same subjects: they wait with the ones that failed.
        if matches!(verdict, Verdict::Retry { .. } | Verdict::Pause(_)) {
            let rest = parts.drain(..).flatten();
            finished.events.extend(rest.map(|item| (item, decision(verdict))));
            finished.decided(first);
        }
    }
    finished
}

impl Finished {
    /// The last request decided all events from `first` on.
    fn decided(&mut self, first: usize) {
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.decided = first..self.events.len();
        }
    }
}

/// Takes out of the parts what comes after an event of its subject that goes again (those from `first` on were just
/// decided): it must not arrive before it.
fn hold_behind(parts: &mut VecDeque<Vec<Item>>, first: usize, finished: &mut Finished) {
    let is_open = |decision: &Decision| !matches!(decision, Decision::Final(_));
    let open: HashSet<u64> =
        finished.events[first..].iter().filter(|(_, decision)| is_open(decision)).map(|(item, _)| item.lane).collect();
    if open.is_empty() {
        return;
    }
    for part in parts.iter_mut() {
        let held = part.extract_if(.., |item| open.contains(&item.lane));
        finished.events.extend(held.map(|item| (item, Decision::Unsent)));
    }
    parts.retain(|part| !part.is_empty());
}

/// How many requests an attempt for so many events may make: enough to find two that are refused.
fn requests_max(events: usize) -> usize {
    let halvings = events.max(1).next_power_of_two().ilog2() as usize;
    4 * halvings + 5
}

fn decision(verdict: Verdict) -> Decision {
    match verdict {
        Verdict::Delivered => Decision::Final(Outcome::Delivered),
        // Halved down to one event, `Split` means that event.
        Verdict::Rejected(cause) | Verdict::Split(cause) => Decision::Final(Outcome::Rejected(cause)),
        Verdict::Retry { cause, after } => Decision::Again(cause, after),
        Verdict::Pause(cause) => Decision::Paused(cause),
    }
}

/// Sends one request for the events that may go; the others get their result. `None` when none may go.
async fn exchange(
    context: &Context,
    mut items: Vec<Item>,
    finished: &mut Finished,
) -> Option<(Vec<Item>, Exchange, Verdicts)> {
    loop {
        let now = context.clock.now();
        let tenant = context.directory.tenant(&context.workspace);
        let is_served = |tenant: &Arc<Tenant>| tenant.workspace.destinations.contains(&context.model);
        let Some(tenant) = tenant.filter(is_served) else {
            // It is being changed or taken away: nothing goes out under what it was, its events wait for what comes.
            let verdict = Verdict::Pause(Cause::NotServed);
            let said = "the destination's configuration is being changed".to_owned();
            let exchange = Exchange::new(verdict, 0, said, &items);
            return Some((items, exchange, Verdicts::All(verdict)));
        };
        let attempt = Attempt { number: finished.number, now };
        let prepared = prepare(context, &tenant.gate, items, attempt, &mut finished.events)?;
        items = prepared.going;
        if context.held.load(Ordering::SeqCst) {
            finished.is_held = true;
            finished.events.extend(items.into_iter().map(|item| (item, Decision::Unsent)));
            return None;
        }
        // Changed while it was prepared: the permission is newer than what it was asked for, so the gate lets it pass.
        if !context.directory.tenant(&context.workspace).is_some_and(|tenant| is_served(&tenant)) {
            continue;
        }
        let answer = match context.egress.send(prepared.request, &tenant.gate).await {
            Err(egress::SendError::Stale) => continue,
            answer => answer,
        };
        let now = context.clock.now();
        return Some(match answer {
            Ok(answer) => {
                let verdicts = context.destination.classify(&answer, now);
                let verdict = worst(&verdicts, items.len());
                let mut exchange = Exchange::new(verdict, answer.status.as_u16(), String::new(), &items);
                let received = (0..).zip(prepared.received);
                let arrived = received.filter(|(at, _)| verdict_of(&verdicts, *at) == Verdict::Delivered);
                exchange.arrived.extend(arrived.map(|(_, received)| received));
                if exchange.arrived.len() < items.len() {
                    exchange.said = said(&answer.body, items.iter().filter_map(json));
                }
                (items, exchange, verdicts)
            }
            Err(error) => {
                let verdict = classify_error(&error);
                let exchange = Exchange::new(verdict, 0, plain(&error.to_string()), &items);
                (items, exchange, Verdicts::All(verdict))
            }
        });
    }
}

/// The event of a record as text.
fn json(item: &Item) -> Option<&str> {
    Some(Processed::decode(item.payload.as_deref()?).ok()?.event.json)
}

impl Exchange {
    fn new(verdict: Verdict, status: u16, said: String, items: &[Item]) -> Self {
        let (events, bytes) = (items.len(), items.iter().map(Item::bytes).sum());
        Self { verdict, status, said, events, bytes, arrived: Vec::new(), decided: 0..0 }
    }

    /// What went wrong, for people; `None` when nothing did.
    pub(crate) fn error(&self) -> Option<String> {
        match (self.verdict, self.status, self.said.as_str()) {
            (Verdict::Delivered, ..) => None,
            (_, 0, said) => Some(said.to_owned()),
            (_, status, "") => Some(format!("answered {status}")),
            (_, status, said) => Some(format!("answered {status}: {said}")),
        }
    }
}

/// What the receiver's answer says about the receiver: a single event that failed says little, all of them a lot.
fn worst(verdicts: &Verdicts, events: usize) -> Verdict {
    let each = (0..events).map(|at| verdict_of(verdicts, at));
    match verdicts {
        Verdicts::All(verdict) => *verdict,
        Verdicts::Each(_) => each
            .reduce(
                |one, other| {
                    if one == Verdict::Delivered || other == Verdict::Delivered { Verdict::Delivered } else { one }
                },
            )
            .unwrap_or(Verdict::Delivered),
    }
}

/// A request, and the events in it.
pub(crate) struct Prepared {
    pub(crate) going: Vec<Item>,
    /// When each was received.
    received: Vec<Millis>,
    request: Permitted<Request>,
}

/// Asks the gate for each event and makes the request of those that may go.
pub(crate) fn prepare(
    context: &Context,
    gate: &consent::Gate,
    items: Vec<Item>,
    attempt: Attempt,
    done: &mut Vec<(Item, Decision)>,
) -> Option<Prepared> {
    let purpose = Use::of_destination(&context.model, context.destination.kind().title, &gate.rules().categories);
    let mut refused: Vec<Option<Outcome>> = Vec::with_capacity(items.len());
    let mut received = Vec::with_capacity(items.len());
    let request = {
        let mut permitted: Vec<Permitted<Mapped<'_>>> = Vec::with_capacity(items.len());
        for item in &items {
            let payload = item.payload.as_deref().unwrap_or_default();
            let decided = match Processed::decode(payload) {
                Err(error) => Err(Outcome::DeadLettered(unreadable(&error))),
                Ok(record) => match gate.permit(record, &purpose) {
                    Err(withheld) => Err(Outcome::Withheld(withheld.reason)),
                    Ok(record) => record.try_map(|record| Ok::<_, Outcome>(mapped(&record))),
                },
            };
            refused.push(decided.as_ref().err().copied());
            received.extend(decided.as_ref().ok().map(|mapped| mapped.get().received_at));
            permitted.extend(decided.ok());
        }
        Permitted::try_combine(&permitted, |events| context.destination.request(events, attempt))
    };
    let (mut going, mut staying) = (Vec::with_capacity(items.len()), Vec::new());
    for (item, outcome) in items.into_iter().zip(refused) {
        match outcome {
            None => going.push(item),
            Some(outcome) => staying.push((item, Decision::Final(outcome))),
        }
    }
    done.extend(staying);
    match request? {
        Ok(request) => Some(Prepared { going, received, request }),
        Err(_) => {
            let rejected = Decision::Final(Outcome::Rejected(Cause::Inexpressible));
            done.extend(going.into_iter().map(|item| (item, rejected)));
            None
        }
    }
}

fn mapped<'a>(record: &Processed<'a>) -> Mapped<'a> {
    let event = &record.event;
    Mapped { message_id: event.message_id, call: event.call, received_at: event.received_at, json: event.json }
}

/// Reads the records of events that waited without theirs.
async fn fetch(context: &Context, items: Vec<Item>, done: &mut Vec<(Item, Decision)>) -> Vec<Item> {
    let mut last: Option<(Partition, Vec<eventlog::Record>)> = None;
    let mut found = Vec::with_capacity(items.len());
    // Lanes of which an event cannot be read now: their later events wait with it.
    let mut held = HashSet::new();
    for mut item in items {
        if held.contains(&item.lane) {
            done.push((item, Decision::Again(Cause::DiskFailed, None)));
            continue;
        }
        if item.payload.is_none() {
            let known = last.as_ref().filter(|(partition, _)| *partition == item.partition);
            item.payload = known.and_then(|(_, records)| find(records, item.position));
        }
        if item.payload.is_none() {
            // One block: what is asked for is its first record after the position before.
            let records = match context.log.read(item.partition, before(item.position), 1).await {
                Ok(records) => records,
                // The disk may answer again; what is trimmed, shredded or damaged never will.
                Err(eventlog::ReadError::Io(error)) => {
                    tracing::warn!(%error, "a waiting event cannot be read yet");
                    held.insert(item.lane);
                    done.push((item, Decision::Again(Cause::DiskFailed, None)));
                    continue;
                }
                Err(error) => {
                    let is_shredded = matches!(error, eventlog::ReadError::Shredded { .. });
                    let cause = if is_shredded { Cause::Shredded } else { Cause::Unreadable };
                    done.push((item, Decision::Final(Outcome::DeadLettered(cause))));
                    continue;
                }
            };
            item.payload = find(&records, item.position);
            last = Some((item.partition, records));
        }
        match item.payload {
            Some(_) => found.push(item),
            None => done.push((item, Decision::Final(Outcome::DeadLettered(Cause::Unreadable)))),
        }
    }
    found
}

fn find(records: &[eventlog::Record], position: Position) -> Option<Bytes> {
    let at = records.binary_search_by_key(&position, |record| record.position).ok()?;
    Some(records[at].payload.clone())
}

/// The moment of a retry, or `None` when it was tried for long enough.
pub(crate) fn retry_at(item: &Item, wait: Duration, now: Millis, give_up_ms: i64) -> Option<Millis> {
    let first = item.first_failed.unwrap_or(now);
    let at = Millis(now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
    (at.0 - first.0 <= give_up_ms).then_some(at)
}
