//! The door for whoever may read the data directory: HTTP over `DIR/assent.sock` (mode 0600), used by `assent tail`
//! and `assent trace`. The file's mode is the authentication; nothing of it listens on the network.

use std::convert::Infallible;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;

use crate::live::Live;

/// Answers the trace of a message id as text.
pub(crate) type Tracer = Arc<dyn Fn(String) -> BoxFuture<'static, String> + Send + Sync>;

type Body = UnsyncBoxBody<Bytes, Infallible>;

const SOCKET: &str = "assent.sock";
/// What a path of a Unix socket may have, less a little: 108 bytes in Linux.
const SOCKET_PATH_BYTES_MAX: usize = 100;
/// After a reader could not be let in.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// The socket of a data directory, by a path that is short enough for one.
struct Door {
    path: PathBuf,
    /// Held open where the path leads through it.
    _directory: Option<File>,
}

impl Door {
    fn of(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join(SOCKET);
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Self { path, _directory: None });
        }
        let directory = File::open(data_dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
        Ok(Self { path, _directory: Some(directory) })
    }
}

/// Opens the door. It closes when the task is dropped. A server without it takes and delivers events all the same.
pub(crate) async fn serve(data_dir: &Path, live: Live, tracer: Tracer) {
    if let Err(error) = listen(data_dir, live, tracer).await {
        let error = format!("{error:#}");
        tracing::error!(error, "`assent tail` and `assent trace` cannot be used until the next start");
    }
}

async fn listen(data_dir: &Path, live: Live, tracer: Tracer) -> anyhow::Result<()> {
    let door = Door::of(data_dir).with_context(|| format!("cannot open {}", data_dir.display()))?;
    let (path, shown) = (&door.path, data_dir.join(SOCKET));
    // A socket file of a process that was killed; the log's lock has already shown that no other one is alive.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", shown.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {}", shown.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Too many open files, mostly: the next reader may have more luck.
            Err(error) => {
                tracing::warn!(%error, "a local reader was not let in");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let (live, tracer) = (live.clone(), Arc::clone(&tracer));
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (live, tracer) = (live.clone(), Arc::clone(&tracer));
                async move { Ok::<_, Infallible>(answer(&request, &live, &tracer).await) }
            });
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a local reader left");
            }
        });
    }
}

async fn answer(request: &Request<Incoming>, live: &Live, tracer: &Tracer) -> Response<Body> {
    let path = request.uri().path();
    if path == "/tail" {
        return Response::new(tail(live));
    }
    if let Some(message_id) = path.strip_prefix("/trace/") {
        let decoded = percent_encoding::percent_decode_str(message_id).decode_utf8_lossy();
        return Response::new(Full::new(Bytes::from(tracer(decoded.into_owned()).await)).boxed_unsync());
    }
    let mut missing = Response::new(Empty::new().boxed_unsync());
    *missing.status_mut() = StatusCode::NOT_FOUND;
    missing
}

fn tail(live: &Live) -> Body {
    let lines = futures::stream::unfold(live.watch(), |mut watch| async move {
        let line = match watch.next().await {
            Ok(line) => format!("{line}\n"),
            Err(RecvError::Lagged(lost)) => format!("{{\"tail\":\"lost\",\"lines\":{lost}}}\n"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(Frame::data(Bytes::from(line))), watch))
    });
    StreamBody::new(lines).boxed_unsync()
}

/// Asks the server of a data directory and hands its answer on, piece by piece.
pub(crate) async fn ask(data_dir: &Path, path: &str, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
    let nobody = || {
        let socket = data_dir.join(SOCKET);
        format!("no server answers at {}: is `assent serve` running on this directory?", socket.display())
    };
    let door = Door::of(data_dir).with_context(nobody)?;
    let stream = UnixStream::connect(&door.path).await.with_context(nobody)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header("host", "local").body(Empty::<Bytes>::new())?;
    let mut body = sender.send_request(request).await?.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        each(&piece?);
    }
    drop(sender);
    connection.abort();
    Ok(())
}
