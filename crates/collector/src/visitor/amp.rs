//! What `amp-consent` asks and tells: `checkConsentHref` at `/v1/consent/amp`, `onUpdateHref` at `/v1/consent/amp/choice`.
//!
//! AMP knows one question with two answers. Accepted is told only of who granted every category: half a grant is no
//! grant of the rest. Where nothing is asked first (`consentRequired: false`) Global Privacy Control still rejects.
//!
//! AMP pages are served from caches on other sites, so any origin may ask. It learns nothing that way: cookies of this
//! host are `SameSite=Lax` and do not travel there, and a choice told from there names nobody.

use std::net::SocketAddr;

use event::limits;
use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::cookie::{self, Kept};
use super::of_query;
use super::said::Said;
use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::reject::{Refusal, Reject};

/// Caches of before 2021 want the page's own origin back.
const SOURCE_ORIGIN: HeaderName = HeaderName::from_static("amp-access-control-allow-source-origin");

impl Collector {
    /// Whether the visitor is to be asked, and what they answered.
    pub(crate) async fn amp_check(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        // What the page has stored itself, AMP goes by anyway.
        self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let key = of_query(head, "writeKey").unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        let asked = self.asked(head, peer);
        let rules = &owner.tenant.workspace.consent;
        let regime = rules.regime(self.region(&owner, asked.client).as_deref());
        let dnt = asked.signals.dnt && rules.do_not_track == workspace::DoNotTrack::AsGpc;
        let is_signalled = asked.signals.gpc || dnt;
        let kept = Kept::read(&head.headers).filter(|_| !cookie::is_foreign(&head.headers));
        let is_asked = regime.row().first == workspace::First::Ask;
        // A grant has ended then. A refusal has too, but not where all would be on again without it.
        let has_lapsed = |kept: &Kept| kept.has_lapsed(regime, asked.at);
        let is_outdated =
            |kept: &Kept| has_lapsed(kept) || rules.banner.ask_again_below.is_some_and(|below| kept.version < below);
        let now = owner.tenant.gate.rules();
        let optional = now.categories.names(now.categories.optional());
        // A category that came after the choice was never granted, and a vendor refused is no acceptance of all.
        let has_all = |kept: &Kept| {
            kept.refused_vendors.is_empty() && optional.iter().all(|id| kept.granted.iter().any(|one| one == id))
        };
        let counts = |kept: &Kept| !is_asked || !has_lapsed(kept);
        let state = match &kept {
            _ if is_signalled => "rejected",
            Some(kept) if !kept.refused.is_empty() && counts(kept) => "rejected",
            Some(kept) if !is_outdated(kept) && has_all(kept) => "accepted",
            // What is not known where nothing is asked, AMP lets through, the vendor that was refused as well.
            Some(kept) if !is_asked && !kept.refused_vendors.is_empty() => "rejected",
            _ => "unknown",
        };
        let answer = json!({
            "consentRequired": is_asked || state == "rejected",
            "consentStateValue": state,
            // What an AMP page stored under older words, or before the signal, does not count any more.
            "expireCache": is_signalled || kept.as_ref().is_some_and(is_outdated),
        });
        Ok(answer::no_store_json(answer.to_string()))
    }

    /// Records what the visitor answered.
    pub(crate) async fn amp_choice(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let told: Value = serde_json::from_str(utf8(&body)?).map_err(|error| Reject::BadJson.because(error))?;
        let is_accepted = match (told["consentStateValue"].as_str(), told["consentState"].as_bool()) {
            (Some("accepted"), _) | (None, Some(true)) => true,
            (Some("rejected"), _) | (None, Some(false)) => false,
            _ => return Err(Reject::BadChoice.because("`consentStateValue` is `accepted` or `rejected`")),
        };
        let key = of_query(head, "writeKey").unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        let rules = owner.tenant.gate.rules();
        let optional = rules.categories.names(rules.categories.optional());
        let categories: Map<String, Value> =
            optional.into_iter().map(|id| (id.to_owned(), is_accepted.into())).collect();
        let method = if is_accepted { "accept_all" } else { "reject_all" };
        let said = json!({ "categories": categories, "method": method, "layer": "first" });
        let Value::Object(said) = said else { return Err(Reject::Internal.into()) };
        let chosen = self.acceptor.choose(&self.asked(head, peer), &Said::new(said, Some(key))?).await?;
        let receipt = chosen.map(|chosen| chosen.receipt.to_string());
        Ok(answer::no_store_json(json!({ "success": true, "receipt": receipt }).to_string()))
    }
}

/// Lets the page that asked read the answer, as AMP wants it said; also that of a refusal, which it would else ask again.
pub(crate) fn allow(answer: &mut Answer, asked: &HeaderMap, query: Option<&str>) {
    let headers = answer.headers_mut();
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
    let source = super::value_of(query.unwrap_or_default(), "__amp_source_origin");
    if let Some(source) = source.and_then(|source| HeaderValue::from_str(&source).ok()) {
        headers.insert(SOURCE_ORIGIN, source);
        headers
            .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("AMP-Access-Control-Allow-Source-Origin"));
    }
}
