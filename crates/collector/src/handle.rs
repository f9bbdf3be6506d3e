//! The collector itself: a request in, an answer out, never an error.

use std::fmt;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use consent::Experience;
use event::{Call, Clock, Done, Fact, Millis, Tracer, Work, limits};
use eventlog::EventLog;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use prometheus_client::metrics::gauge::Gauge;

use crate::accept::{self, Acceptor, Asked, UnknownKey};
use crate::address::TrustedProxies;
use crate::answer::{self, Answer};
use crate::beside::{Answering, Beside};
use crate::body::Bodies;
use crate::choice::ChoiceRecorder;
use crate::geo::Geo;
use crate::metrics::{Metrics, SourceLabels};
use crate::notice;
use crate::observe::Observer;
use crate::page::Page;
use crate::reject::{Refusal, Reject};
use crate::routes::{self, Found, Handler};
use crate::sdk::{self, Scripts};
use crate::settings::{self, PublicUrl};
use crate::visitor::identifier::{self, Sealing};
use crate::visitor::pace::Pace;
use crate::visitor::{HandOffs, ReceiptDesk, Receipts};
use crate::{cors, pixel, visitor};

/// What of a write key is written otherwise in a path.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What the rest of the process tells about itself.
#[derive(Clone)]
pub struct Probes {
    /// Whether the process takes requests; if not, why. If it does, what is wrong behind the log, for people: events are
    /// taken and kept all the same. The log itself is asked by the collector.
    pub ready: Arc<dyn Fn() -> Result<Vec<String>, String> + Send + Sync>,
    /// All metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probes(…)")
    }
}

/// How the collector stands in its network.
#[derive(Debug)]
pub struct Edge {
    /// What a write key that belongs to no source gets.
    pub unknown_key: UnknownKey,
    /// Where browsers reach it; without, each request's own `Host`.
    pub public_url: Option<PublicUrl>,
    /// Whose forwarding headers count.
    pub trusted_proxies: TrustedProxies,
    /// Regions by address.
    pub geo: Option<Geo>,
    /// Bytes of bodies in memory at a time, over all connections.
    pub body_bytes_max: usize,
    /// Pages served beside the routes.
    pub pages: Vec<Page>,
    /// Who answers everything else.
    pub beside: Option<Beside>,
    /// Where receipts come from; `None` where this process keeps no ledger.
    pub receipts: Option<Arc<dyn ReceiptDesk>>,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            unknown_key: UnknownKey::Reject,
            public_url: None,
            trusted_proxies: TrustedProxies::default(),
            geo: None,
            body_bytes_max: 64 * 1024 * 1024,
            pages: Vec::new(),
            beside: None,
            receipts: None,
        }
    }
}

/// Everything a collector is made of.
#[derive(Debug)]
pub struct Options {
    /// The workspaces.
    pub directory: Arc<control::Directory>,
    /// The stream `raw`.
    pub log: Arc<dyn EventLog>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Where choices are recorded.
    pub recorder: Arc<dyn ChoiceRecorder>,
    /// Registered metrics.
    pub metrics: Metrics,
    /// Who watches.
    pub observer: Observer,
    /// Who traces requests with events.
    pub tracer: Tracer,
    /// What the probes answer.
    pub probes: Probes,
    /// How it stands in its network.
    pub edge: Edge,
}

/// The HTTP edge.
#[derive(Debug)]
pub struct Collector {
    pub(crate) acceptor: Acceptor,
    clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    tracer: Tracer,
    probes: Probes,
    pub(crate) bodies: Bodies,
    pub(crate) receipts: Receipts,
    pub(crate) hand_offs: HandOffs,
    /// How often another platform's choices are told.
    pub(crate) compares: Pace,
    scripts: Scripts,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) trusted_proxies: TrustedProxies,
    pages: Vec<Page>,
    beside: Option<Beside>,
}

/// An open connection in the metrics.
#[derive(Debug)]
pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Collector {
    /// A collector that is ready to handle requests.
    pub fn new(options: Options) -> Self {
        let Options { directory, log, clock, recorder, metrics, observer, tracer, probes, edge } = options;
        let acceptor = Acceptor {
            directory,
            log,
            recorder,
            metrics: metrics.clone(),
            observer,
            geo: edge.geo,
            unknown_key: edge.unknown_key,
        };
        Self {
            acceptor,
            clock,
            metrics,
            tracer,
            probes,
            bodies: Bodies::new(edge.body_bytes_max),
            receipts: Receipts::new(edge.receipts),
            hand_offs: HandOffs::default(),
            compares: Pace::default(),
            scripts: Scripts::default(),
            public_url: edge.public_url,
            trusted_proxies: edge.trusted_proxies,
            pages: edge.pages,
            beside: edge.beside,
        }
    }

    pub(crate) fn opened(&self) -> Open {
        self.metrics.connections.inc();
        Open(self.metrics.connections.clone())
    }

    /// Answers one request. `peer` is the other end of its connection.
    pub async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        self.metrics.requests.inc();
        let (head, body) = request.into_parts();
        let (handler, segment) = match routes::find(&head.method, head.uri.path()) {
            Found::Handler(handler, segment) => (handler, segment),
            // Before preflights: what stands beside the collector is not for pages of other sites.
            Found::Nothing if self.beside.is_some() => return self.elsewhere(head, body, peer).await,
            _ if head.method == Method::OPTIONS => return cors::preflight(&head.headers),
            Found::WrongMethod(allowed) => {
                self.metrics.rejected(Reject::WrongMethod);
                return answer::wrong_method(&Reject::WrongMethod.into(), allowed);
            }
            Found::Nothing => return self.elsewhere(head, body, peer).await,
        };
        let began = self.tracer.is_on().then(tokio::time::Instant::now);
        let answered = match handler {
            Handler::One(call) => self.one(&head, body, peer, call).await,
            Handler::Batch => self.batch(&head, body, peer).await,
            Handler::SdkMetrics => self.sdk_metrics(&head, body).await,
            Handler::Pixel => Ok(self.pixel(&head, peer, segment).await),
            Handler::Settings => self.settings(&head, peer, segment),
            // Boxed, so that events do not carry the room for them.
            Handler::Choose => Box::pin(self.choose(&head, body, peer)).await,
            Handler::HandOff => Box::pin(self.hand_off(&head, body, peer)).await,
            Handler::TakeOver => Box::pin(self.take_over(&head, body, peer)).await,
            Handler::Elsewhere => Box::pin(self.refused_elsewhere(&head, body)).await,
            Handler::Shadow => Box::pin(self.compared(&head, body, peer)).await,
            Handler::Receipt => Box::pin(self.receipt(&head, peer, segment)).await,
            Handler::Form => self.form(&head, peer),
            Handler::FormSent => Box::pin(self.form_sent(&head, body, peer)).await,
            Handler::FormStyle => Ok(Self::form_style()),
            Handler::AmpCheck => Box::pin(self.amp_check(&head, body, peer)).await,
            Handler::AmpChoice => Box::pin(self.amp_choice(&head, body, peer)).await,
            Handler::Gpc => Ok(visitor::gpc()),
            Handler::Notice(form) => self.notice(&head, segment, form),
            Handler::Opened => Ok(Box::pin(self.letter_opened(&head, peer, segment)).await),
            Handler::Clicked => Box::pin(self.letter_clicked(&head, peer, segment)).await,
            Handler::Script => self.script(&head, segment),
            Handler::Blocking => self.blocking(&head, segment),
            Handler::SdkFile(sdk) => Scripts::file(sdk, segment, &head.headers),
            Handler::Health => Ok(answer::text("alive\n")),
            Handler::Ready => self.ready(),
            Handler::Metrics => Ok(answer::metrics((self.probes.metrics)())),
        };
        let mut answer = answered.unwrap_or_else(|refusal| self.refuse(&refusal));
        visitor::allow(handler, &mut answer, &head);
        if let (Some(began), Some(name)) = (began, handler.traced()) {
            let parent = head.headers.get("traceparent").and_then(|value| value.to_str().ok());
            let status = answer.status();
            self.tracer.tell(&Done {
                name,
                work: Work::Answered,
                took: began.elapsed(),
                parent,
                is_failed: status.is_server_error(),
                facts: &[("http.response.status_code", Fact::Number(i64::from(status.as_u16())))],
            });
        }
        answer
    }

    /// No route of the wire protocol. Boxed, so that events do not carry the room for it.
    fn elsewhere(&self, head: Parts, body: Incoming, peer: SocketAddr) -> Answering {
        let page = self.pages.iter().find(|page| page.path == head.uri.path());
        match (page, &self.beside) {
            (Some(page), _) => Box::pin(ready(page.answer())),
            (None, Some(beside)) => {
                let client = SocketAddr::new(self.trusted_proxies.speaker(peer, &head.headers), peer.port());
                beside.answer(Request::from_parts(head, body), client)
            }
            (None, None) => Box::pin(ready(self.refuse(&Reject::NotFound.into()))),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        self.metrics.rejected(refusal.reject);
        answer::refused(refusal)
    }

    pub(crate) fn asked<'h>(&self, head: &'h Parts, peer: SocketAddr) -> Asked<'h> {
        Asked::new(self.clock.now(), &head.headers, self.trusted_proxies.client(peer, &head.headers))
    }

    async fn one(&self, head: &Parts, body: Incoming, peer: SocketAddr, call: Call) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let asked = self.asked(head, peer);
        let sealing = self.acceptor.one(&asked, utf8(&body)?, call).await?;
        Ok(self.taken(&sealing, head, peer, asked.at))
    }

    async fn batch(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::BATCH_BYTES_MAX).await?;
        let asked = self.asked(head, peer);
        let sealing = self.acceptor.batch(&asked, utf8(&body)?).await?;
        Ok(self.taken(&sealing, head, peer, asked.at))
    }

    /// The answer to events that were taken, with what becomes of the browser's sealed identifier.
    fn taken(&self, sealing: &Sealing, head: &Parts, peer: SocketAddr, at: Millis) -> Answer {
        let mut answer = answer::success();
        for cookie in identifier::with_events(sealing, head, self.is_https(head, peer), at) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        answer
    }

    async fn sdk_metrics(&self, head: &Parts, body: Incoming) -> Result<Answer, Refusal> {
        // Read, so that the connection can be used again.
        self.bodies.read(&head.headers, body, limits::BATCH_BYTES_MAX).await?;
        self.metrics.sdk_reports.inc();
        Ok(answer::success())
    }

    /// Always the image.
    async fn pixel(&self, head: &Parts, peer: SocketAddr, call: &str) -> Answer {
        if head.method == Method::HEAD {
            // A scanner's look is not an opening.
            return answer::gif();
        }
        if let Err(refusal) = self.pixel_event(head, peer, call).await {
            self.metrics.rejected(refusal.reject);
            self.metrics.pixels_lost.inc();
        }
        answer::gif()
    }

    async fn pixel_event(&self, head: &Parts, peer: SocketAddr, call: &str) -> Result<(), Refusal> {
        let call = Call::from_name(call).ok_or(Reject::NotFound)?;
        let json = pixel::json(head.uri.query().unwrap_or_default())?;
        if json.len() > limits::EVENT_BYTES_MAX {
            return Err(Reject::PayloadTooLarge.into());
        }
        let asked = self.asked(head, peer).with_user_agent(&head.headers);
        self.acceptor.one(&asked, &json, call).await.map(drop)
    }

    fn settings(&self, head: &Parts, peer: SocketAddr, key: &str) -> Result<Answer, Refusal> {
        let (key, owner) = self.source(key)?;
        self.metrics.settings(&SourceLabels::of(&owner));
        let asked = self.asked(head, peer);
        let of_request;
        let at = match &self.public_url {
            Some(at) => at,
            None => {
                let https = self.trusted_proxies.client_used_tls(peer, &head.headers);
                of_request = PublicUrl::of_request(&head.uri, &head.headers, https);
                &of_request
            }
        };
        let region = self.region(&owner, asked.client);
        let language = visitor::language(head);
        let notice = format!("{at}/v1/projects/{}/notice", utf8_percent_encode(&key, KEY));
        let workspace = &owner.tenant.workspace;
        let experience = Experience::new(workspace, owner.source(), region.as_deref(), language);
        let experience = experience.with_notice(workspace, &notice);
        Ok(answer::private_json(settings::document(&key, at, &experience)))
    }

    fn notice(&self, head: &Parts, key: &str, form: notice::Form) -> Result<Answer, Refusal> {
        let (_, owner) = self.source(key)?;
        notice::answer(owner.site(), form, head.uri.query().unwrap_or_default(), &head.headers)
    }

    fn script(&self, head: &Parts, key: &str) -> Result<Answer, Refusal> {
        let (key, owner) = self.source(key)?;
        let days = owner.tenant.workspace.consent.banner.identifier_days;
        self.scripts.script((owner.source().sdk(), &key), days, &head.headers)
    }

    fn blocking(&self, head: &Parts, key: &str) -> Result<Answer, Refusal> {
        let (_, owner) = self.source(key)?;
        sdk::blocking(&owner.tenant.workspace, &head.headers)
    }

    /// The source of a key in a path. Unknown keys get nothing that could be cached or cost work.
    fn source(&self, key: &str) -> Result<(String, control::KeyOwner), Refusal> {
        let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        Ok((key, owner))
    }

    /// Ready means: an event that comes now is taken and durable. What is broken behind the log does not make it less
    /// so, and taking the server out of rotation for it would only lose events, so it is told and not refused.
    fn ready(&self) -> Result<Answer, Refusal> {
        let wrong = (self.probes.ready)().map_err(|why| Reject::NotReady.because(why))?;
        self.acceptor.log.accepts().map_err(|error| Reject::NotReady.because(accept::unable(&error)))?;
        if wrong.is_empty() {
            return Ok(answer::text("ready\n"));
        }
        Ok(answer::text(format!("ready, but: {}\n", wrong.join("; "))))
    }
}

pub(crate) fn utf8(body: &Bytes) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| Reject::InvalidUtf8.because(error))
}
