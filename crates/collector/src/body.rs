//! Reading bodies: bounded in size, in time, in memory together, and in what they may unpack to.
//!
//! A body that came whole with its head, the common case, is used where hyper read it, without a copy. What is over
//! its limit is still read to a point before it is refused: a client that is answered while it sends sees a broken
//! connection instead of the answer.

use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::reject::{Refusal, Reject};

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// How long a body that is refused already may take.
const DRAIN_WAIT: Duration = Duration::from_secs(5);
/// How much beyond its limit a body is read before it is refused.
const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// All bodies that are in memory now.
#[derive(Debug)]
pub(crate) struct Bodies {
    held_bytes: AtomicUsize,
    held_bytes_max: usize,
}

/// A share of the memory for bodies, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share<'b> {
    bodies: &'b Bodies,
    bytes: usize,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.bodies.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
    Deflate,
}

impl Encoding {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Self::Plain) };
        let name = value.as_bytes().trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            Ok(Self::Plain)
        } else if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
            Ok(Self::Gzip)
        } else if name.eq_ignore_ascii_case(b"deflate") {
            Ok(Self::Deflate)
        } else {
            Err(Reject::UnsupportedEncoding.into())
        }
    }
}

impl Bodies {
    /// At most this many bytes of bodies at a time, over all connections.
    pub(crate) fn new(held_bytes_max: usize) -> Self {
        Self { held_bytes: AtomicUsize::new(0), held_bytes_max }
    }

    fn share(&self, bytes: usize) -> Result<Share<'_>, Refusal> {
        let before = self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        let share = Share { bodies: self, bytes };
        if before + bytes > self.held_bytes_max { Err(Reject::Busy.into()) } else { Ok(share) }
    }

    /// Reads a body of at most `bytes_max`, before and after unpacking.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        bytes_max: usize,
    ) -> Result<(Bytes, Share<'_>), Refusal> {
        let encoding = match Encoding::of(headers) {
            Ok(encoding) => encoding,
            Err(refusal) => return Err(Box::pin(drained(body, refusal)).await),
        };
        let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let expected = announced.unwrap_or(bytes_max).min(bytes_max);
        let beside = if encoding == Encoding::Plain { 0 } else { bytes_max };
        let share = match self.share(expected + beside) {
            Ok(share) => share,
            Err(refusal) => return Err(Box::pin(drained(body, refusal)).await),
        };
        let over = announced.is_some_and(|bytes| bytes > bytes_max);
        let packed = within(BODY_WAIT, collect(body, bytes_max, over)).await?;
        Ok((unpacked(encoding, packed, bytes_max)?, share))
    }
}

/// Waits for a body. Most came whole with their head: those cost no timer, because the timers of a runtime share a lock.
async fn within(wait: Duration, collecting: impl Future<Output = Result<Bytes, Refusal>>) -> Result<Bytes, Refusal> {
    let mut collecting = pin!(collecting);
    if let Poll::Ready(collected) = poll_fn(|context| Poll::Ready(collecting.as_mut().poll(context))).await {
        return collected;
    }
    tokio::time::timeout(wait, collecting).await.unwrap_or_else(|_| Err(Reject::BodyTimeout.into()))
}

/// Reads on what is refused before it came, to a point, and keeps none of it.
async fn drained(mut body: Incoming, refusal: Refusal) -> Refusal {
    let draining = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // Who sends slower than that has had its answer delayed enough.
    drop(tokio::time::timeout(DRAIN_WAIT, draining).await);
    refusal
}

/// Collects the frames of a body; one frame is passed on as it is.
async fn collect(mut body: Incoming, bytes_max: usize, over: bool) -> Result<Bytes, Refusal> {
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    let (mut seen, mut over) = (0_usize, over);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::from(Reject::BodyCut))?.into_data() else { continue };
        seen += data.len();
        over |= seen > bytes_max;
        if over {
            if seen > bytes_max + DRAIN_BYTES_MAX {
                break;
            }
        } else if let Some(first) = &first {
            if joined.is_empty() {
                joined.extend_from_slice(first);
            }
            joined.extend_from_slice(&data);
        } else {
            first = Some(data);
        }
    }
    if over {
        return Err(Reject::PayloadTooLarge.into());
    }
    Ok(if joined.is_empty() { first.unwrap_or_default() } else { joined.freeze() })
}

/// Two bytes of a zlib header: method 8, and a multiple of 31 (RFC 1950).
fn is_zlib(packed: &[u8]) -> bool {
    matches!(packed, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// A body as its encoding says, at most `bytes_max` long.
pub(crate) fn unpacked(encoding: Encoding, packed: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    match encoding {
        Encoding::Plain => Ok(packed),
        Encoding::Gzip => unpack(MultiGzDecoder::new(&*packed), bytes_max),
        // RFC 9110 means zlib by `deflate`; some clients send the bare stream.
        Encoding::Deflate if is_zlib(&packed) => unpack(ZlibDecoder::new(&*packed), bytes_max),
        Encoding::Deflate => unpack(DeflateDecoder::new(&*packed), bytes_max),
    }
}

/// Unpacks until the end or one byte over the limit, whichever comes first: a bomb costs no more than a full body.
fn unpack(reader: impl Read, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut plain = Vec::with_capacity(8 * 1024);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut plain).map_err(|error| Reject::BadEncoding.because(error))?;
    if plain.len() > bytes_max {
        return Err(Reject::PayloadTooLarge.into());
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zeros(count: usize) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; count]).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = zeros(64 * 1024 * 1024);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(MultiGzDecoder::new(&*bomb), 1000), Err(Reject::PayloadTooLarge.into()));
        assert_eq!(unpack(MultiGzDecoder::new(&*zeros(1000)), 1000).expect("fits").len(), 1000);
    }

    #[test]
    fn what_is_cut_is_refused() {
        let whole = zeros(1000);
        let refusal = unpack(MultiGzDecoder::new(&whole[..whole.len() - 9]), 1000).expect_err("cut");
        assert_eq!(refusal.reject, Reject::BadEncoding);
    }

    #[test]
    fn shares_are_given_back() {
        let bodies = Bodies::new(100);
        let share = bodies.share(90).expect("there is room");
        assert!(bodies.share(11).is_err());
        assert!(bodies.share(10).is_ok());
        drop(share);
        assert!(bodies.share(100).is_ok());
    }
}
