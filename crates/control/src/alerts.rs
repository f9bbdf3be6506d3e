//! What alerts have found and what was told of it, as it is stored: a restart must neither tell again what was told nor
//! forget what was not.

use async_trait::async_trait;
use event::Millis;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Notices kept for one workspace.
pub const NOTICES_MAX: u32 = 500;

/// What an alert is about: itself, and one destination or source; `about` is empty where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertSubject {
    /// The workspace.
    pub workspace: String,
    /// The alert.
    pub alert: String,
    /// The destination or source.
    pub about: String,
}

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The condition holds for as long as the rule asks.
    Firing,
    /// It still does.
    Repeated,
    /// It is over, for as long as the rule asks.
    Resolved,
}

impl NoticeKind {
    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Firing, Self::Repeated, Self::Resolved].into_iter().find(|kind| kind.name() == name)
    }
}

/// What became of a notice on one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSend {
    /// The place of the way in the rule, when the notice was made.
    pub channel: usize,
    /// Where it goes, for people: a host, or how many addresses. Neither a path nor an address.
    pub to: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether it is still to be sent.
    pub state: SendState,
    /// When it is tried next, or was settled.
    pub at: Millis,
    /// Of an e-mail that arrived at some of its addresses: the places of the others. Empty: all are meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<usize>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether a notice is still to be sent on one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendState {
    /// It is.
    Waiting,
    /// It arrived.
    Sent,
    /// It was given up.
    Failed,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertNotice {
    /// Its number, never used twice; 0 before it is stored.
    pub id: i64,
    /// What it is about.
    pub subject: AlertSubject,
    /// Why.
    pub kind: NoticeKind,
    /// When.
    pub at: Millis,
    /// The figure of that moment; `None` when nothing could be counted.
    pub figure: Option<f64>,
    /// The rule's threshold of that moment.
    pub above: f64,
    /// What both count.
    pub unit: String,
    /// Tells a repetition from another notice, in every attempt.
    pub message_id: String,
    /// The ways.
    pub sends: Vec<AlertSend>,
}

impl AlertNotice {
    /// Whether something of it is still to be sent.
    pub fn is_open(&self) -> bool {
        self.sends.iter().any(|send| send.state == SendState::Waiting)
    }
}

/// Changes that are made together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertChanges {
    /// States from now on, as text; `None`: at rest.
    pub states: Vec<(AlertSubject, Option<String>)>,
    /// What is told of it.
    pub notices: Vec<AlertNotice>,
}

/// The store's part for them.
#[async_trait]
pub trait AlertStore {
    /// All states, of all workspaces.
    async fn alert_states(&self) -> Result<Vec<(AlertSubject, String)>, StoreError>;

    /// Makes changes, all or none. Returns the numbers of the notices. The oldest beyond [`NOTICES_MAX`] of a workspace go,
    /// but none that is still to be told.
    async fn change_alerts(&self, changes: &AlertChanges) -> Result<Vec<i64>, StoreError>;

    /// What became of a notice.
    async fn note_sends(&self, notice: &AlertNotice) -> Result<(), StoreError>;

    /// Notices of which something is still to be sent, oldest first, of all workspaces.
    async fn open_notices(&self) -> Result<Vec<AlertNotice>, StoreError>;

    /// The newest notices of a workspace before this number, newest first.
    async fn notices(&self, workspace: &str, before: Option<i64>, most: u32) -> Result<Vec<AlertNotice>, StoreError>;
}
