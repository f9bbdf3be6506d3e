//! `/v1/consent/form`: the choices as a page without a script, in the words and under the law of the banner. It records a
//! choice by the same path, sets the choice cookie, and shows where the receipt is.
//!
//! Who may send it: a refusal anybody, because it harms nobody. A grant only the page itself: a form on another site
//! that is submitted here must not be able to agree for a visitor, nor a frame around this one.

use std::net::SocketAddr;

use bytes::Bytes;
use consent::Experience;
use control::KeyOwner;
use event::limits;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::cookie::{self, Kept, Scope};
use super::page::{self, Shown};
use super::said::Said;
use super::{identifier, of_query};
use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::reject::{Refusal, Reject};

const STYLE: &str = include_str!("form.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a form says as numbers.
const NUMBERS: [&str; 2] = ["version", "regimeVersion"];

/// What the page is made of, for one visitor.
struct Visit {
    key: String,
    document: Value,
    kept: Option<Kept>,
    /// Whether what they granted then is too old to count.
    has_lapsed: bool,
    denied: Vec<String>,
}

impl Collector {
    /// The form as it is asked for.
    pub(crate) fn form(&self, head: &Parts, peer: SocketAddr) -> Result<Answer, Refusal> {
        let key = of_query(head, "writeKey").unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        let visit = self.visit(head, peer, key, &owner);
        let shown = Shown { ticked: visit.ticked(), ..visit.shown() };
        Ok(answered(&visit.document, &shown))
    }

    /// The form as it is sent.
    pub(crate) async fn form_sent(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let fields = fields(utf8(&body)?);
        let key = of_query(head, "writeKey").unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        let visit = self.visit(head, peer, key, &owner);
        let granted = visit.granted(&fields);
        if !granted.is_empty() && !is_own(head) {
            return Err(Reject::ForeignGrant.into());
        }
        if let Some(confirms) = visit.unconfirmed(&granted, &fields) {
            let mut shown = Shown { ticked: granted, confirms: Some(confirms), ..visit.shown() };
            shown.notes.extend(visit.document["texts"]["confirm"].as_str());
            return Ok(answered(&visit.document, &shown));
        }
        let said = visit.said(&fields, &granted, identifier::alias(&head.headers))?;
        let Some(chosen) = self.acceptor.choose(&self.asked(head, peer), &said).await? else {
            return Err(Reject::UnknownKey.into());
        };
        let words = owner.site().banner().words(visit.language()).unwrap_or_default();
        let mut shown = Shown { ticked: granted, ..visit.shown() };
        shown.notes.push(words.said("saved"));
        let address = format!("{}?writeKey={}", chosen.receipt, percent(&visit.key));
        shown.receipt = Some((address, words.said("receipt")));
        let mut answer = answered(&visit.document, &shown);
        let scope = Scope::own(head, owner.site().banner(), self.is_https(head, peer));
        let gone = identifier::refuse(&chosen, &head.headers, &scope);
        for cookie in cookie::set(&chosen, &scope, self.asked(head, peer).at).into_iter().chain(gone) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(answer)
    }

    /// Its style, apart, so that the policy needs no exception.
    pub(crate) fn form_style() -> Answer {
        let kind = HeaderValue::from_static("text/css; charset=utf-8");
        let mut answer = answer::with_body(kind, Bytes::from_static(STYLE.as_bytes()));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    fn visit(&self, head: &Parts, peer: SocketAddr, key: String, owner: &KeyOwner) -> Visit {
        let asked = self.asked(head, peer);
        let region = self.region(owner, asked.client);
        let experience =
            Experience::new(&owner.tenant.workspace, owner.source(), region.as_deref(), super::language(head));
        let document = serde_json::to_value(&experience).expect("a document of texts and numbers is JSON");
        let rules = &owner.tenant.workspace.consent;
        let regime = rules.regime(region.as_deref());
        let dnt = asked.signals.dnt && rules.do_not_track == workspace::DoNotTrack::AsGpc;
        let mut denied = Vec::new();
        if asked.signals.gpc || dnt {
            denied.push("targeting".to_owned());
            denied.extend(regime.row().gpc.denies.iter().cloned());
        }
        let kept = Kept::read(&head.headers);
        let has_lapsed = kept.as_ref().is_some_and(|kept| kept.has_lapsed(regime, asked.at));
        Visit { key, document, kept, has_lapsed, denied }
    }
}

impl Visit {
    fn language(&self) -> &str {
        self.document["texts"]["language"].as_str().unwrap_or_default()
    }

    /// The categories that can be refused.
    fn optional(&self) -> impl Iterator<Item = &str> {
        let all = self.document["categories"].as_array().into_iter().flatten();
        all.filter_map(|one| one["id"].as_str()).filter(|id| *id != workspace::REQUIRED)
    }

    /// What holds now: the visitor's choice, else what the law says until there is one. Nothing that needs a grant is
    /// ticked by anybody else.
    fn ticked(&self) -> Vec<String> {
        let holds = |id: &&str| match &self.kept {
            Some(kept) if kept.refused.iter().any(|one| one == id) => false,
            Some(kept) if kept.granted.iter().any(|one| one == id) => !self.has_lapsed && !self.is_outdated(kept),
            _ => self.document["regime"]["models"][*id] != "opt-in",
        };
        self.optional().filter(holds).map(str::to_owned).collect()
    }

    /// A grant given for other words is none.
    fn is_outdated(&self, kept: &Kept) -> bool {
        self.document["texts"]["askAgainBelow"].as_u64().is_some_and(|below| u64::from(kept.version) < below)
    }

    fn shown(&self) -> Shown<'_> {
        let is_shown = !self.denied.is_empty() && self.document["regime"]["gpc"]["show"] == true;
        let honoured = self.document["texts"]["gpc"].as_str().filter(|_| is_shown);
        Shown { denied: self.denied.clone(), notes: honoured.into_iter().collect(), ..Shown::default() }
    }

    /// What the visitor grants, as far as it can be granted.
    fn granted(&self, fields: &[(String, String)]) -> Vec<String> {
        let all = match field(fields, "method") {
            Some("accept_all") => true,
            Some("choose") => false,
            _ => return Vec::new(),
        };
        let is_ticked = |id: &str| fields.iter().any(|(name, value)| name == "category" && value == id);
        let is_granted = |id: &&str| (all || is_ticked(id)) && !self.denied.iter().any(|one| one == id);
        self.optional().filter(is_granted).map(str::to_owned).collect()
    }

    /// Where the law wants two steps to grant what was refused: what the second one must name, unless this is it.
    fn unconfirmed(&self, granted: &[String], fields: &[(String, String)]) -> Option<String> {
        if self.document["regime"]["confirmOptIn"] != true {
            return None;
        }
        let refused = &self.kept.as_ref()?.refused;
        let again: Vec<&str> = granted.iter().filter(|id| refused.contains(id)).map(String::as_str).collect();
        let again = again.join(" ");
        (!again.is_empty() && field(fields, "confirmed") != Some(&again)).then_some(again)
    }

    fn said(&self, fields: &[(String, String)], granted: &[String], id: Option<String>) -> Result<Said, Refusal> {
        let mut said = Map::new();
        for name in ["version", "textHash", "language", "regime", "regimeVersion"] {
            let Some(value) = field(fields, name) else { continue };
            let number = value.parse::<u32>().ok().filter(|_| NUMBERS.contains(&name));
            said.insert(name.to_owned(), number.map_or_else(|| value.into(), Value::from));
        }
        let method = if granted.is_empty() { "reject_all" } else { field(fields, "method").unwrap_or("choose") };
        said.insert("method".to_owned(), method.into());
        said.insert("layer".to_owned(), "page".into());
        let categories = self.optional().map(|id| (id.to_owned(), granted.iter().any(|one| one == id).into()));
        said.insert("categories".to_owned(), Value::Object(categories.collect()));
        // Whom the vendors' own switches refused stays refused: this form does not ask about them.
        let kept = self.kept.as_ref().filter(|_| method != "accept_all");
        let vendors = kept.map(|kept| kept.refused_vendors.clone()).unwrap_or_default();
        said.insert("refusedVendors".to_owned(), vendors.into());
        said.extend(id.map(|id| ("anonymousId".to_owned(), id.into())));
        Said::new(said, Some(self.key.clone()))
    }
}

/// Whether this page itself sent it. A browser too old to say so sends at least its origin.
fn is_own(head: &Parts) -> bool {
    if let Some(site) = head.headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let origin = head.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let of_origin = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let here = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    of_origin.is_some() && of_origin == here
}

fn answered(document: &Value, shown: &Shown<'_>) -> Answer {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut answer = answer::with_body(kind, page::html(document, shown).into());
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // `no-referrer` would have the form sent with `Origin: null`, which no grant is believed with.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// `application/x-www-form-urlencoded`.
fn fields(body: &str) -> Vec<(String, String)> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
