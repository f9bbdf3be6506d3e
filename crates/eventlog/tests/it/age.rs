//! Ages by segments: a log that nobody writes to lets go of what it holds, and knows how old that is.

use std::path::{Path, PathBuf};

use event::Millis;
use eventlog::file::disk::Disk;
use eventlog::{AppendError, EventLog, Partition, Position};
use testkit::clock::HandClock;
use testkit::disk::FaultyDisk;

use crate::setup::{DIRECTORY, append, noise, open_at, read_all, texts};

const HOUR_MS: i64 = 3_600_000;

fn segments(disk: &FaultyDisk) -> Vec<String> {
    let names = disk.list(Path::new(DIRECTORY)).expect("the directory");
    names.into_iter().filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "seg")).collect()
}

async fn put(log: &dyn EventLog, payload: &str) -> Position {
    log.append(vec![append(0, "acme", payload)]).await.expect("appends")[0]
}

#[tokio::test]
async fn a_released_event_leaves_a_quiet_log() {
    let (disk, clock) = (FaultyDisk::new(1), HandClock::at(Millis(5 * HOUR_MS)));
    let log = open_at(&disk, &clock);
    let last = put(&log, "the only event of the week").await;
    log.trim(Partition(0), last).await;
    let before = segments(&disk);
    clock.advance_ms(23 * HOUR_MS);
    log.seal(Millis(4 * HOUR_MS)).await.expect("nothing to do");
    assert_eq!(segments(&disk), before, "younger than asked for");
    log.seal(Millis(6 * HOUR_MS)).await.expect("seals");
    assert!(!segments(&disk).contains(&before[0]), "its file is gone: {:?}", segments(&disk));
    let empty = segments(&disk);
    log.seal(Millis(99 * HOUR_MS)).await.expect("nothing to do");
    assert_eq!(segments(&disk), empty, "a segment without records holds nobody's");
    assert_eq!(log.watermark(Partition(0)), Some(last));
    put(&log, "the next").await;
    assert_eq!(texts(&read_all(&log, 0, Some(last), 100).await), ["the next"]);
}

#[tokio::test]
async fn what_is_sealed_and_needed_stays() {
    let (disk, clock) = (FaultyDisk::new(2), HandClock::default());
    let log = open_at(&disk, &clock);
    put(&log, "needed").await;
    log.seal(Millis(1)).await.expect("seals");
    assert_eq!(log.usage().segments, 2);
    drop(log);
    disk.power_on();
    let log = open_at(&disk, &clock);
    assert_eq!(texts(&read_all(&log, 0, None, 100).await), ["needed"]);
    let last = log.watermark(Partition(0)).expect("there is one");
    log.trim(Partition(0), last).await;
    assert_eq!(segments(&disk).len(), 1, "released at last");
}

#[tokio::test]
async fn the_age_of_a_segment_outlives_a_restart() {
    let (disk, clock) = (FaultyDisk::new(3), HandClock::at(Millis(10 * HOUR_MS)));
    put(&open_at(&disk, &clock), "before the restart").await;
    clock.advance_ms(HOUR_MS);
    let log = open_at(&disk, &clock);
    log.seal(Millis(10 * HOUR_MS)).await.expect("nothing to do");
    assert_eq!(log.usage().segments, 1, "begun at that time, not before");
    log.seal(Millis(10 * HOUR_MS + 1)).await.expect("seals");
    assert_eq!(log.usage().segments, 2);
}

#[tokio::test]
async fn ages_are_told_by_whole_segments_and_after_a_restart() {
    let (disk, clock) = (FaultyDisk::new(4), HandClock::default());
    let log = open_at(&disk, &clock);
    let mut last = Vec::new();
    for hour in 0..4 {
        last.push(put(&log, &format!("hour {hour}")).await);
        clock.advance_ms(HOUR_MS);
        log.seal(clock_time(hour + 1)).await.expect("seals");
    }
    let other = log.append(vec![append(1, "acme", "elsewhere")]).await.expect("appends")[0];
    for log in [log, { open_at_copy(&disk, &clock) }] {
        let told = |hour: i64| log.older_than(Partition(0), Millis(hour * HOUR_MS + 1));
        // The segment of hour 1 was begun when hour 0 had ended: what lies before it is older than that.
        assert_eq!(told(0), None);
        assert_eq!([told(1), told(2), told(3), told(9)], [last[0], last[1], last[2], last[3]].map(Some));
        assert_eq!(log.older_than(Partition(0), Millis(HOUR_MS)), None, "begun at that time, not before");
        assert_eq!(log.older_than(Partition(1), Millis(9 * HOUR_MS)), None, "{other} is in the segment being written");
        log.trim(Partition(0), last[1]).await;
        assert_eq!(told(2), Some(last[1]), "also of what is gone");
    }
}

fn clock_time(hour: i64) -> Millis {
    Millis(hour * HOUR_MS)
}

/// A second program on a copy of the disk.
fn open_at_copy(disk: &FaultyDisk, clock: &HandClock) -> eventlog::file::FileLog {
    let copy = FaultyDisk::new(5);
    for name in disk.list(Path::new(DIRECTORY)).expect("the directory") {
        let path = PathBuf::from(DIRECTORY).join(name);
        copy.replace(&path, disk.bytes(&path));
    }
    open_at(&copy, clock)
}

#[tokio::test]
async fn a_full_disk_puts_the_sealing_off_and_refuses_no_append() {
    let (disk, clock) = (FaultyDisk::new(6), HandClock::default());
    let log = open_at(&disk, &clock);
    put(&log, "before").await;
    disk.set_capacity(20 * 1024);
    let refused = log.seal(Millis(1)).await;
    assert!(matches!(refused, Err(AppendError::Full { .. })), "{refused:?}");
    put(&log, "there is room in the segment").await;
    assert_eq!(log.usage().segments, 1);
    disk.set_capacity(u64::MAX);
    log.append(vec![append(0, "acme", noise(1, 100))]).await.expect("appends");
    assert_eq!(log.usage().segments, 2, "the next commit makes up for it");
    assert_eq!(read_all(&log, 0, None, 100).await.len(), 3);
}
