//! The machine under the figures: without its disk, cores and neighbours no figure can be compared with another.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

/// Writes of one disk measurement. More would take seconds on a spinning disk.
const SYNCS: usize = 200;
/// Bytes per write: a small group of events, as the log commits them.
const SYNC_BYTES: usize = 4096;

/// A folder for data directories and logs, removed when the run ends however it ends.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    /// Makes the folder under the system's temporary directory (`TMPDIR` names another disk).
    pub(super) fn make() -> anyhow::Result<Self> {
        let root = std::env::temp_dir().join(format!("assent-bench-{}", std::process::id()));
        fs::create_dir_all(&root)
            .with_context(|| format!("making `{}`; set TMPDIR to another disk", root.display()))?;
        Ok(Self { root })
    }

    /// A fresh folder for one process, removed when dropped, so that no measurement starts on the disk of another.
    pub(super) fn folder(&self, name: &str) -> anyhow::Result<Self> {
        let root = self.root.join(name);
        fs::create_dir_all(&root).with_context(|| format!("making `{}`", root.display()))?;
        Ok(Self { root })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.root
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that cannot be removed is litter in the temporary directory, not a wrong figure.
        drop(fs::remove_dir_all(&self.root));
    }
}

/// What a reader needs to know before reading a figure.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    version: &'static str,
    kernel: String,
    cores: usize,
    /// Processes that wanted a core when the run began; above zero the wall times are not this program's alone.
    load_average: String,
    filesystem: String,
    /// Median of appending 4 KiB and waiting for the disk.
    fdatasync_p50_us: u64,
    profile: &'static str,
}

/// Describes the machine and the disk of `place`.
pub(super) fn describe(place: &Place) -> anyhow::Result<Machine> {
    Ok(Machine {
        version: env!("CARGO_PKG_VERSION"),
        kernel: read_trimmed("/proc/sys/kernel/osrelease")?,
        cores: cores(),
        load_average: read_trimmed("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
        filesystem: filesystem_of(place.path())?,
        fdatasync_p50_us: u64::try_from(sync_p50(place.path())?.as_micros()).unwrap_or(u64::MAX),
        profile: if cfg!(debug_assertions) { "dev" } else { "release" },
    })
}

/// Cores this process may use; Assent and nginx get as many threads.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn read_trimmed(path: &str) -> anyhow::Result<String> {
    Ok(fs::read_to_string(path)
        .with_context(|| format!("reading `{path}`; `assent bench` needs Linux"))?
        .trim()
        .to_owned())
}

/// The type of the file system with the longest mount point above `path`.
fn filesystem_of(path: &Path) -> anyhow::Result<String> {
    let mounts = read_trimmed("/proc/self/mounts")?;
    let kind = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(mount, _)| path.starts_with(mount))
        .max_by_key(|(mount, _)| mount.len())
        .map_or("unknown", |(_, kind)| kind);
    Ok(kind.to_owned())
}

/// The median time of one write with its sync, over a file that already has its blocks, as a preallocated log has.
fn sync_p50(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0_u8; SYNCS * SYNC_BYTES])?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(SYNCS);
    for index in 0..SYNCS {
        let begun = Instant::now();
        file.write_all_at(&[1_u8; SYNC_BYTES], (index * SYNC_BYTES) as u64)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, kernel, cores, load_average, filesystem, fdatasync_p50_us, profile } = self;
        writeln!(
            f,
            "fdatasync p50 {fdatasync_p50_us} µs on {filesystem} · {cores} cores · Linux {kernel} · load average {load_average} · assent {version} ({profile})"
        )?;
        if filesystem == "tmpfs" {
            writeln!(f, "warning: the data directory is in memory, so nothing here is durable; set TMPDIR to a disk")?;
        }
        if *profile == "dev" {
            writeln!(f, "warning: not the release build (`make build`); the figures say nothing about it")?;
        }
        Ok(())
    }
}
