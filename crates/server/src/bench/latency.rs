//! From the moment an event should be sent to its arrival at a webhook, at a fixed rate.
//!
//! Counted from the moment and not from the request: a request that waits for a connection because earlier answers
//! are late waits as a visitor's would.

use std::time::Duration;

use anyhow::bail;

use super::ROUNDS;
use super::assent::{Assent, Parts, Webhook};
use super::load::{Outcome, Plan, drive};
use super::machine::Place;
use super::report::{Bar, Report, percentile};
use super::sink::{Manner, Sink};

const EVENTS_PER_SECOND: u64 = 2000;
const WARM_UP: Duration = Duration::from_secs(2);
/// An event that has not arrived this long after the last was sent counts as lost.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);

/// Measures for `span` per round.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(one_round(place, span).await?);
    }
    let rows =
        [("p50", 0.5, None), ("p95", 0.95, None), ("p99", 0.99, Some(Bar::AtMost(100.0))), ("largest", 1.0, None)];
    for (name, share, bar) in rows {
        let values: Vec<f64> = rounds.iter().map(|sorted| percentile(sorted, share)).collect();
        report.figure(format!("POST to webhook at {EVENTS_PER_SECOND} events/s, {name}"), "ms", &values, bar);
    }
    let events: usize = rounds.iter().map(Vec::len).sum();
    report.note(format!("{events} events, one per request and one per delivery, all accepted and all arrived"));
    Ok(())
}

async fn one_round(place: &Place, span: Duration) -> anyhow::Result<Vec<f64>> {
    let sink = Sink::start(Manner::Good, EVENTS_PER_SECOND * (span + WARM_UP).as_secs()).await?;
    let webhook = Webhook { name: "hook".to_owned(), url: sink.url(), batch: None };
    let assent = Assent::start(place, Parts::All, &[webhook]).await?;
    let warm_up = drive(Plan::paced(assent.address(), EVENTS_PER_SECOND, WARM_UP)).await?;
    let plan = Plan::paced(assent.address(), EVENTS_PER_SECOND, span).starting_at(warm_up.all_accepted()?.next);
    let outcome = drive(plan).await?;
    outcome.all_accepted()?;
    sink.wait_for(outcome.next, ARRIVAL_MAX).await;
    let waits = waits_ms(&plan, &outcome, &sink);
    if (waits.len() as u64) < plan.events_max {
        bail!("{} of {} events arrived; {}", waits.len(), plan.events_max, assent.process().output_tail());
    }
    Ok(waits)
}

/// How long each event that arrived took, in milliseconds, smallest first.
pub(super) fn waits_ms(plan: &Plan, outcome: &Outcome, sink: &Sink) -> Vec<f64> {
    let mut waits: Vec<f64> = (plan.first..outcome.next)
        .filter_map(|number| {
            let sent = outcome.began + plan.moment_of(number);
            Some(sink.arrivals().moment_of(number)?.saturating_duration_since(sent).as_secs_f64() * 1000.0)
        })
        .collect();
    waits.sort_by(f64::total_cmp);
    waits
}
