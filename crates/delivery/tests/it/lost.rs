//! Records that cannot be read have a result too.

use std::time::Duration;

use delivery::{Cause, Observed, Outcome};
use eventlog::Partition;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Fault, Rig, arrived, events};

#[tokio::test]
async fn what_the_log_cannot_give_is_a_dead_letter_with_its_reason() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let mut rig = Rig::new(&[vendor.url()], 10);
    // The first start only says from where on events count, and what stands where: it takes nothing up.
    rig.waiting.in_memory_max = 0;
    let delivery = rig.start().await;
    let all: Vec<_> = events(50, 1);
    let mut blocks = Vec::new();
    for part in all.chunks(10) {
        rig.append(part).await;
        blocks.push(rig.watermark(Partition(0)).expect("appended").block);
    }
    rig.append_newer(0).await;
    while delivery.trace("acme", "e49").await.expect("read").is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    delivery.shutdown(Duration::from_secs(5)).await;
    drop(delivery);
    rig.waiting = delivery::WaitingLimits::default();
    rig.fail(blocks[1], Fault::Shredded);
    rig.fail(blocks[3], Fault::Damaged);
    let delivery = rig.start().await;
    let expected = [
        (Outcome::Delivered, 30),
        (Outcome::DeadLettered(Cause::Unreadable), 1),
        (Outcome::DeadLettered(Cause::NewerRelease), 1),
        (Outcome::DeadLettered(Cause::Shredded), 10),
    ];
    assert_eq!(rig.settled(&delivery, 0, 42).await, expected);
    assert_eq!(arrived(&vendor).len(), 30);
    delivery.shutdown(Duration::from_secs(5)).await;
    for (id, cause) in [("e12", Cause::Shredded), ("e35", Cause::Unreadable)] {
        let trace = delivery.trace("acme", id).await.expect("read").expect("known");
        let last = trace.outputs[0].attempts.last().expect("given up");
        assert_eq!((last.outcome, last.number), (Outcome::DeadLettered(cause), 0), "{id}");
    }
    let ranges = rig.observed().into_iter().filter_map(|(of, outcome)| match of {
        Observed::Range { records, through, .. } => Some((outcome.reason(), records, through.block)),
        Observed::Event(_) => None,
    });
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_unstable();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert_eq!((ranges[1], ranges[2]), (("shredded", 10, blocks[1]), ("unreadable", 1, blocks[3])));
    drop(delivery);
    // Each once, also when it starts again.
    let delivery = rig.start().await;
    rig.append(&[("last".to_owned(), 0)]).await;
    assert_eq!(rig.settled(&delivery, 0, 43).await[1..], expected[1..]);
}
