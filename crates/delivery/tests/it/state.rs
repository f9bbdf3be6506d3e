//! Crash, restart, and what may be trimmed.

use std::collections::HashSet;
use std::time::Duration;

use delivery::{BacklogBudget, Cause, Outcome};
use eventlog::Partition;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events};

#[tokio::test]
async fn after_a_crash_every_event_arrives_at_least_once() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(3))]).await;
    let failing = std::sync::atomic::AtomicUsize::new(0);
    vendor.choose(move |_| {
        let turn = failing.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        turn.is_multiple_of(5).then(|| Reply::status(500))
    });
    let rig = Rig::new(&[vendor.url()], 7);
    // The first start says from where on events count.
    drop(rig.start().await);
    for (round, part) in events(900, 30).chunks(100).enumerate() {
        let delivery = rig.start().await;
        rig.append(part).await;
        vendor.wait_for(round * 5 + 1).await;
        // No shutdown: what was in flight or not written is lost.
        drop(delivery);
    }
    let delivery = rig.start().await;
    rig.settled(&delivery, 0, 900).await;
    let arrived: HashSet<String> = arrived(&vendor).into_iter().collect();
    assert_eq!(arrived.len(), 900);
    delivery.shutdown(Duration::from_secs(5)).await;
    for partition in [Partition(0), Partition(1)] {
        assert_eq!(delivery.released(partition), rig.watermark(partition));
    }
    let requests = vendor.received().len();
    let again = rig.start().await;
    rig.append(&[("last".to_owned(), 1)]).await;
    rig.settled(&again, 0, 901).await;
    assert!(vendor.received().len() <= requests + 3, "what was settled is not sent again");
}

#[tokio::test]
async fn what_is_in_flight_is_not_released_and_a_new_destination_begins_at_the_tail() {
    let vendor = Vendor::start([Reply::never()]).await;
    let rig = Rig::new(&[vendor.url()], 10);
    rig.append(&events(10, 2)).await;
    let before = rig.watermark(Partition(0));
    let delivery = rig.start().await;
    rig.append(&[("new".to_owned(), 0)]).await;
    vendor.wait_for(1).await;
    delivery.shutdown(Duration::ZERO).await;
    assert_eq!(arrived(&vendor), ["new"]);
    let released = delivery.released(Partition(0)).expect("the old ones are not needed");
    assert!(released >= before.expect("appended") && Some(released) < rig.watermark(Partition(0)));
    vendor.script([Reply::status(200)]);
    let delivery = rig.start().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
}

#[tokio::test]
async fn a_destination_made_again_gets_nothing_that_waited_for_the_deleted_one() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(2, 2)).await;
    vendor.wait_for(2).await;
    rig.configure(&[], 1);
    delivery.refresh().await;
    rig.append(&[("between".to_owned(), 0)]).await;
    vendor.script([Reply::status(200)]);
    let before = vendor.received().len();
    rig.configure(&[vendor.url()], 1);
    delivery.refresh().await;
    rig.append(&[("after".to_owned(), 0)]).await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!(arrived(&vendor)[before..], ["after"]);
}

#[tokio::test]
async fn a_destination_made_again_between_two_looks_gets_nothing_that_waited_for_the_first() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(2, 2)).await;
    vendor.wait_for(2).await;
    // No look at the configuration while it was gone, as around a crash.
    delivery.shutdown(Duration::ZERO).await;
    rig.configure_as(&[vendor.url()], 1, |model| model.made_in = 9);
    vendor.script([Reply::status(200)]);
    let before = vendor.received().len();
    let delivery = rig.start().await;
    rig.append(&[("after".to_owned(), 0)]).await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!(arrived(&vendor)[before..], ["after"]);
}

#[tokio::test]
async fn a_destination_made_again_that_does_not_start_does_not_take_the_place_of_the_first() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(2, 2)).await;
    vendor.wait_for(2).await;
    delivery.shutdown(Duration::ZERO).await;
    rig.configure_as(&["broken://".to_owned()], 1, |model| model.made_in = 9);
    let delivery = rig.start().await;
    rig.append(&[("after".to_owned(), 0)]).await;
    vendor.script([Reply::status(200)]);
    let before = vendor.received().len();
    rig.configure_as(&[vendor.url()], 1, |model| model.made_in = 9);
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!(arrived(&vendor)[before..], ["after"]);
}

#[tokio::test]
async fn whoever_stops_waiting_for_a_refresh_costs_no_destination_its_place() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&["broken://".to_owned()], 1);
    let delivery = rig.start().await;
    rig.append(&[("first".to_owned(), 0)]).await;
    rig.configure(&[vendor.url()], 1);
    // Somebody has its files: the refresh waits for them, and whoever asked for it goes away.
    let kept = rig.data.path().join("acme/d0");
    std::fs::create_dir_all(&kept).expect("made");
    let lock = std::fs::File::open(&kept).expect("opens");
    lock.lock().expect("locked");
    tokio::time::timeout(Duration::from_millis(200), delivery.refresh()).await.expect_err("it waits for the files");
    drop(lock);
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!(arrived(&vendor), ["first"]);
}

#[tokio::test]
async fn what_could_not_be_given_up_when_it_was_switched_off_is_given_up_later() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(2, 1)).await;
    vendor.wait_for(1).await;
    let whose = rig.data.path().join("acme/d0/made_in");
    std::fs::write(&whose, "torn").expect("written");
    rig.configure_as(&[vendor.url()], 1, |model| model.enabled = false);
    delivery.refresh().await;
    assert!(delivery.is_behind(), "it is tried again");
    std::fs::remove_file(&whose).expect("mended");
    delivery.refresh().await;
    assert!(!delivery.is_behind());
    vendor.script([Reply::status(200)]);
    rig.configure(&[vendor.url()], 1);
    delivery.refresh().await;
    let off = Outcome::DeadLettered(Cause::SwitchedOff);
    assert_eq!(rig.settled(&delivery, 0, 2).await, [(off, 2)]);
}

#[tokio::test]
async fn a_destination_that_was_switched_off_left_no_backlog() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(2, 1)).await;
    vendor.wait_for(1).await;
    rig.configure_as(&[vendor.url()], 1, |model| model.enabled = false);
    delivery.refresh().await;
    let last = |id: &'static str| {
        let trace = delivery.trace("acme", id);
        async { trace.await.expect("read").expect("known").outputs.pop()?.attempts.pop().map(|last| last.outcome) }
    };
    let off = Outcome::DeadLettered(Cause::SwitchedOff);
    assert_eq!((last("e0").await, last("e1").await), (Some(off), Some(off)), "said at once, not when it is on again");
    // Looking again changes nothing, and while it is off nothing is for it.
    delivery.refresh().await;
    let before = vendor.received().len();
    vendor.script([Reply::status(200)]);
    rig.configure(&[vendor.url()], 1);
    delivery.refresh().await;
    rig.append(&[("after".to_owned(), 0)]).await;
    assert_eq!(rig.settled(&delivery, 0, 3).await, [(Outcome::Delivered, 1), (off, 2)]);
    assert_eq!(arrived(&vendor)[before..], ["after"]);
}

#[tokio::test]
async fn a_destination_that_does_not_start_keeps_its_place_and_is_tried_again() {
    let vendor = Vendor::start([Reply::status(503)]).await;
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.append(&events(4, 2)).await;
    let delivery = rig.start().await;
    let begins = rig.watermark(Partition(0));
    rig.append(&[("waits".to_owned(), 0)]).await;
    let waits = rig.watermark(Partition(0));
    vendor.wait_for(1).await;
    delivery.shutdown(Duration::from_secs(1)).await;

    rig.configure(&["broken://".to_owned()], 1);
    let delivery = rig.start().await;
    rig.append(&[("unread".to_owned(), 0)]).await;
    let stalled = delivery.overview()[0].stalled_since.expect("something waits for it");
    delivery.refresh().await;
    assert_eq!(delivery.overview()[0].stalled_since, Some(stalled), "since the first trial");
    let released = delivery.released(Partition(0));
    assert!(released >= begins && released < waits && delivery.is_behind(), "{released:?}");
    vendor.script([Reply::status(200)]);
    rig.configure(&[vendor.url()], 1);
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 2).await, [(Outcome::Delivered, 2)]);
    assert!(!delivery.is_behind());
    delivery.shutdown(Duration::from_secs(1)).await;

    // Where nobody can say what it needs, everything is held, up to the budget.
    let kept = rig.data.path().join("acme/d0");
    std::fs::rename(&kept, rig.data.path().join("away")).expect("moved");
    std::fs::write(&kept, "not a directory").expect("written");
    rig.backlog = BacklogBudget { bytes_max: 10_000, age_ms_max: i64::MAX };
    let delivery = rig.start().await;
    assert_eq!(delivery.released(Partition(0)), None);
    rig.append(&events(1_000, 2)).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while delivery.released(Partition(0)).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the budget holds for it too");
    assert!(delivery.released(Partition(0)) < rig.watermark(Partition(0)));
}

#[tokio::test]
async fn a_new_destination_that_does_not_start_begins_where_it_was_made() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&["broken://".to_owned()], 1);
    rig.append(&[("before".to_owned(), 0)]).await;
    let delivery = rig.start().await;
    rig.append(&[("first".to_owned(), 0)]).await;
    rig.configure(&[vendor.url()], 1);
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!(arrived(&vendor), ["first"]);
}

#[tokio::test]
async fn a_courier_that_ended_is_started_again_and_loses_nothing() {
    let vendor = Vendor::start([Reply::status(500), Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&[("poison".to_owned(), 0)]).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while !delivery.is_behind() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the courier panics when it tells of the failure");
    assert!(delivery.released(Partition(0)) < rig.watermark(Partition(0)), "it needs its event");
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert!(!delivery.is_behind());
}

/// Between an edit and the restart of the courier, the old address must not get anything under the new configuration.
#[tokio::test]
async fn an_outdated_courier_sends_nothing() {
    let (old, new) = (Vendor::start([Reply::status(200)]).await, Vendor::start([Reply::status(200)]).await);
    let rig = Rig::new(&[old.url()], 1);
    let delivery = rig.start().await;
    rig.configure(&[new.url()], 1);
    rig.append(&[("after the edit".to_owned(), 0)]).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while delivery.overview()[0].status.as_ref().expect("started").paused.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("pauses");
    assert_eq!(delivery.errors("acme", "d0").await.expect("it runs"), [], "nobody answered anything");
    delivery.refresh().await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert_eq!((arrived(&old), arrived(&new)), (Vec::<String>::new(), vec!["after the edit".to_owned()]));
}
