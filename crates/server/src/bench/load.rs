//! The load generator: kept-alive HTTP/1.1 connections that send prebuilt requests and read the answers.
//!
//! Two ways to drive: *closed* (each connection sends as soon as it was answered: what a server can take, and what an
//! event costs) and *paced* (each request has its moment, and a late answer does not move the next one's moment, so
//! that a stall is felt by all who would have come: what a sender waits).
//!
//! Rejected: a client library, whose own cost per request is as high as what is measured, and `wrk`, which cannot give
//! every event its own `messageId` without a script that costs the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::event::{Shape, Template};

/// Connections that send at once.
pub(super) const CONNECTIONS: u64 = 64;
/// How long a connection stays quiet after it was refused, as an SDK would at the least.
const REFUSED_WAIT: Duration = Duration::from_millis(50);
/// No answer within this ends the run: the server hangs.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// As soon as the one before was answered.
    Closed,
    /// So many events a second, each request at its moment.
    PerSecond(u64),
}

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) target: SocketAddr,
    pub(super) shape: Shape,
    pub(super) pace: Pace,
    /// For how long.
    pub(super) span: Duration,
    /// Not more events than this, whatever the time.
    pub(super) events_max: u64,
    /// The number of the first event. Numbers must not repeat for one server: it would count them as duplicates.
    pub(super) first: u64,
}

impl Plan {
    /// Closed, single events.
    pub(super) fn closed(target: SocketAddr, shape: Shape, span: Duration) -> Self {
        Self { target, shape, pace: Pace::Closed, span, events_max: u64::MAX, first: 0 }
    }

    /// Paced, single events: exactly as many as the time holds.
    pub(super) fn paced(target: SocketAddr, events_per_second: u64, span: Duration) -> Self {
        let events_max = events_per_second * span.as_secs();
        Self { target, shape: Shape::Single, pace: Pace::PerSecond(events_per_second), span, events_max, first: 0 }
    }

    /// The same, numbered from `first` on.
    pub(super) fn starting_at(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// How long after the start the event with this number has its moment.
    pub(super) fn moment_of(&self, number: u64) -> Duration {
        match self.pace {
            Pace::Closed => Duration::ZERO,
            Pace::PerSecond(events) => {
                let request = (number - self.first) / self.shape.events();
                Duration::from_nanos(request * self.shape.events() * 1_000_000_000 / events)
            }
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// When the first request had its moment.
    pub(super) began: Instant,
    /// Events in requests that were answered 2xx.
    pub(super) accepted: u64,
    /// Events in requests that were answered anything else.
    pub(super) refused: u64,
    /// From the start to the last answer.
    pub(super) took: Duration,
    /// The number after the last one used.
    pub(super) next: u64,
}

impl Outcome {
    /// Accepted events a second of wall time.
    pub(super) fn per_second(&self) -> f64 {
        super::report::float(self.accepted) / self.took.as_secs_f64()
    }

    /// Fails when anything was refused: then the figure would be about refusing.
    pub(super) fn all_accepted(&self) -> anyhow::Result<&Self> {
        if self.refused > 0 {
            bail!(
                "{} of {} events were refused; the figure would mean nothing",
                self.refused,
                self.accepted + self.refused
            );
        }
        Ok(self)
    }
}

/// Counters that all connections share.
#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// Carries out `plan` and waits for the last answer.
pub(super) async fn drive(plan: Plan) -> anyhow::Result<Outcome> {
    let shared = Arc::new(Shared::default());
    let template = Template::new(plan.shape, &plan.target.to_string())?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(plan.target).await?);
    }
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        tasks.spawn(send(plan, client, template.clone(), Arc::clone(&shared), began));
    }
    while let Some(task) = tasks.join_next().await {
        task.context("a sender panicked")??;
    }
    let accepted = shared.accepted.load(Ordering::Relaxed);
    let refused = shared.refused.load(Ordering::Relaxed);
    Ok(Outcome { began, accepted, refused, took: began.elapsed(), next: plan.first + accepted + refused })
}

/// One connection's part. Requests are numbered by whoever is free, so that a slow answer delays one connection only.
async fn send(
    plan: Plan,
    mut client: Client,
    mut template: Template,
    shared: Arc<Shared>,
    began: Instant,
) -> anyhow::Result<()> {
    let events = plan.shape.events();
    // A paced run owes every event its request, however late; only a server that is far too slow ends it early.
    let span_max = match plan.pace {
        Pace::Closed => plan.span,
        Pace::PerSecond(_) => plan.span * 3,
    };
    while began.elapsed() < span_max {
        let number = plan.first + shared.requests.fetch_add(1, Ordering::Relaxed) * events;
        if number - plan.first + events > plan.events_max {
            break;
        }
        if let Pace::PerSecond(_) = plan.pace {
            tokio::time::sleep_until(began + plan.moment_of(number)).await;
        }
        let status = tokio::time::timeout(ANSWER_MAX, client.ask(template.numbered(number)))
            .await
            .with_context(|| format!("no answer within {ANSWER_MAX:?}"))??
            .status;
        if (200..300).contains(&status) {
            shared.accepted.fetch_add(events, Ordering::Relaxed);
        } else {
            shared.refused.fetch_add(events, Ordering::Relaxed);
            tokio::time::sleep(REFUSED_WAIT).await;
        }
    }
    Ok(())
}

/// One kept-alive connection.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The part of an answer that anyone here needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    closes: bool,
    bytes: usize,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { address, stream: dial(address).await?, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads the whole answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.buffer.clear();
        self.stream.write_all(request).await.context("sending a request")?;
        loop {
            if let Some(answer) = parse_answer(&self.buffer)? {
                if answer.closes {
                    self.stream = dial(self.address).await?;
                }
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await.context("reading an answer")? == 0 {
                bail!("the server closed the connection in the middle of an answer");
            }
        }
    }
}

async fn dial(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads the answer that stands at the start of `buffer`; `None` while bytes are missing.
fn parse_answer(buffer: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(head_bytes) = memchr::memmem::find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..head_bytes]).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status in `{head}`"))?;
    let mut answer = Answer { status, closes: false, bytes: head_bytes + 4 };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            answer.bytes += value.trim().parse::<usize>().with_context(|| format!("content-length `{value}`"))?;
        } else if name.eq_ignore_ascii_case("connection") {
            answer.closes = value.trim().eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the generator reads answers by content-length, this one is `{}`", value.trim());
        }
    }
    Ok((buffer.len() >= answer.bytes).then_some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}";
        for cut in 0..whole.len() {
            assert_eq!(parse_answer(&whole[..cut]).expect("a readable head"), None, "at {cut}");
        }
        let answer = parse_answer(whole).expect("a readable head").expect("a whole answer");
        assert_eq!((answer.status, answer.closes, answer.bytes), (200, false, whole.len()));
    }

    #[test]
    fn an_answer_without_a_body_ends_with_its_head() {
        let answer =
            parse_answer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("readable").expect("whole");
        assert_eq!((answer.status, answer.closes), (204, true));
    }

    #[test]
    fn moments_are_evenly_spread() {
        let plan =
            Plan::paced("127.0.0.1:1".parse().expect("an address"), 2000, Duration::from_secs(3)).starting_at(500);
        assert_eq!(plan.events_max, 6000);
        assert_eq!(plan.moment_of(500), Duration::ZERO);
        assert_eq!(plan.moment_of(2500), Duration::from_secs(1));
    }
}
