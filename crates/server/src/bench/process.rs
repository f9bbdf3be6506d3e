//! Processes under measurement: started with their output in a file, read through /proc, killed when dropped.
//!
//! CPU is `utime` + `stime` of `/proc/PID/stat`, which the kernel keeps for all threads, ended ones included, and
//! scales to its exact run times. `schedstat` counts nanoseconds but only of live threads, and a server may end some.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// Ticks per second in /proc: fixed by the kernel's interface on every architecture Assent is built for.
const USER_HZ: u64 = 100;
/// How long a process may take until it answers.
const START_MAX: Duration = Duration::from_mins(1);
/// How long a process may take to end after it was told to.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A process and its children.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with what it prints in `folder/output.log`.
    pub(super) fn start(command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("output.log");
        let output = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting `{}`", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    /// User and system time of the process and its children so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut ticks = 0;
        for pid in self.family()? {
            ticks += ticks_of(pid)?;
        }
        Ok(Duration::from_millis(ticks * 1000 / USER_HZ))
    }

    /// Resident memory now, in bytes.
    pub(super) fn resident_bytes(&self) -> anyhow::Result<u64> {
        status_bytes(self.child.id(), "VmRSS:")
    }

    /// The most that was ever resident, in bytes: the kernel's own high-water mark, which no sampling misses.
    pub(super) fn resident_bytes_max(&self) -> anyhow::Result<u64> {
        status_bytes(self.child.id(), "VmHWM:")
    }

    /// Waits until `address` takes connections.
    pub(super) async fn listening(&mut self, address: std::net::SocketAddr) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        while TcpStream::connect(address).await.is_err() {
            self.still_starting(until)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Fails with what the process printed if it has ended or `until` has passed.
    pub(super) fn still_starting(&mut self, until: Instant) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the process ended with {status} while starting; it said:\n{}", self.output_tail());
        }
        if Instant::now() > until {
            bail!("the process is not ready after {START_MAX:?}; it said:\n{}", self.output_tail());
        }
        Ok(())
    }

    /// Waits until the process has ended by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("the process has not ended after {STOP_MAX:?}; it said:\n{}", self.output_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Tells it to end (SIGTERM).
    pub(super) fn terminate(&self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }

    /// Ends it at once (SIGKILL).
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill()?)
    }

    /// When a process started now must be ready.
    pub(super) fn start_deadline() -> Instant {
        Instant::now() + START_MAX
    }

    /// The end of what the process printed.
    pub(super) fn output_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(2000);
        String::from_utf8_lossy(&text[from..]).into_owned()
    }

    /// The process and its direct children: a server that forks workers (nginx) does its work in them.
    fn family(&self) -> anyhow::Result<Vec<u32>> {
        let own = self.child.id();
        let mut pids = vec![own];
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process may end between the listing and the look; then it was nobody's worker that counts.
            if fields_of(pid).is_ok_and(|fields| fields.get(1).is_some_and(|parent| *parent == own.to_string())) {
                pids.push(pid);
            }
        }
        Ok(pids)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its data directory goes with it, so there is nothing to drain; an error means that it had ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The fields of /proc/PID/stat behind the command's name, which may itself hold spaces: state, parent, …
fn fields_of(pid: u32) -> anyhow::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no `)`")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn ticks_of(pid: u32) -> anyhow::Result<u64> {
    let fields = fields_of(pid).context("the process under measurement has ended")?;
    // Counted from the state, which proc(5) numbers 3: utime is 14, stime 15.
    let [user, system] = [11, 12].map(|at| fields.get(at).and_then(|field| field.parse::<u64>().ok()));
    Ok(user.context("no utime in /proc/PID/stat")? + system.context("no stime in /proc/PID/stat")?)
}

fn status_bytes(pid: u32, key: &str) -> anyhow::Result<u64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).context("the process under measurement has ended")?;
    let kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse().ok())
        .with_context(|| format!("no `{key}` in /proc/{pid}/status"))?;
    Ok(kib * 1024)
}
