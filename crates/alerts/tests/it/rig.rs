//! A workspace with one alert, a figure that a test sets, and alerts that can be stopped and started again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alerts::{Alerts, Figure};
use control::{ApplyOptions, Configuration, ConfigurationOptions, Kinds, Principal, Sqlite, Store, WorkspaceFile};
use event::{Clock, Millis};
use testkit::clock::HandClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Long enough for any machine.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct AnyKind;

impl Kinds for AnyKind {
    fn secrets(&self, _: &str) -> Option<Vec<&'static str>> {
        None
    }

    fn addresses(&self, _: &str) -> Option<Vec<&'static str>> {
        None
    }

    fn check(&self, _: &workspace::Destination) -> Result<(), String> {
        Ok(())
    }

    fn check_alert(&self, alert: &workspace::Alert) -> Result<(), String> {
        alerts::check(alert)
    }
}

pub(crate) struct Rig {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HandClock,
    pub(crate) configuration: Arc<Configuration>,
    /// What is watched, with its figure.
    pub(crate) figures: Arc<Mutex<BTreeMap<String, f64>>>,
    looks: Arc<AtomicUsize>,
    _directory: tempfile::TempDir,
}

pub(crate) struct Run {
    pub(crate) alerts: Alerts,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Run {
    /// As a server that ends.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("it ends by itself");
    }
}

impl Rig {
    /// An alert `late` that tells this URL at once.
    pub(crate) async fn new(url: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&directory.path().join("state.db")).await.expect("a store"));
        let clock = HandClock::at(Millis(1_795_298_400_000));
        let options = ConfigurationOptions {
            store: Arc::clone(&store),
            keys: vault::Keys::default(),
            env: Arc::new(|_| None),
            kinds: Arc::new(AnyKind),
            clock: Arc::new(clock.clone()),
        };
        let configuration = Configuration::open(options).await.expect("nothing to serve yet");
        let rig =
            Self { store, clock, configuration, figures: Arc::default(), looks: Arc::default(), _directory: directory };
        rig.apply(&format!("[{{ webhook: {{ url: \"{url}\", secret: {SECRET}, allow_private: true }} }}]")).await;
        rig
    }

    pub(crate) async fn apply(&self, notify: &str) {
        let yaml = format!(
            "workspace: acme\nalerts:\n  - {{ name: late, when: oldest_waiting, above_minutes: 10, for_minutes: 0, notify: {notify} }}\n"
        );
        let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml };
        let applied =
            self.configuration.apply(&Principal::local("test"), &[file], ApplyOptions::once(true, false)).await;
        applied.expect("applied");
    }

    pub(crate) fn start(&self) -> Run {
        let (figures, looks) = (Arc::clone(&self.figures), Arc::clone(&self.looks));
        let alerts = Alerts::new(alerts::Options {
            store: Arc::clone(&self.store),
            directory: Arc::clone(self.configuration.directory()),
            clock: Arc::new(self.clock.clone()) as Arc<dyn Clock>,
            figures: Arc::new(move |_, _, _| {
                looks.fetch_add(1, Ordering::SeqCst);
                let figures = figures.lock().expect("no holder panics");
                figures.iter().map(|(about, figure)| Figure { about: about.clone(), value: Some(*figure) }).collect()
            }),
            mailer: None,
            public_url: Some("https://assent.example".to_owned()),
            look_every: Duration::from_millis(5),
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (alerts, stop) = (alerts.clone(), stop.clone());
            async move { alerts.run(stop).await }
        });
        Run { alerts, stop, task }
    }

    pub(crate) fn set(&self, about: &str, figure: f64) {
        self.figures.lock().expect("no holder panics").insert(about.to_owned(), figure);
    }

    /// Waits until the rule was looked at some times more.
    pub(crate) async fn looks(&self) {
        let before = self.looks.load(Ordering::SeqCst);
        let looked = async {
            while self.looks.load(Ordering::SeqCst) < before + 5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WITHIN, looked).await.expect("it is looked at");
    }

    /// How the ways of all notices stand, oldest first.
    pub(crate) async fn sends(&self) -> Vec<(&'static str, control::SendState, u32)> {
        let notices = self.store.notices("acme", None, 100).await.expect("reads");
        let of = |notice: &control::AlertNotice| {
            let send = &notice.sends[0];
            (notice.kind.name(), send.state, send.attempts)
        };
        notices.iter().rev().map(of).collect()
    }

    /// Waits until no notice is to be sent any more.
    pub(crate) async fn settled(&self) {
        let settled = async {
            while !self.store.open_notices().await.expect("reads").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WITHIN, settled).await.expect("everything is sent or given up");
    }
}
