//! Subjects and identifiers as `processed` carries them.

use event::Call;
use eventlog::record::{Processed, Raw};
use eventlog::{Append, EventLog, Partition};

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
