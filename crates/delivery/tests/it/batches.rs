//! Batches that a receiver does not take as they are: as a whole, or event by event.

use std::collections::HashSet;

use delivery::{Cause, Outcome};
use testkit::vendor::{Received, Reply, Vendor};

use crate::rig::{Rig, arrived, events, ids};

fn has(received: &Received, id: &str) -> bool {
    ids(received).iter().any(|other| other == id)
}

/// A batch of sixteen with one event that is refused: only that one is, and finding it takes 2·log2(16) + 1 requests.
async fn only_the_bad_one_is_refused(status: u16, cause: Cause) {
    let vendor = Vendor::start([Reply::status(200)]).await;
    vendor.choose(move |received| has(received, "e5").then(|| Reply::status(status)));
    let rig = Rig::new(&[vendor.url()], 16);
    let delivery = rig.start().await;
    rig.append(&events(16, 1)).await;
    let expected = [(Outcome::Delivered, 15), (Outcome::Rejected(cause), 1)];
    assert_eq!(rig.settled(&delivery, 0, 16).await, expected, "{status}");
    let received = vendor.received();
    assert!(received.len() <= 9, "{} requests", received.len());
    let taken: Vec<_> = received.iter().filter(|request| !has(request, "e5")).flat_map(ids).collect();
    let in_order: Vec<_> = (0..16).filter(|at| *at != 5).map(|at| format!("e{at}")).collect();
    assert_eq!(taken, in_order, "{status}: each once, in order");
    let trace = delivery.trace("acme", "e5").await.expect("read").expect("known");
    assert_eq!(trace.outputs[0].attempts.last().expect("tried").outcome, Outcome::Rejected(cause));
}

#[tokio::test]
async fn a_refused_batch_is_split_until_only_the_bad_event_is_rejected() {
    for (status, cause) in [(400, Cause::Refused), (413, Cause::TooLarge), (422, Cause::Refused)] {
        only_the_bad_one_is_refused(status, cause).await;
    }
}

#[tokio::test]
async fn what_speaks_of_the_address_is_not_split() {
    let vendor = Vendor::start([Reply::status(404)]).await;
    let rig = Rig::new(&[vendor.url()], 16);
    let delivery = rig.start().await;
    rig.append(&events(16, 1)).await;
    assert_eq!(rig.settled(&delivery, 0, 16).await, [(Outcome::Rejected(Cause::Refused), 16)]);
    assert_eq!(vendor.received().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_costs_fewer_than_two_requests_an_event() {
    let vendor = Vendor::start([Reply::status(422)]).await;
    let rig = Rig::new(&[vendor.url()], 32);
    let delivery = rig.start().await;
    rig.append(&events(400, 8)).await;
    assert_eq!(rig.settled(&delivery, 0, 400).await, [(Outcome::Rejected(Cause::Refused), 400)]);
    let requests = vendor.received();
    // Single requests for most: batches became smaller. 799 without that.
    assert!(requests.len() < 600, "{} requests", requests.len());
    assert!(requests[requests.len() - 10..].iter().all(|request| ids(request).len() == 1));
}

#[tokio::test]
async fn too_large_makes_the_next_batches_smaller() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    vendor.choose(|received| (ids(received).len() > 4).then(|| Reply::status(413)));
    let rig = Rig::new(&[vendor.url()], 16);
    let delivery = rig.start().await;
    for (round, part) in (1..).zip(events(160, 1).chunks(16)) {
        rig.append(part).await;
        rig.settled(&delivery, 0, round * 16).await;
    }
    assert_eq!(rig.settled(&delivery, 0, 160).await, [(Outcome::Delivered, 160)]);
    let refused = vendor.received().iter().filter(|request| ids(request).len() > 4).count();
    // Three for each of ten batches if nothing were learned.
    assert!((3..=15).contains(&refused), "{refused} of {} requests were too large", vendor.received().len());
    let order: Vec<_> = vendor.received().iter().filter(|request| ids(request).len() <= 4).flat_map(ids).collect();
    assert_eq!(order, (0..160).map(|at| format!("e{at}")).collect::<Vec<_>>());
}

/// The receiver answers 207 with a status per event, and once with fewer statuses than events.
#[tokio::test]
async fn an_answer_per_event_settles_each_by_its_own() {
    let vendor = Vendor::start([Reply::status(207).body("200,429,400")]).await;
    vendor.choose(|received| (ids(received).len() < 5).then(|| Reply::status(207).body("200,200,200,200")));
    let rig = Rig::new(&[vendor.url()], 5);
    let delivery = rig.start().await;
    rig.append(&events(5, 5)).await;
    let expected = [(Outcome::Delivered, 4), (Outcome::Rejected(Cause::Refused), 1)];
    assert_eq!(rig.settled(&delivery, 0, 5).await, expected);
    let mut sent = arrived(&vendor);
    let again: HashSet<_> = sent.split_off(5).into_iter().collect();
    // The second was told to wait, the last two were told nothing.
    let unsettled = HashSet::from([sent[1].clone(), sent[3].clone(), sent[4].clone()]);
    assert_eq!(again, unsettled, "what has its result is not sent again");
    let outcomes = async |id: &str| -> Vec<Outcome> {
        let trace = delivery.trace("acme", id).await.expect("read").expect("known");
        trace.outputs[0].attempts.iter().map(|attempt| attempt.outcome).collect()
    };
    assert_eq!(outcomes(&sent[1]).await, [Outcome::Waiting(Cause::RateLimited), Outcome::Delivered]);
    assert_eq!(outcomes(&sent[2]).await, [Outcome::Rejected(Cause::Refused)]);
    assert_eq!(outcomes(&sent[4]).await, [Outcome::Waiting(Cause::ReceiverFailed), Outcome::Delivered]);
}

/// Too large, then of the first half one event is to be tried again: what its subject did later waits behind it.
#[tokio::test]
async fn a_split_batch_overtakes_no_event_of_its_subject() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let turn = std::sync::atomic::AtomicUsize::new(0);
    vendor.choose(move |_| match turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Some(Reply::status(413)),
        1 => Some(Reply::status(207).body("429,200")),
        _ => None,
    });
    let rig = Rig::new(&[vendor.url()], 4);
    let delivery = rig.start().await;
    let of = |id: &str, subject: u8| (id.to_owned(), subject);
    rig.append(&[of("a1", 1), of("b1", 3), of("a2", 1), of("b2", 3)]).await;
    assert_eq!(rig.settled(&delivery, 0, 4).await, [(Outcome::Delivered, 4)]);
    let requests = vendor.received();
    let later = requests[2..].iter().flat_map(ids).filter(|id| id.starts_with('a')).collect::<Vec<_>>();
    assert_eq!(later, ["a1", "a2"], "{:?}", requests.iter().map(ids).collect::<Vec<_>>());
}
