//! What accepting costs: one event per request beside nginx and bare hyper, and batches beside bare hyper.
//!
//! The server runs its door and its log only: behind them nobody reads, so that what an event costs afterwards (which
//! `path` measures) is not counted as accepting it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::ROUNDS;
use super::assent::{Assent, Parts, free_address, own_binary};
use super::baseline::Parse;
use super::event::Shape;
use super::load::{Plan, drive};
use super::machine::Place;
use super::nginx::{self, Nginx, SetUp};
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
    nginx_proxy: Series,
    nginx_mirror: Series,
    hyper: Series,
    hyper_batch: Series,
    skimming: Series,
    skimming_batch: Series,
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
            for (set_up, series) in
                [(SetUp::Proxy, &mut measured.nginx_proxy), (SetUp::Mirror, &mut measured.nginx_mirror)]
            {
                let nginx = Nginx::start(place, program, set_up).await?;
                let events = load(nginx.process(), nginx.address(), (Shape::Single, 0), span, series).await?;
                nginx.stop_having_logged(events).await?;
            }
        }
        for (parse, single, batch) in [
            (Parse::Whole, &mut measured.hyper, &mut measured.hyper_batch),
            (Parse::Skim, &mut measured.skimming, &mut measured.skimming_batch),
        ] {
            let (hyper, address) = start_baseline(place, parse).await?;
            let next = load(&hyper, address, (Shape::Single, 0), span, single).await?;
            load(&hyper, address, (Shape::Batch, next), span, batch).await?;
        }
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
async fn start_baseline(place: &Place, parse: Parse) -> anyhow::Result<(Process, SocketAddr)> {
    let folder = place.folder("baseline")?;
    let address = free_address()?;
    let mut command = Command::new(own_binary()?);
    command.args(["bench-baseline", "--listen", &address.to_string()]);
    if parse == Parse::Skim {
        command.arg("--skim");
    }
    let mut process = Process::start(&mut command, folder.path())?;
    process.listening(address).await?;
    Ok((process, address))
}

fn report_on(measured: &Measured, report: &mut Report) {
    let Measured { assent, assent_batch, nginx_proxy, nginx_mirror, hyper, hyper_batch, skimming, skimming_batch } =
        measured;
    let ratio =
        |of: &Series, to: &Series| -> Vec<f64> { of.cpu_us.iter().zip(&to.cpu_us).map(|(of, to)| of / to).collect() };
    let rows = [
        ("one event, durable: assent", assent, Some(Bar::AtMost(15.0))),
        ("one event, not durable: nginx, proxied", nginx_proxy, None),
        ("one event, not durable: nginx, mirrored", nginx_mirror, None),
        ("one event, in memory: bare hyper and parse", hyper, None),
        ("one event, in memory: bare hyper, skimming", skimming, None),
        ("batch of 20, durable: assent", assent_batch, None),
        ("batch of 20, in memory: bare hyper and parse", hyper_batch, None),
        ("batch of 20, in memory: bare hyper, skimming", skimming_batch, None),
    ];
    for (what, series, bar) in &rows {
        report.figure((*what).to_owned(), "CPU µs/event", &series.cpu_us, *bar);
    }
    let ratios = [
        ("one event: assent to nginx, proxied", assent, nginx_proxy, Some(Bar::AtMost(1.0))),
        ("one event: assent to nginx, mirrored", assent, nginx_mirror, None),
        ("one event: assent to bare hyper and parse", assent, hyper, None),
        ("batch of 20: assent to bare hyper and parse", assent_batch, hyper_batch, Some(Bar::AtMost(2.0))),
        ("batch of 20: assent to bare hyper, skimming", assent_batch, skimming_batch, None),
    ];
    for (what, of, to, bar) in ratios {
        report.figure(what.to_owned(), "×", &ratio(of, to), bar);
    }
    for (what, series, _) in rows {
        report.figure(what.to_owned(), "events/s", &series.per_second, None);
    }
}
