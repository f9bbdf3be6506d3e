//! Every bound of the wire protocol in one table. KB means 1,024 bytes, counted after decompression.
//!
//! Segment also drops properties beyond 10,000 per event. There is no row for it: 10,000 properties do not fit into
//! 32 KB (the shortest takes six bytes).

/// One event, as the text of its JSON object.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;
/// A body of a batch route.
pub const BATCH_BYTES_MAX: usize = 500 * 1024;
/// Events in one batch. A larger batch is answered 200 and refused whole, as at Segment.
pub const BATCH_EVENTS_MAX: usize = 2_500;
/// What the items of one batch may borrow together of its `context` and `integrations`. SDKs lend some hundred bytes; 32 KB
/// lent to 2,500 items would be 80 MB out of one small body.
pub const LENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Characters of a message id.
pub const MESSAGE_ID_CHARS_MAX: usize = 100;
/// A compressed body may not unpack to more than the largest body plus one byte, which proves that it is over.
pub const DECOMPRESSED_BYTES_MAX: usize = BATCH_BYTES_MAX;
