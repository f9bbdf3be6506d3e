//! Under pressure: nothing acknowledged that is not kept, and nothing unbounded.

use std::time::Duration;

use collector::{Edge, ServeLimits};
use eventlog::AppendError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::setup::{Reply, World};

const GOOD: &str = r#"{"writeKey":"wk_api","event":"E","userId":"u"}"#;

#[tokio::test]
async fn what_the_log_does_not_take_is_not_acknowledged() {
    let world = World::start().await;
    let detail = || "/secret/path".to_owned();
    for (fault, expected, retry) in [
        (AppendError::Overloaded { pending_bytes: 9, limit_bytes: 8 }, "429 log_behind", Some("1")),
        (AppendError::Full { detail: detail() }, "503 disk_full", Some("30")),
        (AppendError::Broken { detail: detail() }, "503 log_broken", Some("5")),
        (AppendError::Invalid { detail: detail() }, "500 internal", None),
    ] {
        *world.log.fault.lock().expect("nobody panics here") = Some(fault);
        let reply = world.post("/v1/track", GOOD).await;
        assert_eq!((reply.short().as_str(), reply.header("retry-after")), (expected, retry));
        assert!(!reply.text().contains("secret"));
        assert_eq!(reply.header("access-control-expose-headers"), Some("Retry-After, X-RateLimit-Reset"));
    }
    assert_eq!(world.stored().await.len(), 0);
    assert_eq!(world.counter(r#"assent_collect_accepted_total{source="api""#), 0);
    assert_eq!(world.post("/v1/track", GOOD).await.status, 200);
}

#[tokio::test]
async fn ready_means_that_an_event_would_be_taken() {
    let world = World::start().await;
    assert_eq!(world.get("/readyz").await.text(), "ready\n");
    let detail = || "/secret/path".to_owned();
    for (fault, reason) in [
        (AppendError::Full { detail: detail() }, "the log's disk is full"),
        (AppendError::Broken { detail: detail() }, "the log cannot write"),
    ] {
        *world.log.fault.lock().expect("nobody panics here") = Some(fault);
        let reply = world.get("/readyz").await;
        assert_eq!((reply.short().as_str(), reply.header("retry-after")), ("503 not_ready", Some("1")));
        assert!(reply.text().contains(reason) && !reply.text().contains("secret"), "{}", reply.text());
        // The fault is gone by itself, and so is the answer.
        assert_eq!(world.get("/readyz").await.status, 200);
    }
    // Behind the log events wait; in front of it they are taken.
    *world.process.lock().expect("nobody panics here") = Ok(vec!["this stands".to_owned(), "that ended".to_owned()]);
    let reply = world.get("/readyz").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "ready, but: this stands; that ended\n"));
    *world.process.lock().expect("nobody panics here") = Err("stopping".to_owned());
    assert_eq!(world.get("/readyz").await.json()["detail"], "stopping");
}

#[tokio::test]
async fn bodies_together_are_bounded() {
    let edge = Edge { body_bytes_max: 1000, ..Edge::default() };
    let world = World::with(edge, ServeLimits::default()).await;
    // A body that was announced and does not come holds its share.
    let mut slow = TcpStream::connect(world.address).await.expect("it listens");
    slow.write_all(b"POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: 980\r\n\r\n{").await.expect("open");
    while world.counter("assent_collect_requests_total") == 0 {
        tokio::task::yield_now().await;
    }
    let reply = world.post("/v1/track", GOOD).await;
    assert_eq!((reply.short().as_str(), reply.header("retry-after")), ("503 busy", Some("1")));
    // One that is still being sent is read to its end, or the sender would see a broken connection instead of the answer.
    for (more, expected) in [("", "503 busy"), ("Content-Encoding: zstd\r\n", "415 unsupported_encoding")] {
        let mut sending = TcpStream::connect(world.address).await.expect("it listens");
        let head =
            format!("POST /v1/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}Content-Length: 400000\r\n\r\n");
        sending.write_all(head.as_bytes()).await.expect("open");
        for _ in 0..40 {
            sending.write_all(&[b' '; 10_000]).await.expect("still open");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(Reply::read(&mut sending).await.short(), expected);
    }
    drop(slow);
    // The share comes back when the server notices; a sender that obeys Retry-After gets through.
    let taken = async { while world.post("/v1/track", GOOD).await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(20), taken).await.expect("the share is given back");
}

#[tokio::test]
async fn a_body_that_is_cut_is_not_an_event() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.expect("it listens");
    let head = format!("POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{GOOD}", GOOD.len() + 1);
    stream.write_all(head.as_bytes()).await.expect("open");
    stream.shutdown().await.expect("open");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("closed by the server");
    assert_eq!(world.stored().await.len(), 0);
}

#[tokio::test]
async fn chunked_bodies_are_joined_and_bounded() {
    let world = World::start().await;
    for (chunks, expected) in [(vec![&GOOD[..10], &GOOD[10..20], &GOOD[20..]], 200), (vec![&"x".repeat(9000); 5], 400)]
    {
        let mut stream = TcpStream::connect(world.address).await.expect("it listens");
        let head = "POST /v1/t HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("open");
        for chunk in chunks {
            stream.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await.expect("open");
            stream.flush().await.expect("open");
            tokio::task::yield_now().await;
        }
        stream.write_all(b"0\r\n\r\n").await.expect("open");
        assert_eq!(Reply::read(&mut stream).await.status, expected);
    }
    assert_eq!(world.stored().await.len(), 1);
}

#[tokio::test]
async fn heads_are_bounded() {
    let limits = ServeLimits { head_wait: Duration::from_millis(200), ..ServeLimits::default() };
    let world = World::with(Edge::default(), limits).await;
    let long = "x".repeat(100_000);
    let reply = world.send("GET", "/healthz", &[("X-Long", &long)], b"").await;
    assert_eq!(reply.status, 431);
    let mut slow = TcpStream::connect(world.address).await.expect("it listens");
    slow.write_all(b"POST /v1/t HTTP/1.1\r\nHo").await.expect("open");
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.expect("closed by the server");
}

#[tokio::test]
async fn the_wait_for_a_head_counts_from_the_last_answer() {
    let head_wait = Duration::from_millis(200);
    let world = World::with(Edge::default(), ServeLimits { head_wait, ..ServeLimits::default() }).await;
    let mut stream = TcpStream::connect(world.address).await.expect("it listens");
    let (first, second) = GOOD.split_at(9);
    let head = format!("POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{first}", GOOD.len());
    stream.write_all(head.as_bytes()).await.expect("open");
    // The head came; the body may take longer than heads may.
    tokio::time::sleep(3 * head_wait).await;
    stream.write_all(second.as_bytes()).await.expect("still open");
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).await.expect("closed by the server, because no second head comes");
    assert!(answers.starts_with(b"HTTP/1.1 200"));
    assert_eq!(world.stored().await.len(), 1);
}

#[tokio::test]
async fn running_requests_end_before_the_server_does() {
    let mut world = World::start().await;
    let idle = TcpStream::connect(world.address).await.expect("it listens");
    let mut running = TcpStream::connect(world.address).await.expect("it listens");
    let (first, second) = GOOD.split_at(9);
    let head = format!("POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{first}", GOOD.len());
    running.write_all(head.as_bytes()).await.expect("open");
    while world.counter("assent_collect_requests_total") == 0 {
        tokio::task::yield_now().await;
    }
    world.stop.take().expect("not stopped yet").send(()).expect("it listens for this");
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    running.write_all(second.as_bytes()).await.expect("still open");
    assert_eq!(Reply::read(&mut running).await.status, 200);
    tokio::time::timeout(Duration::from_secs(20), &mut world.served).await.expect("it ends").expect("without panic");
    assert_eq!(world.stored().await.len(), 1);
    drop(idle);
}
