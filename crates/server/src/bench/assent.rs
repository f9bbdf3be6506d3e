//! Assent under measurement: this binary, started as `serve` on a free port with a fresh data directory.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::event::WRITE_KEY;
use super::load::Client;
use super::machine::Place;
use super::process::Process;

/// Which parts of the server run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    /// Only the door and the log, so that accepting is not charged for what happens to an event afterwards.
    Collect,
    /// Everything.
    All,
}

/// A destination of the workspace: a webhook.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) name: String,
    pub(super) url: String,
    /// Events per request and how long a batch may wait; `None`: one event per request.
    pub(super) batch: Option<(u32, u32)>,
}

/// Of the first owner.
pub(super) const PASSWORD: &str = "a password of the benchmark";

/// A running server.
#[derive(Debug)]
pub(super) struct Assent {
    process: Process,
    address: SocketAddr,
    // After the process, so that the process is gone before its files are.
    folder: Place,
}

/// What the lake holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Rows {
    pub(super) rows: u64,
    pub(super) distinct: u64,
}

impl Assent {
    /// Starts one and waits until it can take events.
    pub(super) async fn start(place: &Place, parts: Parts, webhooks: &[Webhook]) -> anyhow::Result<Self> {
        let folder = place.folder("assent")?;
        let address = free_address()?;
        let process = Process::start(&mut serve(folder.path(), address, (parts, webhooks))?, folder.path())?;
        let mut assent = Self { process, address, folder };
        assent.ready().await?;
        Ok(assent)
    }

    /// Ends it in order and starts it anew on its data, with other destinations.
    pub(super) async fn again(&mut self, webhooks: &[Webhook]) -> anyhow::Result<()> {
        self.process.terminate()?;
        self.process.ended().await?;
        self.begin(webhooks).await
    }

    /// Kills it as a power cut would end it, and starts it anew on its data.
    pub(super) async fn crash(&mut self, webhooks: &[Webhook]) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.ended().await?;
        self.begin(webhooks).await
    }

    async fn begin(&mut self, webhooks: &[Webhook]) -> anyhow::Result<()> {
        let mut command = serve(self.folder.path(), self.address, (Parts::All, webhooks))?;
        self.process = Process::start(&mut command, self.folder.path())?;
        self.ready().await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let until = Process::start_deadline();
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        loop {
            if let Ok(mut client) = Client::connect(self.address).await
                && client.ask(request.as_bytes()).await.is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            self.process.still_starting(until)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// For its CPU and memory.
    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Counts the events in the lake, through the command that users have.
    pub(super) fn lake_rows(&self) -> anyhow::Result<Rows> {
        let output = Command::new(own_binary()?)
            .args(["query", "--format", "json", "--data-dir"])
            .arg(data_dir(self.folder.path()))
            .arg("SELECT count(*) AS rows, count(DISTINCT message_id) AS distinct FROM events")
            .output()?;
        if !output.status.success() {
            bail!("`assent query` failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let rows: Vec<Rows> = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("`assent query` printed no rows: `{}`", String::from_utf8_lossy(&output.stdout))
        })?;
        rows.first().copied().context("a count has one row")
    }
}

/// The command that serves the data of a folder.
fn serve(folder: &Path, address: SocketAddr, (parts, webhooks): (Parts, &[Webhook])) -> anyhow::Result<Command> {
    let workspace = folder.join("workspace.yaml");
    std::fs::write(&workspace, workspace_yaml(webhooks))?;
    let mut command = Command::new(own_binary()?);
    command
        .env("ASSENT_ADMIN_PASSWORD", PASSWORD)
        .args(["serve", "--listen", &address.to_string(), "--role"])
        .arg(match parts {
            Parts::Collect => "collect",
            Parts::All => "all",
        })
        .arg("--data-dir")
        .arg(data_dir(folder))
        .arg("--workspace")
        .arg(&workspace);
    Ok(command)
}

fn data_dir(folder: &Path) -> std::path::PathBuf {
    folder.join("data")
}

/// This binary: what is measured is the build that measures.
pub(super) fn own_binary() -> anyhow::Result<std::path::PathBuf> {
    std::env::current_exe().context("finding this program's own file")
}

/// An address that nobody listens on. Somebody might take it before the process does; then the start fails and says so.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The workspace as a file: one browser source, and webhooks that may have what the events' stamp grants.
fn workspace_yaml(webhooks: &[Webhook]) -> String {
    let mut destinations = String::new();
    for Webhook { name, url, batch } in webhooks {
        let batch = batch
            .map(|(events_max, wait_ms)| format!(", batch: {{ events_max: {events_max}, wait_ms: {wait_ms} }}"))
            .unwrap_or_default();
        writeln!(
            destinations,
            "  - {{ name: {name}, kind: webhook, sources: [web], settings: {{ url: \"{url}\", allow_private: true{batch} }}, \
             categories: [performance], purpose: analytics, recipient: service_provider }}",
        )
        .expect("writing to a string cannot fail");
    }
    let destinations = if destinations.is_empty() { String::new() } else { format!("destinations:\n{destinations}") };
    format!("workspace: bench\nsources:\n  - {{ name: web, kind: browser, write_key: {WRITE_KEY} }}\n{destinations}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_file_names_what_runs() {
        let webhooks = [
            Webhook { name: "one".into(), url: "http://127.0.0.1:1/hook".into(), batch: None },
            Webhook { name: "many".into(), url: "http://127.0.0.1:2/hook".into(), batch: Some((100, 1000)) },
        ];
        let expected = "workspace: bench
sources:
  - { name: web, kind: browser, write_key: wk_bench }
destinations:
  - { name: one, kind: webhook, sources: [web], settings: { url: \"http://127.0.0.1:1/hook\", allow_private: true }, categories: [performance], purpose: analytics, recipient: service_provider }
  - { name: many, kind: webhook, sources: [web], settings: { url: \"http://127.0.0.1:2/hook\", allow_private: true, batch: { events_max: 100, wait_ms: 1000 } }, categories: [performance], purpose: analytics, recipient: service_provider }
";
        assert_eq!(workspace_yaml(&webhooks), expected);
    }
}
