//! A full disk: requests are answered 503 with `Retry-After`, nothing acknowledged is lost, and when there is space
//! again the server goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::crash::under_load;
use crate::harness::{Server, eventually, path, workspace};
use crate::oracle::Oracle;
use crate::sink::Sink;

/// A small tmpfs, unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    fn mount(at: &Path, megabytes: u64) -> Self {
        std::fs::create_dir_all(at).expect("a mount point");
        let size = format!("size={megabytes}m");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs", path(at)]).status();
        assert!(status.expect("mount runs").success(), "this test mounts a tmpfs and needs root");
        Self { at: at.to_owned() }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["-l", path(&self.at)]).status());
    }
}

/// What `/readyz` answers, asked on a runtime of its own.
fn ready_status(address: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { Client::new(address).send("GET", "/readyz", &[], "").await.expect("an answer").status })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_heals() {
    let directory = tempfile::tempdir().expect("a directory");
    // The data directory itself, so that the server's own log does not lie on the disk that is full.
    let disk = SmallDisk::mount(&directory.path().join("data"), 96);
    let data_dir = disk.at.clone();
    let sink = Sink::start().await;
    let server = Server::start(&data_dir, &workspace(&sink.url(), "")).await;
    let (oracle, unsure) = (Arc::new(Oracle::default()), Arc::new(Mutex::new(Vec::new())));
    under_load(&oracle, &unsure, &server.address.clone(), tokio::time::sleep(Duration::from_secs(1))).await;

    let ballast = disk.at.join("ballast");
    let free = rustix::fs::statvfs(&disk.at).expect("the disk answers");
    let bytes = usize::try_from(free.f_bavail * free.f_frsize).expect("96 MB fit");
    // The write fails at the end of the disk: that is the point.
    drop(std::fs::write(&ballast, vec![1_u8; bytes]));
    let mut client = server.client();
    let refused = client.post("/v1/track", &crate::harness::event("full-1", "v")).await.expect("an answer");
    // What is preallocated may still be used; then comes 503.
    under_load(&oracle, &unsure, &server.address.clone(), async {
        let started = Instant::now();
        while oracle.refused() == 0 && started.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let full = client.post("/v1/track", &crate::harness::event("full-2", "v")).await.expect("an answer");
    assert!(full.status == 503 || full.status == 200, "first {refused:?}, then {full:?}");
    let refusals = oracle.refused();
    let ready = client.send("GET", "/readyz", &[], "").await.expect("an answer");
    assert!(ready.status == 503 && ready.body.contains("disk is full"), "{ready:?}");

    std::fs::remove_file(&ballast).expect("space again");
    // Whoever sends only to servers that are ready must see it before anybody sent something.
    eventually("it is ready again", Duration::from_secs(30), || {
        let address = server.address.clone();
        match std::thread::spawn(move || ready_status(&address)).join().expect("no panic") {
            200 => Ok(()),
            status => Err(status),
        }
    })
    .await;
    eventually("events are taken again", Duration::from_secs(30), || {
        let address = server.address.clone();
        let taken = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                Client::new(&address).post("/v1/track", &crate::harness::event("healed", "v")).await
            })
        });
        match taken.join().expect("no panic") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    for id in ["full-1", "full-2", "healed"] {
        oracle.expect_too(id);
    }
    let told = oracle.check(&data_dir, &sink).await;
    eprintln!("full disk: {refusals} requests refused while it was full; {told}");
    assert!(refusals > 0, "the disk was never full: {told}");
    drop(server);
}
