//! What the server hands in, and what the API sees of alerts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use control::{AlertNotice, AlertSubject, Directory, NoticeKind, Store, Tenant};
use event::{Clock, Millis};
use workspace::{Alert, Condition};

use crate::channel;
use crate::evaluate::State;
use crate::mail::Mailer;
use crate::message::Message;

/// The figure of a condition for one destination or source.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which; empty where there is none.
    pub about: String,
    /// The figure; `None`: it is not known.
    pub value: Option<f64>,
}

/// Says how things are: one figure for each destination or source that a condition watches.
pub type Figures = Arc<dyn Fn(&Tenant, &Condition, Millis) -> Vec<Figure> + Send + Sync>;

/// What alerts need.
pub struct Options {
    /// Where states and notices are kept.
    pub store: Arc<dyn Store>,
    /// The workspaces, with their rules.
    pub directory: Arc<Directory>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Says how things are.
    pub figures: Figures,
    /// The way to send e-mail, where the server has one.
    pub mailer: Option<Mailer>,
    /// Where browsers reach the console.
    pub public_url: Option<String>,
    /// How often rules are looked at.
    pub look_every: Duration,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Options(…)")
    }
}

/// How a rule stands about one thing, when it is not at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The rule.
    pub alert: String,
    /// The destination or source; empty where there is none.
    pub about: String,
    /// How it stands.
    pub state: State,
    /// The figure of the last look.
    pub figure: Option<f64>,
}

/// What came of a trial on one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The way, as it is shown.
    pub to: String,
    /// Why it did not arrive.
    pub error: Option<String>,
}

/// How rules stand that are not at rest, with the figure of the last look.
pub(crate) type Standings = BTreeMap<AlertSubject, (State, Option<f64>)>;

/// Alerts of all workspaces. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alerts {
    pub(crate) options: Arc<Options>,
    pub(crate) states: Arc<Mutex<Standings>>,
}

impl Alerts {
    /// Alerts that nobody looks after yet: [`Alerts::run`] does.
    pub fn new(options: Options) -> Self {
        Self { options: Arc::new(options), states: Arc::default() }
    }

    /// What is not at rest in a workspace, by rule and what it is about.
    pub fn standing(&self, workspace: &str) -> Vec<Standing> {
        let states = self.states.lock().expect("no holder of the states panics");
        let of = states.iter().filter(|(subject, _)| subject.workspace == workspace);
        of.map(|(subject, (state, figure))| Standing {
            alert: subject.alert.clone(),
            about: subject.about.clone(),
            state: *state,
            figure: *figure,
        })
        .collect()
    }

    /// Whether this server can send e-mail.
    pub fn sends_email(&self) -> bool {
        self.options.mailer.is_some()
    }

    /// Sends a notice that is marked as a test on each way of a rule, with made-up figures.
    pub async fn test(&self, workspace: &str, rule: &Alert) -> Vec<Tried> {
        let now = self.options.clock.now();
        let about = match &rule.condition {
            Condition::FailureRate { destination: watched, .. }
            | Condition::OldestWaiting { destination: watched, .. }
            | Condition::UntoldWithdrawals { destination: watched, .. }
            | Condition::Refusals { source: watched, .. }
            | Condition::NoChoices { source: watched, .. } => watched.as_ref().map(ToString::to_string),
            Condition::Disk { .. } => None,
        };
        let (workspace, alert) = (workspace.to_owned(), rule.name.to_string());
        let notice = AlertNotice {
            id: 0,
            subject: AlertSubject { workspace, alert, about: about.unwrap_or_default() },
            kind: NoticeKind::Firing,
            at: now,
            figure: Some(rule.condition.above() + 1.0),
            above: rule.condition.above(),
            unit: rule.condition.unit().to_owned(),
            message_id: new_id(),
            sends: Vec::new(),
        };
        let (when, public_url) = (rule.condition.kind(), self.options.public_url.as_deref());
        let message = Message { notice: &notice, when, public_url, is_test: true };
        let mut tried = Vec::with_capacity(rule.notify.len());
        for way in &rule.notify {
            let sent = channel::send(way, (&message, &[]), self.options.mailer.as_ref(), now).await;
            tried.push(Tried { to: channel::label(way), error: sent.err().map(|missed| missed.error) });
        }
        tried
    }
}

/// Tells a repetition of a notice from another notice.
pub(crate) fn new_id() -> String {
    format!("alert_{}", event::new_message_id())
}
