//! What somebody who is signed in on a page refused, on whatever device: `POST /v1/consent/elsewhere`. Such a refusal counts
//! on this device too, while they are signed in (CNIL 2025-131), and the page says so instead of leaving it to be found out.
//!
//! ```json
//! { "writeKey": "wk_demo", "userId": "u-1", "proof": "f4e3…" } → { "refused": ["targeting"], "refusedVendors": ["ga"] }
//! ```
//!
//! Write keys are public and user ids are easily guessed, so it is told only to a page for which the operator's own server
//! vouches ([`vault::Fingerprints::is_proven`]). It is answered from memory, and nothing about the question is kept.

use event::{Pii, limits};
use http::request::Parts;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use vault::IdentifierKind;
use workspace::VENDOR_PREFIX;

use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::reject::{Refusal, Reject};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    write_key: String,
    user_id: String,
    proof: String,
}

impl Collector {
    /// Tells what is refused today under a user id.
    pub(crate) async fn refused_elsewhere(&self, head: &Parts, body: Incoming) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let question: Question = serde_json::from_str(utf8(&body)?).map_err(|error| Reject::BadJson.because(error))?;
        let Question { write_key, user_id, proof } = question;
        let owner = self.acceptor.directory.by_write_key(&write_key).ok_or(Reject::UnknownKey)?;
        let keys = &owner.tenant.fingerprints;
        if user_id.is_empty() || !keys.is_proven(&write_key, &Pii::new(user_id.as_str()), &proof) {
            return Err(Reject::NoProof.into());
        }
        let gate = &owner.tenant.gate;
        let refused = gate.refused(&[keys.of(IdentifierKind::UserId, &user_id)]).refused;
        let categories = &gate.rules().categories;
        let vendors: Vec<&str> =
            categories.names(refused).into_iter().filter_map(|name| name.strip_prefix(VENDOR_PREFIX)).collect();
        let off = categories.names(consent::off(refused, categories));
        Ok(answer::no_store_json(json!({ "refused": off, "refusedVendors": vendors }).to_string()))
    }
}
