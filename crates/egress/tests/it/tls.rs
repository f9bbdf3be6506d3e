//! TLS, with an authority that only these tests know. Its key is gone; the receiver's stands beside it and is good for
//! nothing else.

use std::sync::Arc;

use consent::Gate;
use egress::{Options, SendError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{egress, gate, permitted, post};

const AUTHORITY: &str = include_str!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/receiver.pem");
const KEY: &[u8] = include_bytes!("tls/receiver.key");

/// A receiver that answers 204 to each request whose body it got; returns its port and what it read.
async fn receiver() -> (u16, tokio::sync::mpsc::Receiver<String>) {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.expect("binds"));
    let port = listener.local_addr().expect("bound").port();
    let (told, received) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Who does not trust us hangs up here.
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let mut read = Vec::new();
            while !read.ends_with(b"{\"a\":1}") {
                if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            told.send(String::from_utf8_lossy(&read).into_owned()).await.expect("somebody listens");
            socket.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.expect("answered");
        }
    });
    (port, received)
}

async fn sent(gate: &Arc<Gate>, url: &str, authorities_pem: Option<String>) -> Result<u16, SendError> {
    let out = egress(Options { authorities_pem, ..Options::default() });
    out.send(permitted(gate, post(url)), gate).await.map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn a_named_authority_is_trusted_and_an_unknown_one_gets_no_byte() {
    let (port, mut received) = receiver().await;
    let gate = gate();
    let url = format!("https://localhost:{port}/hook?key=hush");
    let refused = sent(&gate, &url, None).await.expect_err("nobody vouches for it");
    assert!(matches!(refused, SendError::Connect(_)) && !refused.to_string().contains("hush"), "{refused}");
    assert_eq!(sent(&gate, &url, Some(AUTHORITY.to_owned())).await.expect("trusted"), 204);
    let read = received.recv().await.expect("a request");
    assert!(read.starts_with("POST /hook?key=hush HTTP/1.1\r\n") && read.ends_with("{\"a\":1}"), "{read}");
    // The name counts too: the certificate is for `localhost` and 127.0.0.1 only.
    let other = format!("https://[::ffff:127.0.0.1]:{port}/");
    assert!(sent(&gate, &other, Some(AUTHORITY.to_owned())).await.is_err());
    assert!(received.try_recv().is_err(), "no byte went where trust was missing");
}

#[test]
fn authorities_are_checked_where_they_are_written() {
    assert_eq!(egress::check_authorities(AUTHORITY), Ok(()));
    assert!(egress::check_authorities("").is_err());
}
