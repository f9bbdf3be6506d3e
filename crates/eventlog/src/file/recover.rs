//! Opening a directory: what is there becomes the index in memory. The rules are in [`super`](crate::file), the
//! search for blocks in [`super::scan`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use event::Millis;
use tracing::{info, warn};

use super::disk::{Disk, DiskFile, is_full};
use super::format::{SegmentFault, SegmentHeader};
use super::scan::{Scan, Tail, scan};
use super::segment::{Active, Blocks, NEW_SUFFIX, Sealed, base_of, prepare, read_index, segment_path, write_index};
use super::{OpenError, Options};
use crate::Position;

/// What a directory holds.
pub(super) struct Opened {
    pub(super) sealed: Vec<Arc<Sealed>>,
    pub(super) active: Active,
    /// Per partition, the last position in segments that are gone.
    pub(super) trimmed: Vec<Option<Position>>,
    /// Per partition, the last position ever synced.
    pub(super) watermarks: Vec<Option<Position>>,
}

/// Opens the stream in the (locked) directory, or creates it.
pub(super) fn open(options: &Options) -> Result<Opened, OpenError> {
    let directory = &options.directory;
    let bases = bases(options).map_err(|error| OpenError::io(directory, error))?;
    let Some((last, earlier)) = bases.split_last() else { return create(options) };
    let first_header = header(options, bases[0])?;
    let last_header = header(options, *last)?;
    let mut sealed = Vec::with_capacity(earlier.len());
    for (base, end) in earlier.iter().zip(&bases[1..]) {
        sealed.push(Arc::new(open_sealed(options, (*base, *end))?));
    }
    let active = open_active(options, *last, last_header.begun_at)?;
    let mut watermarks = last_header.before;
    let known = sealed.iter().map(|sealed| sealed.last.clone()).chain([active.blocks.last(active.base)]);
    for last in known {
        for (watermark, last) in watermarks.iter_mut().zip(last) {
            *watermark = (*watermark).max(last);
        }
    }
    Ok(Opened { sealed, active, trimmed: first_header.before, watermarks })
}

/// The bases of all segments, ascending. Removes what a creation left behind.
fn bases(options: &Options) -> io::Result<Vec<u64>> {
    let names = options.disk.list(&options.directory)?;
    for name in names.iter().filter(|name| name.ends_with(NEW_SUFFIX)) {
        options.disk.remove(&options.directory.join(name))?;
    }
    // A killed process may have left the name of the newest segment in the page cache only.
    options.disk.sync_dir(&options.directory)?;
    let mut bases: Vec<u64> = names.iter().filter_map(|name| base_of(name)).collect();
    bases.sort_unstable();
    Ok(bases)
}

fn create(options: &Options) -> Result<Opened, OpenError> {
    let nothing = vec![None; usize::from(options.partitions)];
    let begun_at = Some(options.clock.now());
    let header = SegmentHeader { stream: options.stream.to_string(), base: 0, begun_at, before: nothing.clone() };
    let (directory, disk) = (&options.directory, &*options.disk);
    let file = prepare(disk, directory, &header, options.segment_bytes)
        .and_then(|(file, path)| {
            disk.rename(&path, &segment_path(directory, 0))?;
            disk.sync_dir(directory)?;
            Ok(file)
        })
        .map_err(|error| OpenError::io(directory, error))?;
    let (end, blocks) = (header.encode().len() as u64, Blocks::new(options.partitions));
    let active = Active { base: 0, end, begun_at, file, blocks };
    Ok(Opened { sealed: Vec::new(), active, trimmed: nothing.clone(), watermarks: nothing })
}

/// The header of a segment, which must be one of this stream.
fn header(options: &Options, base: u64) -> Result<SegmentHeader, OpenError> {
    let path = segment_path(&options.directory, base);
    let file = options.disk.open(&path).map_err(|error| OpenError::io(&path, error))?;
    let bytes = header_bytes(&*file).map_err(|error| OpenError::io(&path, error))?;
    match SegmentHeader::parse(&bytes) {
        Ok((header, _)) => check_header(options, &path, base, header),
        Err(fault) => Err(OpenError::segment(path, fault)),
    }
}

fn header_bytes(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let file_bytes = file.length()?;
    let mut start = vec![0; 16.min(usize::try_from(file_bytes).unwrap_or(16))];
    file.read_exact_at(&mut start, 0)?;
    // The length of the header stands in every version at this place.
    let stated = start.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let mut bytes = vec![0; usize::try_from(file_bytes.min(u64::from(stated).max(start.len() as u64))).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn check_header(options: &Options, path: &Path, base: u64, header: SegmentHeader) -> Result<SegmentHeader, OpenError> {
    let mismatch = |detail: String| Err(OpenError::Mismatch { path: path.to_owned(), detail });
    if header.stream != *options.stream {
        return mismatch(format!("it belongs to stream `{}`, not `{}`", header.stream, options.stream));
    }
    if header.before.len() != usize::from(options.partitions) {
        let (has, asked) = (header.before.len(), options.partitions);
        return mismatch(format!("it has {has} partitions, {asked} are configured; the count is fixed at creation"));
    }
    if header.base != base {
        return mismatch(format!("it was segment {} before it was renamed", header.base));
    }
    Ok(header)
}

fn open_sealed(options: &Options, (base, end): (u64, u64)) -> Result<Sealed, OpenError> {
    let (disk, directory) = (&*options.disk, &options.directory);
    let header = header(options, base);
    if let Some(blocks) = read_index(disk, directory, (base, end), options.partitions) {
        // Its blocks can be read without its header; only its age is unknown then.
        let begun_at = header.ok().and_then(|header| header.begun_at);
        return Ok(Sealed { base, end, begun_at, last: blocks.last(base) });
    }
    let begun_at = header?.begun_at;
    let blocks = scan_sealed(disk, directory, (base, end)).map_err(|fault| fault.at(directory, base))?;
    let sealed = Sealed { base, end, begun_at, last: blocks.last(base) };
    if let Err(error) = write_index(disk, directory, &sealed, &blocks) {
        warn!(base, %error, "cannot write the index of a log segment, it is scanned again at the next start");
    }
    Ok(sealed)
}

/// Why a segment could not be scanned.
pub(super) enum ScanFault {
    Io(io::Error),
    Segment(SegmentFault),
}

impl ScanFault {
    fn at(self, directory: &Path, base: u64) -> OpenError {
        let path = segment_path(directory, base);
        match self {
            Self::Io(error) => OpenError::io(&path, error),
            Self::Segment(fault) => OpenError::segment(path, fault),
        }
    }
}

/// Rebuilds the index of a segment that is written no more: all of it was synced, so what is missing is damage.
pub(super) fn scan_sealed(disk: &dyn Disk, directory: &Path, (base, end): (u64, u64)) -> Result<Blocks, ScanFault> {
    let length = end - base;
    let file = disk.open(&segment_path(directory, base)).map_err(ScanFault::Io)?;
    let bytes = read_front(&*file, length).map_err(ScanFault::Io)?;
    let scan = scan(&bytes).map_err(ScanFault::Segment)?;
    let mut blocks = Blocks::from_scan(&scan);
    if scan.end < length {
        blocks.damage(scan.end, length);
    }
    Ok(blocks)
}

fn open_active(options: &Options, base: u64, begun_at: Option<Millis>) -> Result<Active, OpenError> {
    let path = segment_path(&options.directory, base);
    let io_at = |error| OpenError::io(&path, error);
    let file = options.disk.open(&path).map_err(io_at)?;
    let bytes = file.length().and_then(|length| read_front(&*file, length)).map_err(io_at)?;
    let scan = scan(&bytes).map_err(|fault| OpenError::segment(path.clone(), fault))?;
    report(&path, &scan, bytes.len() as u64);
    match scan.tail {
        // After a killed process the page cache may show blocks that were never synced: they must be before anyone
        // reads them, or a power failure could take back what a reader has already passed on.
        Tail::Clean => file.sync_all().map_err(io_at)?,
        Tail::Torn(_) => cut(&*file, scan.end, options.segment_bytes).map_err(io_at)?,
    }
    Ok(Active { base, end: base + scan.end, begun_at, file, blocks: Blocks::from_scan(&scan) })
}

fn report(path: &Path, scan: &Scan, file_bytes: u64) {
    let path = path.display();
    for hole in &scan.damaged {
        warn!(%path, from = hole.start, to = hole.end, "synced bytes of the log are damaged: readers will be told");
    }
    match scan.tail {
        Tail::Clean => info!(%path, blocks = scan.blocks.len(), end = scan.end, "log segment opened"),
        Tail::Torn(reason) => {
            let cut_bytes = file_bytes - scan.end;
            warn!(%path, end = scan.end, cut_bytes, %reason, "cut a commit of the log that was never acknowledged");
        }
    }
}

/// Cuts a file to `length` and reserves its space again. The bytes behind the cut are gone durably when this returns:
/// a later commit that happened to end where an old block starts would bring it back otherwise.
pub(super) fn cut(file: &dyn DiskFile, length: u64, segment_bytes: u64) -> io::Result<()> {
    file.truncate(length)?;
    match file.allocate(segment_bytes) {
        // A full disk must not keep the log from being read.
        Err(error) if !is_full(&error) => return Err(error),
        _ => {}
    }
    file.sync_all()
}

/// The first `length` bytes, or what there is of them.
pub(super) fn read_front(file: &dyn DiskFile, length: u64) -> io::Result<Vec<u8>> {
    let length = length.min(file.length()?);
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
