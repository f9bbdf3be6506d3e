//! The one way out. Whatever leaves Assent for a destination passes [`Egress::send`], and that takes a
//! [`Permitted`] thing only.
//!
//! What is settled here, once, for every destination:
//! - the permission is looked at again where the bytes are handed to the connection, not where the request is made
//!   ([`guarded`]); a request that waited for a connection while consent was withdrawn never begins;
//! - which addresses may be reached ([`address`]): what was checked is what is connected to, redirects are not
//!   followed, proxies of the environment are not used;
//! - how long a request may take and how much of an answer is read;
//! - that errors name neither path, query nor header: they may hold credentials.
//!
//! One [`Egress`] serves one destination instance: its connections, its limits and its troubles are its own.

use std::sync::Arc;

use consent::{Gate, Permitted};
use tokio::sync::OnceCell;

mod address;
mod echo;
mod error;
mod file;
mod guarded;
mod http_out;
mod nobody;
mod request;
mod signature;

pub use address::{AddressRefused, check_url};
pub use echo::Echoes;
pub use error::SendError;
pub use http_out::check_authorities;
pub use nobody::about_nobody;
pub use request::{Answer, EchoRequest, FileRequest, HttpRequest, Request};
pub use signature::SigningKey;

/// Limits of one destination's way out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether loopback, private and link-local addresses may be reached: the operator's word.
    pub allow_private: bool,
    /// The longest that making a connection may take.
    pub connect_timeout_ms: u64,
    /// The longest that a request may take, answer included.
    pub timeout_ms: u64,
    /// Idle connections kept.
    pub idle_connections_max: usize,
    /// Authorities to trust besides the machine's, as PEM: for receivers inside the operator's network.
    pub authorities_pem: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_private: false,
            connect_timeout_ms: 5_000,
            timeout_ms: 30_000,
            idle_connections_max: 128,
            authorities_pem: None,
        }
    }
}

/// How much of an answer is read; the rest is dropped with its connection.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The way out of one destination.
#[derive(Debug)]
pub struct Egress {
    options: Options,
    /// Made with the first request: files and echoes never pay for TLS roots.
    client: OnceCell<reqwest::Client>,
    files: file::Writers,
    echoes: Arc<Echoes>,
}

impl Egress {
    /// A way out with its own connections. `echoes` is where requests in process are shown.
    pub fn new(options: Options, echoes: Arc<Echoes>) -> Self {
        Self { options, client: OnceCell::new(), files: file::Writers::default(), echoes }
    }

    /// Sends, if the permission still holds when the bytes go. [`SendError::Stale`] means that nothing left and the
    /// gate must be asked again.
    pub async fn send(&self, request: Permitted<Request>, gate: &Arc<Gate>) -> Result<Answer, SendError> {
        if !gate.is_current(&request) {
            return Err(SendError::Stale);
        }
        match request.get() {
            Request::Http(_) => {
                let client = self.client.get_or_try_init(|| async { http_out::client(&self.options) }).await?;
                http_out::send(client, &self.options, request, gate).await
            }
            Request::File(_) => self.files.append(request, gate).await,
            Request::Echo(_) => Ok(self.echoes.keep(request)),
        }
    }
}
