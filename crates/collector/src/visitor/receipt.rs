//! `GET /v1/consent/{number}`: the receipt of a choice, for whoever has its number. Public, because the number is the
//! credential: 128 random bits that were told to the visitor alone. It is answered from what is published, so that a
//! stranger's request never makes the ledger write.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use control::{Published, Receipt};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, HeaderName, HeaderValue, RETRY_AFTER};
use http::request::Parts;

use super::{of_query, pace::Pace};
use crate::answer::{self, Answer};
use crate::handle::Collector;
use crate::reject::{Refusal, Reject};
use crate::{cors, write_key};

/// Browsers ask again by themselves: the ledger publishes every second.
const REFRESH: HeaderName = HeaderName::from_static("refresh");
const WAIT_S: HeaderValue = HeaderValue::from_static("2");

/// Where receipts come from: the ledgers of this process. Tests have doubles.
#[async_trait]
pub trait ReceiptDesk: fmt::Debug + Send + Sync {
    /// The receipt of a workspace's choice, if it is published; the error is for the server's log.
    async fn receipt(&self, workspace: &str, number: Receipt) -> Result<Published, String>;
}

/// The desk, where there is one, and how often it is asked.
#[derive(Debug)]
pub(crate) struct Receipts {
    desk: Option<Arc<dyn ReceiptDesk>>,
    pace: Pace,
}

impl Receipts {
    pub(crate) fn new(desk: Option<Arc<dyn ReceiptDesk>>) -> Self {
        Self { desk, pace: Pace::default() }
    }
}

impl Collector {
    /// The receipt of a number, as a file.
    pub(crate) async fn receipt(&self, head: &Parts, peer: SocketAddr, number: &str) -> Result<Answer, Refusal> {
        let asked = self.asked(head, peer);
        if !self.receipts.pace.admits(asked.client, asked.at) {
            return Err(Reject::TooManyReceipts.into());
        }
        let key = write_key::from_headers(&head.headers).or_else(|| of_query(head, "writeKey")).unwrap_or_default();
        let owner = self.acceptor.directory.by_write_key(&key).ok_or(Reject::UnknownKey)?;
        let number = Receipt::parse(number).ok_or(Reject::NoReceipt)?;
        let desk = self.receipts.desk.as_ref().ok_or(Reject::NoLedger)?;
        match desk.receipt(&owner.tenant.name(), number).await {
            Ok(Published::Receipt(text)) => Ok(file(number, text)),
            Ok(Published::Waiting) => Ok(waiting()),
            Ok(Published::Unknown) => Err(Reject::NoReceipt.into()),
            Err(error) => {
                tracing::error!(error, "a receipt cannot be given");
                Err(Reject::NoLedger.into())
            }
        }
    }
}

fn file(number: Receipt, text: String) -> Answer {
    let mut answer = answer::with_body(HeaderValue::from_static("application/ld+json"), text.into());
    let headers = answer.headers_mut();
    let name = format!("attachment; filename=\"consent-receipt-{number}.json\"");
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("hexadecimal digits are a header"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cors::allow(headers);
    answer
}

fn waiting() -> Answer {
    let text = "your choice is recorded; its receipt is published within a few seconds: ask again";
    let body = serde_json::json!({ "success": true, "pending": true, "message": text });
    let mut answer = answer::no_store_json(body.to_string());
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer.headers_mut().insert(RETRY_AFTER, WAIT_S);
    answer.headers_mut().insert(REFRESH, WAIT_S);
    answer
}
