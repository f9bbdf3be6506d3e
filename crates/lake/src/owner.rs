//! Whose lake lies in a place that several could reach.
//!
//! A directory has the lock of the log beside it; a bucket has nothing. Two servers under one prefix would compact and
//! delete each other's files, and a bucket that is not the one written before would be an empty lake that nobody asked
//! for. So the first server that comes writes its id there, in one step that only one can win, and every start looks.

use deltalake::logstore::object_store::{Error, GetOptions, PutMode, PutPayload};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::store::Place;

const NAME: &str = "owner.json";

/// Why a place is not this server's.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// Somebody else's lake is there.
    #[error("it holds the lake of another data directory")]
    Other,
    /// The lake that was here is not.
    #[error("it does not hold the lake that this data directory wrote")]
    Gone,
    /// A newer release wrote it.
    #[error("a newer release of Assent wrote it")]
    Newer,
    /// Two writers of a commit could both win there.
    #[error("the store ignores `If-None-Match: *`, on which commits stand: it cannot hold the lake")]
    Careless,
    /// It does not answer, or refuses.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Place {
    /// Makes the place the owner's, if it is nobody's. It must hold no lake yet.
    pub async fn claim(&self, owner: &str) -> Result<(), OwnerError> {
        match self.create(owner).await {
            // The same once more: whoever lets that through would let two commits through as well.
            Ok(()) => match self.create(owner).await {
                Ok(()) => Err(OwnerError::Careless),
                Err(Error::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Err(Error::AlreadyExists { .. }) => self.check_owner(owner).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn create(&self, owner: &str) -> Result<(), Error> {
        let text = serde_json::json!({ "version": 1, "owner": owner }).to_string();
        let payload = PutPayload::from(text.into_bytes());
        self.store.put_opts(&self.path(NAME), payload, PutMode::Create.into()).await.map(drop)
    }

    /// Looks whether the place is the owner's, as [`Self::claim`] left it.
    pub async fn check_owner(&self, owner: &str) -> Result<(), OwnerError> {
        let found = match self.store.get_opts(&self.path(NAME), GetOptions::default()).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Err(OwnerError::Gone),
            Err(error) => return Err(error.into()),
        };
        let json: serde_json::Value = serde_json::from_slice(&found).unwrap_or_default();
        match (json["version"].as_u64(), json["owner"].as_str()) {
            (Some(1), Some(found)) if found == owner => Ok(()),
            (Some(version), _) if version > 1 => Err(OwnerError::Newer),
            _ => Err(OwnerError::Other),
        }
    }

    /// Deletes everything but the owner's mark: only for the owner, before it restores a lake.
    pub async fn clear(&self) -> Result<(), Error> {
        let (root, owner) = (self.path(""), self.path(NAME));
        let found: Vec<_> = self.store.list(Some(&root)).map_ok(|object| object.location).try_collect().await?;
        let gone = found.into_iter().filter(move |path| *path != owner).map(Ok);
        self.store.delete_stream(futures::stream::iter(gone).boxed()).try_collect::<Vec<_>>().await.map(drop)
    }

    /// Whether nothing at all is in the place.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let root = self.path("");
        Ok(self.store.list(Some(&root)).try_next().await?.is_none())
    }
}
