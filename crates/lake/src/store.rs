//! Where tables live: a URL and the object store behind it.
//!
//! Local files need more than `object_store`'s own store gives: it renames without a sync, so after a power cut a
//! commit can be an empty file, which no reader of the table forgives, or be gone although it was reported. [`Synced`]
//! writes, syncs, renames and syncs the directory, so that a commit that was reported is there, and whole.
//! Object stores promise both themselves ([`crate::s3`]).

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use deltalake::logstore::object_store::local::LocalFileSystem;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use futures::stream::BoxStream;
use url::Url;

/// The root of all tables: `<root>/<workspace>/events`.
#[derive(Debug, Clone)]
pub struct Place {
    pub(crate) root: Url,
    pub(crate) store: Arc<dyn ObjectStore>,
}

/// A place that cannot hold the lake.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The directory cannot be made or read.
    #[error("cannot use `{}` for the lake: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bucket is not described well.
    #[error("cannot use `{url}` for the lake: {reason}")]
    Bucket {
        /// Which.
        url: String,
        /// Why not.
        reason: String,
    },
}

impl Place {
    /// A local directory for its one writer, created when it is not there. What a crash left half written is removed:
    /// such files are in no listing, so vacuum does not find them, and what was erased would live on in them.
    pub fn directory(path: &FilePath) -> std::result::Result<Self, PlaceError> {
        std::fs::create_dir_all(path)
            .and_then(|()| remove_staged(path))
            .map_err(|source| PlaceError::Directory { path: path.to_owned(), source })?;
        Self::existing(path)
    }

    /// A local directory for reading: nothing is created.
    pub fn existing(path: &FilePath) -> std::result::Result<Self, PlaceError> {
        let failed = |source| PlaceError::Directory { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let root = Url::from_directory_path(&absolute)
            .map_err(|()| failed(io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute")))?;
        Ok(Self { root, store: Arc::new(Synced(LocalFileSystem::new())) })
    }

    /// Any object store whose paths are those of `root`.
    pub fn object_store(root: Url, store: Arc<dyn ObjectStore>) -> Self {
        Self { root, store }
    }

    /// The URL of a workspace's table. Names of workspaces are slugs, which are safe in URLs.
    pub(crate) fn table(&self, workspace: &str) -> Url {
        self.root.join(&format!("{workspace}/events/")).expect("a slug is a valid part of a URL")
    }

    /// The path of an object of the lake itself, outside of tables.
    pub(crate) fn path(&self, name: &str) -> Path {
        let url = self.root.join(name).expect("names of the lake's own objects are plain");
        Path::from_url_path(url.path()).expect("the root was made from a path")
    }
}

/// Local files whose writes are durable when they return.
#[derive(Debug)]
struct Synced(LocalFileSystem);

impl fmt::Display for Synced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Synced({})", self.0)
    }
}

fn failed(source: io::Error, path: &FilePath) -> Error {
    let path = path.display().to_string();
    match source.kind() {
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: source.into() },
        _ => Error::Generic { store: "files", source: format!("{path}: {source}").into() },
    }
}

fn remove_staged(directory: &FilePath) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_staged(&entry.path())?;
        } else if is_staged(&entry.file_name().to_string_lossy()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The local store's own mark, which [`write_synced`] uses too: a name that ends in `#` and digits.
fn is_staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Writes beside `path`, syncs, and gives it its name; `create` refuses a name that is taken.
fn write_synced(path: &FilePath, payload: &PutPayload, create: bool) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no parent directory"))?;
    create_synced(directory)?;
    // `#` keeps it out of listings: the local store hides names that end in `#` and digits as its own staging files.
    let number = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!("#{number}"));
    let staged = PathBuf::from(staged);
    let written = File::create_new(&staged).and_then(|mut file| {
        payload.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_data()
    });
    // A hard link fails when the name exists, in one step: the lock on which Delta's commits stand.
    let named =
        written.and_then(|()| if create { std::fs::hard_link(&staged, path) } else { std::fs::rename(&staged, path) });
    if create || named.is_err() {
        // Left behind it goes at the next start; the answer is the write's, not this one's.
        drop(std::fs::remove_file(&staged));
    }
    named?;
    File::open(directory)?.sync_all()
}

/// Creates directories so that they survive too: each new entry is synced in its parent.
fn create_synced(directory: &FilePath) -> io::Result<()> {
    if directory.try_exists()? {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_synced(parent)?;
        match std::fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(parent)?.sync_all()?,
        }
    }
    Ok(())
}

#[async_trait]
impl ObjectStore for Synced {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotSupported { source: "files have no conditional update".into() });
            }
        };
        let path = self.0.path_to_filesystem(location)?;
        let write = move || write_synced(&path, &payload, create).map_err(|source| failed(source, &path));
        tokio::task::spawn_blocking(write).await??;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let path = self.0.path_to_filesystem(location)?;
        let upload = self.0.put_multipart_opts(location, opts).await?;
        Ok(Box::new(SyncedUpload { upload, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

/// Files of compaction and checkpoints come in parts when they are large. They are synced after their rename, not before:
/// a commit names a file only after [`MultipartUpload::complete`], and a checkpoint is never the only copy of what it says
/// until the log before it is cleaned, hours later.
#[derive(Debug)]
struct SyncedUpload {
    upload: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.upload.complete().await?;
        let path = self.path.clone();
        let sync = move || {
            let directory = path.parent().map(File::open).transpose();
            let synced = File::open(&path).and_then(|file| file.sync_all());
            let entered = directory.and_then(|opened| opened.map_or(Ok(()), |opened| opened.sync_all()));
            synced.and(entered).map_err(|source| failed(source, &path))
        };
        tokio::task::spawn_blocking(sync).await??;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
