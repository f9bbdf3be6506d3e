//! What is sent and what comes back, as plain values: a destination makes the one and reads the other without I/O.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use event::Secret;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;

/// A request of one of the ways out.
#[derive(Debug, Clone)]
pub enum Request {
    /// Over the network.
    Http(HttpRequest),
    /// Into a file on this machine.
    File(FileRequest),
    /// To the eyes of whoever tries Assent out.
    Echo(EchoRequest),
}

/// An HTTP request. Header values are secrets: most credentials travel there.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Where to. `http` and `https` only.
    pub url: Url,
    /// Headers; `content-length` and `host` are set by the connection.
    pub headers: Vec<(HeaderName, Secret<String>)>,
    /// The body.
    pub body: Bytes,
}

/// Lines to append to the newest file of a directory.
#[derive(Debug, Clone)]
pub struct FileRequest {
    /// The directory; made when absent.
    pub directory: PathBuf,
    /// Whole lines, each with its newline.
    pub lines: Bytes,
    /// A file that has reached this size is left alone and a new one begun.
    pub file_bytes_max: u64,
}

/// Bodies to show.
#[derive(Debug, Clone)]
pub struct EchoRequest {
    /// Under which name.
    pub name: Arc<str>,
    /// The bodies.
    pub bodies: Vec<Bytes>,
}

/// An answer. What is not HTTP answers as HTTP would.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// At most [`crate::ANSWER_BYTES_MAX`] bytes of the body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without headers and body.
    pub fn of(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }
}
