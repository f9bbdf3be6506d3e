//! What a visitor's device talks to beside events: the choice itself, stated by a page or an app, and the receipt for it.
//!
//! A choice stated here takes the path of the event `Segment Consent Preference Updated` (`said`), so there is one rule
//! for both. What is new is the answer: the number of its receipt, which is random and the only key to it. It is no
//! secret of the visitor's alone (whoever holds it can download what it stands for), and it leads to no other record.

mod amp;
mod beacon;
mod cookie;
mod elsewhere;
mod form;
mod handoff;
pub(crate) mod identifier;
pub(crate) mod pace;
mod page;
mod receipt;
mod said;
mod shadow;

use std::net::{IpAddr, SocketAddr};

use control::KeyOwner;
use event::limits;
use http::HeaderValue;
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, SET_COOKIE};
use http::request::Parts;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use self::cookie::Scope;
pub(crate) use self::handoff::HandOffs;
pub use self::receipt::ReceiptDesk;
pub(crate) use self::receipt::Receipts;
pub(crate) use self::said::Said;
use crate::answer::{self, Answer};
use crate::cors;
use crate::handle::{Collector, utf8};
use crate::reject::Refusal;
use crate::routes::Handler;
use crate::settings::PublicUrl;

impl Collector {
    /// Records a choice and says under which number its receipt can be had.
    pub(crate) async fn choose(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let said = Said::parse(utf8(&body)?)?;
        let asked = self.asked(head, peer);
        let Some(chosen) = self.acceptor.choose(&asked, &said).await? else { return Ok(answer::success()) };
        let told = serde_json::json!({ "success": true, "receipt": chosen.receipt.to_string() });
        let mut answer = answer::no_store_json(told.to_string());
        let scope = Scope::stated(head, said.domain.as_deref(), self.is_https(head, peer));
        if let Some(scope) = scope {
            let id = said.anonymous_id.as_deref().unwrap_or_default();
            let ids = identifier::keep(&chosen, id, &head.headers, &scope, asked.at);
            for cookie in cookie::set(&chosen, &scope, asked.at).into_iter().chain(ids) {
                answer.headers_mut().append(SET_COOKIE, cookie);
            }
        }
        Ok(answer)
    }

    /// The region whose law holds for whoever asks: the source's own, else that of their address.
    pub(crate) fn region(&self, owner: &KeyOwner, client: IpAddr) -> Option<String> {
        let own = owner.source().region.clone();
        own.or_else(|| self.acceptor.geo.as_ref()?.region(client))
    }

    /// Whether browsers reach this server by TLS.
    pub(crate) fn is_https(&self, head: &Parts, peer: SocketAddr) -> bool {
        let proxied = || self.trusted_proxies.client_used_tls(peer, &head.headers);
        self.public_url.as_ref().map_or_else(proxied, PublicUrl::is_https)
    }
}

/// Who may read an answer, a refusal too: the page that asked, whose browser then takes the cookie that comes with it.
pub(crate) fn allow(handler: Handler, answer: &mut Answer, head: &Parts) {
    match handler {
        Handler::Choose => cors::allow_own(answer.headers_mut(), &head.headers),
        Handler::AmpCheck | Handler::AmpChoice => amp::allow(answer, &head.headers, head.uri.query()),
        _ => {}
    }
}

/// What browsers look for to know that Global Privacy Control is honoured here (<https://w3c.github.io/gpc/>): since the
/// day of the table of regimes that says how.
pub(crate) fn gpc() -> Answer {
    let said = serde_json::json!({ "gpc": true, "lastUpdate": workspace::Regime::table_as_of() });
    let mut answer = answer::with_body(HeaderValue::from_static("application/json"), said.to_string().into());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    cors::allow(answer.headers_mut());
    answer
}

/// What the browser asks its pages to speak.
pub(crate) fn language(head: &Parts) -> &str {
    head.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A value of a query, decoded.
fn of_query(head: &Parts, name: &str) -> Option<String> {
    value_of(head.uri.query()?, name)
}

fn value_of(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
