//! A draft, tried on events of the last days: the lake is a table here, the rules and the choices are real.

use api::{LakeQuestion, LakeRows};
use control::{ChoiceRow, Maker, Method, Presented, Receipt};
use event::{Fingerprint, Millis, Pii, SubjectId};
use http::StatusCode;
use serde_json::{Value, json};
use vault::{Identifier, IdentifierKind, Pair, Sighting};

use crate::rig::{Answer, PASSWORD, Rig};

const NOW: Millis = Millis(1_795_298_400_000);

fn stamp(origin: &str, preferences: &Value, dnt: bool) -> String {
    let signals = json!({ "gpc": false, "dnt": dnt });
    let stamp = json!({ "origin": origin, "preferences": preferences, "signals": signals, "regime": "opt-in", "basis": "consent" });
    stamp.to_string()
}

/// Subjects as the lake writes them: `numbers` are who, and how many events each has.
fn subjects(numbers: &[(u8, u64)]) -> String {
    let one = |(number, events): &(u8, u64)| format!("{}:{events}", hex(*number));
    numbers.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(16)
}

fn groups() -> Vec<Vec<Value>> {
    let granted = json!([["performance", true], ["targeting", false]]);
    let of = |region: Value, stamp: String, integrations: Value, who: &[(u8, u64)]| {
        vec![json!("web"), region, json!(stamp), integrations, Value::Null, json!(subjects(who))]
    };
    vec![
        of(json!("DE"), stamp("sent", &granted, false), Value::Null, &[(1, 3), (2, 2)]),
        of(json!("DE"), stamp("sent", &granted, true), Value::Null, &[(1, 10)]),
        of(json!("DE"), stamp("sent", &granted, false), json!(r#"{"hook":false}"#), &[(1, 100)]),
        of(json!("US"), stamp("default", &json!([]), false), Value::Null, &[(3, 1_000)]),
        // Of a source that is gone.
        vec![
            json!("old"),
            Value::Null,
            json!(stamp("sent", &granted, false)),
            Value::Null,
            Value::Null,
            json!(subjects(&[(1, 5)])),
        ],
    ]
}

fn answer(rows: Vec<Vec<Value>>, is_truncated: bool) -> LakeRows {
    LakeRows { columns: Vec::new(), rows, is_truncated }
}

/// A lake with these groups, and as many subjects as it says.
fn lake(subjects: u64) -> impl Fn(LakeQuestion) -> Result<LakeRows, String> {
    move |question| {
        assert!(question.sql.contains("received_at >= '2026-10-22T22:00:00.000Z'"), "{}", question.sql);
        let is_size = question.sql.contains("approx_distinct");
        let rows = if is_size { vec![vec![json!(1_120), json!(subjects)]] } else { groups() };
        Ok(answer(rows, false))
    }
}

async fn simulate(rig: &Rig, body: Value) -> Answer {
    let cookie = rig.sign_in("analyst", PASSWORD).await.expect("signed in");
    rig.ask(&cookie, "POST", "/api/v1/workspaces/acme/consent/simulation", Some(body)).await
}

fn asked_under(regime: &str) -> Presented {
    Presented { regime: Some(regime.to_owned()), method: Some("choose".to_owned()), ..Presented::default() }
}

fn row(of: u8, refused: &[&str], presented: Option<Presented>) -> ChoiceRow {
    ChoiceRow {
        receipt: Receipt([of; 16]),
        maker: Some(Maker { subject: SubjectId([of; 16]), identifiers: vec![Fingerprint([of; 16])], message_id: None }),
        granted: vec!["functionality".to_owned()],
        refused: refused.iter().map(ToString::to_string).collect(),
        method: Method::Event,
        source: "web".to_owned(),
        made_at: NOW,
        received_at: NOW,
        presented,
    }
}

/// Subject 2 withdraws performance, subject 1 was asked in version 1.
async fn chosen(rig: &Rig) {
    for number in [1, 2] {
        let identifier = Identifier { value: Pii::new("somebody"), fingerprint: Fingerprint([number; 16]) };
        let sighting = Sighting { subject: SubjectId([number; 16]), first_seen: Millis(0) };
        let pair = Pair { kind: IdentifierKind::UserId, identifier, sighting };
        rig.store.join("acme", &[pair]).await.expect("joined");
    }
    let shown = Presented { version: Some(1), ..asked_under("eu") };
    let rows = [row(1, &["targeting"], Some(shown)), row(2, &["performance"], None)];
    rig.store.record("acme", &rows).await.expect("recorded");
}

#[tokio::test]
async fn each_event_is_decided_under_both_rules_with_the_choices_of_today() {
    let rig = Rig::with_lake(lake(3)).await;
    chosen(&rig).await;
    let draft = json!({
        "default_regime": "by-region", "do_not_track": "as-gpc",
        "banner": { "version": 2, "ask_again_below": 2 },
    });
    let answer = simulate(&rig, json!({ "consent": draft })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let expected = json!({
        "days": 30, "events": 1_120, "total": 1_120, "truncated": false, "people_asked_again": 1,
        "destinations": [{
            "name": "hook",
            // Today: 3 + 10 of subject 1; 2 are withdrawn, 100 switched off by the event, 1,000 never asked.
            "now": { "sent": 13, "withheld": 1_102 },
            // The draft honours Do Not Track, and lets the United States' law hold where nobody was asked.
            "draft": { "sent": 1_003, "withheld": 112 },
            "changes": [
                { "reason": "dnt_opt_out", "becomes": "withheld", "events": 10 },
                { "reason": "no_consent", "becomes": "sent", "events": 1_000 },
            ],
        }],
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn the_published_rules_change_nothing() {
    let rig = Rig::with_lake(lake(3)).await;
    let answer = simulate(&rig, json!({ "consent": {} })).await.json();
    assert_eq!(answer["destinations"][0]["changes"], json!([]));
    assert_eq!(answer["destinations"][0]["now"], answer["destinations"][0]["draft"]);
    assert_eq!(answer["people_asked_again"], 0);
}

#[tokio::test]
async fn of_many_subjects_some_are_picked_by_chance_and_the_answer_says_so() {
    let rig = Rig::with_lake(|question| {
        if question.sql.contains("approx_distinct") {
            return Ok(answer(vec![vec![json!(9_000_000), json!(200_000)]], false));
        }
        // A quarter of the subjects is asked for, which is too many still: then a quarter of these.
        let is_small = question.sql.contains("subject_id < '10000000'");
        assert!(is_small || question.sql.contains("subject_id < '40000000'"), "{}", question.sql);
        Ok(answer(groups(), !is_small))
    })
    .await;
    let answer = simulate(&rig, json!({ "consent": {} })).await.json();
    assert_eq!(
        (&answer["truncated"], &answer["total"], &answer["events"]),
        (&json!(true), &json!(9_000_000), &json!(1_120))
    );
}

#[tokio::test]
async fn what_cannot_be_tried_says_why() {
    let rig = Rig::new().await;
    let code = async |body: Value| simulate(&rig, body).await.code();
    assert_eq!(code(json!({ "consent": {}, "days": 31 })).await, "invalid_value");
    assert_eq!(code(json!({ "consent": { "banner": { "version": 0 } } })).await, "invalid_workspace");
    assert_eq!(code(json!({ "consent": {} })).await, "query_failed");
}
