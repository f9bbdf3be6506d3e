//! From the text of a body to records in the log: the one path of every event.
//!
//! Order matters here. The key says whose rules hold. A choice is recorded before the rule about collecting is asked,
//! so that it counts for its own event and for those behind it in the batch. Everything that may be stored goes to
//! the log in one append; only when that returns is anything counted, shown or answered. A request that is refused
//! therefore leaves no trace but choices, which do no harm when they are sent again.

use std::net::IpAddr;
use std::sync::Arc;

use consent::{Arrival, CategorySet, Choice, Preferences, Rules, Signals, collect};
use control::{ChoiceMade, KeyOwner, Method, Presented, Recorded};
use event::timestamp::correct;
use event::{Batch, BatchError, Call, Discard, Event, Fields, Millis, Pii, Received};
use eventlog::record::Raw;
use eventlog::{AppendError, EventLog, partition_of};
use http::HeaderMap;
use http::header::{HeaderName, USER_AGENT};
use workspace::SourceKind;

use crate::choice::{self, Carried, ChoiceRecorder, Chosen};
use crate::geo::Geo;
use crate::metrics::{Metrics, SourceLabels};
use crate::noticed::Noticed;
use crate::observe::{Observation, Observer, Seen};
use crate::records::{RECORD_HEAD_BYTES, Records};
use crate::reject::{Refusal, Reject};
use crate::visitor::Said;
use crate::visitor::identifier::{self, Kept, Sealing};
use crate::write_key;

const SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
const DNT: HeaderName = HeaderName::from_static("dnt");

/// What accepting needs.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) directory: Arc<control::Directory>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) recorder: Arc<dyn ChoiceRecorder>,
    pub(crate) metrics: Metrics,
    pub(crate) observer: Observer,
    pub(crate) geo: Option<Geo>,
    pub(crate) unknown_key: UnknownKey,
}

/// What a write key that belongs to no source gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownKey {
    /// 401: a wrong key is found on the first day.
    #[default]
    Reject,
    /// 200 and counted, as at Segment: for SDKs in the field that treat 401 as a reason to retry for ever.
    Accept,
}

/// What a request says beside its body.
#[derive(Debug)]
pub(crate) struct Asked<'r> {
    pub(crate) at: Millis,
    pub(crate) key: Option<String>,
    pub(crate) signals: Signals,
    /// Cut already.
    pub(crate) client: IpAddr,
    /// For events that cannot say their own.
    pub(crate) user_agent: Option<&'r str>,
    /// What the browser keeps here of who it is.
    pub(crate) kept: Kept,
}

impl<'r> Asked<'r> {
    /// Reads the headers.
    pub(crate) fn new(at: Millis, headers: &'r HeaderMap, client: IpAddr) -> Self {
        let values = |name| headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
        Self {
            at,
            key: write_key::from_headers(headers),
            signals: Signals::from_headers(values(SEC_GPC), values(DNT)),
            client,
            user_agent: None,
            kept: Kept::new(headers),
        }
    }

    /// Takes the user agent too: an image cannot put it into its query.
    pub(crate) fn with_user_agent(mut self, headers: &'r HeaderMap) -> Self {
        self.user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        self
    }
}

impl Acceptor {
    /// Accepts one event whose call the path names.
    pub(crate) async fn one(&self, asked: &Asked<'_>, body: &str, call: Call) -> Result<Sealing, Refusal> {
        let event = Event::parse(body, Some(call));
        if let Err(Discard::BadRequest) = event {
            // The one code that may also mean that nothing of it can be read.
            Fields::parse(body).map_err(|error| Reject::BadJson.because(error))?;
        }
        let in_body = match &event {
            Ok(event) => write_key::from_field(event.field("writeKey")),
            Err(_) => write_key::from_body(body),
        };
        let Some(owner) = self.owner(asked, in_body.as_deref())? else { return Ok(Sealing::Nothing) };
        let mut intake =
            Intake::new(self, asked, owner, None, Records::with_capacity(1, body.len() + RECORD_HEAD_BYTES));
        intake.take(event).await?;
        intake.finish().await
    }

    /// Accepts what can be accepted of a batch.
    pub(crate) async fn batch(&self, asked: &Asked<'_>, body: &str) -> Result<Sealing, Refusal> {
        let batch = match Batch::parse(body) {
            Ok(batch) => batch,
            Err(BatchError::Malformed(error)) => return Err(Reject::BadJson.because(error)),
            Err(BatchError::TooLong(events)) => {
                let events = u64::try_from(events).unwrap_or(u64::MAX);
                return self.discard_whole(asked, body, Discard::BatchTooLong, events).await;
            }
            Err(BatchError::LendsTooMuch(events)) => {
                let events = u64::try_from(events).unwrap_or(u64::MAX);
                return self.discard_whole(asked, body, Discard::EventTooLarge, events).await;
            }
            Err(BatchError::NotArray | BatchError::NotObject(_)) => {
                return self.discard_whole(asked, body, Discard::BadRequest, 1).await;
            }
        };
        if batch.items.is_empty() {
            return self.discard_whole(asked, body, Discard::EmptyBatch, 1).await;
        }
        let Some(owner) = self.owner(asked, batch.write_key.as_deref())? else { return Ok(Sealing::Nothing) };
        let records = Records::with_capacity(batch.items.len(), body.len() + batch.items.len() * RECORD_HEAD_BYTES);
        let mut intake = Intake::new(self, asked, owner, batch.sent_at, records);
        for item in &batch.items {
            intake.take(Event::parse_with(item, None, &batch.defaults)).await?;
        }
        intake.finish().await
    }

    /// Records a choice that was stated alone, by the path of those that are events. `None` under a key that belongs to no
    /// source, where the server is told to take those.
    pub(crate) async fn choose(&self, asked: &Asked<'_>, said: &Said) -> Result<Option<Chosen>, Refusal> {
        let Some(owner) = self.owner(asked, said.write_key.as_deref())? else { return Ok(None) };
        let records = Records::with_capacity(1, said.event.len() + RECORD_HEAD_BYTES);
        let mut intake = Intake { is_nameless: said.is_nameless, ..Intake::new(self, asked, owner, None, records) };
        intake.take(Event::parse(&said.event, Some(Call::Track))).await?;
        let (chosen, discarded) = (intake.chosen.take(), intake.discarded());
        intake.finish().await?;
        match chosen {
            Some(chosen) => Ok(Some(chosen)),
            None => Err(Reject::BadChoice.because(discarded.map_or("not_a_choice", Discard::code))),
        }
    }

    async fn discard_whole(
        &self,
        asked: &Asked<'_>,
        body: &str,
        code: Discard,
        events: u64,
    ) -> Result<Sealing, Refusal> {
        let Some(owner) = self.owner(asked, write_key::from_body(body).as_deref())? else {
            return Ok(Sealing::Nothing);
        };
        let mut intake = Intake::new(self, asked, owner, None, Records::default());
        intake.told.push(Told::Discarded { code, events });
        intake.finish().await
    }

    /// The source of a request: that of the header's key, else of the body's. `None` when there is none and the
    /// request is to be answered as if there were.
    fn owner(&self, asked: &Asked<'_>, in_body: Option<&str>) -> Result<Option<KeyOwner>, Refusal> {
        let keys = [asked.key.as_deref(), in_body];
        let found = keys.into_iter().flatten().find_map(|key| self.directory.by_write_key(key));
        if found.is_none() {
            self.metrics.unknown_keys.inc();
            if self.unknown_key == UnknownKey::Reject {
                return Err(Reject::UnknownKey.into());
            }
        }
        Ok(found)
    }
}

/// What is told about an event that is not stored, or was chosen by; what is stored is counted.
#[derive(Debug)]
enum Told {
    Accepted(Seen),
    Refused { call: Call, reason: consent::Reason },
    Discarded { code: Discard, events: u64 },
    Chosen { anonymous: bool },
}

/// Of a day.
const DAY_MS: i64 = 86_400_000;
/// One request on its way in.
struct Intake<'r> {
    acceptor: &'r Acceptor,
    asked: &'r Asked<'r>,
    owner: KeyOwner,
    rules: Arc<Rules>,
    sent_at: Option<Millis>,
    address: Option<String>,
    records: Records,
    told: Vec<Told>,
    /// The event names nobody: its choice is recorded, and it is stored nowhere.
    is_nameless: bool,
    /// The latest choice.
    chosen: Option<Chosen>,
    /// An event under the browser's identifier was stored by consent to what the source collects for.
    is_permitted: bool,
}

impl<'r> Intake<'r> {
    fn new(
        acceptor: &'r Acceptor,
        asked: &'r Asked<'r>,
        owner: KeyOwner,
        sent_at: Option<Millis>,
        records: Records,
    ) -> Self {
        let rules = owner.tenant.gate.rules();
        // A server's own address says nothing about a visitor.
        let address = (owner.source().kind != SourceKind::Server).then(|| asked.client.to_string());
        Self {
            acceptor,
            asked,
            owner,
            rules,
            sent_at,
            address,
            records,
            told: Vec::new(),
            is_nameless: false,
            chosen: None,
            is_permitted: false,
        }
    }

    /// Takes one event: stored, refused or discarded.
    async fn take(&mut self, event: Result<Event<'_>, Discard>) -> Result<(), Refusal> {
        let event = match event {
            Ok(event) => event,
            Err(code) => {
                self.told.push(Told::Discarded { code, events: 1 });
                return Ok(());
            }
        };
        let tenant = Arc::clone(&self.owner.tenant);
        let own = tenant.fingerprints.of_event(event.anonymous_id(), event.user_id());
        let mut identifiers = own.clone();
        if let Some(earlier) = event.previous_id() {
            // Whoever refused under the id that an alias leaves has refused this event too.
            identifiers.extend(tenant.fingerprints.of_previous(&earlier));
        }
        let region = self.region(&event);
        let regime = tenant.workspace.consent.regime(region.as_deref());
        let (rules, at) = (Arc::clone(&self.rules), self.asked.at);
        let known = || tenant.gate.choices(&identifiers, at, regime);
        if let Some(carried) = choice::carried(&event, known, &rules, self.owner.site()) {
            self.record(&event, carried, region.as_deref()).await?;
            if self.is_nameless {
                return Ok(());
            }
        }
        if let Some(code) = self.unwanted(&event) {
            self.told.push(Told::Discarded { code, events: 1 });
            return Ok(());
        }
        let noticed = Noticed::new(&event, self.asked.signals, &rules, &tenant.workspace.consent);
        let sent = |said| Preferences::from_consent(said).map(|read| read.refusing_vendors(said, &rules.categories));
        let arrival = Arrival {
            sent: event.consent().and_then(sent),
            known: noticed.with(known()),
            signals: self.asked.signals,
            regime,
        };
        let collected = collect(self.owner.source(), &rules, arrival);
        if collected.is_ok() {
            // Before the append: a refusal that comes after its answer must find them.
            tenant.recent.add(&identifiers);
        }
        for carried in noticed.news(&tenant.gate, &own, at, regime) {
            self.record(&event, carried, region.as_deref()).await?;
        }
        match collected {
            Ok(stamp) => {
                self.is_permitted |= self.asked.kept.is_under(&event) && identifier::is_permitted(&self.owner, &stamp);
                self.store(&event, stamp, region.as_deref());
            }
            Err(reason) => self.told.push(Told::Refused { call: event.call(), reason }),
        }
        Ok(())
    }

    /// Why an event is not taken whatever consent says. A choice counts all the same: it is about what was collected before.
    fn unwanted(&self, event: &Event<'_>) -> Option<Discard> {
        if !self.owner.source().enabled {
            return Some(Discard::SourceDisabled);
        }
        let is_expired = event.anonymous_id().is_some_and(|id| self.is_expired(id))
            || event.previous_id().is_some_and(|id| self.is_expired(&id));
        is_expired.then_some(Discard::AnonymousIdExpired)
    }

    /// Whether an anonymous id is older than identifiers may be, and came back from some storage. Its seal says so to the
    /// second; the day that it carries itself, a day late, since it is the page's.
    fn is_expired(&self, id: &str) -> bool {
        let days = self.owner.tenant.workspace.consent.banner.identifier_days;
        let since = identifier::since(&self.asked.kept.sealed, id, &self.owner.tenant.fingerprints);
        since.is_some_and(|since| self.asked.at >= identifier::ends(since, days))
            || event::day_of_id(id).is_some_and(|made| self.asked.at.0 > identifier::ends(made, days).0 + DAY_MS)
    }

    async fn record(&mut self, event: &Event<'_>, carried: Carried, region: Option<&str>) -> Result<(), Refusal> {
        let Carried { method, choice, presented } = carried;
        let sent_at = event.sent_at().or(self.sent_at);
        let made = ChoiceMade {
            tenant: Arc::clone(&self.owner.tenant),
            anonymous_id: event.anonymous_id().filter(|_| !self.is_nameless).map(|id| Pii::new(id.to_owned())),
            user_id: event.user_id().map(|id| Pii::new(id.to_owned())),
            choice,
            method,
            source: self.owner.source().name.clone(),
            message_id: event.message_id().map(str::to_owned),
            // Without `sentAt` the client's clock is only a claim, and a claim must not outlive a withdrawal.
            made_at: sent_at
                .filter(|_| matches!(method, Method::Event | Method::Traits))
                .map(|sent| correct(event.original_timestamp(), Some(sent), self.asked.at)),
            received_at: self.asked.at,
            presented: presented.or_else(|| (method == Method::Gpc).then(Presented::default)).map(|presented| {
                Presented { region: region.map(str::to_owned), gpc: self.asked.signals.gpc, ..presented }
            }),
        };
        let presented = made.presented.clone().unwrap_or_default();
        let made_at = made.made_at.unwrap_or(self.asked.at);
        let recorded = self.acceptor.recorder.record(made).await.map_err(|error| {
            tracing::error!(%error, "choice not recorded");
            Refusal::from(Reject::ChoiceNotRecorded)
        })?;
        let Some(receipt) = recorded.receipt() else { return Ok(()) };
        self.told.push(Told::Chosen { anonymous: matches!(recorded, Recorded::Anonymous { .. }) });
        if matches!(method, Method::Event | Method::Traits) {
            let categories = self.rules.categories.optional().union(self.rules.categories.required());
            let among = |set: CategorySet| set.intersection(categories);
            self.chosen = Some(Chosen {
                receipt,
                choice: Choice { granted: among(choice.granted), refused: among(choice.refused) },
                owner: self.owner.clone(),
                regime: self.owner.tenant.workspace.consent.regime(region),
                presented,
                stated_at: event.original_timestamp().unwrap_or(self.asked.at),
                made_at,
            });
        }
        Ok(())
    }

    /// The region by whose law the event is judged: the source's own, else that of the visitor's address. For a
    /// server the peer is not the visitor, so only an address in the event counts.
    fn region(&self, event: &Event<'_>) -> Option<String> {
        let source = self.owner.source();
        if source.region.is_some() {
            return source.region.clone();
        }
        let geo = self.acceptor.geo.as_ref()?;
        let said = event.context("ip").and_then(|json| serde_json::from_str::<String>(json).ok());
        let said = said.and_then(|text| text.parse::<IpAddr>().ok()).map(event::ip::truncate);
        let address = match source.kind {
            SourceKind::Server => said?,
            SourceKind::Browser | SourceKind::Mobile => said.unwrap_or(self.asked.client),
        };
        geo.region(address)
    }

    fn store(&mut self, event: &Event<'_>, stamp: consent::Stamp<'_>, region: Option<&str>) {
        let generated;
        let message_id = match event.message_id() {
            Some(id) => id,
            None => {
                generated = event::new_message_id();
                &generated
            }
        };
        let direct;
        let ip = match &self.address {
            Some(address) => Some(address.as_str()),
            // The sender says that it stands for one visitor and has no address of theirs but its own.
            None if event.context("direct") == Some("true") => {
                direct = self.asked.client.to_string();
                Some(direct.as_str())
            }
            None => None,
        };
        let records = &mut self.records;
        let received =
            Received { at: self.asked.at, message_id, sent_at: self.sent_at, ip, user_agent: self.asked.user_agent };
        event.write_to(&received, &mut records.json);
        let raw = Raw {
            source: self.owner.source().name.as_str(),
            received_at: self.asked.at,
            call: event.call(),
            message_id,
            anonymous_id: event.anonymous_id(),
            user_id: event.user_id(),
            region,
            stamp,
            json: &records.json,
        };
        records.payloads = raw.append_to(std::mem::take(&mut records.payloads));
        let partition = partition_of(&self.owner.tenant.name(), event.subject_key(), self.acceptor.log.partitions());
        records.ends.push((partition, records.payloads.len()));
        if self.acceptor.observer.wanted() {
            self.told.push(Told::Accepted(Seen::Accepted {
                call: event.call(),
                message_id: message_id.to_owned(),
                name: event.name().map(str::to_owned),
            }));
        }
    }

    /// Why an event was not taken.
    fn discarded(&self) -> Option<Discard> {
        self.told.iter().find_map(|told| match told {
            Told::Discarded { code, .. } => Some(*code),
            _ => None,
        })
    }

    /// Makes the request's events durable, then counts and shows what became of them.
    async fn finish(self) -> Result<Sealing, Refusal> {
        let accepted = u64::try_from(self.records.ends.len()).unwrap_or(u64::MAX);
        if accepted > 0 {
            let appends = self.records.into_appends(&self.owner.tenant.name());
            self.acceptor.log.append(appends).await.map_err(|error| not_durable(&error))?;
        }
        let metrics = &self.acceptor.metrics;
        let labels = SourceLabels::of(&self.owner);
        if accepted > 0 {
            metrics.accepted(&labels, accepted);
        }
        let watched = self.acceptor.observer.wanted();
        for told in self.told {
            let what = match told {
                Told::Accepted(seen) => seen,
                Told::Refused { call, reason } => {
                    metrics.refused(&labels, reason.code());
                    Seen::Refused { call, reason }
                }
                Told::Discarded { code, events } => {
                    metrics.discarded(&labels, code.code(), events);
                    Seen::Discarded { code, events }
                }
                Told::Chosen { anonymous } => {
                    metrics.choice(&labels, if anonymous { "anonymous" } else { "known" });
                    Seen::Chosen
                }
            };
            if watched {
                let source = self.owner.source().name.shared();
                let workspace = self.owner.tenant.name();
                self.acceptor.observer.tell(Observation { at: self.asked.at, workspace, source, what });
            }
        }
        Ok(self.asked.kept.sealing(self.owner, self.chosen.as_ref(), self.is_permitted))
    }
}

/// Why the log takes nothing, for a probe that anybody may ask: without paths.
pub(crate) fn unable(error: &AppendError) -> &'static str {
    match error {
        AppendError::Full { .. } => "the log's disk is full: free space, or give it more; the server's log says where",
        AppendError::Broken { .. } => "the log cannot write: the server's log says why, and it tries again by itself",
        AppendError::Overloaded { .. } => "the log is behind its disk",
        AppendError::Invalid { .. } => "the log refuses what it is given",
    }
}

fn not_durable(error: &AppendError) -> Refusal {
    match error {
        AppendError::Overloaded { .. } => Reject::LogBehind.into(),
        // The log says both once, with the path; a line per request would fill the disk that is full.
        AppendError::Full { .. } => Reject::DiskFull.into(),
        AppendError::Broken { .. } => Reject::LogBroken.into(),
        AppendError::Invalid { .. } => {
            // Said to the operator, not to the sender: it may name a workspace.
            tracing::error!(%error, "events not kept");
            Reject::Internal.into()
        }
    }
}
