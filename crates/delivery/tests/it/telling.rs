//! Telling destinations of refusals: once, again after a failure and after a crash, and not for ever.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consent::Choice;
use control::{
    Action, ApplyOptions, AuditQuery, ChoiceMade, Directory, Kinds, Method, Principal, Recorder, Site, Sqlite, Store,
    Tenant, WorkspaceFile,
};
use delivery::{
    BacklogBudget, Delivery, Held, Metrics, Observer, Options, RetryPolicy, TellerOptions, UntoldWithdrawals,
    WaitingLimits,
};
use event::{Clock, Millis, Pii};
use eventlog::memory::MemoryLog;
use serde_json::Value;
use testkit::clock::HandClock;
use testkit::vendor::{Received, Reply, Vendor};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vault::Keys;

use crate::rig::KIND;

/// 2026-11-20T12:00:00Z, a Friday.
const FRIDAY: Millis = Millis(1_795_176_000_000);
const DAY_MS: i64 = 86_400_000;

#[derive(Debug)]
struct AnyKind;

impl Kinds for AnyKind {
    fn secrets(&self, _: &str) -> Option<Vec<&'static str>> {
        Some(Vec::new())
    }

    fn addresses(&self, _: &str) -> Option<Vec<&'static str>> {
        Some(Vec::new())
    }

    fn check(&self, _: &workspace::Destination) -> Result<(), String> {
        Ok(())
    }

    fn check_alert(&self, _: &workspace::Alert) -> Result<(), String> {
        Ok(())
    }
}

/// A server's worth of state, and nothing that is sent yet.
struct Scene {
    data: tempfile::TempDir,
    store: Arc<dyn Store>,
    keys: Keys,
    directory: Arc<Directory>,
    recorder: Recorder,
    clock: HandClock,
}

/// Somebody who tells.
struct Teller {
    delivery: Arc<Delivery>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Teller {
    /// Whatever it is at.
    async fn die(self) {
        self.task.abort();
        drop(self.task.await);
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("it ends");
        self.delivery.shutdown(Duration::from_secs(5)).await;
    }
}

fn yaml(urls: &[String]) -> String {
    let rows = urls.iter().enumerate().map(|(number, url)| {
        format!(
            "  - {{ name: d{number}, kind: test, sources: [web], categories: [performance], purpose: analytics, \
             recipient: service_provider, withdrawals: tell, settings: {{ url: \"{url}\", events_max: 1 }} }}\n"
        )
    });
    let head = "workspace: acme\nsources: [{ name: web, kind: browser }]\n";
    let rows: String = rows.collect();
    if rows.is_empty() { head.to_owned() } else { format!("{head}destinations:\n{rows}") }
}

async fn tenants(store: &Arc<dyn Store>, keys: &Keys, urls: &[String]) -> Vec<Arc<Tenant>> {
    let site = Site { store: &**store, env: &|_| None, kinds: &AnyKind, now: FRIDAY };
    let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml: yaml(urls) };
    let applied = control::apply(site, &Principal::local("test"), &[file], ApplyOptions::at_start(true)).await;
    applied.expect("applies");
    control::load(store, keys, &|_| None, FRIDAY).await.expect("loads")
}

impl Scene {
    /// A workspace with destinations `d0`, `d1`, … of these URLs, which are all told, and `u-1` who withdrew.
    async fn new(urls: &[String]) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let scene = Self::open(data, urls).await;
        scene.say("u-1", true).await;
        scene.say("u-1", false).await;
        scene
    }

    async fn open(data: tempfile::TempDir, urls: &[String]) -> Self {
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&file(data.path())).await.expect("opens"));
        let (keys, directory) = (Keys::default(), Arc::new(Directory::default()));
        directory.replace(tenants(&store, &keys, urls).await);
        let recorder = Recorder::start(Arc::clone(&store), keys.clone());
        Self { data, store, keys, directory, recorder, clock: HandClock::at(FRIDAY) }
    }

    /// Everything anew but the files, as after a crash.
    async fn crash(self, urls: &[String]) -> Self {
        let now = self.clock.now();
        let again = Self::open(self.data, urls).await;
        again.clock.advance_ms(now.0 - FRIDAY.0);
        again
    }

    async fn configure(&self, urls: &[String]) {
        self.directory.replace(tenants(&self.store, &self.keys, urls).await);
    }

    /// Somebody grants or refuses `performance`.
    async fn say(&self, user: &str, grants: bool) {
        self.clock.advance_ms(1);
        let tenant = self.directory.tenant("acme").expect("is served");
        let category = tenant.gate.rules().categories.key("performance");
        let made = ChoiceMade {
            choice: Choice::partial(&tenant.gate.rules().categories, [(category, grants)]),
            tenant,
            anonymous_id: None,
            user_id: Some(Pii::new(user.to_owned())),
            method: Method::Event,
            source: "web".parse().expect("a slug"),
            message_id: None,
            made_at: None,
            received_at: self.clock.now(),
            presented: None,
        };
        self.recorder.record(made).await.expect("records");
    }

    async fn delivery(&self) -> Arc<Delivery> {
        let options = Options {
            log: Arc::new(MemoryLog::new(1)),
            directory: Arc::clone(&self.directory),
            registry: Arc::new(|slug| (slug == "test").then_some(&KIND)),
            data_dir: self.data.path().join("delivery"),
            clock: Arc::new(self.clock.clone()),
            tracer: event::Tracer::default(),
            observer: Observer { wanted: Arc::new(|| false), tell: Arc::new(|_| {}) },
            metrics: Metrics::default(),
            echoes: Arc::default(),
            backlog: BacklogBudget::default(),
            retry: RetryPolicy { first_ms: 1_000, wait_ms_max: 60_000, ..RetryPolicy::default() },
            waiting: WaitingLimits::default(),
            seed: 7,
            history: None,
        };
        Arc::new(Delivery::start(options).await.expect("starts"))
    }

    async fn tell(&self) -> Teller {
        self.tell_by(self.delivery().await, Duration::from_millis(5))
    }

    fn tell_by(&self, delivery: Arc<Delivery>, look_every: Duration) -> Teller {
        let stop = CancellationToken::new();
        let options = TellerOptions { store: Arc::clone(&self.store), keys: self.keys.clone(), look_every };
        let task = tokio::spawn({
            let (delivery, stop) = (Arc::clone(&delivery), stop.clone());
            async move { delivery.tell_withdrawals(options, stop).await }
        });
        Teller { delivery, stop, task }
    }

    async fn waiting(&self) -> u64 {
        self.store.untold().await.expect("counts").iter().map(|count| count.waiting).sum()
    }

    /// Waits until so many are untold.
    async fn waits(&self, untold: u64) {
        for _ in 0..2_000 {
            if self.waiting().await == untold {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("{} are untold", self.waiting().await);
    }

    /// Waits until so many attempts to tell the first that is untold have failed.
    async fn failed(&self, attempts: u32) {
        for _ in 0..2_000 {
            let count = self.store.untold().await.expect("counts").remove(0);
            let due = self.store.due_tellings(&count.of, Millis(i64::MAX), 1).await.expect("reads");
            if due[0].attempts == attempts {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("it did not fail {attempts} times");
    }
}

fn file(data: &Path) -> std::path::PathBuf {
    data.join("state.db")
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("JSON")
}

fn message_ids(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|one| body(one)["messageId"].as_str().expect("a text").to_owned()).collect()
}

fn untold(teller: &Teller) -> UntoldWithdrawals {
    teller.delivery.overview()[0].untold
}

// Obligation 19.
#[tokio::test]
async fn a_destination_is_told_once_who_withdrew_what_and_when() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let scene = Scene::new(&[vendor.url()]).await;
    let teller = scene.tell().await;
    let told = body(&vendor.wait_for(1).await[0]);
    assert_eq!(
        told,
        serde_json::json!({
            "type": "track", "event": "Segment Consent Preference Updated", "messageId": told["messageId"],
            "timestamp": scene.clock.now().to_string(), "userId": "u-1",
            "context": { "consent": { "categoryPreferences": { "performance": false } } },
            "properties": { "refused": ["performance"] },
        })
    );
    scene.waits(0).await;
    teller.end().await;
    let again = scene.tell().await;
    // Somebody else's comes, and only that.
    scene.say("u-2", true).await;
    scene.say("u-2", false).await;
    let received = vendor.wait_for(2).await;
    scene.waits(0).await;
    again.end().await;
    assert_eq!((vendor.received().len(), &body(&received[1])["userId"]), (2, &Value::from("u-2")));
}

/// The choice is on disk and the server dies before it tells anybody; then it dies between the answer and its note.
#[tokio::test]
async fn a_crash_tells_again_with_the_same_id_and_forgets_nothing() {
    let vendor = Vendor::start([Reply::never()]).await;
    let urls = [vendor.url()];
    let scene = Scene::new(&urls).await;
    let scene = scene.crash(&urls).await;
    let teller = scene.tell().await;
    vendor.wait_for(1).await;
    teller.die().await;
    vendor.script([Reply::status(200)]);
    let scene = scene.crash(&urls).await;
    let teller = scene.tell().await;
    let received = vendor.wait_for(2).await;
    scene.waits(0).await;
    teller.end().await;
    assert_eq!(message_ids(&received).len(), 1, "the receiver can tell that it is the same");
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_and_not_before_the_receiver_wants() {
    let busy = Reply::status(429).header("retry-after", "100");
    let vendor = Vendor::start([Reply::status(500), Reply::status(404), busy, Reply::status(200)]).await;
    let scene = Scene::new(&[vendor.url()]).await;
    let teller = scene.tell().await;
    for attempts in 1..=2 {
        scene.failed(attempts).await;
        scene.clock.advance_ms(60_001);
    }
    scene.failed(3).await;
    let count = scene.store.untold().await.expect("counts").remove(0);
    let due = async |ms| {
        let at = Millis(scene.clock.now().0 + ms);
        scene.store.due_tellings(&count.of, at, 9).await.expect("reads").len()
    };
    assert_eq!((due(99_000).await, due(101_000).await), (0, 1), "it asked for 100 seconds");
    assert_eq!(vendor.received().len(), 3);
    scene.clock.advance_ms(101_000);
    let received = vendor.wait_for(4).await;
    scene.waits(0).await;
    teller.end().await;
    assert_eq!(message_ids(&received).len(), 1);
}

#[tokio::test]
async fn one_that_hangs_holds_up_no_other() {
    let (hangs, works) = (Vendor::start([Reply::never()]).await, Vendor::start([Reply::status(200)]).await);
    let scene = Scene::new(&[hangs.url(), works.url()]).await;
    for user in ["u-2", "u-3", "u-4", "u-5", "u-6"] {
        scene.say(user, true).await;
        scene.say(user, false).await;
    }
    let teller = scene.tell().await;
    works.wait_for(6).await;
    scene.waits(6).await;
    assert_eq!(hangs.wait_for(4).await.len(), 4, "as many as it has places");
    teller.die().await;
}

#[tokio::test]
async fn after_fifteen_business_days_it_is_given_up_with_a_record() {
    let vendor = Vendor::start([Reply::status(500)]).await;
    let scene = Scene::new(&[vendor.url()]).await;
    let teller = scene.tell().await;
    scene.failed(1).await;
    // A Friday, three weeks later: the fifteenth business day.
    scene.clock.advance_ms(21 * DAY_MS);
    scene.failed(2).await;
    assert!(untold(&teller).given_up.is_none());
    scene.clock.advance_ms(3 * DAY_MS);
    scene.waits(0).await;
    for _ in 0..2_000 {
        if untold(&teller).given_up.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(untold(&teller).given_up.is_some(), "the alert goes by it");
    let query = AuditQuery { action: Some(Action::GiveUp.name().to_owned()), ..AuditQuery::default() };
    let records = scene.store.audit(&query).await.expect("reads");
    let after = records[0].after.as_ref().expect("says what");
    assert_eq!((records[0].object.as_str(), after["given_up"].as_u64()), ("d0", Some(1)));
    assert!(after["why"].as_str().expect("a text").contains("fifteen"));
    teller.end().await;
}

#[tokio::test]
async fn what_is_taken_back_or_has_nobody_to_be_told_to_ends_untold() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let scene = Scene::new(&[vendor.url()]).await;
    scene.say("u-1", true).await;
    let teller = scene.tell().await;
    scene.waits(0).await;
    teller.end().await;
    scene.say("u-1", false).await;
    // Another one of that name, made in between, is told nothing of what came before it.
    scene.configure(&[]).await;
    scene.configure(&[vendor.url()]).await;
    let teller = scene.tell().await;
    scene.waits(0).await;
    teller.end().await;
    assert!(vendor.received().is_empty(), "nobody was told");
}

#[tokio::test]
async fn who_is_paused_is_told_when_it_goes_on() {
    let (paused, works) = (Vendor::start([Reply::status(200)]).await, Vendor::start([Reply::status(200)]).await);
    let scene = Scene::new(&[paused.url(), works.url()]).await;
    let delivery = scene.delivery().await;
    let held = Held { since: Millis(7), by: "ada".to_owned() };
    delivery.pause("acme", "d0", held).await.expect("paused");
    let teller = scene.tell_by(delivery, Duration::from_millis(5));
    works.wait_for(1).await;
    // Somebody else's, at a later look, which looks at both.
    scene.say("u-2", true).await;
    scene.say("u-2", false).await;
    works.wait_for(2).await;
    scene.waits(2).await;
    assert!(paused.received().is_empty(), "nothing goes to who is paused");
    teller.delivery.resume("acme", "d0").await.expect("resumed");
    paused.wait_for(2).await;
    scene.waits(0).await;
    teller.end().await;
}

/// Looks at every moment, so that many of them fall between the commit of a choice and the gate's learning of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_while_choices_are_recorded_is_told_of_each() {
    const USERS: usize = 300;
    let vendor = Vendor::start([Reply::status(200)]).await;
    let scene = Scene::new(&[vendor.url()]).await;
    let teller = scene.tell_by(scene.delivery().await, Duration::from_micros(20));
    for user in 0..USERS {
        let user = format!("withdraws-{user}");
        scene.say(&user, true).await;
        scene.say(&user, false).await;
    }
    scene.waits(0).await;
    teller.end().await;
    assert_eq!(message_ids(&vendor.received()).len(), 1 + USERS);
}
