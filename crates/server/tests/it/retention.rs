//! Records of choices while the server runs: what is older than the workspace keeps goes without anybody's doing.

use std::time::{Duration, SystemTime};

use control::{ChoiceRow, Method, Receipt, Sqlite, Store};
use event::Millis;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::harness::{Server, eventually, workspace};
use crate::sink::Sink;

const DAY_MS: i64 = 86_400_000;
const SETTLED: Duration = Duration::from_secs(20);

/// Somebody unknown refused, so many days ago.
fn refusal(number: u8, days_ago: i64) -> ChoiceRow {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now = i64::try_from(since.as_millis()).expect("not that late");
    let at = Millis(now - days_ago * DAY_MS);
    ChoiceRow {
        receipt: Receipt([number; 16]),
        maker: None,
        granted: Vec::new(),
        refused: vec!["performance".to_owned(), "targeting".to_owned()],
        method: Method::Event,
        source: "web".to_owned(),
        made_at: at,
        received_at: at,
        presented: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_goes_when_the_workspace_has_kept_it_for_long_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let hook = Sink::start().await;
    let yaml = format!("{}\nconsent: {{ record_days: 400 }}\n", workspace(&hook.url(), ""));
    Server::start(&data_dir, &yaml).await.terminate();

    let store = Sqlite::open(&data_dir.join("state.db")).await.expect("opens");
    let rows = [refusal(1, 401), refusal(2, 399)];
    store.record("acme", &rows).await.expect("records");
    let server = Server::start(&data_dir, &yaml).await;
    let left = async || {
        let rows = store.history("acme", None).await.expect("reads");
        rows.iter().map(|row| row.receipt.0[0]).collect::<Vec<_>>()
    };
    let is_swept = || {
        let left = block_in_place(|| Handle::current().block_on(left()));
        if left == [2] { Ok(()) } else { Err(left) }
    };
    eventually("the younger record is left alone", SETTLED, is_swept).await;
    drop(server);
}
