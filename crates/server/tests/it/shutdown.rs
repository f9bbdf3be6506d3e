//! SIGTERM: what was acknowledged is kept, and the process ends with 0 within 30 s, hung destinations
//! notwithstanding.

use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Server, binary, event, eventually, path, query, workspace};
use crate::sink::Sink;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_ends_although_a_destination_hangs() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    sink.wait(Duration::from_mins(10));
    let server = Server::start(&data_dir, &workspace(&sink.url(), "")).await;
    for number in 0..50 {
        let answer = server.client().post("/v1/track", &event(&format!("m-{number}"), "v")).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    eventually("the destination hangs", Duration::from_secs(10), || {
        if sink.requests() > 0 { Ok(()) } else { Err("no request yet") }
    })
    .await;
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    let rows = query(&data_dir, "select count(*) as n from events");
    assert_eq!(rows[0]["n"], 50, "draining commits what the lake has not got");
}

/// A server that waits for a store which takes connections and never answers is starting, for as long as the test needs.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_start_in_order_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let store = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = store.local_addr().expect("it is bound");
    let (config, file) = (directory.path().join("config.yaml"), directory.path().join("workspace.yaml"));
    let settings =
        format!("lake_url: s3://bucket/acme\nlake_s3_endpoint: http://{endpoint}\nlake_s3_allow_http: true\n");
    std::fs::write(&config, settings).expect("the settings");
    std::fs::write(&file, workspace("http://127.0.0.1:9/", "")).expect("the workspace file");
    let mut child = binary()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", path(&data_dir), "--config", path(&config)])
        .args(["--workspace", path(&file)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let _asked = store.accept().await.expect("the lake asks its store");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the signal is sent");
    let status = child.wait().expect("it is reaped");
    assert_eq!(status.code(), Some(0), "it ended with {status}");
}
