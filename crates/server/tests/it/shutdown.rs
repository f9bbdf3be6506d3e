//! SIGTERM: what was acknowledged is kept, and the process ends with 0 within 30 s, hung destinations
//! notwithstanding.

use std::time::Duration;

use crate::harness::{Server, event, eventually, query, workspace};
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
