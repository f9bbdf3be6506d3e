//! What accepting costs: one event per request beside nginx and bare hyper, and batches beside bare hyper.
//!
//! The server runs its door and its log only: behind them nobody reads, so that what an event costs afterwards (which
//! `path` measures) is not counted as accepting it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::ROUNDS;
use super::assent::{Assent, Parts, free_address, own_binary};
use super::event::Shape;
use super::load::{Plan, drive};
use super::machine::{Place, cores};
use super::nginx::{self, Nginx};
use super::process::Process;
use super::report::{Bar, Report, micros_per_event};

/// Sent before the clock runs: connections, allocator and caches settle.
const WARM_UP: Duration = Duration::from_secs(1);

/// Microseconds of CPU per event and events per second, a value per round.
#[derive(Debug, Default)]
struct Series {
    cpu_us: Vec<f64>,
    per_second: Vec<f64>,
}

#[derive(Debug, Default)]
struct Measured {
    assent: Series,
    assent_batch: Series,
    nginx: Series,
    nginx_single: Series,
    hyper: Series,
    hyper_batch: Series,
}

/// Measures for `span` per server, shape and round.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let nginx = nginx::installed();
    let mut measured = Measured::default();
    for _ in 0..ROUNDS {
        let assent = Assent::start(place, Parts::Collect, &[]).await?;
        let next = load(assent.process(), assent.address(), (Shape::Single, 0), span, &mut measured.assent).await?;
        load(assent.process(), assent.address(), (Shape::Batch, next), span, &mut measured.assent_batch).await?;
        drop(assent);
        if let Some(program) = nginx {
            for (workers, series) in [(cores(), &mut measured.nginx), (1, &mut measured.nginx_single)] {
                let nginx = Nginx::start(place, program, workers).await?;
                let events = load(nginx.process(), nginx.address(), (Shape::Single, 0), span, series).await?;
                nginx.stop_having_logged(events).await?;
            }
        }
        let (hyper, address) = start_baseline(place).await?;
        let next = load(&hyper, address, (Shape::Single, 0), span, &mut measured.hyper).await?;
        load(&hyper, address, (Shape::Batch, next), span, &mut measured.hyper_batch).await?;
    }
    if nginx.is_none() {
        report
            .note("nginx is not installed (`apt-get install nginx-light`): its rows and the bar beside it are missing");
    } else {
        report.note("every body that nginx answered was counted in its log file");
    }
    report_on(&measured, report);
    Ok(())
}

/// Loads one server, warmed up, and adds a value to `series`. Returns the number after the last event.
async fn load(
    process: &Process,
    address: SocketAddr,
    (shape, first): (Shape, u64),
    span: Duration,
    series: &mut Series,
) -> anyhow::Result<u64> {
    let warm_up = drive(Plan::closed(address, shape, WARM_UP).starting_at(first)).await?;
    warm_up.all_accepted()?;
    let before = process.cpu()?;
    let outcome = drive(Plan::closed(address, shape, span).starting_at(warm_up.next)).await?;
    let cpu = process.cpu()?.saturating_sub(before);
    outcome.all_accepted()?;
    series.cpu_us.push(micros_per_event(cpu, outcome.accepted));
    series.per_second.push(outcome.per_second());
    Ok(outcome.next)
}

/// Starts the bare hyper server.
async fn start_baseline(place: &Place) -> anyhow::Result<(Process, SocketAddr)> {
    let folder = place.folder("baseline")?;
    let address = free_address()?;
    let mut command = Command::new(own_binary()?);
    command.args(["bench-baseline", "--listen", &address.to_string()]);
    let mut process = Process::start(&mut command, folder.path())?;
    process.listening(address).await?;
    Ok((process, address))
}

fn report_on(measured: &Measured, report: &mut Report) {
    let Measured { assent, assent_batch, nginx, nginx_single, hyper, hyper_batch } = measured;
    let ratio =
        |of: &Series, to: &Series| -> Vec<f64> { of.cpu_us.iter().zip(&to.cpu_us).map(|(of, to)| of / to).collect() };
    let singles = [
        ("one event, durable: assent".to_owned(), assent, Some(Bar::AtMost(15.0))),
        (format!("one event, not durable: nginx, {} workers", cores()), nginx, None),
        ("one event, not durable: nginx, 1 worker".to_owned(), nginx_single, None),
        ("one event, in memory: bare hyper".to_owned(), hyper, None),
        ("batch of 20, durable: assent".to_owned(), assent_batch, None),
        ("batch of 20, in memory: bare hyper".to_owned(), hyper_batch, None),
    ];
    for (what, series, bar) in &singles {
        report.figure(what.clone(), "CPU µs/event", &series.cpu_us, *bar);
    }
    report.figure("one event: assent to nginx", "×", &ratio(assent, nginx), Some(Bar::AtMost(1.0)));
    report.figure("one event: assent to bare hyper", "×", &ratio(assent, hyper), None);
    report.figure("batch of 20: assent to bare hyper", "×", &ratio(assent_batch, hyper_batch), Some(Bar::AtMost(2.0)));
    for (what, series, _) in singles {
        report.figure(what, "events/s", &series.per_second, None);
    }
}
