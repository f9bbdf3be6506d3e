//! How far every table has everything, per partition of the stream: where reading goes on after a start.
//!
//! Each table knows how far it is (`txn` in its log), and that alone makes rows appear exactly once. But a workspace
//! that was quiet for a week has an old number, and starting at the oldest would read the week again. So after each
//! round of commits the position through which *all* tables are complete is noted here. It may be lost or stale: then
//! more is read, and the tables' own numbers skip what they have.

use std::collections::BTreeMap;

use deltalake::ObjectStore;
use deltalake::logstore::object_store::{Error, GetOptions, ObjectStoreExt, PutPayload};

use crate::store::Place;

pub(crate) const NAME: &str = "cursor.json";

/// The last block of each partition that all tables have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) BTreeMap<u16, u64>);

impl Cursor {
    /// The cursor of a stream; empty when there is none, or it is another stream's.
    pub(crate) async fn load(place: &Place, stream: &str) -> Result<Self, Error> {
        let bytes = match place.store.get_opts(&place.path(NAME), GetOptions::default()).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        Ok(Self::parse(&bytes, stream).unwrap_or_default())
    }

    fn parse(bytes: &[u8], stream: &str) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        if json.get("version")?.as_u64()? != 1 || json.get("stream")?.as_str()? != stream {
            return None;
        }
        let partitions = json.get("partitions")?.as_object()?;
        let block =
            |(partition, block): (&String, &serde_json::Value)| Some((partition.parse().ok()?, block.as_u64()?));
        partitions.iter().map(block).collect::<Option<_>>().map(Self)
    }

    fn write(&self, stream: &str) -> String {
        let partitions: serde_json::Map<String, serde_json::Value> =
            self.0.iter().map(|(partition, block)| (partition.to_string(), (*block).into())).collect();
        serde_json::json!({ "version": 1, "stream": stream, "partitions": partitions }).to_string()
    }

    /// Notes the cursor.
    pub(crate) async fn save(&self, place: &Place, stream: &str) -> Result<(), Error> {
        let payload = PutPayload::from(self.write(stream).into_bytes());
        place.store.put(&place.path(NAME), payload).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_another_stream_or_form_counts_as_none() {
        let cursor = Cursor(BTreeMap::from([(0, 64), (11, u64::MAX)]));
        let text = cursor.write("processed");
        assert_eq!(Cursor::parse(text.as_bytes(), "processed"), Some(cursor));
        assert_eq!(Cursor::parse(text.as_bytes(), "other"), None);
        assert_eq!(Cursor::parse(b"", "processed"), None);
        assert_eq!(Cursor::parse(br#"{"version":2,"stream":"processed","partitions":{}}"#, "processed"), None);
    }
}
