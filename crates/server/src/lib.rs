//! The server: the only crate that reads the command line, the environment and the wall clock.
//!
//! Read in this order: [`cli`] (what can be asked), [`serve`] (the life of a server), [`topology`] (the whole path on
//! one screen), [`engines`] (what it stands on), then the parts: `edge`, `admin`, `alerting`, `archive`, `lake_place`,
//! `lake_desk`, `delivering`, `drain`, `trim`, `live`, `ready`, `local`, `telemetry`, `gauges`, `spans`, `hold` and `backup`,
//! and the other commands in `command`.

mod admin;
mod alerting;
mod archive;
mod backup;
mod bench;
mod cli;
mod clock;
mod command;
mod delivering;
mod demo;
mod drain;
mod edge;
mod engines;
mod following;
mod gauges;
mod hold;
mod kinds;
mod lake_desk;
mod lake_place;
mod ledgers;
mod live;
mod local;
mod observe;
mod previous;
mod ready;
mod refused;
mod serve;
mod settings;
mod spans;
mod telemetry;
mod topology;
mod trim;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use event::Clock;
use eventlog::file::disk::{Disk, RealDisk};

pub use crate::clock::SystemClock;

use crate::cli::{Cli, Command, DocsPage};

/// Runs a command line; errors go to standard error with their causes.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap; printing them can only fail where nobody reads.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli, Machine { disk: Arc::new(RealDisk), clock: Arc::new(SystemClock) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What a server has of the machine under it.
#[derive(Debug)]
pub struct Machine {
    /// Where the log is kept.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Runs a command line on a machine of the caller's: tests cut its power and set its clock.
pub fn run_on(arguments: impl IntoIterator<Item = String>, machine: Machine) -> anyhow::Result<()> {
    run(Cli::try_parse_from(arguments)?, machine)
}

fn run(cli: Cli, machine: Machine) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(dispatch(cli, machine));
    // What hangs (a request to a destination that never answers) must not hold the process.
    runtime.shutdown_background();
    done
}

async fn dispatch(cli: Cli, machine: Machine) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(serve) => {
            telemetry::start_logging();
            serve::run(serve, machine).await
        }
        Command::Apply(apply) => command::apply::run(&apply, &*machine.clock).await,
        Command::Export(export) => command::export::run(&export).await,
        Command::Ledger(command) => command::ledger::run(&command),
        Command::Password(password) => command::password::run(&password, machine.clock).await,
        Command::Query(query) => command::query::run(&query).await,
        Command::Tail(local) => command::local::tail(&local).await,
        Command::Trace(trace) => command::local::trace(&trace).await,
        Command::Backup(asked) => backup::run(&asked, machine.clock).await,
        Command::Restore(asked) => backup::restore(&asked).await,
        Command::Send(send) => command::send::run(&send).await,
        Command::Docs { page: DocsPage::Settings } => {
            std::io::stdout().write_all(settings::reference_page().as_bytes())?;
            Ok(())
        }
        Command::Bench(bench) => bench::run(bench.what, bench.json, bench.seconds, &mut std::io::stdout()).await,
        Command::BenchBaseline { listen, skim } => {
            let parse = if skim { bench::Parse::Skim } else { bench::Parse::Whole };
            bench::serve_baseline(listen, parse).await
        }
    }
}
