//! What a visitor's device talks to beside events: the choice itself, stated by a page or an app, and the receipt for it.
//!
//! A choice stated here takes the path of the event `Segment Consent Preference Updated` (`said`), so there is one rule
//! for both. What is new is the answer: the number of its receipt, which is random and the only key to it. It is no
//! secret of the visitor's alone (whoever holds it can download what it stands for), and it leads to no other record.

mod pace;
mod receipt;
mod said;

use std::net::SocketAddr;

use event::limits;
use http::request::Parts;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

pub use self::receipt::ReceiptDesk;
pub(crate) use self::receipt::Receipts;
pub(crate) use self::said::Said;
use crate::answer::{self, Answer};
use crate::handle::{Collector, utf8};
use crate::reject::Refusal;

impl Collector {
    /// Records a choice and says under which number its receipt can be had.
    pub(crate) async fn choose(&self, head: &Parts, body: Incoming, peer: SocketAddr) -> Result<Answer, Refusal> {
        let (body, _share) = self.bodies.read(&head.headers, body, limits::EVENT_BYTES_MAX).await?;
        let said = Said::parse(utf8(&body)?)?;
        let receipt = self.acceptor.choose(&self.asked(head, peer), &said).await?;
        Ok(receipt.map_or_else(answer::success, |receipt| {
            answer::no_store_json(serde_json::json!({ "success": true, "receipt": receipt.to_string() }).to_string())
        }))
    }
}

/// A value of a query, decoded.
fn of_query(head: &Parts, name: &str) -> Option<String> {
    let mut pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
