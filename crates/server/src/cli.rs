//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Assent: a customer data platform in which consent is part of the data path.
#[derive(Debug, Parser)]
#[command(name = "assent", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server.
    Serve(Serve),
    /// Changes the configuration from workspace files, also while the server runs.
    Apply(Apply),
    /// Prints the configuration as a workspace file, also while the server runs.
    Export(Export),
    /// Gives somebody a new password and prints it, also while the server runs: the way back for whoever lost theirs.
    Password(Password),
    /// Asks the lake, also while the server runs.
    Query(Query),
    /// Follows what arrives and what becomes of it.
    Tail(Local),
    /// Tells what happened to one event, for each destination.
    Trace(Trace),
    /// Copies a data directory, also while the server runs.
    Backup(Backup),
    /// Makes a data directory from a backup.
    Restore(Restore),
    /// Checks what the ledger proves.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Sends one stamped test event to a running server.
    Send(Send),
    /// Prints reference pages that are generated from the code.
    Docs {
        /// Which page.
        page: DocsPage,
    },
    /// Measures this machine and this build beside peers.
    Bench(Bench),
    /// The bare server that `bench collect` compares with.
    #[command(hide = true)]
    BenchBaseline {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
        /// Read only what a collector cannot do without.
        #[arg(long)]
        skim: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where everything is kept. Made when absent.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A workspace file; may be given several times. Applied when it changed.
    #[arg(long = "workspace", value_name = "FILE")]
    pub(crate) workspaces: Vec<PathBuf>,
    /// Lets a workspace file remove what it no longer names.
    #[arg(long)]
    pub(crate) prune: bool,
    /// Lets a workspace file undo what was edited in the console since.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Settings of the server; see docs/reference/settings.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which parts to run. More roles come when the log can be shared between processes.
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// Serves a demo workspace and a demo site.
    #[arg(long)]
    pub(crate) demo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything in one process.
    All,
    /// Takes events and keeps them in the log, where they wait for a server with the role `all` on this data
    /// directory: for a window in which nothing may leave, and for measuring what taking events costs.
    Collect,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// The files; all are applied, or none.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The data directory.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Only tells what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Removes what files said before and no longer say.
    #[arg(long)]
    pub(crate) prune: bool,
    /// Undoes what was edited in the console since, where the files say something else.
    #[arg(long)]
    pub(crate) take_over: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The data directory.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// The workspace; needed only where there are several.
    #[arg(long)]
    pub(crate) workspace: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Password {
    /// The data directory.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Whose.
    #[arg(default_value = control::FIRST_OWNER)]
    pub(crate) user: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Checks a receipt, offline: exits with 0 when it proves what it says.
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The receipt, as it was downloaded.
    pub(crate) receipt: PathBuf,
    /// The public key of the log, as `HOST/ledger/WORKSPACE+1a2b3c4d+BASE64`; the operator publishes it, and
    /// `GET /ledger/WORKSPACE/key` tells it.
    #[arg(long)]
    pub(crate) key: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// The data directory.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// The workspace; needed only where there are several.
    #[arg(long)]
    pub(crate) workspace: Option<String>,
    /// How to print rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// What the rows are used for: those that may not be are left out, by the stamp of their capture and the choices of today.
    #[arg(long, requires = "category")]
    pub(crate) purpose: Option<String>,
    /// A category that this use needs, as a destination names it. May be given again; all must be granted.
    #[arg(long, requires = "purpose")]
    pub(crate) category: Vec<String>,
    /// The rows go to a third party, which uses them for itself.
    #[arg(long, requires = "purpose")]
    pub(crate) third_party: bool,
    /// The query. `events` is the view of all events.
    pub(crate) sql: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The data directory.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// The backup: a directory that is not there yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// The data directory to make.
    #[arg(long)]
    pub(crate) data_dir: PathBuf,
    /// Settings of the server that will run on it: with `lake_url`, the lake is restored into that bucket.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading.
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Local {
    /// The data directory of the running server.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) local: Local,
    /// The event's `messageId`.
    pub(crate) message_id: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The write key of a source.
    #[arg(long, default_value = "wk_demo")]
    pub(crate) write_key: String,
    /// The name of the track event.
    #[arg(default_value = "First Event")]
    pub(crate) event: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocsPage {
    /// The settings of `--config`.
    Settings,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// What to measure.
    #[arg(value_enum)]
    pub(crate) what: BenchKind,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// How long each measurement runs.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// Accepting events, one and in batches, beside nginx and bare hyper.
    Collect,
    /// From the request to webhook and lake.
    Path,
    /// From the request to the webhook, at 2,000 events a second.
    Latency,
    /// Memory, idle and under load with twenty destinations, one of them dead.
    Memory,
    /// A good destination beside one that hangs, one that fails and one that is slow.
    Isolation,
    /// A million events of the lake sent again beside live ones.
    Replay,
}
