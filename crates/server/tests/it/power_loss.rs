//! Power loss under load: the server runs on a disk that keeps what was not synced in its own memory, so that killing
//! it loses exactly that.
//!
//! The test starts itself as the server (`child`), because the real binary has no such disk, and should not.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::random::Random;

use crate::crash::{rounds, seed, under_load};
use crate::harness::{Server, workspace};
use crate::oracle::Oracle;
use crate::sink::Sink;

/// Set for the process that is to be the server; holds its arguments, one a line.
const CHILD: &str = "ASSENT_POWER_LOSS_CHILD";

/// Not a test of its own: the server that the test below starts, and nothing in a usual run.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // libtest's own arguments end at `--`.
    let arguments = std::env::args().skip_while(|argument| argument != "--").skip(1);
    let arguments = ["assent".to_owned(), "serve".to_owned()].into_iter().chain(arguments);
    let disk = Arc::new(testkit::write_back::WriteBackDisk::new());
    let machine = server::Machine { disk, clock: Arc::new(server::SystemClock) };
    server::run_on(arguments, machine).expect("the server runs until it is killed");
}

fn itself() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test knows itself"));
    command.args(["--exact", "power_loss::child", "--nocapture", "--"]).env(CHILD, "1");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_event_survives_power_loss() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let (oracle, unsure) = (Arc::new(Oracle::default()), Arc::new(Mutex::new(Vec::new())));
    let mut random = Random::new(seed() ^ 0xFFFF);
    for round in 0..rounds() {
        let server = Server::start_as(itself(), &data_dir, &file, &[]).await;
        let address = server.address.clone();
        let wait = Duration::from_millis(150 + random.below(1_200));
        under_load(&oracle, &unsure, &address, async {
            tokio::time::sleep(wait).await;
            server.kill();
        })
        .await;
        eprintln!("round {round}: power cut after {wait:?}, {} acknowledged so far", oracle.acknowledged());
    }
    let server = Server::start_as(itself(), &data_dir, &file, &[]).await;
    let told = oracle.check(&data_dir, &sink).await;
    eprintln!("seed {}: {} rounds of power loss: {told}", seed(), rounds());
    assert!(oracle.acknowledged() > 100, "the load did not load: {told}");
    drop(server);
}
