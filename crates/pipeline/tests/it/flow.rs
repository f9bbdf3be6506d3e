//! What a record looks like when it comes out, and what happens when something on the way does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use eventlog::record::Processed;
use eventlog::{Append, EventLog, Partition};
use pipeline::{Ended, Observer, Reason};

use crate::setup::{Bed, Fault, Faulty, raw};

async fn ids(bed: &Bed) -> Vec<Vec<String>> {
    let rows = bed.processed().await;
    rows.into_iter().map(|rows| rows.into_iter().map(|(_, id, _)| id).collect()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_comes_out_with_subject_name_and_outputs() {
    let bed = Bed::new(1);
    bed.raw.append(vec![raw("acme", 0, "m1", "u1"), raw("acme", 0, "m2", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    let records = bed.processed.read(Partition(0), None, usize::MAX).await.expect("reads");
    let [first, second] = records.as_slice() else { panic!("two records, not {}", records.len()) };
    let first = Processed::decode(&first.payload).expect("decodes");
    let second = Processed::decode(&second.payload).expect("decodes");
    assert_eq!(first.outputs, ["echo", "web-only"]);
    assert_eq!(first.name, Some("Or\"der"));
    assert_eq!((first.integrations, first.metadata), (Some(r#"{"All":true}"#), None));
    assert_eq!(first.identifiers.len(), 2);
    assert_eq!(first.subject, second.subject);
    assert_eq!(bed.raw.usage().bytes, 0, "what was processed is trimmed");
}

#[tokio::test(start_paused = true)]
async fn retries_of_an_sdk_come_out_once_in_order() {
    let bed = Bed::new(2);
    let sent = ["m1", "m2", "m1", "m3", "m2"].map(|id| raw("acme", 0, id, "u1"));
    bed.raw.append(sent.to_vec()).await.expect("appends");
    bed.raw.append(vec![raw("zeta", 0, "m1", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    // The same message in another partition, after a restart.
    bed.raw.append(vec![raw("acme", 1, "m3", "u1"), raw("acme", 1, "m4", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    assert_eq!(ids(&bed).await, [vec!["m1", "m2", "m3", "m1"], vec!["m4"]]);
    assert_eq!(bed.metrics.dropped(Reason::Duplicate).get(), 3);
}

#[tokio::test(start_paused = true)]
async fn twins_in_two_partitions_come_out_once() {
    let bed = Bed::new(4);
    for round in 0..50 {
        let twins = (0..4).map(|partition| raw("acme", partition, &format!("m{round}"), "u1")).collect();
        bed.raw.append(twins).await.expect("appends");
    }
    bed.run_dry(bed.processed.clone()).await;
    let mut all: Vec<String> = ids(&bed).await.concat();
    all.sort();
    let mut expected: Vec<String> = (0..50).map(|round| format!("m{round}")).collect();
    expected.sort();
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_answer_holds_and_loses_nothing() {
    let bed = Bed::new(1);
    bed.table.refusals.store(5, Ordering::SeqCst);
    bed.raw.append(vec![raw("acme", 0, "m1", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    assert_eq!(ids(&bed).await, [["m1"]]);
}

#[tokio::test(start_paused = true)]
async fn an_append_that_failed_is_repeated_once_it_is_known_not_to_be_there() {
    let bed = Bed::new(1);
    bed.raw.append(vec![raw("acme", 0, "m1", "u1")]).await.expect("appends");
    bed.run_dry(Faulty::new(bed.processed.clone(), [(0, Fault::Refuse), (1, Fault::FailAfter)])).await;
    bed.raw.append(vec![raw("acme", 0, "m2", "u1"), raw("zeta", 0, "m1", "u1")]).await.expect("appends");
    bed.run_dry(Faulty::new(bed.processed.clone(), [(0, Fault::FailAfter), (1, Fault::Refuse)])).await;
    assert_eq!(ids(&bed).await, [["m1", "m2", "m1"]]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_counted_and_shown() {
    let mut bed = Bed::new(1);
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&shown);
    bed.observer = Observer {
        wanted: Arc::new(AtomicBool::new(true)),
        tell: Arc::new(move |seen| sink.lock().expect("no holder panics").push((seen.message_id, seen.outcome))),
    };
    bed.raw.append(vec![raw("gone", 0, "m1", "u1")]).await.expect("appends");
    let broken = Append { payload: vec![1, 255].into(), ..raw("acme", 0, "m0", "u1") };
    bed.raw.append(vec![broken, raw("acme", 0, "m2", "u1"), raw("acme", 0, "m2", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    let count = |reason| bed.metrics.dropped(reason).get();
    assert_eq!((count(Reason::UnknownWorkspace), count(Reason::Malformed), count(Reason::Duplicate)), (1, 1, 1));
    let outputs = vec!["echo".to_owned(), "web-only".to_owned()];
    let expected = [("m2".to_owned(), Err(Reason::Duplicate)), ("m2".to_owned(), Ok(outputs))];
    assert_eq!(*shown.lock().expect("no holder panics"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_release_stops_its_partition_only() {
    let bed = Bed::new(2);
    let newer = Append { payload: vec![200, 1, 2].into(), ..raw("acme", 0, "m0", "u1") };
    bed.raw.append(vec![newer, raw("acme", 1, "m1", "u1")]).await.expect("appends");
    let ended = bed.run_dry(bed.processed.clone()).await;
    assert!(matches!(&ended[0].1, Ended::Broken(reason) if reason.contains("newer")), "{ended:?}");
    assert_eq!(ended[1], (Partition(1), Ended::Stopped));
    assert!(bed.metrics.is_stopped(Partition(0)));
    assert_eq!(ids(&bed).await, [vec![], vec!["m1"]]);
    assert!(bed.raw.usage().bytes > 0, "what was not processed stays");
}

/// The server trims `processed` up to the checkpoint, which may be its whole partition.
#[tokio::test(start_paused = true)]
async fn without_its_tail_it_goes_on_from_the_checkpoint() {
    let bed = Bed::new(1);
    bed.raw.append(vec![raw("acme", 0, "m1", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    let mark = bed.processed.watermark(Partition(0)).expect("a record");
    bed.processed.trim(Partition(0), mark).await;
    bed.raw.append(vec![raw("acme", 0, "m1", "u1"), raw("acme", 0, "m2", "u1")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    assert_eq!(ids(&bed).await, [["m2"]]);
}
