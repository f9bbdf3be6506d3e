//! More that waits than memory holds.

use std::collections::HashMap;

use delivery::Outcome;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Rig, arrived, events, ids};

fn subject(id: &str) -> usize {
    number(id) % 8
}

fn number(id: &str) -> usize {
    id[1..].parse().expect("a number")
}

/// Two of eight subjects fail, and far more of them waits than may wait in memory. All others go on; after a crash
/// what waited waits again; and when the receiver takes it, it comes in order.
#[tokio::test]
async fn subjects_that_fail_for_long_spill_and_come_back_in_order() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let broken = |received: &testkit::vendor::Received| subject(&ids(received)[0]) < 2;
    vendor.choose(move |received| broken(received).then(|| Reply::status(503)));
    let mut rig = Rig::new(&[vendor.url()], 1);
    rig.waiting.in_memory_max = 40;
    (rig.retry.first_ms, rig.retry.wait_ms_max) = (1_500, 1_500);
    let all = events(3_200, 8);
    let delivery = rig.start().await;
    for part in all[..1_600].chunks(100) {
        rig.append(part).await;
    }
    rig.settled(&delivery, 0, 1_200).await;
    rig.waits(&delivery, 400).await;
    let scratch = rig.data.path().join("acme/d0/waiting.spill");
    // Forty bytes each; fewer than a piece may still be on their way.
    assert!(std::fs::metadata(&scratch).expect("spilled").len() >= 40 * 256);
    // No shutdown, and no state that was written for it.
    drop(delivery);
    let delivery = rig.start().await;
    for part in all[1_600..].chunks(100) {
        rig.append(part).await;
    }
    assert_eq!(rig.settled(&delivery, 0, 2_400).await, [(Outcome::Delivered, 2_400)]);
    rig.waits(&delivery, 800).await;
    vendor.script([Reply::status(200)]);
    let before = vendor.received().len();
    assert_eq!(rig.settled(&delivery, 0, 3_200).await, [(Outcome::Delivered, 3_200)]);
    let late = arrived(&vendor).split_off(before);
    let mut last: HashMap<usize, usize> = HashMap::new();
    for id in late.iter().filter(|id| subject(id) < 2) {
        let earlier = last.insert(subject(id), number(id));
        assert!(earlier.is_none_or(|earlier| earlier < number(id)), "{id} came after e{earlier:?}");
    }
    assert_eq!(last, HashMap::from([(0, 3_192), (1, 3_193)]));
    delivery.shutdown(std::time::Duration::from_secs(5)).await;
    assert_eq!(std::fs::metadata(&scratch).expect("there").len(), 0, "nothing waits, nothing is kept");
}
