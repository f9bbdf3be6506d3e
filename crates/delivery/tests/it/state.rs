//! Crash, restart, and what may be trimmed.

use std::collections::HashSet;
use std::time::Duration;

use delivery::Outcome;
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
