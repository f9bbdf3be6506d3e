//! Configuration while the server runs: applied by another process, taken up without a restart, exported at any time.

use std::path::Path;
use std::time::Duration;

use crate::harness::{Server, binary, event, eventually, path, workspace};
use crate::sink::Sink;

const SETTLED: Duration = Duration::from_secs(20);

/// Runs a command on a data directory and returns what it printed, on which of both.
fn assent(arguments: &[&str], data_dir: &Path) -> Result<String, String> {
    let output = binary().args(arguments).args(["--data-dir", path(data_dir)]).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn signs_in(server: &Server, password: &str) -> u16 {
    let body = serde_json::json!({"name": "admin", "password": password}).to_string();
    let answer = server.client().send("POST", "/api/v1/session", &[("content-type", "application/json")], &body).await;
    answer.expect("an answer").status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_password_is_replaced_beside_a_running_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let hook = Sink::start().await;
    let mut command = binary();
    command.arg("serve").env("ASSENT_ADMIN_PASSWORD", "what was forgotten");
    let data_dir = directory.path().join("data");
    let server = Server::start_as(command, &data_dir, &workspace(&hook.url(), ""), &[]).await;
    assert_eq!(signs_in(&server, "what was forgotten").await, 200);
    let printed = assent(&["password"], &server.data_dir).expect("made");
    let made = printed.split('`').nth(3).expect("name and password are quoted");
    assert_eq!(signs_in(&server, made).await, 200);
    assert_eq!(signs_in(&server, "what was forgotten").await, 401);
    let refused = assent(&["password", "nobody"], &server.data_dir).expect_err("there is no such user");
    assert!(refused.contains("there is no user `nobody`"), "{refused}");
    let refused = assent(&["password"], directory.path()).expect_err("no data directory");
    assert!(refused.contains("is not a data directory of Assent"), "{refused}");
}

fn beta(hook: &Sink) -> String {
    workspace(&hook.url(), "").replace("acme", "beta").replace("wk_web", "wk_beta").replace("wk_api", "wk_beta_api")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_beside_a_running_server_is_served_without_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let (acme, first, second) = (Sink::start().await, Sink::start().await, Sink::start().await);
    let server = Server::start(&directory.path().join("data"), &workspace(&acme.url(), "")).await;
    let file = directory.path().join("beta.yaml");
    let apply = |yaml: &str| {
        std::fs::write(&file, yaml).expect("the workspace file");
        assent(&["apply", path(&file)], &server.data_dir)
    };
    let reaches = async |sink: &Sink, prefix: &str| {
        // Until the key is known the answer is 401, and until the address changed the events go to the other.
        for number in 0.. {
            let body = event(&format!("{prefix}-{number}"), "visitor");
            let answer = server.client().post_as("wk_beta", "/v1/track", &body).await.expect("an answer");
            if answer.status == 200 && sink.seen().keys().any(|id| id.starts_with(prefix)) {
                return;
            }
            assert!(number < 200, "nothing of {prefix} arrived; the last answer was {}", answer.status);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };

    let printed = apply(&beta(&first)).expect("applies");
    assert!(printed.contains("workspace beta: create source web"), "{printed}");
    reaches(&first, "first").await;

    let printed = apply(&beta(&second)).expect("applies");
    assert!(printed.starts_with("workspace beta: update destination hook"), "{printed}");
    reaches(&second, "second").await;

    let exported = assent(&["export", "--workspace", "beta"], &server.data_dir).expect("exports while it serves");
    assert!(exported.contains("write_key: wk_beta\n"), "{exported}");
    assert_eq!(apply(&exported).expect("applies"), "workspace beta: nothing changed\n");

    // What the server was started with belongs to its file.
    let other = workspace(&second.url(), "");
    let refused = apply(&other).expect_err("it is declared");
    assert!(refused.contains("says something else about destination `hook`"), "{refused}");
    eventually("the declared destination is as it was", SETTLED, || {
        if acme.requests() == 0 { Ok(()) } else { Err(acme.requests()) }
    })
    .await;
}
