//! Order per subject, and who waits for whom.

use std::collections::HashMap;

use consent::Reason;
use delivery::{Cause, Outcome};
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events, ids};

/// Every third request fails; what was accepted must be in order for each subject.
async fn order_holds(events_max: usize) {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let accepted = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (seen, log) = (std::sync::atomic::AtomicUsize::new(0), std::sync::Arc::clone(&accepted));
    vendor.choose(move |received| {
        if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 == 0 {
            return Some(Reply::status(500));
        }
        log.lock().expect("no holder panics").extend(ids(received));
        None
    });
    let rig = Rig::new(&[vendor.url()], events_max);
    let delivery = rig.start().await;
    for part in events(300, 7).chunks(25) {
        rig.append(part).await;
    }
    assert_eq!(rig.settled(&delivery, 0, 300).await, [(Outcome::Delivered, 300)]);
    let mut last: HashMap<usize, usize> = HashMap::new();
    let accepted = accepted.lock().expect("no holder panics").clone();
    assert_eq!(accepted.len(), 300);
    for id in accepted {
        let number: usize = id[1..].parse().expect("a number");
        let before = last.insert(number % 7, number);
        assert!(before.is_none_or(|before| before < number), "e{number} came after e{before:?}");
    }
}

#[tokio::test]
async fn one_by_one_in_order_through_retries() {
    order_holds(1).await;
}

#[tokio::test]
async fn in_batches_in_order_through_retries() {
    order_holds(10).await;
}

#[tokio::test]
async fn a_parked_lane_holds_up_nobody_else() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    vendor.choose(|received| ids(received).contains(&"e0".to_owned()).then(|| Reply::status(503).header("x", "y")));
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.retry.first_ms = 3_600_000;
    rig.retry.wait_ms_max = 3_600_000;
    let delivery = rig.start().await;
    rig.append(&events(40, 4)).await;
    assert_eq!(rig.settled(&delivery, 0, 30).await, [(Outcome::Delivered, 30)]);
    let status = delivery.overview()[0].status.clone().expect("started");
    assert_eq!(status.waiting, 10);
    let others = arrived(&vendor).into_iter().filter(|id| id != "e0");
    assert!(others.clone().all(|id| id[1..].parse::<usize>().expect("a number") % 4 != 0));
    let waiting = delivery.trace("acme", "e0").await.expect("read").expect("known");
    assert_eq!(waiting.outputs[0].attempts[0].outcome, Outcome::Waiting(Cause::ReceiverFailed));
}

#[tokio::test]
async fn withdrawn_before_a_retry_is_withheld_and_never_sent() {
    let vendor = Vendor::start([Reply::status(500)]).await;
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.retry.first_ms = 300;
    let delivery = rig.start().await;
    rig.append(&events(1, 1)).await;
    vendor.wait_for(1).await;
    rig.withdraw(0);
    vendor.script([Reply::status(200)]);
    let withheld = Outcome::Withheld(Reason::Withdrawn);
    assert_eq!(rig.settled(&delivery, 0, 1).await, [(withheld, 1)]);
    assert_eq!(vendor.received().len(), 1);
    let trace = delivery.trace("acme", "e0").await.expect("read").expect("known");
    let outcomes: Vec<_> = trace.outputs[0].attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Waiting(Cause::ReceiverFailed), withheld]);
}
