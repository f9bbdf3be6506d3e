//! `assent send`: one stamped test event, as a server would send it.

use std::io::Write as _;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::cli::Send;

/// Sends it and prints its message id.
pub(crate) async fn run(send: &Send) -> anyhow::Result<()> {
    let address = send
        .url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'))
        .context("`--url` must be `http://HOST:PORT`: this command is for a server on this machine")?;
    let message_id = event::new_message_id();
    let body = serde_json::json!({
        "type": "track", "event": send.event, "messageId": message_id, "anonymousId": "assent-send",
        "writeKey": send.write_key,
        "context": {"consent": {"categoryPreferences": {"functionality": true, "performance": true, "targeting": false}}},
    });
    let stream = TcpStream::connect(address).await.with_context(|| format!("no server answers at {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post("/v1/track").header("host", address).body(Full::new(Bytes::from(body.to_string())))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    anyhow::ensure!(status.is_success(), "the server answered {status}: {}", String::from_utf8_lossy(&text));
    writeln!(std::io::stdout(), "{message_id}")?;
    Ok(())
}
