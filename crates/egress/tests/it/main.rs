//! The way out, against a vendor on this machine.

mod tls;

use std::sync::Arc;

use bytes::Bytes;
use consent::{Gate, HasSubject, Held, Origin, Permitted, Preferences, Signals, Stamp, Subject, Use, Wishes};
use egress::{Echoes, Egress, FileRequest, HttpRequest, Options, Request, SendError};
use event::{Fingerprint, Secret};
use testkit::vendor::{Reply, Vendor};
use workspace::{Basis, ConsentRules, Purpose, RecipientRole, Regime};

const ADA: Fingerprint = Fingerprint([1; 16]);

#[derive(Debug)]
struct Anything(Request, Stamp<'static>);

impl HasSubject for Anything {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &[ADA], stamp: &self.1, wishes: Wishes::default() }
    }
}

fn gate() -> Arc<Gate> {
    Gate::new(&ConsentRules::default())
}

fn permitted(gate: &Gate, request: Request) -> Permitted<Request> {
    let stamp = Stamp {
        origin: Origin::Sent,
        preferences: Preferences(vec![("performance".into(), true)]),
        signals: Signals::default(),
        regime: Regime::OPT_IN,
        basis: Basis::Consent,
    };
    let purpose = Use {
        purpose: Purpose::Analytics,
        categories: gate.rules().categories.key("performance"),
        vendor: consent::CategorySet::NONE,
        recipient: RecipientRole::ServiceProvider,
        unmapped: false,
        unstamped: false,
        names: Vec::new(),
    };
    let item = gate.permit(Anything(request, stamp), &purpose).expect("performance is granted");
    item.try_map(|item| Ok::<_, ()>(item.0)).expect("never fails")
}

fn post(url: &str) -> Request {
    Request::Http(HttpRequest {
        method: http::Method::POST,
        url: url.parse().expect("a URL"),
        headers: vec![(http::header::AUTHORIZATION, Secret::new("Bearer hush".to_owned()))],
        body: Bytes::from_static(b"{\"a\":1}"),
    })
}

fn egress(mut options: Options) -> Egress {
    options.allow_private = true;
    Egress::new(options, Arc::default())
}

#[tokio::test]
async fn body_and_headers_arrive_and_the_answer_comes_back() {
    let vendor = Vendor::start([Reply::status(202).header("retry-after", "3").body("thanks")]).await;
    let gate = gate();
    let answer = egress(Options::default()).send(permitted(&gate, post(&vendor.url())), &gate).await.expect("answered");
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..], &answer.headers["retry-after"]),
        (202, &b"thanks"[..], &"3".parse().expect("a value"))
    );
    let received = vendor.received();
    assert_eq!(&received[0].body[..], b"{\"a\":1}");
    assert_eq!(received[0].headers["authorization"], "Bearer hush");
    assert_eq!(received[0].headers["content-length"], "7");
}

#[tokio::test]
async fn what_was_permitted_before_a_choice_does_not_go() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let gate = gate();
    let request = permitted(&gate, post(&vendor.url()));
    gate.apply(&[ADA], Held::default());
    assert!(matches!(egress(Options::default()).send(request, &gate).await, Err(SendError::Stale)));
    assert!(vendor.received().is_empty());
}

/// The choice is made after the request has begun to connect and before its body is asked for.
#[tokio::test]
async fn a_choice_made_while_connecting_keeps_the_body_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let gate = gate();
    let egress = egress(Options::default());
    let request = permitted(&gate, post(&url));
    let mut sending = Box::pin(egress.send(request, &gate));
    // The first poll begins to connect and cannot have written: the connection's task has not run.
    assert!(futures_poll_once(&mut sending).await.is_none());
    gate.apply(&[ADA], Held::default());
    assert!(matches!(sending.await, Err(SendError::Stale)));
    let (mut socket, _) = listener.accept().await.expect("a connection was made");
    let mut seen = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut seen).await.expect("closed");
    assert!(!String::from_utf8_lossy(&seen).contains("\"a\""), "{}", String::from_utf8_lossy(&seen));
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut future = std::pin::Pin::new(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn errors_name_no_secret_and_say_which_kind_they_are() {
    let gate = gate();
    let silent = Vendor::start([Reply::never()]).await;
    let quick = egress(Options { timeout_ms: 50, ..Options::default() });
    let timeout = quick.send(permitted(&gate, post(&format!("{}?key=hush", silent.url()))), &gate).await;
    let timeout = timeout.expect_err("never answers");
    assert!(matches!(timeout, SendError::Timeout { after_ms: 50 }), "{timeout}");
    let nobody = quick.send(permitted(&gate, post("http://127.0.0.1:1/?key=hush")), &gate).await.expect_err("refused");
    assert!(matches!(nobody, SendError::Connect(_)) && !nobody.to_string().contains("hush"), "{nobody}");
    let strict = Egress::new(Options::default(), Arc::default());
    for url in [silent.url(), silent.url().replace("127.0.0.1", "localhost")] {
        let refused = strict.send(permitted(&gate, post(&url)), &gate).await.expect_err("private");
        assert!(matches!(refused, SendError::Address(_)), "{refused}");
    }
    assert_eq!(silent.received().len(), 1);
}

#[tokio::test]
async fn redirects_are_answers_and_long_answers_are_cut() {
    let gate = gate();
    let long = "x".repeat(200_000);
    let vendor =
        Vendor::start([Reply::status(302).header("location", "http://127.0.0.1:1/"), Reply::status(200).body(&long)])
            .await;
    let egress = egress(Options::default());
    assert_eq!(egress.send(permitted(&gate, post(&vendor.url())), &gate).await.expect("answered").status.as_u16(), 302);
    let cut = egress.send(permitted(&gate, post(&vendor.url())), &gate).await.expect("answered");
    assert_eq!(cut.body.len(), egress::ANSWER_BYTES_MAX);
}

#[tokio::test]
async fn files_rotate_and_a_torn_line_is_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let gate = gate();
    let line = |text: &'static str| {
        let lines = Bytes::from_static(text.as_bytes());
        Request::File(FileRequest { directory: directory.path().to_owned(), lines, file_bytes_max: 6 })
    };
    let first = egress(Options::default());
    for text in ["one\n", "two\n", "three\n"] {
        first.send(permitted(&gate, line(text)), &gate).await.expect("written");
    }
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect("there");
    assert_eq!(
        (read("events-000001.ndjson"), read("events-000002.ndjson")),
        ("one\ntwo\n".to_owned(), "three\n".to_owned())
    );
    std::fs::write(directory.path().join("events-000003.ndjson"), "to").expect("written");
    egress(Options::default()).send(permitted(&gate, line("x\n")), &gate).await.expect("written");
    assert_eq!(read("events-000003.ndjson"), "to\nx\n");
}

/// The first writes into a pipe that nobody reads yet, so the second waits for its turn. A withdrawal meanwhile counts.
#[tokio::test]
async fn a_choice_made_while_waiting_for_the_file_keeps_the_lines_back() {
    const LINES: usize = 400_000;
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("events-000001.ndjson");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
    let gate = gate();
    let out = egress(Options::default());
    let lines = |bytes| {
        let (directory, lines) = (directory.path().to_owned(), Bytes::from(vec![b'\n'; bytes]));
        Request::File(FileRequest { directory, lines, file_bytes_max: 1 << 30 })
    };
    let mut first = Box::pin(out.send(permitted(&gate, lines(LINES)), &gate));
    assert!(futures_poll_once(&mut first).await.is_none());
    // Opens when the first has: from then on it has its turn, and cannot end it.
    let mut reader = tokio::fs::File::open(&pipe).await.expect("opens");
    let mut read = vec![0; LINES];
    tokio::io::AsyncReadExt::read_exact(&mut reader, &mut read[..1]).await.expect("written");
    let mut second = Box::pin(out.send(permitted(&gate, lines(1)), &gate));
    assert!(futures_poll_once(&mut second).await.is_none());
    gate.apply(&[ADA], Held::default());
    tokio::io::AsyncReadExt::read_exact(&mut reader, &mut read[1..]).await.expect("written");
    // A pipe cannot be synced.
    assert!(matches!(first.await, Err(SendError::File { .. })));
    assert!(matches!(second.await, Err(SendError::Stale)));
}

#[tokio::test]
async fn echoes_keep_the_latest() {
    let echoes = Arc::new(Echoes::default());
    let gate = gate();
    let egress = Egress::new(Options::default(), Arc::clone(&echoes));
    let bodies = (0..150).map(|number| Bytes::from(number.to_string())).collect();
    let request = Request::Echo(egress::EchoRequest { name: "demo".into(), bodies });
    egress.send(permitted(&gate, request), &gate).await.expect("kept");
    let latest = echoes.latest("demo");
    assert_eq!((latest.len(), &latest[99][..]), (100, &b"149"[..]));
}
