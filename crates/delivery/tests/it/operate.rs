//! Pausing and looking.

use std::time::Duration;

use delivery::{Delivery, Held, Outcome, Status};
use event::Millis;
use eventlog::Partition;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events};

fn by(name: &str) -> Held {
    Held { since: Millis(7), by: name.to_owned() }
}

fn status(delivery: &Delivery) -> Status {
    delivery.overview()[0].status.clone().expect("started")
}

#[tokio::test]
async fn a_paused_destination_sends_nothing_keeps_its_place_and_stays_paused_over_a_crash() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(4, 2)).await;
    rig.settled(&delivery, 0, 4).await;
    assert!(delivery.pause("acme", "d0", by("ada")).await.expect("paused"));
    assert!(!delivery.pause("acme", "d0", by("bob")).await.expect("it is already"));
    rig.append(&[("later".to_owned(), 0), ("last".to_owned(), 1)]).await;
    rig.waits(&delivery, 2).await;
    assert_eq!(status(&delivery).held, Some(by("ada")));
    // No shutdown, and no state that was written for it.
    drop(delivery);
    let delivery = rig.start().await;
    rig.waits(&delivery, 2).await;
    assert_eq!((status(&delivery).held, vendor.received().len()), (Some(by("ada")), 4));
    assert!(delivery.released(Partition(0)) < rig.watermark(Partition(0)), "what waits is held in the log");
    assert!(delivery.resume("acme", "d0").await.expect("resumed"));
    rig.settled(&delivery, 0, 6).await;
    let mut last = arrived(&vendor).split_off(4);
    last.sort();
    assert_eq!((last, status(&delivery).held), (vec!["last".to_owned(), "later".to_owned()], None));
    assert!(!delivery.resume("acme", "d0").await.expect("it goes already"));
    assert!(delivery.pause("acme", "d7", by("ada")).await.is_err());
}

/// Refused credentials pause it for half a minute at least, later for a quarter of an hour. Whoever repaired them does
/// not wait for that, nor for an event's own next attempt.
#[tokio::test]
async fn whoever_resumes_has_it_tried_at_once() {
    let vendor = Vendor::start([Reply::status(401), Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    // Of one subject: none goes before the one that is refused.
    rig.append(&["a", "b", "c"].map(|id| (id.to_owned(), 0))).await;
    until(&delivery, |of| of.paused.is_some() && of.in_flight == 0).await;
    assert!(!delivery.resume("acme", "d0").await.expect("asked"), "nobody had paused it");
    assert_eq!(rig.settled(&delivery, 0, 3).await, [(Outcome::Delivered, 3)]);
}

/// A batch is refused and halved; the pause comes in between. The halves that were not sent are not sent, and wait.
#[tokio::test]
async fn a_pause_in_the_middle_of_an_attempt_ends_it() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    vendor
        .choose(|received| received.body.contains(&b',').then(|| Reply::status(400).after(Duration::from_millis(300))));
    let rig = Rig::new(&[vendor.url()], 10);
    let delivery = rig.start().await;
    rig.append(&events(10, 2)).await;
    vendor.wait_for(1).await;
    let before = rig.generation();
    delivery.pause("acme", "d0", by("ada")).await.expect("paused");
    assert!(rig.generation() > before, "what is still on its way to the receiver asks again");
    let begun = vendor.received().len();
    // Longer than the receiver takes: what it answers then begins nothing new.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(vendor.received().len(), begun);
    rig.waits(&delivery, 10).await;
    delivery.resume("acme", "d0").await.expect("resumed");
    assert_eq!(rig.settled(&delivery, 0, 10).await, [(Outcome::Delivered, 10)]);
}

#[tokio::test]
async fn latency_freshness_and_the_oldest_waiting_event_are_measured() {
    let vendor = Vendor::start([Reply::status(200).after(Duration::from_millis(50))]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(20, 2)).await;
    rig.settled(&delivery, 0, 20).await;
    let seen = |of: Status| of.latency.is_some();
    until(&delivery, seen).await;
    let latency = status(&delivery).latency.expect("seen");
    assert!(latency.p50_ms >= 50 && latency.p99_ms < 20_000 && latency.p50_ms <= latency.p99_ms, "{latency:?}");
    let newest = status(&delivery).newest_delivered.expect("some arrived");
    delivery.pause("acme", "d0", by("ada")).await.expect("paused");
    rig.append(&[("waits".to_owned(), 1)]).await;
    until(&delivery, |of| of.oldest_waiting.is_some()).await;
    let oldest = status(&delivery).oldest_waiting.expect("seen");
    assert!(oldest >= newest && oldest.0 - newest.0 < 60_000, "{oldest:?} {newest:?}");
    delivery.resume("acme", "d0").await.expect("resumed");
    rig.settled(&delivery, 0, 21).await;
    until(&delivery, |of| of.oldest_waiting.is_none() && of.newest_delivered == Some(oldest)).await;
}

async fn until(delivery: &Delivery, is_so: impl Fn(Status) -> bool) {
    for _ in 0..3_000 {
        if is_so(status(delivery)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("{:?}", status(delivery));
}
