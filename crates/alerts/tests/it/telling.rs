//! Each change is told once, in its order, over restarts and failures.

use control::SendState::{Failed, Sent, Waiting};
use egress::SigningKey;
use event::Secret;
use serde_json::Value;
use testkit::vendor::{Received, Reply, Vendor};

use crate::rig::{Rig, SECRET, WITHIN};

/// The type of a notice and what it is about, once its signature is found to be right.
fn verified(received: &Received) -> (String, String) {
    let header = |name: &str| received.headers[name].to_str().expect("ASCII").to_owned();
    let key = SigningKey::parse(&Secret::new(SECRET.to_owned())).expect("a key");
    let signature = key.sign(&header("webhook-id"), &header("webhook-timestamp"), &received.body);
    assert_eq!(header("webhook-signature"), signature);
    let json: Value = serde_json::from_slice(&received.body).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&json["type"]), text(&json["data"]["about"]))
}

fn told(vendor: &Vendor) -> Vec<(String, String)> {
    vendor.received().iter().map(verified).collect()
}

fn pair(kind: &str, about: &str) -> (String, String) {
    (format!("alert.{kind}"), about.to_owned())
}

async fn wait_for(vendor: &Vendor, requests: usize) {
    tokio::time::timeout(WITHIN, vendor.wait_for(requests)).await.expect("it is told");
}

#[tokio::test]
async fn each_change_is_told_once_over_a_restart() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&vendor.url()).await;
    rig.set("hook", 11.0);
    let first = rig.start();
    wait_for(&vendor, 1).await;
    rig.settled().await;
    assert_eq!(first.alerts.standing("acme").len(), 1);
    first.stop().await;

    let second = rig.start();
    rig.looks().await;
    assert_eq!(told(&vendor), [pair("firing", "hook")], "what fires already is not told again");
    rig.set("hook", 3.0);
    rig.looks().await;
    assert_eq!(vendor.received().len(), 1, "it is over after a minute, whatever the rule asks");
    rig.clock.advance_ms(60_000);
    wait_for(&vendor, 2).await;
    rig.settled().await;
    second.stop().await;

    let third = rig.start();
    rig.looks().await;
    assert_eq!(told(&vendor), [pair("firing", "hook"), pair("resolved", "hook")]);
    assert_eq!(rig.sends().await, [("firing", Sent, 1), ("resolved", Sent, 1)]);
    assert!(third.alerts.standing("acme").is_empty());
    third.stop().await;
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_with_its_id_and_in_its_order() {
    let vendor = Vendor::start([Reply::status(500), Reply::status(500), Reply::status(200)]).await;
    let rig = Rig::new(&vendor.url()).await;
    rig.set("hook", 11.0);
    let run = rig.start();
    wait_for(&vendor, 1).await;
    rig.looks().await;
    rig.set("hook", 3.0);
    rig.looks().await;
    rig.clock.advance_ms(60_000);
    wait_for(&vendor, 2).await;
    rig.looks().await;
    assert_eq!(vendor.received().len(), 2, "what is over waits until it was told that it began");
    run.stop().await;
    assert_eq!(rig.sends().await, [("firing", Waiting, 2), ("resolved", Waiting, 0)]);

    let run = rig.start();
    rig.clock.advance_ms(15_000);
    wait_for(&vendor, 4).await;
    rig.settled().await;
    run.stop().await;
    let firing = || pair("firing", "hook");
    assert_eq!(told(&vendor), [firing(), firing(), firing(), pair("resolved", "hook")]);
    let ids: Vec<_> = vendor.received().iter().map(|one| one.headers["webhook-id"].clone()).collect();
    assert!(ids[..3].iter().all(|id| *id == ids[0]) && ids[2] != ids[3], "{ids:?}");
    assert_eq!(rig.sends().await, [("firing", Sent, 3), ("resolved", Sent, 1)]);
}

/// What nobody took for hours is no news, and what repeats itself is said once.
#[tokio::test]
async fn what_waited_for_too_long_is_given_up_and_not_told_stale() {
    let vendor = Vendor::start([Reply::status(500)]).await;
    let rig = Rig::new(&vendor.url()).await;
    rig.set("hook", 11.0);
    let run = rig.start();
    wait_for(&vendor, 1).await;
    rig.looks().await;
    run.stop().await;
    // While it was down, the receiver was repaired; 25 hours later the alert still fires.
    vendor.script([Reply::status(200)]);
    rig.clock.advance_ms(25 * 3_600_000);
    let run = rig.start();
    rig.settled().await;
    run.stop().await;
    assert_eq!(told(&vendor), [pair("firing", "hook"), pair("repeated", "hook")]);
    assert_eq!(rig.sends().await, [("firing", Failed, 1), ("repeated", Sent, 1)]);
}

#[tokio::test]
async fn what_is_watched_no_more_is_over_and_a_rule_that_is_gone_says_nothing() {
    let vendor = Vendor::start([Reply::status(200)]).await;
    let rig = Rig::new(&vendor.url()).await;
    rig.set("hook", 11.0);
    rig.set("crm", 12.0);
    let run = rig.start();
    wait_for(&vendor, 2).await;
    rig.figures.lock().expect("no holder panics").remove("hook");
    wait_for(&vendor, 3).await;
    assert_eq!(told(&vendor).pop(), Some(pair("resolved", "hook")));
    rig.settled().await;
    let file = control::WorkspaceFile { path: "acme.yaml".to_owned(), yaml: "workspace: acme\n".to_owned() };
    let how = control::ApplyOptions::once(true, false);
    rig.configuration.apply(&control::Principal::local("test"), &[file], how).await.expect("applied");
    let forgotten = async {
        while !run.alerts.standing("acme").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, forgotten).await.expect("it is forgotten");
    run.stop().await;
    assert_eq!(vendor.received().len(), 3);
    assert!(rig.store.alert_states().await.expect("reads").is_empty());
}

#[tokio::test]
async fn a_test_says_what_came_of_it_on_each_way() {
    let vendor = Vendor::start([Reply::status(200), Reply::status(410)]).await;
    let rig = Rig::new(&vendor.url()).await;
    let hook = format!("{{ webhook: {{ url: \"{}\", secret: {SECRET}, allow_private: true }} }}", vendor.url());
    rig.apply(&format!("[{hook}, {hook}, {{ email: [ops@acme.example] }}]")).await;
    let tenant = rig.configuration.directory().tenant("acme").expect("served");
    let run = rig.start();
    let tried = run.alerts.test("acme", &tenant.workspace.alerts[0]).await;
    let errors: Vec<_> = tried.iter().map(|one| one.error.as_deref()).collect();
    assert_eq!(
        errors,
        [
            None,
            Some("the receiver answered 410 Gone"),
            Some("this server cannot send e-mail: set `smtp_url` and `smtp_from` in its settings"),
        ]
    );
    assert_eq!(tried[2].to, "e-mail to 1 address");
    let json: Value = serde_json::from_slice(&vendor.received()[0].body).expect("JSON");
    assert_eq!(json["type"], "alert.test");
    assert!(rig.sends().await.is_empty(), "a test is no finding");
    run.stop().await;
}
