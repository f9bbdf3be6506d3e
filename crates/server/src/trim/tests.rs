//! Who holds what, and a week in the life of a quiet log.

use std::path::Path;

use eventlog::Append;
use eventlog::file::disk::Disk;
use eventlog::file::{FileLog, Options};
use testkit::clock::HandClock;
use testkit::disk::FaultyDisk;
use vault::keys::{Epoch, Keys};

use super::*;

fn at(block: u64, index: u32) -> Position {
    Position { block, index }
}

#[test]
fn the_slowest_holder_decides_and_the_cursor_stays() {
    let held = |pipeline, lake, bounded| Holders { firm: [pipeline, lake], bounded };
    let done = |block| Some(at(block, 3));
    let told = |watermark| Told { watermark: Some(watermark), ..Told::default() };
    assert_eq!(through(held(done(10), done(7), done(9)), told(at(20, 0))), Some(at(7, 3)));
    assert_eq!(through(held(done(10), done(9), done(7)), told(at(20, 0))), Some(at(7, 3)));
    assert_eq!(through(held(done(30), done(30), done(40)), told(at(20, 5))), Some(at(20, 4)));
    assert_eq!(through(held(done(30), done(30), done(30)), told(at(20, 0))), Some(at(19, u32::MAX)));
    assert_eq!(through(held(done(30), None, done(30)), told(at(20, 5))), None);
    assert_eq!(through(held(done(30), done(30), None), told(at(20, 5))), None);
    assert_eq!(through(held(done(30), done(30), done(30)), Told::default()), None);
    assert_eq!(through(held(done(30), done(30), done(30)), told(at(0, 0))), None);
}

#[test]
fn age_ends_the_hold_of_destinations_and_of_the_cursor_only() {
    let told = Told { watermark: Some(at(20, 5)), idle: Some(at(20, 5)), expired: Some(at(9, 1)) };
    let held = |lake, bounded| Holders { firm: [Some(at(20, 5)), lake], bounded };
    assert_eq!(through(held(Some(at(20, 5)), Some(at(20, 5))), told), Some(at(20, 5)), "the cursor goes");
    assert_eq!(through(held(Some(at(20, 5)), None), told), Some(at(9, 1)), "destinations hold what is younger");
    assert_eq!(through(held(Some(at(2, 0)), None), told), Some(at(2, 0)), "the lake holds as long as it needs");
    assert_eq!(through(held(None, None), told), None);
}

#[test]
fn settings_that_cannot_be_kept_are_refused() {
    check(&Settings::default()).expect("the defaults fit");
    let error = check(&Settings { backlog_hours_max: 150, ..Settings::default() }).expect_err("too long");
    assert_eq!(
        error.to_string(),
        "`log_retention_hours` is 168: with `backlog_hours_max` 150 and `log_segment_hours_max` 24 it must be at least \
         175; shorten those or keep the log longer"
    );
    check(&Settings { log_segment_hours_max: 0, ..Settings::default() }).expect_err("never");
}

/// How often the test lets the trimmer work, far less often than it does.
const TICK_MINUTES: i64 = 10;

/// Both streams on a disk and under a clock of the test.
struct Bed {
    disk: FaultyDisk,
    clock: HandClock,
}

impl Bed {
    fn open(&self, stream: &str) -> Arc<dyn EventLog> {
        let keys = Keys::default();
        keys.insert("acme", Epoch(1), &[7; 32]);
        let log = FileLog::open(Options {
            directory: Path::new("/").join(stream),
            stream: stream.into(),
            partitions: 2,
            segment_bytes: 64 * 1024,
            cache_bytes: 0,
            pending_bytes_max: 1 << 20,
            disk_reserve_bytes: 0,
            disk: Arc::new(self.disk.clone()),
            keys,
            clock: Arc::new(self.clock.clone()),
            metrics: eventlog::Metrics::default(),
        });
        Arc::new(log.expect("opens"))
    }

    /// Whether the first segment of a stream is on the disk.
    fn has_first(&self, stream: &str) -> bool {
        let names = self.disk.list(&Path::new("/").join(stream)).expect("lists");
        names.iter().any(|name| name == "00000000000000000000.seg")
    }

    /// Appends an event to both streams, then lets a week pass in which nothing comes; the server is restarted every
    /// 40 hours. Returns after how many minutes `processed` has let go, checked that `raw` did before.
    async fn minutes_until_gone(&self, bounded: impl Fn(&dyn EventLog, Partition) -> Option<Position>) -> Option<i64> {
        let one = |payload: &'static str| {
            vec![Append { partition: Partition(1), workspace: "acme".into(), payload: payload.into() }]
        };
        let mut logs = (self.open("raw"), self.open("processed"));
        let handled = logs.0.append(one("accepted")).await.expect("appends")[0];
        logs.1.append(one("processed")).await.expect("appends");
        logs.0.trim(Partition(1), handled).await;
        for minutes in (TICK_MINUTES..=7 * 24 * 60).step_by(usize::try_from(TICK_MINUTES).expect("positive")) {
            if minutes % (40 * 60) == 0 {
                drop(logs);
                logs = (self.open("raw"), self.open("processed"));
            }
            self.clock.advance_ms(TICK_MINUTES * 60_000);
            let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
            let mut trimmer = Trimmer::new(&logs.0, &logs.1, &clock, &Settings::default());
            let processed = Arc::clone(&logs.1);
            let holders = |partition| {
                let all = processed.watermark(partition);
                Holders { firm: [all, all], bounded: bounded(&*processed, partition) }
            };
            trimmer.pass(&holders).await;
            if !self.has_first("processed") {
                assert!(!self.has_first("raw"), "`raw` was released at once");
                return Some(minutes);
            }
        }
        None
    }
}

#[tokio::test]
async fn an_event_in_a_quiet_log_is_gone_within_two_days() {
    let bed = Bed { disk: FaultyDisk::new(1), clock: HandClock::at(Millis(1_763_762_400_000)) };
    let gone = bed.minutes_until_gone(|log, partition| log.watermark(partition)).await;
    // A day until the segment is ended, another until the one after it is old too: so long the cursor stays.
    assert_eq!(gone, Some(48 * 60 + 2 * TICK_MINUTES));
}

#[tokio::test]
async fn a_destination_that_never_answers_does_not_keep_an_event_beyond_seven_days() {
    let bed = Bed { disk: FaultyDisk::new(2), clock: HandClock::at(Millis(1_763_762_400_000)) };
    let gone = bed.minutes_until_gone(|_, _| None).await.expect("gone within a week");
    assert!((6 * 24 * 60..7 * 24 * 60).contains(&gone), "held as long as it may be, and no longer: {gone} minutes");
}
