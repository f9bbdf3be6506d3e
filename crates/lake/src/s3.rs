//! A bucket as the place of the lake: how it is opened, and what is asked of it.
//!
//! What Delta needs of a store is that of two writers of one commit exactly one wins. S3 gives that since it knows
//! `If-None-Match: *` ([`S3ConditionalPut::ETagMatch`]); a store that ignores the header would lose commits in silence,
//! so [`Place::s3`] never falls back to anything else.
//!
//! All requests run on one thread of their own, whoever asks: connections are kept open and belong to the runtime that
//! made them, and a query's runtime ends with the query. The next one would get a dead connection out of the pool.
//!
//! The client gives up soon and says so. Patience is the lake's: it tries a commit again for as long as it takes, and
//! the operator sees from the first failure that it does.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Secret;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::client::SpawnedReqwestConnector;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use tokio::runtime::{Handle, Runtime};
use url::Url;

use crate::store::{Place, PlaceError};

/// From the first byte sent to the last byte received: pieces are 5 MB, files are read in ranges.
const REQUEST_WITHIN: Duration = Duration::from_mins(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What the client does by itself about a hiccup, before anybody hears of it.
const RETRIES_MAX: usize = 3;
const RETRY_WITHIN: Duration = Duration::from_secs(10);

/// A bucket, how to reach it, and the keys to it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// `s3://bucket/prefix`.
    pub url: String,
    /// The address of a store that is not Amazon's, as `https://s3.example.com`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether `http://` endpoints are talked to.
    pub allow_http: bool,
    /// Who asks.
    pub keys: BucketKeys,
}

/// Credentials for a bucket.
#[derive(Clone)]
pub struct BucketKeys {
    /// The public part.
    pub access_key_id: String,
    /// The secret part.
    pub secret_access_key: Secret<String>,
    /// With temporary credentials.
    pub session_token: Option<Secret<String>>,
}

impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKeys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Reads `s3://bucket/prefix`; the answer ends in `/`, so that names can be joined to it.
pub fn parse_url(text: &str) -> Result<Url, PlaceError> {
    let refused = |reason: &str| PlaceError::Bucket { url: text.to_owned(), reason: reason.to_owned() };
    let mut url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
    if url.scheme() != "s3" || url.host_str().is_none_or(str::is_empty) {
        return Err(refused("it must be written as `s3://bucket/prefix`"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.port().is_some() {
        return Err(refused("only a bucket and a prefix belong here; endpoint and keys are given separately"));
    }
    let prefix = url.path().trim_matches('/').to_owned();
    url.set_path(&if prefix.is_empty() { "/".to_owned() } else { format!("/{prefix}/") });
    Ok(url)
}

impl Place {
    /// A place in a bucket. Nothing is asked of it yet.
    pub fn s3(bucket: &Bucket) -> Result<Self, PlaceError> {
        let root = parse_url(&bucket.url)?;
        let refused = |reason: String| PlaceError::Bucket { url: bucket.url.clone(), reason };
        let keys = &bucket.keys;
        let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(root.host_str().unwrap_or_default())
            .with_region(&bucket.region)
            .with_access_key_id(&keys.access_key_id)
            .with_secret_access_key(keys.secret_access_key.expose())
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRY_WITHIN })
            .with_http_connector(SpawnedReqwestConnector::new(io_thread().map_err(|error| refused(error.to_string()))?))
            .with_client_options(
                ClientOptions::new()
                    .with_timeout(REQUEST_WITHIN)
                    .with_connect_timeout(CONNECT_WITHIN)
                    .with_allow_http(bucket.allow_http),
            );
        if let Some(token) = &keys.session_token {
            builder = builder.with_token(token.expose());
        }
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let store = builder.build().map_err(|error| refused(error.to_string()))?;
        Ok(Self::object_store(root, Arc::new(store)))
    }
}

/// The thread on which requests run, for the life of the process.
fn io_thread() -> io::Result<Handle> {
    static IO: Mutex<Option<Runtime>> = Mutex::new(None);
    let mut io = IO.lock().expect("no holder of it panics");
    if let Some(runtime) = &*io {
        return Ok(runtime.handle().clone());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("lake-s3").enable_all().build()?;
    Ok(io.insert(runtime).handle().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_prefix_and_nothing_else() {
        let parsed = |text| parse_url(text).map(|url| url.to_string()).map_err(|error| error.to_string());
        assert_eq!(parsed("s3://lake/a/b").as_deref(), Ok("s3://lake/a/b/"));
        assert_eq!(parsed("s3://lake/a/b/").as_deref(), Ok("s3://lake/a/b/"));
        assert_eq!(parsed("s3://lake").as_deref(), Ok("s3://lake/"));
        for wrong in ["lake/a", "https://lake/a", "s3:///a", "s3://key:secret@lake/a", "s3://lake/a?region=x"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        let told = parsed("/var/lake").expect_err("a path is no URL");
        assert!(told.contains("`/var/lake`"), "{told}");
    }
}
