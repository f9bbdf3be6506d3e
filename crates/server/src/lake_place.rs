//! Where the lake of a data directory is, and that it stays there.
//!
//! Files under the directory need no record: they are the lake. A bucket is written down in `DIR/lake.json`, without its
//! keys, so that `assent query` finds it and so that nobody goes on with an empty lake by leaving out a line of the
//! settings, or by adding one. The id in the record stands in the bucket too ([`Place::claim`]): a bucket that is another
//! directory's, or that was emptied, is refused as well.
//!
//! The first start needs the bucket: most mistakes in its settings show there. Later ones do not, because events must be
//! taken while the store is away.

use std::path::Path;

use anyhow::Context as _;
use event::Secret;
use lake::s3::{Bucket, BucketKeys};
use lake::{OwnerError, Place};
use serde::{Deserialize, Serialize};

use crate::engines::Layout;
use crate::settings::Settings;

const VERSION: u32 = 1;

/// `DIR/lake.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    /// The id under which the bucket was claimed.
    pub(crate) owner: String,
    /// Whether it was: a start that was killed in between claims again.
    is_claimed: bool,
    #[serde(flatten)]
    pub(crate) at: Address,
}

/// A bucket and how to reach it, without keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) url: String,
    endpoint: Option<String>,
    region: String,
    allow_http: bool,
}

impl Address {
    /// What the settings say; `None`: files.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(url) = &settings.lake_url else { return Ok(None) };
        Ok(Some(Self {
            url: lake::s3::parse_url(url).context("`lake_url`")?.to_string(),
            endpoint: settings.lake_s3_endpoint.clone(),
            region: settings.lake_s3_region.clone(),
            allow_http: settings.lake_s3_allow_http,
        }))
    }

    /// Opens it with the keys of the environment. Nothing is asked of it yet.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        let key = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let needed = |name: &str| {
            key(name).with_context(|| {
                format!("the lake is at `{}`, and `{name}` is not set: set it to a key that may read it", self.url)
            })
        };
        Ok(Place::s3(&Bucket {
            url: self.url.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            allow_http: self.allow_http,
            keys: BucketKeys {
                access_key_id: needed("AWS_ACCESS_KEY_ID")?,
                secret_access_key: Secret::new(needed("AWS_SECRET_ACCESS_KEY")?),
                session_token: key("AWS_SESSION_TOKEN").map(Secret::new),
            },
        })?)
    }
}

/// Opens the lake for its one writer, where the settings say and where it was before.
pub(crate) async fn open(layout: &Layout, settings: &Settings) -> anyhow::Result<Place> {
    let wanted = Address::of(settings)?;
    let mut recorded = read(layout)?;
    let is_given_up =
        |record: &Record| !record.is_claimed && wanted.as_ref().is_none_or(|wanted| wanted.url != record.at.url);
    if recorded.as_ref().is_some_and(is_given_up) {
        // A first start that failed, with settings that were mended since.
        std::fs::remove_file(layout.lake_record())?;
        recorded = None;
    }
    match (wanted, recorded) {
        (None, None) => Ok(Place::directory(&layout.lake())?),
        (Some(wanted), None) if has_files(layout)? => Err(moved(layout, &wanted.url, "files in its folder `lake`")),
        (Some(wanted), None) => make(layout, wanted).await,
        (None, Some(record)) => Err(moved(layout, "files (there is no `lake_url`)", &format!("`{}`", record.at.url))),
        (Some(wanted), Some(record)) if wanted.url != record.at.url => {
            Err(moved(layout, &wanted.url, &format!("`{}`", record.at.url)))
        }
        (Some(wanted), Some(record)) => go_on(layout, Record { at: wanted, ..record }).await,
    }
}

/// Opens the lake for reading, wherever it is.
pub(crate) fn existing(layout: &Layout) -> anyhow::Result<Place> {
    match read(layout)? {
        Some(record) => record.at.place(),
        None => Ok(Place::existing(&layout.lake())?),
    }
}

/// Makes the bucket of the settings ready for a lake that is restored into it; `None` where it will be files. What an
/// earlier restore into the same directory left there goes.
pub(crate) async fn take_over(layout: &Layout, settings: &Settings) -> anyhow::Result<Option<Place>> {
    let (wanted, recorded) = (Address::of(settings)?, read(layout)?);
    match (wanted, recorded) {
        (Some(wanted), Some(record)) if record.at.url == wanted.url => {
            let (place, record) = (wanted.place()?, Record { at: wanted, ..record });
            if is_ours(layout, &place, &record).await? {
                place.clear().await?;
            }
            claim(layout, place, record).await.map(Some)
        }
        (wanted, recorded) => {
            if recorded.is_some() {
                std::fs::remove_file(layout.lake_record())?;
            }
            match wanted {
                Some(wanted) => make(layout, wanted).await.map(Some),
                None => Ok(None),
            }
        }
    }
}

fn moved(layout: &Layout, wanted: &str, found: &str) -> anyhow::Error {
    let directory = layout.root.display();
    anyhow::anyhow!(
        "the settings say that the lake is at {wanted}, but the lake of `{directory}` is {found}. Set `lake_url` as it was \
         to go on with that one. To move it: `assent backup --data-dir {directory} --to BACKUP`, stop the server, then \
         `assent restore --from BACKUP --data-dir NEW` with `--config` and these settings"
    )
}

/// Reads the record of a lake that is not in its folder.
pub(crate) fn read(layout: &Layout) -> anyhow::Result<Option<Record>> {
    let path = layout.lake_record();
    let told = || format!("`{}`, which says where the lake is", path.display());
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(told)?,
    };
    let record: Record = serde_json::from_str(&text).with_context(told)?;
    anyhow::ensure!(
        record.version == VERSION,
        "`{}` has version {}: a newer release of Assent wrote it; start that one",
        path.display(),
        record.version
    );
    Ok(Some(record))
}

fn has_files(layout: &Layout) -> anyhow::Result<bool> {
    match std::fs::read_dir(layout.lake()) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look into `{}`", layout.lake().display())),
    }
}

/// A new lake in a bucket: the record first, so that what is claimed is known whatever happens next.
async fn make(layout: &Layout, at: Address) -> anyhow::Result<Place> {
    let record = Record { version: VERSION, owner: event::SubjectId::random().to_string(), is_claimed: false, at };
    let place = record.at.place()?;
    check_empty(layout, &place, &record).await?;
    claim(layout, place, record).await
}

async fn check_empty(layout: &Layout, place: &Place, record: &Record) -> anyhow::Result<()> {
    let empty = place.is_empty().await.with_context(|| unreachable_text(&record.at))?;
    anyhow::ensure!(
        empty,
        "`{}` is not empty, and nothing of it belongs to `{}`: give a prefix of its own in `lake_url`",
        record.at.url,
        layout.root.display()
    );
    Ok(())
}

/// Whether the place carries our mark; `false`: nothing is in it. What is somebody else's, or has no mark, is refused:
/// the same URL is another bucket at another endpoint.
async fn is_ours(layout: &Layout, place: &Place, record: &Record) -> anyhow::Result<bool> {
    match place.check_owner(&record.owner).await {
        Ok(()) => Ok(true),
        Err(OwnerError::Gone) => check_empty(layout, place, record).await.map(|()| false),
        Err(wrong @ (OwnerError::Store(_) | OwnerError::Careless)) => {
            Err(wrong).with_context(|| unreachable_text(&record.at))
        }
        Err(wrong @ (OwnerError::Other | OwnerError::Newer)) => Err(not_ours(layout, record, &wrong)),
    }
}

fn not_ours(layout: &Layout, record: &Record, wrong: &OwnerError) -> anyhow::Error {
    anyhow::anyhow!(
        "`{}` is not the lake of `{}`: {wrong}. Check `lake_url` and `lake_s3_endpoint`; if the bucket was lost, \
         restore a backup",
        record.at.url,
        layout.root.display()
    )
}

fn unreachable_text(at: &Address) -> String {
    format!("cannot make the lake at `{}`: check `lake_url`, `lake_s3_endpoint`, the region, and the keys", at.url)
}

async fn claim(layout: &Layout, place: Place, record: Record) -> anyhow::Result<Place> {
    write(layout, &record)?;
    if let Err(error) = place.claim(&record.owner).await {
        return Err(error).with_context(|| unreachable_text(&record.at));
    }
    write(layout, &Record { is_claimed: true, ..record })?;
    Ok(place)
}

/// The lake of the last run. A store that is away is waited for by the lake, not by the start.
async fn go_on(layout: &Layout, record: Record) -> anyhow::Result<Place> {
    let place = record.at.place()?;
    if !record.is_claimed {
        is_ours(layout, &place, &record).await?;
        return claim(layout, place, record).await;
    }
    match place.check_owner(&record.owner).await {
        Ok(()) => write(layout, &record)?,
        Err(OwnerError::Store(error)) => {
            tracing::warn!(%error, url = record.at.url, "the lake's store does not answer; events are taken and wait");
        }
        Err(wrong) => return Err(not_ours(layout, &record, &wrong)),
    }
    Ok(place)
}

/// Writes the record so that it is there, whole, or as it was.
fn write(layout: &Layout, record: &Record) -> anyhow::Result<()> {
    let path = layout.lake_record();
    let text = serde_json::to_vec(record)?;
    replace_file(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn replace_file(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let staged = path.with_extension("json.new");
    std::fs::write(&staged, text)?;
    std::fs::File::open(&staged)?.sync_all()?;
    std::fs::rename(&staged, path)?;
    path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}
