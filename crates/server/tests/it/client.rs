//! A small HTTP client for tests: one request, one answer, errors told apart from answers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: String,
}

/// A keep-alive connection that is made anew when it breaks.
pub(crate) struct Client {
    address: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), sender: None }
    }

    /// Another connection to the same server.
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.address)
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, String> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let (sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().ok_or_else(|| "not connected".to_owned())
    }

    /// Sends a request. An error means that nobody knows whether it was taken.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).map_err(|error| error.to_string())?;
        let sender = self.connected().await?;
        sender.ready().await.map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(Duration::from_secs(20), sender.send_request(request)).await;
        let answer = answer.map_err(|_| "no answer in 20 s".to_owned())?.map_err(|error| error.to_string())?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Posts to an event route with the write key of the source `web`.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<Answer, String> {
        self.post_as("wk_web", path, body).await
    }

    /// Posts with a write key, by Basic authentication.
    pub(crate) async fn post_as(&mut self, key: &str, path: &str, body: &str) -> Result<Answer, String> {
        use base64::Engine as _;
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
        self.send(
            "POST",
            path,
            &[("authorization", &format!("Basic {credentials}")), ("content-type", "application/json")],
            body,
        )
        .await
    }
}
