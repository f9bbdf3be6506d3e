//! What the whole path costs: batches of 20 in, webhook batches of 100 and the lake out, until everything has arrived.

use std::time::Duration;

use anyhow::bail;

use super::ROUNDS;
use super::assent::{Assent, Parts, Webhook};
use super::event::Shape;
use super::load::{Outcome, Plan, drive};
use super::machine::Place;
use super::report::{Bar, Report, micros_per_event};
use super::sink::{Manner, Sink};

/// Events per round at most: what a fast machine accepts in ten seconds must also be delivered before the round ends.
const EVENTS_MAX: u64 = 300_000;
/// How long delivery may take after the last event was accepted.
const DRAIN_MAX: Duration = Duration::from_mins(5);
/// Events are visible in the lake within this, so the CPU read after it holds all of the lake's work.
const LAKE_VISIBLE: Duration = Duration::from_secs(10);
/// Numbers at the sink: the events and those of one request per connection that were numbered but never sent.
const NUMBERS: u64 = EVENTS_MAX + 2 * super::load::CONNECTIONS * super::event::BATCH_EVENTS;

#[derive(Debug, Default)]
struct Measured {
    cpu_us: Vec<f64>,
    accepted_per_second: Vec<f64>,
    delivered_per_second: Vec<f64>,
}

/// Measures for `span` of load per round.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let mut measured = Measured::default();
    for round in 1..=ROUNDS {
        let text = one_round(place, span, &mut measured).await?;
        report.note(format!("round {round}: {text}"));
    }
    let bar = Some(Bar::AtMost(60.0));
    report.figure("whole path, webhook batches of 100 and lake", "CPU µs/event", &measured.cpu_us, bar);
    report.figure("accepted while loaded", "events/s", &measured.accepted_per_second, None);
    report.figure(
        "delivered, from the first request to the last arrival",
        "events/s",
        &measured.delivered_per_second,
        None,
    );
    Ok(())
}

async fn one_round(place: &Place, span: Duration, measured: &mut Measured) -> anyhow::Result<String> {
    let sink = Sink::start(Manner::Good, NUMBERS).await?;
    let webhook = Webhook { name: "hook".to_owned(), url: sink.url(), batch: Some((100, 1000)) };
    let assent = Assent::start(place, Parts::All, &[webhook]).await?;
    let before = assent.process().cpu()?;
    let plan = Plan { events_max: EVENTS_MAX, ..Plan::closed(assent.address(), Shape::Batch, span) };
    let outcome = drive(plan).await?;
    let arrived = sink.wait_for(outcome.accepted, DRAIN_MAX).await;
    let delivered_in = outcome.began.elapsed();
    if arrived < outcome.accepted {
        bail!("{arrived} of {} events reached the webhook within {DRAIN_MAX:?} after the load", outcome.accepted);
    }
    tokio::time::sleep(LAKE_VISIBLE).await;
    let cpu = assent.process().cpu()?.saturating_sub(before);
    let text = check_counts(&assent, &sink, &outcome)?;
    measured.cpu_us.push(micros_per_event(cpu, outcome.accepted));
    measured.accepted_per_second.push(outcome.per_second());
    measured.delivered_per_second.push(super::report::float(outcome.accepted) / delivered_in.as_secs_f64());
    Ok(text)
}

/// A figure for events that were lost or doubled would be worth nothing.
fn check_counts(assent: &Assent, sink: &Sink, outcome: &Outcome) -> anyhow::Result<String> {
    let Outcome { accepted, refused, .. } = *outcome;
    let lake = assent.lake_rows()?;
    let (arrived, repeats) = (sink.arrivals().distinct(), sink.arrivals().repeats());
    let text = format!(
        "{accepted} events accepted, {refused} refused; lake: {} rows, {} different; webhook: {arrived} different, {repeats} repeated",
        lake.rows, lake.distinct,
    );
    if lake.rows != accepted || lake.distinct != accepted || arrived != accepted {
        bail!("events were lost or doubled: {text}");
    }
    Ok(text)
}
