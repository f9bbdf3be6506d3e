//! Starting, killing and asking a real server in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::seaweed;

use crate::client::Client;

/// How long a server may take to be ready: recovery included.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A server that runs; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) data_dir: PathBuf,
}

/// A workspace with a browser and a server source and one webhook.
pub(crate) fn workspace(hook: &str, more: &str) -> String {
    format!(
        r#"
workspace: acme
sources:
  - {{ name: web, kind: browser, write_key: wk_web }}
  - {{ name: api, kind: server, write_key: wk_api, basis: contract }}
destinations:
  - name: hook
    kind: webhook
    sources: [web, api]
    settings: {{ url: "{hook}", allow_private: true }}
    categories: [performance]
    purpose: analytics
    recipient: service_provider
{more}
"#
    )
}

/// A track event of the browser source, stamped with a grant of `performance`.
pub(crate) fn event(message_id: &str, anonymous_id: &str) -> String {
    serde_json::json!({
        "type": "track", "event": "Tested", "messageId": message_id, "anonymousId": anonymous_id,
        "properties": {"n": 1},
        "context": {"consent": {"categoryPreferences": {"performance": true}}},
    })
    .to_string()
}

/// The real binary, with the keys of the S3 that tests start.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.env("AWS_ACCESS_KEY_ID", seaweed::ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", seaweed::SECRET_ACCESS_KEY);
    command
}

impl Server {
    /// Writes the workspace file and starts the real binary.
    pub(crate) async fn start(data_dir: &Path, workspace: &str) -> Self {
        let mut command = binary();
        command.arg("serve");
        Self::start_as(command, data_dir, workspace, &[]).await
    }

    /// Starts the real binary with settings of its own.
    pub(crate) async fn start_with(data_dir: &Path, workspace: &str, settings: &str) -> Self {
        let config = data_dir.with_extension("config.yaml");
        std::fs::write(&config, settings).expect("the settings");
        let mut command = binary();
        command.arg("serve");
        Self::start_as(command, data_dir, workspace, &["--config", path(&config)]).await
    }

    /// Starts a command that understands the arguments of `assent serve`.
    pub(crate) async fn start_as(mut command: Command, data_dir: &Path, workspace: &str, more: &[&str]) -> Self {
        std::fs::create_dir_all(data_dir).expect("a data directory");
        let file = data_dir.with_extension("yaml");
        std::fs::write(&file, workspace).expect("the workspace file");
        let address = free_address();
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(data_dir.with_extension("log")).expect("a log");
        let child = command
            .args(["--data-dir", path(data_dir), "--listen", &address, "--workspace", path(&file)])
            .args(more)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut server = Self { child, address, data_dir: data_dir.to_owned() };
        server.wait_ready().await;
        server
    }

    async fn wait_ready(&mut self) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic_with_log(&self.data_dir, &format!("the server ended with {status}"));
            }
            let answer = self.client().send("GET", "/readyz", &[], "").await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            if started.elapsed() > READY_WITHIN {
                panic_with_log(&self.data_dir, "the server is not ready");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is reaped");
    }

    /// SIGTERM; returns the exit code and how long it took.
    pub(crate) fn terminate(mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the signal is sent");
        let status = self.child.wait().expect("it is reaped");
        (status.code(), started.elapsed())
    }

    /// Asks the lake through the binary.
    pub(crate) fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        query(&self.data_dir, sql)
    }

    /// The trace of an event, as `assent trace` prints it.
    pub(crate) fn trace(&self, message_id: &str) -> String {
        let output = binary()
            .args(["trace", "--data-dir", path(&self.data_dir), message_id])
            .output()
            .expect("the command runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.client().send("GET", "/metrics", &[], "").await.expect("metrics").body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already reaped after `kill` and `terminate`; both calls then answer an error that means nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Asks the lake of a data directory through the binary.
pub(crate) fn query(data_dir: &Path, sql: &str) -> Vec<serde_json::Value> {
    let output = binary()
        .args(["query", "--data-dir", path(data_dir), "--format", "json", sql])
        .output()
        .expect("the command runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{sql}: {shown}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&shown).expect("a JSON array")
}

/// Polls until the check holds; fails when its answer has not changed for `within`. What still comes nearer is waited
/// for, until the runner's own limit: how fast a loaded machine is, is not what these tests are about.
pub(crate) async fn eventually<T: std::fmt::Debug + PartialEq>(
    what: &str,
    within: Duration,
    mut check: impl FnMut() -> Result<(), T>,
) {
    let (mut changed_at, mut last) = (Instant::now(), None);
    loop {
        let Err(now) = check() else { return };
        if last.as_ref() != Some(&now) {
            (changed_at, last) = (Instant::now(), Some(now));
        }
        assert!(changed_at.elapsed() < within, "{what}: for {within:?} only {last:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn panic_with_log(data_dir: &Path, what: &str) -> ! {
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(30).collect();
    unreachable!("{what}; its last lines:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
}
