//! Why nothing was answered. No message holds a path, a query or a header: they may carry credentials.

use crate::AddressRefused;

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A choice was made since the permission: nothing of the body left. Ask the gate again.
    #[error("consent changed before the request began")]
    Stale,
    /// The destination's address may not be reached.
    #[error(transparent)]
    Address(#[from] AddressRefused),
    /// The name does not resolve, or nobody listens there, or TLS was not agreed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// It took too long.
    #[error("no answer within {after_ms} ms")]
    Timeout {
        /// The limit that was passed.
        after_ms: u64,
    },
    /// The connection broke after the request began: it may have arrived.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The request cannot be expressed in HTTP.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// The directory or file refused.
    #[error("cannot write to `{path}`: {error}")]
    File {
        /// Which.
        path: String,
        /// What the operating system said.
        error: std::io::Error,
    },
}
