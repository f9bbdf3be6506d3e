//! What an append costs: `cargo run --release --example append_bench -p eventlog -- [DIRECTORY] [SECONDS]`.
//!
//! 64 tasks append as fast as they are answered, first one record at a time, then 20; the payloads are JSON events of
//! about 1 KB. CPU is the whole process, appenders included, user and system, per record. The time of a bare
//! `fdatasync` of the same directory comes first: it bounds the rate of commits.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use eventlog::file::disk::{Disk, RealDisk};
use eventlog::file::{CACHE_BYTES, FileLog, Options, SEGMENT_BYTES};
use eventlog::{Append, EventLog, Partition};
use testkit::clock::HandClock;
use vault::keys::{Epoch, Keys};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const APPENDERS: usize = 64;
const PARTITIONS: u16 = 8;
/// The kernel counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/assent-append-bench".to_owned()));
    let seconds = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    fs::create_dir_all(&directory)?;
    println!("fdatasync of 4 KiB, p50: {:?}", sync_p50(&directory)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for batch in [1, 20] {
        let path = directory.join(format!("batch-{batch}"));
        if path.try_exists()? {
            fs::remove_dir_all(&path)?;
        }
        let log = Arc::new(FileLog::open(options(&path))?);
        let cpu_before = cpu()?;
        let start = Instant::now();
        let records = runtime.block_on(run(Arc::clone(&log), batch, Duration::from_secs(seconds)))?;
        let (elapsed, cpu) = (start.elapsed(), cpu()?.saturating_sub(cpu_before));
        let usage = log.usage();
        println!(
            "{APPENDERS} appenders x {batch:>2}: {:>7} records/s, {:.2} us CPU/record, {:.1} cores, {} bytes/record on disk",
            records * 1000 / u64::try_from(elapsed.as_millis())?.max(1),
            cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(records)?),
            cpu.as_secs_f64() / elapsed.as_secs_f64(),
            usage.bytes / records.max(1),
        );
        drop(log);
        fs::remove_dir_all(&path)?;
    }
    Ok(())
}

fn options(directory: &Path) -> Options {
    let keys = Keys::default();
    keys.insert("acme", Epoch(1), &[7; 32]);
    Options {
        directory: directory.to_owned(),
        stream: "raw".into(),
        partitions: PARTITIONS,
        segment_bytes: SEGMENT_BYTES,
        cache_bytes: CACHE_BYTES,
        pending_bytes_max: 64 * 1024 * 1024,
        disk_reserve_bytes: 0,
        disk: Arc::new(RealDisk),
        keys,
        clock: Arc::new(HandClock::default()),
        metrics: eventlog::Metrics::default(),
    }
}

async fn run(log: Arc<FileLog>, batch: usize, length: Duration) -> Result<u64, Box<dyn std::error::Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let records = Arc::new(AtomicU64::new(0));
    let workspace: Arc<str> = "acme".into();
    let tasks: Vec<_> = (0..APPENDERS)
        .map(|appender| {
            let (log, stop, records) = (Arc::clone(&log), Arc::clone(&stop), Arc::clone(&records));
            let workspace = Arc::clone(&workspace);
            let payloads: Vec<Bytes> = (0..64).map(|number| event(appender * 64 + number)).collect();
            tokio::spawn(async move {
                let mut next = 0;
                while !stop.load(Ordering::Relaxed) {
                    let one = |number: usize| Append {
                        partition: Partition(u16::try_from((appender + number) % usize::from(PARTITIONS)).unwrap_or(0)),
                        workspace: Arc::clone(&workspace),
                        payload: payloads[number % payloads.len()].clone(),
                    };
                    log.append((next..next + batch).map(one).collect()).await?;
                    next += batch;
                    records.fetch_add(batch as u64, Ordering::Relaxed);
                }
                Ok::<_, eventlog::AppendError>(())
            })
        })
        .collect();
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(records.load(Ordering::Relaxed))
}

/// An event as a browser sends it; what differs from event to event differs here.
fn event(number: usize) -> Bytes {
    let mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let id = format!("{mixed:016x}-{:016x}", mixed.rotate_left(23).wrapping_mul(0x2545_F491_4F6C_DD1D));
    format!(
        r#"{{"type":"track","event":"Product Viewed","messageId":"ajs-next-{id}","anonymousId":"{id}","userId":"user-{number}","timestamp":"2026-11-21T22:{:02}:{:02}.{:03}Z","sentAt":"2026-11-21T22:59:59.000Z","properties":{{"product_id":"sku-{}","name":"Trail shoe {number}","price":{}.99,"currency":"EUR","category":"shoes","position":{},"coupon":"AUTUMN-{:x}"}},"context":{{"ip":"203.0.113.0","locale":"de-DE","library":{{"name":"analytics.js","version":"npm:next-1.81.0"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36","page":{{"path":"/shoes/{number}","referrer":"https://www.example.com/shoes","search":"?page={}","title":"Trail shoe {number} | Example","url":"https://www.example.com/shoes/{number}?page={}"}},"consent":{{"categoryPreferences":{{"functionality":true,"performance":true,"targeting":false}}}},"timezone":"Europe/Berlin"}},"integrations":{{"All":true}},"writeKey":"wk_demo","receivedAt":"2026-11-21T22:59:59.{:03}Z"}}"#,
        number % 60,
        mixed % 60,
        mixed % 1000,
        mixed % 9973,
        mixed % 200,
        mixed % 40,
        mixed >> 40,
        number % 9,
        number % 9,
        mixed % 997,
    )
    .into()
}

/// User and system time of this process.
fn cpu() -> Result<Duration, Box<dyn std::error::Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The program's name may hold spaces; the fields after it do not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u32 = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    Ok(TICK * ticks)
}

fn sync_p50(directory: &Path) -> std::io::Result<Duration> {
    let path = directory.join("sync-probe");
    let file = RealDisk.create(&path)?;
    file.allocate(4 * 1024 * 1024)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for number in 0..500_u64 {
        let start = Instant::now();
        file.write_all_at(&[7; 4096], number * 4096)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
