//! What an event costs in delivery, in CPU time of the whole process: log in memory, batches of 100, one destination
//! in process and one over HTTP (its receiver in the same process, counted with it).
//! `cargo run --release -p delivery --example delivery_cost`

#![expect(clippy::print_stdout, reason = "a table for people")]

#[path = "../tests/it/history.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod history;
#[path = "../tests/it/rig.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod rig;

use rig::{Rig, events};
use testkit::vendor::{Reply, Vendor};

const EVENTS: usize = 200_000;

/// User and system time of this process so far, in microseconds (ticks of 10 ms).
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name in brackets").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
    (ticks(11) + ticks(12)) * 10_000
}

async fn measure(name: &str, url: String) {
    let rig = Rig::new(&[url], 100);
    let delivery = rig.start().await;
    let batch = events(1_000, 200);
    let (mut appending, begun) = (0, cpu_us());
    for _ in 0..EVENTS / batch.len() {
        let before = cpu_us();
        rig.append(&batch).await;
        appending += cpu_us() - before;
    }
    while delivery.overview()[0].status.as_ref().expect("started").totals.values().sum::<u64>() < EVENTS as u64 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let spent = cpu_us() - begun;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let per_event = spent as f64 / EVENTS as f64;
    println!(
        "{name}: {per_event:.2} µs of CPU per event (of it up to {} ms for making and appending them)",
        appending / 1_000
    );
}

#[tokio::main]
async fn main() {
    measure("in process", "echo://here/".to_owned()).await;
    let vendor = Vendor::start([Reply::status(200)]).await;
    measure("HTTP, batches of 100", vendor.url()).await;
}
