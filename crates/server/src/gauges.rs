//! States that are looked at only when somebody asks for the metrics: the log, the destinations, the disk, the process.
//! Nothing on the path of an event keeps them up to date.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use delivery::Delivery;
use event::Clock;
use eventlog::EventLog;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    stream: &'static str,
}

type OfStream = Family<StreamLabel, Gauge>;

/// The gauges.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    log_bytes: OfStream,
    log_segments: OfStream,
    log_pending_bytes: OfStream,
    disk_bytes: Gauge,
    disk_free_bytes: Gauge,
    resident_bytes: Gauge,
    open_files: Gauge,
    cpu_seconds: Counter<f64, AtomicU64>,
}

/// What is looked at, once it is there.
pub(crate) struct Sources {
    pub(crate) raw: Arc<dyn EventLog>,
    pub(crate) processed: Arc<dyn EventLog>,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) pipeline: pipeline::Metrics,
    pub(crate) deliveries: delivery::Metrics,
    pub(crate) data_dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Gauges {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let log = registry.sub_registry_with_prefix("assent_log");
        log.register("bytes", "Bytes on disk, by stream", all.log_bytes.clone());
        log.register("segments", "Segment files, by stream", all.log_segments.clone());
        log.register("pending_bytes", "Bytes that wait for the disk, by stream", all.log_pending_bytes.clone());
        let disk = registry.sub_registry_with_prefix("assent_disk");
        disk.register("bytes", "Size of the disk under the data directory", all.disk_bytes.clone());
        disk.register("free_bytes", "What is free of it", all.disk_free_bytes.clone());
        let process = registry.sub_registry_with_prefix("assent_process");
        process.register("resident_bytes", "Memory of the process", all.resident_bytes.clone());
        process.register("open_files", "Open files and connections of the process", all.open_files.clone());
        process.register("cpu_seconds", "Time on processors, user and system", all.cpu_seconds.clone());
        all
    }

    /// Looks. What cannot be asked keeps what it showed.
    pub(crate) fn refresh(&self, sources: &Sources) {
        let now = sources.clock.now();
        sources.pipeline.refresh(now);
        sources.deliveries.show(&sources.delivery.overview(), now);
        for (stream, log) in [("raw", &sources.raw), ("processed", &sources.processed)] {
            let (label, usage) = (StreamLabel { stream }, log.usage());
            self.log_bytes.get_or_create(&label).set(number(usage.bytes));
            self.log_segments.get_or_create(&label).set(number(usage.segments));
            self.log_pending_bytes.get_or_create(&label).set(number(usage.pending_bytes));
        }
        if let Ok(disk) = rustix::fs::statvfs(&sources.data_dir) {
            self.disk_bytes.set(number(disk.f_blocks.saturating_mul(disk.f_frsize)));
            self.disk_free_bytes.set(number(disk.f_bavail.saturating_mul(disk.f_frsize)));
        }
        self.look_at_process();
    }

    fn look_at_process(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(kib) = resident_kib(&status) {
            self.resident_bytes.set(number(kib * 1024));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(number(files.count() as u64));
        }
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&stat) {
            self.cpu_seconds.inner().store(seconds.to_bits(), std::sync::atomic::Ordering::Relaxed);
        }
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// `utime` and `stime`, which stand 12th and 13th behind the name in parentheses.
#[expect(clippy::cast_precision_loss, reason = "a hundredth of a second in 2,800,000 years")]
fn cpu_seconds(stat: &str) -> Option<f64> {
    /// Fixed by the kernel's interface on every architecture that Assent is built for.
    const TICKS_PER_SECOND: f64 = 100.0;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        assert_eq!(resident_kib("Name:\tassent\nVmRSS:\t   52340 kB\n"), Some(52_340));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!((resident_kib(""), cpu_seconds("")), (None, None));
    }
}
