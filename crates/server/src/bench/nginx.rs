//! nginx beside Assent: what a very good general server needs to take an event and write it to a file, without waiting
//! for the disk. Two set-ups: `bench/README.md` says why.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::assent::free_address;
use super::event::EVENT_BYTES;
use super::machine::{Place, cores};
use super::process::Process;

/// How nginx is made to read and log a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum SetUp {
    /// Through a proxied location, as it is done in the field.
    Proxy,
    /// By `mirror` and an answer without upstream: the cheapest way that was found.
    Mirror,
}

impl SetUp {
    fn configuration(self) -> &'static str {
        match self {
            Self::Proxy => include_str!("../../../../bench/nginx-proxy.conf"),
            Self::Mirror => include_str!("../../../../bench/nginx.conf"),
        }
    }
}

/// `/usr/sbin` is not on the path of ordinary users.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// A running nginx.
#[derive(Debug)]
pub(super) struct Nginx {
    process: Process,
    address: SocketAddr,
    folder: Place,
    program: &'static str,
}

/// The nginx of this machine, if there is one.
pub(super) fn installed() -> Option<&'static str> {
    PROGRAMS
        .into_iter()
        .find(|program| Command::new(program).arg("-v").output().is_ok_and(|output| output.status.success()))
}

impl Nginx {
    /// Starts `program` with a worker per core and waits until it listens.
    pub(super) async fn start(place: &Place, program: &'static str, set_up: SetUp) -> anyhow::Result<Self> {
        let folder = place.folder("nginx")?;
        let address = free_address()?;
        let configuration = set_up
            .configuration()
            .replace("@LISTEN@", &address.to_string())
            .replace("@WORKERS@", &cores().to_string())
            // Relative socket paths are taken from the working directory, not from the prefix.
            .replace("unix:", &format!("unix:{}/", folder.path().display()));
        fs::write(folder.path().join("nginx.conf"), configuration)?;
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf"]);
        let process = Process::start(&mut command, folder.path())?;
        let mut nginx = Self { process, address, folder, program };
        nginx.process.listening(address).await?;
        Ok(nginx)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// For its CPU.
    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Stops it, so that it writes what it still holds, and checks that `events` whole bodies stand in its file.
    pub(super) async fn stop_having_logged(mut self, events: u64) -> anyhow::Result<()> {
        self.signal("quit")?;
        self.process.ended().await?;
        let log = File::open(self.folder.path().join("bodies.log")).context("nginx wrote no bodies")?;
        let mut whole = 0;
        for line in BufReader::new(log).split(b'\n') {
            whole += u64::from(line?.len() == EVENT_BYTES);
        }
        if whole != events {
            bail!("nginx answered {events} events but logged {whole} whole bodies: it is no peer");
        }
        Ok(())
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let output = Command::new(self.program)
            .arg("-p")
            .arg(self.folder.path())
            .args(["-c", "nginx.conf", "-s", signal])
            .output()?;
        if !output.status.success() {
            bail!("`nginx -s {signal}` failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // After an error in the middle the workers would outlive a killed master. Where it was stopped already, the
        // signal finds nobody.
        drop(self.signal("stop"));
    }
}
