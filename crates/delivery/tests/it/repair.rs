//! Finding what went wrong, and sending it again.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::{DeadLetter, Delivery, LetterFilter, Outcome, Resend};
use eventlog::Partition;
use testkit::vendor::{Reply, Vendor};

use crate::rig::{Fault, Rig, arrived, events, ids};

async fn letters(delivery: &Delivery, filter: &LetterFilter) -> Vec<DeadLetter> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = delivery.dead_letters(("acme", "d0"), filter.clone(), before, 7).await.expect("read");
        assert!(page.letters.len() <= 7);
        all.extend(page.letters);
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

fn ids_of(letters: &[DeadLetter]) -> Vec<String> {
    let mut ids: Vec<String> = letters.iter().filter_map(|letter| letter.message_id.clone()).collect();
    ids.sort_by_key(|id| id[1..].parse::<u32>().expect("a number"));
    ids
}

async fn over(delivery: &Delivery) -> Resend {
    for _ in 0..2_000 {
        let latest = delivery.resends("acme", "d0").await.expect("it runs").swap_remove(0);
        if latest.is_over() {
            return latest;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("{:?}", delivery.resends("acme", "d0").await);
}

fn reason(code: &str) -> LetterFilter {
    LetterFilter { reason: Some(code.to_owned()), ..LetterFilter::default() }
}

/// Even events are refused with one text, odd ones with another that names its event.
async fn refusing() -> Vendor {
    let vendor = Vendor::start([Reply::status(200)]).await;
    vendor.choose(|received| {
        let id = &ids(received)[0];
        let number: u32 = id[1..].parse().expect("a number");
        Some(if number.is_multiple_of(2) {
            Reply::status(404).body("no such list")
        } else {
            Reply::status(413).body(&format!("{id} is too large"))
        })
    });
    vendor
}

#[tokio::test]
async fn errors_are_grouped_by_what_was_answered() {
    let vendor = refusing().await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(20, 4)).await;
    rig.settled(&delivery, 0, 20).await;
    let mut groups = delivery.errors("acme", "d0").await.expect("it runs");
    groups.sort_by_key(|group| group.status);
    let shown: Vec<_> =
        groups.iter().map(|of| (of.outcome().reason(), of.status, of.text.as_str(), of.count)).collect();
    assert_eq!(shown, [("refused", 404, "no such list", 10), ("too_large", 413, "… is too large", 10)]);
    assert!(groups[0].samples.len() > 1 && groups[0].samples.iter().all(|id| id.starts_with('e')), "{groups:?}");
    // A shutdown keeps all of it, a crash the counts.
    delivery.shutdown(Duration::from_secs(5)).await;
    let keeps = |delivery: &Delivery| delivery.released(Partition(0)) < rig.watermark(Partition(0));
    assert!(keeps(&delivery), "the log keeps what may be sent again");
    drop(delivery);
    let again = rig.start().await;
    assert!(keeps(&again), "also from the start on");
    let mut kept = again.errors("acme", "d0").await.expect("it runs");
    kept.sort_by_key(|group| group.status);
    assert_eq!(kept, groups);
}

#[tokio::test]
async fn dead_letters_are_sent_again_by_filter_and_each_has_one_result() {
    let vendor = refusing().await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(20, 4)).await;
    rig.settled(&delivery, 0, 20).await;
    let all = letters(&delivery, &LetterFilter::default()).await;
    assert_eq!(ids_of(&all), (0..20).map(|at| format!("e{at}")).collect::<Vec<_>>());
    assert!(
        all.iter().all(|one| one.attempts == 1 && one.events == 1) && all.is_sorted_by(|one, other| one.at >= other.at)
    );
    let text = LetterFilter { text: Some("Too LARGE".to_owned()), ..LetterFilter::default() };
    assert_eq!(letters(&delivery, &text).await, letters(&delivery, &reason("too_large")).await);
    assert_eq!(letters(&delivery, &reason("too_large")).await.len(), 10);
    vendor.script([Reply::status(200)]);
    let before = vendor.received().len();
    delivery.resend("acme", "d0", reason("too_large"), "ada".to_owned()).await.expect("asked");
    let done = over(&delivery).await;
    assert_eq!((done.taken, done.delivered, done.gone, done.by.as_str()), (10, 10, 0, "ada"));
    let mut sent = arrived(&vendor).split_off(before);
    sent.sort_by_key(|id| id[1..].parse::<u32>().expect("a number"));
    assert_eq!(sent, (0..20).filter(|at| at % 2 == 1).map(|at| format!("e{at}")).collect::<Vec<_>>());
    let totals: BTreeMap<_, _> = rig.settled(&delivery, 0, 20).await.into_iter().collect();
    let counted: Vec<_> =
        totals.iter().filter(|(_, count)| **count > 0).map(|(of, count)| (of.reason(), *count)).collect();
    assert_eq!(counted, [("", 10), ("refused", 10)]);
    assert_eq!(letters(&delivery, &LetterFilter::default()).await.len(), 10);
    let trace = delivery.trace("acme", "e3").await.expect("read").expect("known");
    let fate: Vec<_> =
        trace.outputs[0].attempts.iter().map(|of| (of.outcome.result(), of.status, of.text.as_str())).collect();
    assert_eq!(fate, [("rejected", 413, "… is too large"), ("delivered", 200, "")]);
    // One of them by its name; the rest; then nothing is left, and nothing holds the log.
    let one = letters(&delivery, &LetterFilter::default()).await.swap_remove(0);
    let place = DeadLetter::place_of(&one.id().expect("an event")).expect("it names a place");
    let filter = LetterFilter { places: vec![place], ..LetterFilter::default() };
    delivery.resend("acme", "d0", filter, "ada".to_owned()).await.expect("asked");
    assert_eq!(over(&delivery).await.delivered, 1);
    delivery.resend("acme", "d0", LetterFilter::default(), "ada".to_owned()).await.expect("asked");
    assert_eq!(over(&delivery).await.delivered, 9);
    assert_eq!(letters(&delivery, &LetterFilter::default()).await, []);
    assert_eq!(vendor.received().len(), 40, "no event went twice");
    delivery.shutdown(Duration::from_secs(5)).await;
    assert_eq!(delivery.released(Partition(0)), rig.watermark(Partition(0)));
}

/// The request is durable when it is answered: a crash right after it, and one in the middle, lose none of it.
#[tokio::test]
async fn a_crash_loses_nothing_of_what_was_asked_to_be_sent_again() {
    let vendor = refusing().await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(1_200, 30)).await;
    rig.settled(&delivery, 0, 1_200).await;
    vendor.script([Reply::status(200).after(Duration::from_millis(2))]);
    let before = vendor.received().len();
    delivery.resend("acme", "d0", LetterFilter::default(), "ada".to_owned()).await.expect("asked");
    drop(delivery);
    for round in 1..4 {
        let delivery = rig.start().await;
        let sent = tokio::time::timeout(Duration::from_secs(20), vendor.wait_for(before + round * 100)).await;
        sent.expect("what was asked is sent after a crash too");
        drop(delivery);
    }
    let delivery = rig.start().await;
    let done = over(&delivery).await;
    assert_eq!((done.taken, done.delivered, done.failed, done.gone), (1_200, 1_200, 0, 0));
    assert_eq!(
        rig.settled(&delivery, 0, 1_200).await.iter().find(|(of, _)| *of == Outcome::Delivered),
        Some(&(Outcome::Delivered, 1_200))
    );
    let sent = arrived(&vendor).split_off(before);
    let twice = sent.len() - sent.iter().collect::<std::collections::HashSet<_>>().len();
    assert_eq!(sent.len() - twice, 1_200);
    assert!(twice <= 100, "{twice} went twice, and only what was in flight may");
    assert_eq!(letters(&delivery, &LetterFilter::default()).await, []);
}

#[tokio::test]
async fn what_is_sent_again_passes_the_gate_of_today_and_what_is_gone_says_so() {
    let vendor = refusing().await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(8, 2)).await;
    rig.settled(&delivery, 0, 8).await;
    vendor.script([Reply::status(200)]);
    rig.withdraw(1);
    let before = vendor.received().len();
    delivery.resend("acme", "d0", reason("too_large"), "ada".to_owned()).await.expect("asked");
    let done = over(&delivery).await;
    assert_eq!((done.taken, done.withheld, vendor.received().len()), (4, 4, before));
    rig.trim().await;
    delivery.resend("acme", "d0", LetterFilter::default(), "ada".to_owned()).await.expect("asked");
    let done = over(&delivery).await;
    assert_eq!((done.taken, done.gone), (0, 4));
    let left = letters(&delivery, &LetterFilter::default()).await;
    assert_eq!((left.len(), left[0].message_id.as_deref()), (4, None), "it stays given up, without its name");
}

#[tokio::test]
async fn a_disk_that_says_nothing_for_a_moment_makes_nothing_gone() {
    let vendor = refusing().await;
    let rig = Rig::new(&[vendor.url()], 1);
    let delivery = rig.start().await;
    rig.append(&events(8, 2)).await;
    rig.settled(&delivery, 0, 8).await;
    vendor.script([Reply::status(200)]);
    let (_, position) = letters(&delivery, &LetterFilter::default()).await[0].place.expect("an event");
    rig.fail(position.block, Fault::Io(1));
    delivery.resend("acme", "d0", LetterFilter::default(), "ada".to_owned()).await.expect("asked");
    let done = over(&delivery).await;
    assert_eq!((done.taken, done.delivered, done.gone), (8, 8, 0));
}
