//! `kill -9` under load, again and again on one directory. What the page cache held survives this; what it does not
//! is tested by `power_loss`.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::random::Random;

use crate::harness::{Server, workspace};
use crate::oracle::Oracle;
use crate::sink::Sink;

/// Rounds in `make test`; `make torture` sets `ASSENT_CRASH_ROUNDS`.
const ROUNDS: u64 = 10;
const WORKERS: u64 = 8;

pub(crate) fn rounds(usual: u64) -> u64 {
    std::env::var("ASSENT_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// The seed, printed so that a failure can be had again.
pub(crate) fn seed() -> u64 {
    std::env::var("ASSENT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x00A5_5E27)
}

/// Runs load against `address` from several workers until the future given ends.
pub(crate) async fn under_load(
    oracle: &Arc<Oracle>,
    unsure: &Arc<Mutex<Vec<String>>>,
    address: &str,
    meanwhile: impl Future<Output = ()>,
) {
    oracle.resume();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let (oracle, unsure, address) = (Arc::clone(oracle), Arc::clone(unsure), address.to_owned());
        workers.spawn(async move { oracle.load(&address, worker, &unsure).await });
    }
    meanwhile.await;
    oracle.stop();
    while let Some(ended) = workers.join_next().await {
        ended.expect("no load panics");
    }
}

/// Crashes a server under load, round by round on one directory, then checks the contract on the one that comes up.
/// `start` makes a server of a data directory and a workspace; `what` names the crash.
#[expect(clippy::print_stderr, reason = "the counts are what a run is made for")]
pub(crate) async fn survive(what: &str, seed: u64, start: impl AsyncFn(&Path, &str) -> Server) {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let (oracle, unsure) = (Arc::new(Oracle::default()), Arc::new(Mutex::new(Vec::new())));
    let mut random = Random::new(seed);
    for round in 0..rounds(ROUNDS) {
        let server = start(&data_dir, &file).await;
        let address = server.address.clone();
        let wait = Duration::from_millis(150 + random.below(1_200));
        under_load(&oracle, &unsure, &address, async {
            tokio::time::sleep(wait).await;
            server.kill();
        })
        .await;
        eprintln!("round {round}: {what} after {wait:?}, {} acknowledged so far", oracle.acknowledged());
    }
    let server = start(&data_dir, &file).await;
    let told = oracle.check(&data_dir, &sink).await;
    eprintln!("seed {seed}: {} rounds of {what}: {told}", rounds(ROUNDS));
    assert!(oracle.acknowledged() > 100, "the load did not load: {told}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_survives_kill_9() {
    survive("kill -9", seed(), async |data_dir: &Path, file: &str| Server::start(data_dir, file).await).await;
}
