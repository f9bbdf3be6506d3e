//! History that is sent again.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use delivery::{Delivery, LetterFilter, Outcome, Replay, ReplayAsked, ReplayError, ReplayState, Selection};
use event::Millis;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events, ids};

/// When the first event of the past was received.
const PAST: i64 = 1_700_000_000_000;

fn all() -> Selection {
    let (calls, events, sources, message_ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Selection { from: None, to: Millis(i64::MAX), calls, events, sources, message_ids }
}

fn asked(selection: Selection) -> ReplayAsked {
    ReplayAsked { selection, rate_per_s: 50_000, by: "ada".to_owned() }
}

async fn begin(delivery: &Delivery, selection: Selection) -> Replay {
    delivery.replay(("acme", "d0"), asked(selection)).await.expect("begun")
}

async fn latest(delivery: &Delivery) -> Replay {
    delivery.replays("acme", "d0").await.expect("it runs").swap_remove(0)
}

async fn until(delivery: &Delivery, is_so: impl Fn(&Replay) -> bool) -> Replay {
    for _ in 0..4_000 {
        let replay = latest(delivery).await;
        if is_so(&replay) {
            return replay;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("{:?}", latest(delivery).await);
}

async fn over(delivery: &Delivery) -> Replay {
    until(delivery, |replay| replay.state.is_over()).await
}

fn results(replay: &Replay) -> Vec<(&'static str, &'static str, u64)> {
    let named = replay.outcomes().filter(|(_, count)| *count > 0);
    named.map(|(outcome, count)| (outcome.result(), outcome.reason(), count)).collect()
}

fn numbers(mut ids: Vec<String>) -> Vec<u32> {
    ids.sort();
    let mut numbers: Vec<u32> = ids.iter().map(|id| id[1..].parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

fn spools(rig: &Rig) -> usize {
    std::fs::read_dir(rig.data.path().join("acme/d0/replays")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_range_is_sent_through_the_consent_of_today() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(60, 6), PAST);
    rig.history.add(&[("gone".to_owned(), 1)], PAST + 20);
    let delivery = rig.start().await;
    rig.withdraw(5);
    // From the eleventh on, and before the forty-first: both ends exact.
    let range = Selection { from: Some(Millis(PAST + 10)), to: Millis(PAST + 40), ..all() };
    let begun = begin(&delivery, range).await;
    assert_eq!((begun.number, begun.state.name(), begun.by.as_str()), (1, "running", "ada"));
    let done = over(&delivery).await;
    assert_eq!((&done.state, done.total, done.taken, done.gone), (&ReplayState::Finished, Some(31), 30, 1));
    assert_eq!(results(&done), [("delivered", "", 25), ("withheld", "withdrawn", 5)]);
    let expected: Vec<u32> = (10..40).filter(|at| at % 6 != 5).collect();
    assert_eq!(numbers(arrived(&vendor)), expected);
    let fate = |trace: &delivery::Trace| {
        let attempt = &trace.outputs[0].attempts[0];
        (attempt.outcome.result(), attempt.outcome.reason(), attempt.replay)
    };
    let trace = delivery.trace("acme", "e12").await.expect("read").expect("known");
    assert_eq!((fate(&trace), trace.received_at), (("delivered", "", Some(1)), None));
    let trace = delivery.trace("acme", "e11").await.expect("read").expect("known");
    assert_eq!(fate(&trace), ("withheld", "withdrawn", Some(1)));
    assert!(delivery.trace("acme", "e50").await.expect("read").is_none());
    // A second one of some of them; then nothing of either is kept.
    let some = Selection { message_ids: vec!["e1".to_owned(), "e5".to_owned()], ..all() };
    assert_eq!(begin(&delivery, some).await.number, 2);
    let done = over(&delivery).await;
    assert_eq!(results(&done), [("delivered", "", 1), ("withheld", "withdrawn", 1)]);
    assert_eq!(done.selection.message_ids, ["", ""], "how many, and not whose");
    delivery.shutdown(Duration::from_secs(5)).await;
    assert_eq!(spools(&rig), 0);
    let nowhere = Selection { sources: vec!["elsewhere".to_owned()], ..all() };
    let delivery = rig.start().await;
    let refused = delivery.replay(("acme", "d0"), asked(nowhere)).await.expect_err("it does not read from there");
    assert!(matches!(refused, ReplayError::Selection(_)), "{refused}");
}

#[tokio::test]
async fn a_crash_in_the_middle_loses_nothing_counts_nothing_twice_and_sends_nothing_withheld() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(3))]).await;
    let rig = Rig::new(&[vendor.url()], 5);
    rig.history.add(&events(3_000, 30), PAST);
    rig.withdraw(7);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    drop(delivery);
    for round in 1..4 {
        let delivery = rig.start().await;
        let sent = tokio::time::timeout(Duration::from_secs(20), vendor.wait_for(round * 60)).await;
        sent.expect("it goes on after a crash");
        drop(delivery);
    }
    let delivery = rig.start().await;
    let done = over(&delivery).await;
    assert_eq!((&done.state, done.total, done.taken), (&ReplayState::Finished, Some(3_000), 3_000));
    assert_eq!(results(&done), [("delivered", "", 2_900), ("withheld", "withdrawn", 100)]);
    let arrived = arrived(&vendor);
    let distinct: BTreeSet<&String> = arrived.iter().collect();
    assert_eq!(distinct.len(), 2_900, "each that is permitted, and none that is not");
    assert!(arrived.len() < 2_900 + 4 * 1_000, "only what was on its way goes twice: {}", arrived.len());
}

#[tokio::test]
async fn it_can_be_paused_resumed_and_cancelled_and_there_is_one_at_a_time() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 5);
    rig.history.add(&events(2_000, 20), PAST);
    let delivery = rig.start().await;
    let began = Instant::now();
    let slow = ReplayAsked { rate_per_s: 200, ..asked(all()) };
    let number = delivery.replay(("acme", "d0"), slow.clone()).await.expect("begun").number;
    until(&delivery, |replay| replay.settled() >= 60).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "60 events at 200 a second, the first 20 at once");
    let open = delivery.replay(("acme", "d0"), slow).await.expect_err("one is not over");
    assert!(matches!(open, ReplayError::Open(open) if open == number), "{open}");
    assert_eq!(delivery.pause_replay(("acme", "d0"), number).await.expect("paused").state, ReplayState::Paused);
    let paused = until(&delivery, |replay| replay.settled() == replay.taken).await;
    // Over a crash, too.
    drop(delivery);
    let delivery = rig.start().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(latest(&delivery).await.taken, paused.taken);
    delivery.resume_replay(("acme", "d0"), number).await.expect("resumed");
    until(&delivery, |replay| replay.taken > paused.taken).await;
    let ended = delivery.cancel_replay(("acme", "d0"), number).await.expect("cancelled");
    assert!(ended.state == ReplayState::Cancelled && ended.ended_at.is_some());
    let again = delivery.resume_replay(("acme", "d0"), number).await.expect_err("it is over");
    assert!(matches!(again, ReplayError::State { state: "cancelled", .. }), "{again}");
    let unknown = delivery.pause_replay(("acme", "d0"), 9).await.expect_err("there is none");
    assert!(matches!(unknown, ReplayError::Unknown(9)), "{unknown}");
}

/// A receiver that takes its time has all it may have of replayed events; what comes live goes with its next request.
#[tokio::test]
async fn what_is_live_goes_first() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(40))]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(2_000, 20), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    vendor.wait_for(12).await;
    let live: Vec<(String, u8)> = (0..10).map(|at| (format!("live{at}"), 100 + at)).collect();
    let before = vendor.received().len();
    rig.append(&live).await;
    let is_there = |vendor: &Vendor| arrived(vendor).iter().filter(|id| id.starts_with("live")).count() == live.len();
    let began = Instant::now();
    while !is_there(&vendor) {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let waited = vendor.received().len() - before;
    assert!(waited <= 24, "{waited} requests began before the last live event arrived");
}

#[tokio::test]
async fn switching_the_destination_off_ends_it_with_a_reason() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(20))]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(2_000, 20), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    vendor.wait_for(5).await;
    rig.configure_as(&[vendor.url()], 2, |model| model.enabled = false);
    delivery.refresh().await;
    let off = vendor.received().len();
    rig.configure_as(&[vendor.url()], 2, |_| {});
    delivery.refresh().await;
    let ended = latest(&delivery).await;
    assert_eq!(ended.state, ReplayState::Failed("the destination was switched off".to_owned()));
    assert_eq!(ended.settled(), ended.taken, "what was on its way has its result");
    rig.append(&[("live".to_owned(), 1)]).await;
    while !arrived(&vendor).contains(&"live".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(vendor.received().len() <= off + 1, "nothing of it goes when the destination is on again");
    assert_eq!(spools(&rig), 0);
}

#[tokio::test]
async fn what_fails_is_a_dead_letter_like_others_and_can_be_sent_again() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let is_bad = |id: &String| id[1..].parse::<u32>().is_ok_and(|number| number % 10 == 3);
    vendor.choose(move |received| ids(received).iter().any(is_bad).then(|| Reply::status(400).body("no such list")));
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(40, 5), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let done = over(&delivery).await;
    assert_eq!(results(&done), [("delivered", "", 36), ("rejected", "refused", 4)]);
    let letters = delivery.dead_letters(("acme", "d0"), LetterFilter::default(), None, 50).await.expect("read").letters;
    let mut named: Vec<String> = letters.into_iter().filter_map(|letter| letter.message_id).collect();
    named.sort();
    assert_eq!(named, ["e13", "e23", "e3", "e33"]);
    // The spool stays for them, over a restart.
    delivery.shutdown(Duration::from_secs(5)).await;
    assert_eq!(spools(&rig), 1);
    let delivery = rig.start().await;
    vendor.choose(|_| None);
    delivery.resend("acme", "d0", LetterFilter::default(), "ada".to_owned()).await.expect("asked");
    let mended = until(&delivery, |replay| results(replay) == [("delivered", "", 40)]).await;
    assert_eq!(mended.state, ReplayState::Finished);
    let trace = delivery.trace("acme", "e13").await.expect("read").expect("known");
    let fate: Vec<_> = trace.outputs[0].attempts.iter().map(|of| (of.outcome.result(), of.replay)).collect();
    assert_eq!(fate, [("rejected", Some(1)), ("delivered", Some(1))]);
    delivery.shutdown(Duration::from_secs(5)).await;
    assert_eq!(spools(&rig), 0);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(60, 6), PAST);
    rig.history.add(&[("gone".to_owned(), 1)], PAST);
    rig.withdraw(2);
    let delivery = rig.start().await;
    let found = delivery.rehearse(("acme", "d0"), all(), Duration::from_secs(30)).await.expect("answered");
    assert_eq!((found.total, found.read, found.sent, found.gone, found.is_estimate), (61, 61, 50, 1, false));
    let kept_back: Vec<(Outcome, u64)> = found.kept_back.into_iter().collect();
    assert_eq!(kept_back, [(Outcome::Withheld(consent::Reason::Withdrawn), 10)]);
    let tally = found.calls["track"];
    assert_eq!((tally.read, tally.sent, found.sources["web"]), (60, 50, tally));
    assert_eq!((vendor.received().len(), delivery.replays("acme", "d0").await.expect("it runs").len()), (0, 0));
    // It is what happens.
    begin(&delivery, all()).await;
    assert_eq!(results(&over(&delivery).await), [("delivered", "", 50), ("withheld", "withdrawn", 10)]);
    // Time is up at once: what was seen is said, and that it is not all.
    let cut = delivery.rehearse(("acme", "d0"), all(), Duration::ZERO).await.expect("answered");
    assert!(cut.is_estimate && cut.read < cut.total, "{cut:?}");
}

#[tokio::test]
async fn an_archive_that_fails_for_a_moment_is_asked_again() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(10, 2), PAST);
    rig.history.failing.store(1, Ordering::SeqCst);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let waiting = until(&delivery, |replay| replay.waits.is_some()).await;
    assert_eq!((waiting.state, waiting.waits.as_deref()), (ReplayState::Running, Some("a test")), "it says why");
    let done = over(&delivery).await;
    assert_eq!((done.state, done.waits), (ReplayState::Finished, None));
    assert_eq!(numbers(arrived(&vendor)), (0..10).collect::<Vec<_>>());
}

/// As when the task or the thread that reads it panics: what it had not handed over is not the end.
#[tokio::test]
async fn an_archive_that_stops_in_the_middle_is_read_on_there() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(30, 2), PAST);
    rig.history.stopping.store(1, Ordering::SeqCst);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let done = over(&delivery).await;
    assert_eq!((done.state, done.total, done.taken), (ReplayState::Finished, Some(30), 30));
    assert_eq!(numbers(arrived(&vendor)), (0..30).collect::<Vec<_>>());
    rig.history.stopping.store(1, Ordering::SeqCst);
    let cut = delivery.rehearse(("acme", "d0"), all(), Duration::from_secs(30)).await;
    assert!(matches!(cut, Err(ReplayError::Archive(_))), "a part is not told as the whole: {cut:?}");
}

#[tokio::test]
async fn a_replay_that_failed_does_not_go_on_behind_a_later_one() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(400, 20), PAST);
    let delivery = rig.start().await;
    let slow = ReplayAsked { rate_per_s: 100, ..asked(all()) };
    let first = delivery.replay(("acme", "d0"), slow).await.expect("begun").number;
    until(&delivery, |replay| replay.taken > 0).await;
    rig.configure_as(&[vendor.url()], 2, |model| model.enabled = false);
    delivery.refresh().await;
    rig.configure_as(&[vendor.url()], 2, |_| {});
    delivery.refresh().await;
    let range = Selection { to: Millis(PAST + 10), ..all() };
    let second = begin(&delivery, range).await.number;
    assert_eq!(over(&delivery).await.state, ReplayState::Finished);
    let refused = delivery.resume_replay(("acme", "d0"), first).await.expect_err("what it feeds would not be read");
    assert!(
        matches!(refused, ReplayError::Outrun { number, latest } if (number, latest) == (first, second)),
        "{refused}"
    );
    // It can still be put away.
    let ended = delivery.cancel_replay(("acme", "d0"), first).await.expect("cancelled");
    assert_eq!(ended.state, ReplayState::Cancelled);
}

/// Spools are locked by whoever has them, and questions that are under way know the last courier's.
#[tokio::test]
async fn a_change_of_settings_in_the_middle_stops_neither_the_replay_nor_the_destination() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(300, 20), PAST);
    let delivery = rig.start().await;
    let slow = ReplayAsked { rate_per_s: 300, ..asked(all()) };
    delivery.replay(("acme", "d0"), slow).await.expect("begun");
    for events_max in 3..6 {
        let taken = latest(&delivery).await.taken;
        until(&delivery, |replay| replay.taken > taken).await;
        rig.configure(&[vendor.url()], events_max);
        let began = Instant::now();
        delivery.refresh().await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(delivery.overview()[0].status.is_ok(), "{:?}", delivery.overview());
    }
    let done = over(&delivery).await;
    assert_eq!((&done.state, done.taken, done.settled()), (&ReplayState::Finished, 300, 300));
    let distinct: BTreeSet<String> = arrived(&vendor).into_iter().collect();
    assert_eq!(distinct.len(), 300);
}

#[tokio::test]
async fn a_spool_that_does_not_open_ends_its_replay_and_not_its_destination() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(20))]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(400, 20), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    vendor.wait_for(5).await;
    drop(delivery);
    rig.history.is_broken.store(true, Ordering::SeqCst);
    let delivery = rig.start().await;
    assert!(delivery.overview()[0].status.is_ok(), "{:?}", delivery.overview());
    let failed = over(&delivery).await;
    assert_eq!(failed.state, ReplayState::Failed("what was taken up of it cannot be read back: a test".to_owned()));
    rig.append(&[("live".to_owned(), 1)]).await;
    while !arrived(&vendor).contains(&"live".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let settled = until(&delivery, |replay| replay.settled() >= replay.taken).await;
    assert_eq!(settled.settled(), settled.taken, "what was in it has its result");
}

#[tokio::test]
async fn what_cannot_be_read_of_a_spool_has_a_result_and_the_replay_its_end() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(28, 4), PAST);
    rig.history.add(&[("newer".to_owned(), 1)], PAST + 28);
    // Its second page.
    *rig.history.damaged.lock().expect("no holder panics") = Some(2);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let done = over(&delivery).await;
    assert_eq!((&done.state, done.taken), (&ReplayState::Finished, 29));
    let expected = [("delivered", "", 21), ("dead_lettered", "unreadable", 7), ("dead_lettered", "newer_release", 1)];
    assert_eq!(results(&done), expected);
    // Each once, also as the log has it.
    delivery.shutdown(Duration::from_secs(5)).await;
    drop(delivery);
    let delivery = rig.start().await;
    assert_eq!(results(&latest(&delivery).await), expected);
}

#[tokio::test]
async fn what_a_spool_never_takes_ends_its_replay_at_once() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(3, 2), PAST);
    rig.history.add(&[("huge".to_owned(), 1)], PAST + 3);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let failed = over(&delivery).await;
    assert!(matches!(&failed.state, ReplayState::Failed(reason) if reason.contains("bytes")), "{:?}", failed.state);
}

#[tokio::test]
async fn what_was_counted_goes_on_without_waiting_for_what_comes_in() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(40, 4), PAST);
    let delivery = rig.start().await;
    let slow = ReplayAsked { rate_per_s: 100, ..asked(all()) };
    let number = delivery.replay(("acme", "d0"), slow).await.expect("begun").number;
    until(&delivery, |replay| replay.taken > 0).await;
    delivery.pause_replay(("acme", "d0"), number).await.expect("paused");
    rig.history.is_behind.store(true, Ordering::SeqCst);
    delivery.resume_replay(("acme", "d0"), number).await.expect("resumed");
    assert_eq!(over(&delivery).await.state, ReplayState::Finished);
}

#[tokio::test]
async fn a_source_that_is_added_later_is_not_meant_and_one_that_is_not_read_from_is_refused() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 4);
    rig.history.add(&events(40, 4), PAST);
    let delivery = rig.start().await;
    let half = Selection { sources: vec!["web".to_owned(), "app".to_owned()], ..all() };
    let refused = delivery.replay(("acme", "d0"), asked(half)).await.expect_err("one of them is a mistake");
    assert!(refused.to_string().contains("`app`"), "{refused}");
    let slow = ReplayAsked { rate_per_s: 100, ..asked(all()) };
    let begun = delivery.replay(("acme", "d0"), slow).await.expect("begun");
    assert_eq!(begun.selection.sources, ["web"]);
    until(&delivery, |replay| replay.taken > 0).await;
    rig.configure_as(&[vendor.url()], 4, |model| model.sources.push("app".parse().expect("a name")));
    delivery.refresh().await;
    assert_eq!(over(&delivery).await.state, ReplayState::Finished);
    assert_eq!(*rig.history.sources.lock().expect("no holder panics"), ["web"]);
}

#[tokio::test]
async fn dead_letters_of_replays_do_not_fill_the_disk() {
    let vendor = Vendor::start([Reply::status(400)]).await;
    let mut rig = Rig::new(&[vendor.url()], 50);
    rig.waiting.spools_bytes_max = 10_000;
    rig.history.add(&events(5_000, 20), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let first = until(&delivery, |replay| replay.settled() > 0 && replay.settled() == replay.taken).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = latest(&delivery).await;
    assert!(held.taken < 1_000, "{} were taken up: what is kept of them is over its limit", held.taken);
    let on = until(&delivery, |replay| replay.taken > held.taken.max(first.taken)).await;
    assert_eq!(on.state, ReplayState::Running, "it goes on when the oldest were let go of");
}

/// What is replayed is no backlog: an alert about events that wait must be able to end beside it.
#[tokio::test]
async fn a_replay_under_way_does_not_hide_that_no_live_event_waits() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(200))]).await;
    let rig = Rig::new(&[vendor.url()], 2);
    rig.history.add(&events(2_000, 20), PAST);
    let delivery = rig.start().await;
    begin(&delivery, all()).await;
    let status = || delivery.overview()[0].status.clone().expect("started");
    while status().has_backlog.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = status();
    assert_eq!((seen.has_backlog, seen.oldest_waiting, seen.waiting > 0), (Some(false), None, true));
}
