//! Power loss under load: the server runs on a disk that keeps what was not synced in its own memory, so that killing
//! it loses exactly that.
//!
//! The test starts itself as the server (`child`), because the real binary has no such disk, and should not.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::crash::{seed, survive};
use crate::harness::Server;

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
    let start = async |data_dir: &Path, file: &str| Server::start_as(itself(), data_dir, file, &[]).await;
    survive("power loss", seed() ^ 0xFFFF, start).await;
}
