//! A choice goes along when a visitor follows a link to another site of the same workspace (`banner.hand_off`), where no
//! cookie of this site is seen: `POST /v1/consent/handoff` seals it for that site, and there `POST
//! /v1/consent/handoff/taken` opens it.
//!
//! ```json
//! { "writeKey": "wk_demo", "to": "https://shop.example", "choice": "1~3~…" }   → { "token": "…" }
//! { "writeKey": "wk_demo", "token": "…" }                                      → { "choice": "1~3~…" }
//! ```
//!
//! The token holds the choice and nobody's identifier: what is sealed is written anew from the categories, vendors and words
//! that the workspace knows. A link that somebody else made must not agree for whoever follows it, so a token is good for a
//! minute, once, on the site that it names, and in the network that it was made in. Whoever it fails for is asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control::{CONFIRMED_OVER_GPC, KeyOwner, Presented};
use event::{Millis, limits};
use http::HeaderMap;
use http::header::ORIGIN;
use http::request::Parts;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cookie::Kept;
use crate::accept::Asked;
use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::reject::{Refusal, Reject};

/// What a token is sealed for.
const PURPOSE: &str = "hand-off";
const DAY_MS: i64 = 86_400_000;
const UNFIT: &str = "`choice` is not the text that the page keeps, or an opt-in over Global Privacy Control";
/// From the click to the other page.
const LASTS_MS: i64 = 60_000;
/// Tokens that were taken within their minute: about four megabytes. Beyond, nothing is handed off.
const TAKEN_MAX: usize = 100_000;

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "c")]
    choice: String,
    #[serde(rename = "t")]
    to: String,
    #[serde(rename = "u")]
    until_ms: i64,
    /// Cut, as every address is.
    #[serde(rename = "n")]
    network: IpAddr,
}

/// Which tokens were taken. How often one network asks is not bounded: a mobile carrier's visitors share one, and a seal
/// costs less than an event.
#[derive(Debug, Default)]
pub(crate) struct HandOffs {
    taken: Mutex<HashMap<[u8; 12], Millis>>,
}

impl HandOffs {
    /// Whether this is the first time that a token is taken.
    fn take(&self, token: &[u8], until: Millis, now: Millis) -> bool {
        let Some(nonce) = token.first_chunk::<12>() else { return false };
        let mut taken = self.taken.lock().expect("no holder of the tokens panics");
        if taken.len() >= TAKEN_MAX {
            taken.retain(|_, until| *until > now);
        }
        taken.len() < TAKEN_MAX && taken.insert(*nonce, until).is_none()
    }
}

impl Collector {
    /// Seals a choice for the site that a link leads to.
    pub(crate) async fn hand_off(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (asked, owner, said) = self.said_of_hand_off(head, body, peer).await?;
        let text = |name: &str| said[name].as_str().unwrap_or_default();
        let sites = &owner.tenant.workspace.consent.banner.hand_off;
        let is_listed = |origin: &str| sites.iter().any(|site| site == origin);
        let from = origin(&head.headers).filter(|from| is_listed(from));
        let to = Some(text("to")).filter(|to| is_listed(to) && from != Some(*to));
        let (Some(_), Some(to)) = (from, to) else {
            return Err(Reject::NoHandOff.because("`Origin` and `to` are two different sites of `banner.hand_off`"));
        };
        let choice = rewritten(text("choice"), &owner, asked.at).ok_or_else(|| Reject::BadChoice.because(UNFIT))?;
        let sealed = Sealed { choice, to: to.to_owned(), until_ms: asked.at.0 + LASTS_MS, network: asked.client };
        let sealed = serde_json::to_vec(&sealed).expect("texts and numbers are JSON");
        let token = owner.tenant.fingerprints.seal(PURPOSE, &sealed).map_err(|error| {
            tracing::error!(%error, "a choice was not sealed for another site");
            Refusal::from(Reject::Internal)
        })?;
        Ok(answer::no_store_json(json!({ "token": URL_SAFE_NO_PAD.encode(token) }).to_string()))
    }

    /// Opens what the visitor brings along.
    pub(crate) async fn take_over(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (asked, owner, said) = self.said_of_hand_off(head, body, peer).await?;
        let refused = || Refusal::from(Reject::NoHandOff);
        let token = said["token"].as_str().and_then(|token| URL_SAFE_NO_PAD.decode(token).ok()).ok_or_else(refused)?;
        let opened = owner.tenant.fingerprints.open(PURPOSE, &token).ok_or_else(refused)?;
        let sealed: Sealed = serde_json::from_slice(&opened).map_err(|_| refused())?;
        let is_here = origin(&head.headers) == Some(sealed.to.as_str()) && sealed.network == asked.client;
        let until = Millis(sealed.until_ms);
        if !is_here || asked.at >= until || !self.hand_offs.take(&token, until, asked.at) {
            return Err(refused());
        }
        let choice = rewritten(&sealed.choice, &owner, asked.at).ok_or_else(refused)?;
        Ok(answer::no_store_json(json!({ "choice": choice }).to_string()))
    }

    async fn said_of_hand_off<'h>(
        &self,
        head: &'h Parts,
        body: Incoming,
        peer: SocketAddr,
    ) -> Result<(Asked<'h>, KeyOwner, Value), Refusal> {
        let asked = self.asked(head, peer);
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let said: Value = serde_json::from_str(utf8(&body)?).map_err(|error| Reject::BadJson.because(error))?;
        let key = said["writeKey"].as_str().unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(key).ok_or(Reject::UnknownKey)?;
        Ok((asked, owner, said))
    }
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(ORIGIN)?.to_str().ok()
}

/// A page's choice, written anew from what the workspace knows, so that nothing else travels in it. It is one that the
/// server was not told of there. Clocks of visitors may be ahead; a grant from further off could not be taken back. An
/// opt-in over Global Privacy Control does not travel: a link is no second step, so each site asks for its own.
fn rewritten(text: &str, owner: &KeyOwner, now: Millis) -> Option<String> {
    let kept = Kept::parse(text).filter(|kept| kept.at.0 < now.0.saturating_add(DAY_MS))?;
    let (how, layer) = kept.how.split_once('.')?;
    let described =
        json!({ "version": kept.version, "method": how, "layer": layer, "refusedVendors": kept.refused_vendors });
    let described = Presented::from_consent(&described.to_string(), owner.site().banner());
    let method = described.method.filter(|method| method != CONFIRMED_OVER_GPC)?;
    let rules = owner.tenant.gate.rules();
    let optional = rules.categories.names(rules.categories.optional());
    let known = |names: Vec<String>| names.into_iter().filter(|name| optional.contains(&name.as_str())).collect();
    let kept = Kept {
        at: kept.at,
        version: described.version?,
        granted: known(kept.granted),
        refused: known(kept.refused),
        refused_vendors: described.refused_vendors,
        how: format!("{method}.{}", described.layer?),
    };
    Some(kept.to_text(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_once_and_its_memory_is_bounded() {
        let all = HandOffs::default();
        let token = |n: u32| [n.to_be_bytes(); 3].concat();
        assert!(all.take(&token(0), Millis(10), Millis(0)) && !all.take(&token(0), Millis(10), Millis(0)));
        let taken = (1..120_000).filter(|n| all.take(&token(*n), Millis(10), Millis(0))).count();
        assert_eq!(taken, TAKEN_MAX - 1);
        assert!(all.take(&token(200_000), Millis(30), Millis(20)), "what is over is forgotten");
        assert!(!all.take(b"short", Millis(10), Millis(0)));
    }
}
