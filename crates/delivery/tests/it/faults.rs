//! What receivers do wrong, and that nobody else feels it.

use std::time::{Duration, Instant};

use delivery::{BacklogBudget, Cause, Outcome};
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events};

#[tokio::test]
async fn retry_after_is_honoured() {
    let vendor = Vendor::start([Reply::status(429).header("retry-after", "1"), Reply::status(200)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    let begun = Instant::now();
    rig.append(&events(1, 1)).await;
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(Outcome::Delivered, 1)]);
    assert!(begun.elapsed() >= Duration::from_millis(990), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn broken_credentials_pause_and_lose_nothing() {
    let vendor = Vendor::start([Reply::status(401)]).await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(100, 20)).await;
    vendor.wait_for(1).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while delivery.overview()[0].status.as_ref().expect("started").paused.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("pauses");
    let status = delivery.overview()[0].status.clone().expect("started");
    assert_eq!(status.paused.expect("paused").cause, Cause::CredentialsBroken);
    assert!(status.totals.is_empty() && vendor.received().len() <= 8);
    vendor.script([Reply::status(200)]);
    delivery.shutdown(Duration::from_secs(1)).await;
    // A new start probes at once.
    let delivery = rig.start().await;
    assert_eq!(rig.settled(&delivery, 0, 100).await, [(Outcome::Delivered, 100)]);
}

#[tokio::test]
async fn rejected_is_final_and_retries_end() {
    let vendor = Vendor::start([Reply::status(400), Reply::status(500)]).await;
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.retry.give_up_ms = 0;
    let delivery = rig.start().await;
    rig.append(&events(1, 1)).await;
    rig.settled(&delivery, 0, 1).await;
    rig.append(&[("late".to_owned(), 1)]).await;
    let expected = [(Outcome::Rejected(Cause::Refused), 1), (Outcome::DeadLettered(Cause::RetriesExhausted), 1)];
    assert_eq!(rig.settled(&delivery, 0, 2).await, expected);
}

#[tokio::test]
async fn isolation_a_hung_a_failing_and_a_slow_receiver_do_not_slow_the_fourth() {
    let alone = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&[alone.url()], 10);
    let delivery = rig.start().await;
    let begun = Instant::now();
    rig.append(&events(1_000, 50)).await;
    rig.settled(&delivery, 0, 1_000).await;
    let alone = begun.elapsed();
    let vendors = [
        Vendor::start([Reply::status(200)]).await,
        Vendor::start([Reply::never()]).await,
        Vendor::start([Reply::status(500)]).await,
        Vendor::start([Reply::status(200).after(Duration::from_millis(500))]).await,
    ];
    let rig = Rig::new(&vendors.each_ref().map(Vendor::url), 10);
    let delivery = rig.start().await;
    let begun = Instant::now();
    rig.append(&events(1_000, 50)).await;
    assert_eq!(rig.settled(&delivery, 0, 1_000).await, [(Outcome::Delivered, 1_000)]);
    let together = begun.elapsed();
    // Two cores are shared with other tests: far below what waiting for any of the three would take.
    assert!(together < alone * 4 + Duration::from_millis(300), "alone {alone:?}, together {together:?}");
    let begun = Instant::now();
    delivery.shutdown(Duration::from_millis(300)).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_backlog_over_its_budget_becomes_one_dead_letter() {
    let vendor = Vendor::start([Reply::never()]).await;
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.backlog = BacklogBudget { bytes_max: 20_000, age_ms_max: i64::MAX };
    let delivery = rig.start().await;
    for part in events(1_000, 2).chunks(50) {
        rig.append(part).await;
    }
    let totals = rig.settled(&delivery, 0, 1).await;
    let [(Outcome::DeadLettered(Cause::BacklogOverBudget), dropped)] = totals[..] else { panic!("{totals:?}") };
    assert!((500..1_000).contains(&dropped), "{dropped}");
    assert!(arrived(&vendor).len() <= 8);
    let trace = delivery.trace("acme", "e20").await.expect("read").expect("known");
    let last = trace.outputs[0].attempts.last().expect("given up");
    assert_eq!(last.outcome, Outcome::DeadLettered(Cause::BacklogOverBudget));
    assert!(delivery.overview()[0].status.as_ref().expect("started").backlog_bytes <= 20_000);
}
