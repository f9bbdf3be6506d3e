//! What a server that starts must know of the events that wait in `raw`.

use eventlog::{EventLog, Partition};
use vault::IdentifierKind;

use crate::setup::{Bed, directory, raw};

#[tokio::test(start_paused = true)]
async fn whose_event_waits_is_known_before_the_edge_opens() {
    let bed = Bed::new(2);
    bed.raw.append(vec![raw("acme", 0, "m1", "handled"), raw("acme", 1, "m2", "handled-2")]).await.expect("appends");
    bed.run_dry(bed.processed.clone()).await;
    // Accepted, then the process ended.
    let waiting = vec![raw("acme", 0, "m3", "waits"), raw("zeta", 1, "m4", "waits"), raw("gone", 1, "m5", "waits")];
    bed.raw.append(waiting).await.expect("appends");

    let started = directory(&bed.workspaces, &bed.table);
    let before = bed.raw.watermark(Partition(0));
    assert_eq!(bed.pipeline_for(started.clone(), bed.processed.clone()).remember_waiting().await, 3);
    let knows = |workspace: &str, user: &str| {
        let tenant = started.tenant(workspace).expect("served");
        tenant.recent.contains(tenant.fingerprints.of(IdentifierKind::UserId, user))
    };
    let known = ["acme", "zeta"].map(|workspace| ["handled", "handled-2", "waits"].map(|user| knows(workspace, user)));
    assert_eq!(known, [[false, false, true], [false, false, true]]);
    assert_eq!(bed.raw.watermark(Partition(0)), before, "looking changes nothing");
    bed.run_dry(bed.processed.clone()).await;
    assert_eq!(bed.processed().await.concat().len(), 4, "what waited is still processed");
}
