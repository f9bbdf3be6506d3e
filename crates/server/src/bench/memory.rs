//! Memory: idle, and at 5,000 events a second with twenty webhooks of which one is dead.
//!
//! The dead one takes each request and never answers, which holds more memory than one that refuses: its batches stay
//! in flight until they time out. The peak is the kernel's high-water mark, so no moment is missed.

use std::time::Duration;

use super::assent::{Assent, Parts, Webhook};
use super::load::{Plan, drive};
use super::machine::Place;
use super::report::{Bar, Report, megabytes};
use super::sink::{Manner, Sink};

const EVENTS_PER_SECOND: u64 = 5000;
const DESTINATIONS: usize = 20;
const IDLE: Duration = Duration::from_secs(10);
/// Samples over the run, to tell a level from a slope.
const SAMPLES: u32 = 40;

/// Measures idle memory, then for `span` under load.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let live = Sink::start(Manner::Good, 0).await?;
    let dead = Sink::start(Manner::Hangs, 0).await?;
    let webhooks: Vec<_> = (0..DESTINATIONS)
        .map(|index| Webhook {
            name: format!("hook-{index}"),
            url: if index == 0 { dead.url() } else { live.url() },
            batch: Some((100, 1000)),
        })
        .collect();
    let assent = Assent::start(place, Parts::All, &webhooks).await?;
    tokio::time::sleep(IDLE).await;
    let idle = assent.process().resident_bytes()?;
    let sampler = async {
        let mut samples = Vec::new();
        for _ in 0..SAMPLES {
            tokio::time::sleep(span / SAMPLES).await;
            samples.push(megabytes(assent.process().resident_bytes()?));
        }
        anyhow::Ok(samples)
    };
    let (samples, outcome) = tokio::join!(sampler, drive(Plan::paced(assent.address(), EVENTS_PER_SECOND, span)));
    let (samples, outcome) = (samples?, outcome?);
    let peak = assent.process().resident_bytes_max()?;
    let quarter = samples.len() / 4;
    report.figure(format!("idle, after {} s", IDLE.as_secs()), "MB", &[megabytes(idle)], Some(Bar::AtMost(80.0)));
    let loaded = format!("peak in {} s, {DESTINATIONS} destinations, one dead", span.as_secs());
    report.figure(loaded, "MB", &[megabytes(peak)], Some(Bar::AtMost(300.0)));
    report.figure("first quarter of the run", "MB", &samples[..quarter], None);
    report.figure("last quarter of the run", "MB", &samples[samples.len() - quarter..], None);
    report.figure(
        "accepted",
        "events/s",
        &[outcome.per_second()],
        Some(Bar::AtLeast(0.95 * super::report::float(EVENTS_PER_SECOND))),
    );
    report.note(format!(
        "{} events accepted, {} refused; the live webhooks took {} requests",
        outcome.accepted,
        outcome.refused,
        live.arrivals().requests(),
    ));
    Ok(())
}
