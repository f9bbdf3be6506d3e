//! Where the suite runs: files in a directory, and a bucket of a real S3. What holds on one must hold on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use event::Secret;
use futures::TryStreamExt as _;
use lake::Place;
use lake::s3::{Bucket, BucketKeys};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use testkit::seaweed::{self, Seaweed};
use url::Url;

/// What the worlds of a test stand on.
#[derive(Debug)]
pub(crate) enum Ground {
    Files,
    /// The endpoint, and how many worlds it has already.
    S3(String, AtomicU64),
}

/// A place for one lake, and the store itself to look behind it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) root: Url,
    pub(crate) store: Arc<dyn ObjectStore>,
    opened: Opened,
}

#[derive(Debug)]
enum Opened {
    Directory(tempfile::TempDir),
    Bucket(Bucket),
}

/// A bucket as the server opens it.
pub(crate) fn bucket(endpoint: &str, prefix: &str) -> Bucket {
    Bucket {
        url: format!("s3://{}/{prefix}", seaweed::BUCKET),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".to_owned(),
        allow_http: true,
        keys: BucketKeys {
            access_key_id: seaweed::ACCESS_KEY_ID.to_owned(),
            secret_access_key: Secret::new(seaweed::SECRET_ACCESS_KEY.to_owned()),
            session_token: None,
        },
    }
}

impl Ground {
    pub(crate) fn s3(seaweed: &Seaweed) -> Self {
        Self::S3(seaweed.endpoint(), AtomicU64::new(0))
    }

    pub(crate) fn site(&self) -> Site {
        match self {
            Self::Files => {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let root = Url::from_directory_path(directory.path()).expect("an absolute path");
                Site { root, store: Arc::new(LocalFileSystem::new()), opened: Opened::Directory(directory) }
            }
            Self::S3(endpoint, worlds) => {
                let bucket = bucket(endpoint, &format!("worlds/{}", worlds.fetch_add(1, Ordering::SeqCst)));
                let root = lake::s3::parse_url(&bucket.url).expect("a URL of ours");
                let store = AmazonS3Builder::new()
                    .with_bucket_name(seaweed::BUCKET)
                    .with_region("us-east-1")
                    .with_access_key_id(seaweed::ACCESS_KEY_ID)
                    .with_secret_access_key(seaweed::SECRET_ACCESS_KEY)
                    .with_endpoint(endpoint)
                    .with_allow_http(true)
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .build()
                    .expect("a client");
                Site { root, store: Arc::new(store), opened: Opened::Bucket(bucket) }
            }
        }
    }
}

impl Site {
    /// The place as the server opens it.
    pub(crate) fn place(&self) -> Place {
        match &self.opened {
            Opened::Directory(directory) => Place::existing(directory.path()).expect("a directory of our own"),
            Opened::Bucket(bucket) => Place::s3(bucket).expect("a bucket of our own"),
        }
    }

    fn path(&self, name: &str) -> Path {
        let url = self.root.join(name).expect("a plain name");
        Path::from_url_path(url.path()).expect("a path")
    }

    /// Everything there, by its name under the root.
    pub(crate) async fn names(&self) -> Vec<String> {
        let root = self.path("");
        let found: Vec<_> = self.store.list(Some(&root)).try_collect().await.expect("a listing");
        let name = |path: &Path| path.as_ref().trim_start_matches(root.as_ref()).trim_start_matches('/').to_owned();
        let mut names: Vec<String> = found.iter().map(|object| name(&object.location)).collect();
        names.sort();
        names
    }

    /// The data files of a workspace's table.
    pub(crate) async fn data_files(&self, workspace: &str) -> Vec<String> {
        let mut names = self.names().await;
        names.retain(|name| {
            name.starts_with(&format!("{workspace}/events/"))
                && name.ends_with(".parquet")
                && !name.contains("/_delta_log/")
        });
        names
    }

    pub(crate) async fn read(&self, name: &str) -> Bytes {
        self.store.get(&self.path(name)).await.expect("it is there").bytes().await.expect("it can be read")
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.store.delete(&self.path(name)).await.expect("it is deleted");
    }

    /// The directory, where there is one.
    pub(crate) fn directory(&self) -> Option<&std::path::Path> {
        match &self.opened {
            Opened::Directory(directory) => Some(directory.path()),
            Opened::Bucket(_) => None,
        }
    }
}
