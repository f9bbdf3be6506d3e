//! What a letter talks to: the image says that it was opened, a link that it was followed.
//!
//! The recipient's recorded choice decides alone. Without a grant on record nothing is stored, in every regime: whoever
//! reads a letter was not asked there. Neither sets a cookie, and neither keeps address or user agent, which are those of
//! a mail provider as often as not. The image always answers; a link always leads where it was sealed to lead, and a
//! token that was not made here leads nowhere.

use std::net::SocketAddr;
use std::sync::Arc;

use consent::Reason;
use control::{Beacon, BeaconKind, Tenant};
use event::Call;
use http::Method;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, LOCATION, REFERRER_POLICY};
use http::request::Parts;
use serde_json::{Value, json};

use crate::accept::Asked;
use crate::answer::{self, Answer};
use crate::handle::Collector;
use crate::metrics::SourceLabels;
use crate::reject::{Refusal, Reject};

/// A letter that somebody reads, and the workspace that sent it.
struct Letter {
    beacon: Beacon,
    tenant: Arc<Tenant>,
}

impl Collector {
    /// Always the image.
    pub(crate) async fn letter_opened(&self, head: &Parts, peer: SocketAddr, name: &str) -> Answer {
        let token = name.strip_suffix(".gif").unwrap_or(name);
        // A scanner's look at the head is not an opening.
        if head.method != Method::HEAD
            && let Some(letter) = self.letter(token, BeaconKind::Open)
        {
            self.read(head, peer, &letter, "Email Opened").await;
        }
        answer::gif()
    }

    /// Where the link leads.
    pub(crate) async fn letter_clicked(&self, head: &Parts, peer: SocketAddr, token: &str) -> Result<Answer, Refusal> {
        let letter = self.letter(token, BeaconKind::Click).ok_or(Reject::NoBeacon)?;
        let target = letter.beacon.target.as_deref().and_then(|target| HeaderValue::from_str(target).ok());
        let target = target.ok_or(Reject::NoBeacon)?;
        if head.method != Method::HEAD {
            self.read(head, peer, &letter, "Email Link Clicked").await;
        }
        let mut answer = answer::empty(StatusCode::FOUND);
        let headers = answer.headers_mut();
        headers.insert(LOCATION, target);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // The token names a recipient to whoever has the key; the next site has no business with it.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(answer)
    }

    fn letter(&self, token: &str, kind: BeaconKind) -> Option<Letter> {
        let tenant = self.acceptor.directory.tenant(Beacon::workspace_of(token)?)?;
        let beacon = Beacon::from_token(token, kind, &tenant.fingerprints)?;
        Some(Letter { beacon, tenant })
    }

    /// Records it, if the recipient has agreed to what its source collects under. What goes wrong costs the reader nothing,
    /// and is counted.
    async fn read(&self, head: &Parts, peer: SocketAddr, letter: &Letter, name: &str) {
        if let Err(refusal) = self.read_of(head, peer, letter, name).await {
            self.metrics.rejected(refusal.reject);
            self.metrics.pixels_lost.inc();
        }
    }

    async fn read_of(&self, head: &Parts, peer: SocketAddr, letter: &Letter, name: &str) -> Result<(), Refusal> {
        let Letter { beacon, tenant } = letter;
        let owner = self.acceptor.directory.by_write_key(&beacon.write_key).ok_or(Reject::UnknownKey)?;
        let rules = tenant.gate.rules();
        let collecting = rules.categories.key(owner.source().category.as_str());
        let person = tenant.fingerprints.of_event(None, Some(beacon.user_id.expose()));
        let regime = tenant.workspace.consent.regime(owner.source().region.as_deref());
        let choices = tenant.gate.choices(&person, self.asked(head, peer).at, regime);
        if collecting.is_empty() || !choices.granted.contains(collecting) {
            let refused = choices.refused.intersects(collecting);
            self.acceptor
                .metrics
                .refused(&SourceLabels::of(&owner), if refused { Reason::Withdrawn } else { Reason::NoConsent }.code());
            return Ok(());
        }
        // The key of the letter counts, not one that the request brings.
        let asked = Asked { key: None, ..self.asked(head, peer) };
        self.acceptor.one(&asked, &event(beacon, name).to_string(), Call::Track).await.map(drop)
    }
}

fn event(beacon: &Beacon, name: &str) -> Value {
    let mut properties = json!({});
    for (key, value) in [("campaign", &beacon.campaign), ("message", &beacon.message), ("link", &beacon.target)] {
        if let Some(value) = value {
            properties[key] = value.as_str().into();
        }
    }
    json!({
        "writeKey": beacon.write_key,
        "event": name,
        "userId": beacon.user_id.expose(),
        "properties": properties,
    })
}
