//! A million events out of the lake into a webhook, beside 500 live events a second: what it does to the live ones, what
//! it costs, and whether it sends exactly what consent permits, over one `kill -9` in the middle.
//!
//! The history is loaded first, with no destination there. Then the server starts again with two webhooks, a part of the
//! visitors refuses, and the live load runs alone, beside the replay, and alone once more: the machine of the middle is
//! compared with what stands around it, since it does not stay the same for ten minutes. The crash comes after the
//! measurement beside, so that a restart is not taken for a replay.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::assent::{Assent, PASSWORD, Parts, Webhook};
use super::event::{AUTHORIZATION, SUBJECTS, Shape, subject};
use super::latency::waits_ms;
use super::load::{Outcome, Plan, drive};
use super::machine::Place;
use super::report::{Bar, Report, float, micros_per_event, percentile};
use super::sink::{Manner, Sink};

const HISTORY: u64 = 1_000_000;
const LIVE_PER_SECOND: u64 = 500;
const RATE_PER_SECOND: u64 = 2_000;
/// One visitor of ten refuses.
const REFUSING: u64 = 10;
const WARM_UP: Duration = Duration::from_secs(5);
const LANDED_MAX: Duration = Duration::from_mins(5);
const FINISHED_MAX: Duration = Duration::from_mins(30);

/// Measures with `span` of live load per phase.
pub(super) async fn measure(place: &Place, span: Duration, report: &mut Report) -> anyhow::Result<()> {
    let mut assent = Assent::start(place, Parts::All, &[]).await?;
    let plan = Plan { events_max: HISTORY, ..Plan::closed(assent.address(), Shape::Batch, Duration::from_mins(10)) };
    let loaded = drive(plan).await?;
    loaded.all_accepted()?;
    landed(&assent, loaded.accepted).await?;
    // Before, idle, beside and after; what has a higher number the sinks would not count.
    let numbers = loaded.next + LIVE_PER_SECOND * (4 * span + 3 * WARM_UP).as_secs() + 10_000;
    let (target, other) = (Sink::start(Manner::Good, numbers).await?, Sink::start(Manner::Good, numbers).await?);
    let batch = Some((100, 20));
    let webhook = |name: &str, sink: &Sink| Webhook { name: name.to_owned(), url: sink.url(), batch };
    let webhooks = [webhook("target", &target), webhook("other", &other)];
    assent.again(&webhooks).await?;
    refuse(assent.address())?;
    let mut live = Live { sinks: [&target, &other], next: loaded.next };
    live.run(&assent, WARM_UP).await?;
    let before = live.run(&assent, span).await?;
    let idle = live.cpu_of(&assent, span).await?;
    let admin = Admin::sign_in(assent.address())?;
    let replay = admin.begin()?;
    live.run(&assent, WARM_UP).await?;
    let (at, settled) = (Instant::now(), admin.show(replay)?.settled());
    let cpu = assent.process().cpu()?;
    let beside = live.run(&assent, span).await?;
    let cpu = assent.process().cpu()?.saturating_sub(cpu);
    let replayed = admin.show(replay)?.settled() - settled;
    let per_second = float(replayed) / at.elapsed().as_secs_f64();
    if admin.show(replay)?.state != "running" {
        bail!("the replay was over before the load beside it");
    }
    assent.crash(&webhooks).await?;
    let admin = Admin::sign_in(assent.address())?;
    let done = admin.until_finished(replay).await?;
    let after = live.run(&assent, span).await?;
    for (at, name) in ["the destination of the replay", "another"].into_iter().enumerate() {
        let around = [percentile(&before[at], 0.99), percentile(&after[at], 0.99)];
        let middle = percentile(&beside[at], 0.99);
        report.figure(format!("live p99 at {name}, alone before and after"), "ms", &around, None);
        report.figure(format!("live p99 at {name}, beside the replay"), "ms", &[middle], None);
        let ratio = middle / (around[0] + around[1]) * 2.0;
        report.figure(format!("live p99 at {name}: beside to alone"), "×", &[ratio], Some(Bar::AtMost(1.1)));
    }
    report.figure("replayed while measured", "events/s", &[per_second], None);
    let own = cpu.saturating_sub(idle);
    report.figure("a replayed event, live load taken off", "CPU µs/event", &[micros_per_event(own, replayed)], None);
    check(&done, &target, loaded.accepted, report)
}

/// Who refused: their number is a multiple.
fn is_refused(number: u64) -> bool {
    (number % SUBJECTS).is_multiple_of(REFUSING)
}

/// A figure for a replay that sent what it must not, or less than it may, would be worth nothing.
fn check(done: &Shown, target: &Sink, history: u64, report: &mut Report) -> anyhow::Result<()> {
    let (mut missing, mut forbidden) = (0_u64, 0_u64);
    for number in 0..history {
        match (target.arrivals().moment_of(number).is_some(), is_refused(number)) {
            (false, false) => missing += 1,
            (true, true) => forbidden += 1,
            (true, false) | (false, true) => {}
        }
    }
    let permitted = (0..history).filter(|number| !is_refused(*number)).count();
    let text = format!(
        "{history} events in the lake, {permitted} permitted today: {missing} of those did not arrive, {forbidden} of the \
         others did; {} repeated after the crash; the replay itself says {:?}",
        target.arrivals().repeats(),
        done.results,
    );
    if missing + forbidden > 0 {
        bail!("{text}");
    }
    report.note(text);
    Ok(())
}

/// Waits until the lake has all of it, and compaction had its turn.
async fn landed(assent: &Assent, events: u64) -> anyhow::Result<()> {
    let until = Instant::now() + LANDED_MAX;
    while assent.lake_rows()?.rows < events {
        if Instant::now() > until {
            bail!("the lake does not have all events after {LANDED_MAX:?}");
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(Duration::from_secs(70)).await;
    Ok(())
}

/// A part of the visitors takes back what they granted.
fn refuse(address: SocketAddr) -> anyhow::Result<()> {
    for number in (0..SUBJECTS).filter(|number| is_refused(*number)) {
        let body = json!({
            "type": "track", "event": "Segment Consent Preference Updated", "anonymousId": subject(number),
            "context": {"consent": {"categoryPreferences": {"performance": false}}},
        });
        let headers = format!("Authorization: {AUTHORIZATION}\r\n");
        let (status, _, text) = ask(address, "POST /v1/track", &headers, &body)?;
        if status != 200 {
            bail!("a refusal was answered {status}: {text}");
        }
    }
    Ok(())
}

/// The live load, numbered on from phase to phase.
struct Live<'s> {
    sinks: [&'s Sink; 2],
    next: u64,
}

impl Live<'_> {
    /// For `span`; the waits at each sink.
    async fn run(&mut self, assent: &Assent, span: Duration) -> anyhow::Result<[Vec<f64>; 2]> {
        let plan = Plan::paced(assent.address(), LIVE_PER_SECOND, span).starting_at(self.next);
        let outcome: Outcome = drive(plan).await?;
        outcome.all_accepted()?;
        self.next = outcome.next;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let waits = self.sinks.map(|sink| waits_ms(&plan, &outcome, sink));
        let expected = (plan.first..outcome.next).filter(|number| !is_refused(*number)).count();
        if waits.iter().any(|waits| waits.len() < expected) {
            bail!("of {expected} live events {} and {} arrived", waits[0].len(), waits[1].len());
        }
        Ok(waits)
    }

    /// What the live load alone costs in a phase.
    async fn cpu_of(&mut self, assent: &Assent, span: Duration) -> anyhow::Result<Duration> {
        let before = assent.process().cpu()?;
        self.run(assent, span).await?;
        Ok(assent.process().cpu()?.saturating_sub(before))
    }
}

/// A replay as the API shows it.
struct Shown {
    state: String,
    results: BTreeMap<String, u64>,
}

impl Shown {
    fn settled(&self) -> u64 {
        self.results.values().sum()
    }
}

/// Somebody who is signed in.
struct Admin {
    address: SocketAddr,
    headers: String,
}

const REPLAYS: &str = "/api/v1/workspaces/bench/destinations/target/replays";

impl Admin {
    fn sign_in(address: SocketAddr) -> anyhow::Result<Self> {
        let body = json!({"name": "admin", "password": PASSWORD});
        let (status, head, text) = ask(address, "POST /api/v1/session", "", &body)?;
        if status != 200 {
            bail!("signing in was answered {status}: {text}");
        }
        let cookie = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim())
        });
        let cookie = cookie.context("signing in gave no cookie")?;
        Ok(Self { address, headers: format!("Cookie: {cookie}\r\nX-Assent: 1\r\n") })
    }

    fn begin(&self) -> anyhow::Result<u64> {
        let (status, _, text) = self.ask(&format!("POST {REPLAYS}"), &json!({"rate_per_s": RATE_PER_SECOND}))?;
        let begun: Value = serde_json::from_str(&text).unwrap_or_default();
        begun["number"]
            .as_u64()
            .filter(|_| status == 202)
            .with_context(|| format!("asking was answered {status}: {text}"))
    }

    fn show(&self, number: u64) -> anyhow::Result<Shown> {
        let (status, _, text) = self.ask(&format!("GET {REPLAYS}/{number}"), &Value::Null)?;
        let shown: Value = serde_json::from_str(&text).with_context(|| format!("answered {status}: {text}"))?;
        let rows = shown["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = |row: &Value| {
            let name = format!("{} {}", row["result"].as_str()?, row["reason"].as_str()?);
            Some((name.trim().to_owned(), row["count"].as_u64()?))
        };
        let state = shown["state"].as_str().unwrap_or_default().to_owned();
        Ok(Shown { state, results: rows.iter().filter_map(row).collect() })
    }

    async fn until_finished(&self, number: u64) -> anyhow::Result<Shown> {
        let until = Instant::now() + FINISHED_MAX;
        loop {
            let shown = self.show(number)?;
            if shown.state == "finished" {
                return Ok(shown);
            }
            if shown.state != "running" || Instant::now() > until {
                bail!("the replay is {} after {} events", shown.state, shown.settled());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn ask(&self, request: &str, body: &Value) -> anyhow::Result<(u16, String, String)> {
        ask(self.address, request, &self.headers, body)
    }
}

/// One request on a connection of its own: status, head and body.
fn ask(address: SocketAddr, request: &str, headers: &str, body: &Value) -> anyhow::Result<(u16, String, String)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let length = body.len();
    let whole = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(whole.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, rest) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
    Ok((status, head.to_owned(), rest.to_owned()))
}
