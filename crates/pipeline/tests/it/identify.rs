//! Subjects and identifiers as `processed` carries them.

use event::{Call, Millis};
use eventlog::record::{Processed, Raw};
use eventlog::{Append, EventLog, Partition};

use pipeline::Reason;

use crate::setup::{Bed, directory, raw};

fn alias(user: &str, previous: &str) -> Append {
    let like = raw("acme", 0, &format!("alias-{user}"), user);
    let json = format!(r#"{{"type":"alias","userId":"{user}","previousId":"{previous}"}}"#);
    let record = Raw::decode(&like.payload).expect("decodes");
    let payload = Raw { call: Call::Alias, anonymous_id: None, json: &json, ..record }.encode();
    Append { payload: payload.into(), ..like }
}

#[tokio::test(start_paused = true)]
async fn an_alias_carries_its_earlier_id_and_its_subject() {
    let bed = Bed::new(1);
    // `raw` makes events of the browser `a1`.
    bed.raw.append(vec![raw("acme", 0, "m1", "first")]).await.expect("appends");
    bed.raw
        .append(vec![alias("second", "a1"), alias("third", "first"), alias("fourth", "new\\u0021")])
        .await
        .expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    let prints = directory(&bed.workspaces, &bed.table).tenant("acme").expect("served").fingerprints.clone();
    let records = bed.processed.read(Partition(0), None, usize::MAX).await.expect("reads");
    let seen: Vec<Processed<'_>> =
        records.iter().map(|record| Processed::decode(&record.payload).expect("decodes")).collect();
    for (record, (user, previous)) in seen[1..].iter().zip([("second", "a1"), ("third", "first"), ("fourth", "new!")]) {
        let expected = [prints.of_event(None, Some(user)), prints.of_previous(previous).to_vec()].concat();
        assert_eq!(record.identifiers, expected, "{user}");
    }
    assert_eq!([seen[1].subject, seen[2].subject], [seen[0].subject; 2], "the browser's, and the user's");
    assert_ne!(seen[3].subject, seen[0].subject);
}

/// An event of the browser `a1` (or of a server that says `a1`), so many milliseconds after its first one.
fn later(id: &str, source: &str, ms: i64) -> Append {
    let like = raw("acme", 0, id, "u1");
    let record = Raw::decode(&like.payload).expect("decodes");
    let payload = Raw { source, received_at: Millis(record.received_at.0 + ms), user_id: None, ..record }.encode();
    Append { payload: payload.into(), ..like }
}

#[tokio::test(start_paused = true)]
async fn an_id_of_a_browser_ends_ninety_days_after_its_first_sight_however_often_it_comes() {
    let bed = Bed::new(1);
    let days = |days: i64| days * 86_400_000;
    let batch = vec![later("first", "web", 0), later("middle", "web", days(60)), later("last", "web", days(90))];
    bed.raw.append(batch).await.expect("appends");
    let batch = vec![later("late", "web", days(90) + 1), later("server", "api", days(90) + 1)];
    bed.raw.append(batch).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    let ids: Vec<String> = bed.processed().await.remove(0).into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids, ["first", "middle", "last", "server"], "what a server says of a browser is the operator's");
    assert_eq!(bed.metrics.dropped(Reason::AnonymousIdExpired).get(), 1);
}
