//! One webhook hangs, one answers 500, one takes a second: the fourth must be as fast as alone.
//!
//! Two runs per round, with the fourth alone and beside the others, at a rate the machine carries in both: at its limit
//! the fourth would lose to the others' share of the cores, which no design prevents.

use std::time::Duration;

use super::ROUNDS;
use super::assent::{Assent, Parts, Webhook};
use super::latency::waits_ms;
use super::load::{Plan, drive};
use super::machine::Place;
use super::report::{Bar, Report, float, percentile};
use super::sink::{Manner, Sink};

const EVENTS_PER_SECOND: u64 = 1000;
const WARM_UP: Duration = Duration::from_secs(2);
/// What arrives later than this after the load counts as not delivered in time.
const ARRIVAL_MAX: Duration = Duration::from_secs(2);
const BAD: [(&str, Manner); 3] =
    [("hanging", Manner::Hangs), ("failing", Manner::Fails), ("slow", Manner::Slow(Duration::from_secs(1)))];

#[derive(Debug, Default)]
struct Fourth {
    per_second: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

/// Measures for `span` per run, two runs per round.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let (mut alone, mut beside) = (Fourth::default(), Fourth::default());
    for _ in 0..ROUNDS {
        one_run(place, span, &[], &mut alone).await?;
        one_run(place, span, &BAD, &mut beside).await?;
    }
    let ratio = |of: &[f64], to: &[f64]| -> Vec<f64> { of.iter().zip(to).map(|(of, to)| of / to).collect() };
    report.figure("delivered in time, alone", "events/s", &alone.per_second, None);
    report.figure("delivered in time, beside three bad ones", "events/s", &beside.per_second, None);
    let delivered = ratio(&beside.per_second, &alone.per_second);
    report.figure("delivered: beside to alone", "×", &delivered, Some(Bar::AtLeast(0.98)));
    report.figure("p50 alone", "ms", &alone.p50_ms, None);
    report.figure("p50 beside", "ms", &beside.p50_ms, None);
    report.figure("p99 alone", "ms", &alone.p99_ms, None);
    report.figure("p99 beside", "ms", &beside.p99_ms, Some(Bar::AtMost(100.0)));
    report.figure("p50: beside to alone", "×", &ratio(&beside.p50_ms, &alone.p50_ms), Some(Bar::AtMost(1.5)));
    Ok(())
}

async fn one_run(place: &Place, span: Duration, others: &[(&str, Manner)], fourth: &mut Fourth) -> anyhow::Result<()> {
    let good = Sink::start(Manner::Good, EVENTS_PER_SECOND * (span + WARM_UP).as_secs()).await?;
    let mut webhooks = vec![Webhook { name: "good".to_owned(), url: good.url(), batch: None }];
    let mut bad = Vec::new();
    for (name, manner) in others {
        let sink = Sink::start(*manner, 0).await?;
        webhooks.push(Webhook { name: (*name).to_owned(), url: sink.url(), batch: None });
        bad.push(sink);
    }
    let assent = Assent::start(place, Parts::All, &webhooks).await?;
    let warm_up = drive(Plan::paced(assent.address(), EVENTS_PER_SECOND, WARM_UP)).await?;
    let plan = Plan::paced(assent.address(), EVENTS_PER_SECOND, span).starting_at(warm_up.all_accepted()?.next);
    let outcome = drive(plan).await?;
    outcome.all_accepted()?;
    good.wait_for(outcome.next, ARRIVAL_MAX).await;
    let waits = waits_ms(&plan, &outcome, &good);
    fourth.per_second.push(float(waits.len() as u64) / outcome.took.as_secs_f64());
    fourth.p50_ms.push(percentile(&waits, 0.5));
    fourth.p99_ms.push(percentile(&waits, 0.99));
    Ok(())
}
