//! The one task that looks at the rules, keeps what it found, and sends what is to be told.
//!
//! Stored first, sent then: what a look decides is kept in one transaction with its notices, and only what is kept is
//! sent. When the store does not take it, the look did not happen, and the next one decides the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use control::{AlertChanges, AlertNotice, AlertSend, AlertSubject, NoticeKind, SendState, StoreError, Tenant};
use event::Millis;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use workspace::Alert;

use crate::channel::{self, Missed};
use crate::desk::{Alerts, Standings, new_id};
use crate::evaluate::{State, evaluate};
use crate::message::Message;

/// How long a stop waits for what is being sent.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// Between attempts.
const WAITS_S: [i64; 7] = [5, 15, 60, 300, 900, 1_800, 3_600];
/// After so long a notice is given up, whether it was tried or waited for others: it is no news any more.
const NEWS_MS_MAX: i64 = 2 * 3_600_000;
/// Notices sent at once: a receiver that hangs holds one place for ten seconds.
const AT_ONCE: usize = 8;

/// A notice and the way on which it goes: the number of the one, the place of the other.
type Way = (i64, usize);

/// Why something did not arrive, if it did not.
type Arrived = Result<(), Missed>;

/// What is under way.
#[derive(Default)]
struct Sending {
    open: BTreeMap<i64, AlertNotice>,
    in_flight: HashMap<Id, Way>,
    tasks: JoinSet<Arrived>,
}

impl Alerts {
    /// Looks and tells until it is stopped.
    pub async fn run(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.options.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sending = Sending::default();
        let mut is_loaded = false;
        // Told once, not at each look.
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = sending.tasks.join_next_with_id(), if !sending.tasks.is_empty() => {
                    self.settle(&mut sending, done).await;
                }
                _ = ticks.tick() => {
                    let looked = self.look(&mut sending, &mut is_loaded).await;
                    if let Err(error) = &looked && !is_failing {
                        tracing::error!(%error, "alerts are not looked at: the state does not take what they find");
                    }
                    is_failing = looked.is_err();
                }
            }
            self.give_up_old(&mut sending).await;
            self.send_due(&mut sending);
        }
        // What does not end in time is sent again after the next start.
        let ending = async {
            while let Some(done) = sending.tasks.join_next_with_id().await {
                self.settle(&mut sending, done).await;
            }
        };
        drop(tokio::time::timeout(STOP_WITHIN, ending).await);
    }

    async fn look(&self, sending: &mut Sending, is_loaded: &mut bool) -> Result<(), StoreError> {
        if !*is_loaded {
            self.load(sending).await?;
            *is_loaded = true;
        }
        self.look_once(&mut sending.open).await
    }

    /// Takes up what the last run left.
    async fn load(&self, sending: &mut Sending) -> Result<(), StoreError> {
        let store = &self.options.store;
        let mut known = BTreeMap::new();
        for (subject, text) in store.alert_states().await? {
            match serde_json::from_str::<State>(&text) {
                // Nobody has looked while the server was down.
                Ok(state) => drop(known.insert(subject, (state.unwatched(), None))),
                Err(error) => {
                    tracing::warn!(%error, alert = subject.alert, "a state of an alert cannot be read and begins anew");
                }
            }
        }
        sending.open = store.open_notices().await?.into_iter().map(|notice| (notice.id, notice)).collect();
        *self.states.lock().expect("no holder of the states panics") = known;
        Ok(())
    }

    /// Looks at every rule of every workspace once.
    async fn look_once(&self, open: &mut BTreeMap<i64, AlertNotice>) -> Result<(), StoreError> {
        let before = self.states.lock().expect("no holder of the states panics").clone();
        let now = self.options.clock.now();
        let mut after = BTreeMap::new();
        let mut changes = AlertChanges::default();
        for tenant in self.options.directory.tenants() {
            for rule in tenant.workspace.watched().filter(|rule| rule.enabled) {
                self.look_at(&tenant, &rule, (&before, &mut after), (now, &mut changes.notices));
            }
        }
        let was = |subject: &AlertSubject| before.get(subject).map(|(state, _)| *state).unwrap_or_default();
        for (subject, (state, _)) in &after {
            if *state != was(subject) {
                let text = serde_json::to_string(state).expect("a state is plain values");
                changes.states.push((subject.clone(), Some(text)));
            }
        }
        changes
            .states
            .extend(before.keys().filter(|subject| !after.contains_key(*subject)).map(|gone| (gone.clone(), None)));
        if !changes.states.is_empty() || !changes.notices.is_empty() {
            let ids = self.options.store.change_alerts(&changes).await?;
            for (id, notice) in ids.into_iter().zip(changes.notices) {
                told(&notice);
                if notice.is_open() {
                    open.insert(id, AlertNotice { id, ..notice });
                }
            }
        }
        *self.states.lock().expect("no holder of the states panics") = after;
        Ok(())
    }

    /// Looks at one rule. What it was about and is no more (a destination that is gone) is over.
    fn look_at(
        &self,
        tenant: &Tenant,
        rule: &Alert,
        (before, after): (&Standings, &mut Standings),
        (now, notices): (Millis, &mut Vec<AlertNotice>),
    ) {
        let subject = |about: &str| AlertSubject {
            workspace: tenant.name().to_string(),
            alert: rule.name.to_string(),
            about: about.to_owned(),
        };
        let figures = (self.options.figures)(tenant, &rule.condition, now);
        for figure in &figures {
            let subject = subject(&figure.about);
            let stood = before.get(&subject).map(|(state, _)| *state).unwrap_or_default();
            let (state, kind) = evaluate(rule, figure.value, stood, now);
            notices.extend(kind.map(|kind| made(rule, subject.clone(), (kind, figure.value), now)));
            if state != State::AtRest {
                after.insert(subject, (state, figure.value));
            }
        }
        let own = before
            .range(subject("")..)
            .take_while(|(known, _)| known.alert == rule.name.as_str() && known.workspace == *tenant.name());
        for (gone, (state, _)) in own.filter(|(known, _)| figures.iter().all(|figure| figure.about != known.about)) {
            if matches!(state, State::Firing { .. }) {
                notices.push(made(rule, gone.clone(), (NoticeKind::Resolved, None), now));
            }
        }
    }

    /// Gives up what is no news any more: what is too old, and what says once more that an alert fires when there is
    /// something newer to say about it.
    async fn give_up_old(&self, sending: &mut Sending) {
        let now = self.options.clock.now();
        let mut latest: HashMap<AlertSubject, i64> = HashMap::new();
        for (id, notice) in &sending.open {
            latest.insert(notice.subject.clone(), *id);
        }
        let mut given_up = Vec::new();
        for (id, notice) in &mut sending.open {
            let is_old = now.0 - notice.at.0 > NEWS_MS_MAX;
            let is_followed = notice.kind == NoticeKind::Repeated && latest.get(&notice.subject) != Some(id);
            let under_way: BTreeSet<usize> =
                sending.in_flight.values().filter(|way| way.0 == *id).map(|way| way.1).collect();
            let is_waiting =
                |send: &&mut AlertSend| send.state == SendState::Waiting && !under_way.contains(&send.channel);
            let mut is_changed = false;
            for send in notice.sends.iter_mut().filter(is_waiting).filter(|_| is_old || is_followed) {
                let reason = if is_old { "it waited for too long" } else { "a newer notice took its place" };
                (send.state, send.at) = (SendState::Failed, now);
                send.error.get_or_insert_with(|| reason.to_owned());
                is_changed = true;
            }
            if is_changed {
                given_up.push(notice.clone());
            }
        }
        for notice in given_up {
            self.keep(sending, &notice).await;
        }
    }

    /// Keeps what became of a notice.
    async fn keep(&self, sending: &mut Sending, notice: &AlertNotice) {
        if let Err(error) = self.options.store.note_sends(notice).await {
            tracing::error!(%error, "what became of a notification is not kept: after a restart it may be sent again");
        }
        if !notice.is_open() {
            sending.open.remove(&notice.id);
        }
    }

    /// Begins to send what is due. A way gets the notices about one thing in their order.
    fn send_due(&self, sending: &mut Sending) {
        let now = self.options.clock.now();
        let mut taken: BTreeSet<(AlertSubject, usize)> = BTreeSet::new();
        for (id, notice) in &sending.open {
            for send in notice.sends.iter().filter(|send| send.state == SendState::Waiting) {
                let is_first = taken.insert((notice.subject.clone(), send.channel));
                let way = (*id, send.channel);
                let is_under_way = sending.in_flight.values().any(|other| *other == way);
                if !is_first || send.at > now || is_under_way || sending.in_flight.len() >= AT_ONCE {
                    continue;
                }
                let task = sending.tasks.spawn(attempt(self.clone(), notice.clone(), send.channel));
                sending.in_flight.insert(task.id(), way);
            }
        }
    }

    async fn settle(&self, sending: &mut Sending, done: Result<(Id, Arrived), JoinError>) {
        let (task, result) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Err("the attempt ended without a result".into())),
        };
        let Some(way) = sending.in_flight.remove(&task) else { return };
        let Some(notice) = sending.open.get_mut(&way.0) else { return };
        let now = self.options.clock.now();
        if let Some(send) = notice.sends.iter_mut().find(|send| send.channel == way.1) {
            note(send, result, now);
            if send.state == SendState::Failed {
                let (alert, to, error) = (&notice.subject.alert, &send.to, send.error.as_deref().unwrap_or_default());
                tracing::error!(alert, to, error, "a notification was given up");
            }
        }
        let notice = notice.clone();
        self.keep(sending, &notice).await;
    }
}

/// What an attempt did to a send.
fn note(send: &mut AlertSend, result: Arrived, now: Millis) {
    let wait = usize::try_from(send.attempts).ok().and_then(|before| WAITS_S.get(before));
    send.attempts += 1;
    let (error, left) = match result {
        Ok(()) => (None, Vec::new()),
        // Nothing new arrived: whom it had not reached before it has not reached now.
        Err(Missed { error, left }) if left.is_empty() => (Some(error), std::mem::take(&mut send.left)),
        Err(Missed { error, left }) => (Some(error), left),
    };
    (send.state, send.at) = match (&error, wait) {
        (None, _) => (SendState::Sent, now),
        (Some(_), Some(wait)) => (SendState::Waiting, Millis(now.0 + wait * 1_000)),
        (Some(_), None) => (SendState::Failed, now),
    };
    (send.error, send.left) = (error, left);
}

fn made(rule: &Alert, subject: AlertSubject, (kind, figure): (NoticeKind, Option<f64>), now: Millis) -> AlertNotice {
    let send = |(channel, way)| AlertSend {
        channel,
        to: channel::label(way),
        attempts: 0,
        state: SendState::Waiting,
        at: now,
        left: Vec::new(),
        error: None,
    };
    AlertNotice {
        id: 0,
        subject,
        kind,
        at: now,
        figure,
        above: rule.condition.above(),
        unit: rule.condition.unit().to_owned(),
        message_id: new_id(),
        sends: rule.notify.iter().enumerate().map(send).collect(),
    }
}

/// The log knows too: it is there when no way is.
fn told(notice: &AlertNotice) {
    let AlertSubject { workspace, alert, about } = &notice.subject;
    let figure = notice.figure.unwrap_or_default();
    match notice.kind {
        NoticeKind::Firing | NoticeKind::Repeated => {
            tracing::warn!(workspace, alert, about, figure, "an alert is firing");
        }
        NoticeKind::Resolved => tracing::info!(workspace, alert, about, figure, "an alert is resolved"),
    }
}

/// One attempt, by the rule as it is now: its address may have been repaired meanwhile.
async fn attempt(alerts: Alerts, notice: AlertNotice, channel: usize) -> Arrived {
    let tenant: Option<Arc<Tenant>> = alerts.options.directory.tenant(&notice.subject.workspace);
    let rule = tenant
        .as_ref()
        .and_then(|tenant| tenant.workspace.alerts.iter().find(|rule| rule.name.as_str() == notice.subject.alert));
    let send = notice.sends.iter().find(|send| send.channel == channel);
    let left = send.map(|send| send.left.clone()).unwrap_or_default();
    let Some((rule, channel)) = rule.and_then(|rule| Some((rule, rule.notify.get(channel)?))) else {
        return Err("the alert has no such way any more".into());
    };
    let options = &alerts.options;
    let (when, public_url) = (rule.condition.kind(), options.public_url.as_deref());
    let message = Message { notice: &notice, when, public_url, is_test: false };
    channel::send(channel, (&message, &left), options.mailer.as_ref(), options.clock.now()).await
}
