//! Alerts as configured objects, whose secrets have no names but addresses; and what the store keeps of their findings.

use std::sync::Arc;

use control::{
    AlertChanges, AlertNotice, AlertSend, AlertSubject, ApplyOptions, Configuration, Edit, NOTICES_MAX, NoticeKind,
    Principal, Rights, Role, Secrets, SendState, Via,
};
use serde_json::{Value, json};
use workspace::{Body, ObjectKind};

use crate::setup::{ACME, NOW, Place, apply_how, configuration, file, run};

/// Somebody who came over the API.
fn ada() -> Principal {
    let rights = Rights { role: Role::Admin, personal_data: false };
    Principal { name: "ada".to_owned(), rights, via: Via::Session { key: [1; 32] } }
}

fn alert(notify: &Value) -> Body {
    let body = json!({ "name": "full", "when": "disk", "above_percent": 80, "notify": notify });
    body.as_object().expect("a map").clone()
}

fn hook(url: &str, secret: &Value) -> Value {
    json!({ "webhook": { "url": url, "secret": secret } })
}

async fn rig(place: &Place) -> Arc<Configuration> {
    let store = place.store().await;
    apply_how(&*store, &[file("acme.yaml", ACME)], ApplyOptions::once(false, false)).await.expect("applies");
    configuration(&store).await
}

/// What came of an edit: what is shown of it, or why not.
async fn edited(configuration: &Configuration, edit: Edit) -> Result<(i64, Value), String> {
    let edited = configuration.edit(&ada(), "acme", edit).await.map_err(|error| error.to_string())?;
    let object = edited.expect("it is there");
    Ok((object.version, object.body["notify"].clone()))
}

#[test]
fn a_secret_is_kept_by_its_address_and_never_shown() {
    run(async {
        let place = Place::new();
        let configuration = rig(&place).await;
        let hidden = json!({ "secret": true });
        let (first, second) = ("https://one.example", "https://two.example");
        let notify = json!([hook(first, &json!("whsec_1")), hook(second, &json!("whsec_2"))]);
        let create = Edit::Create { kind: ObjectKind::Alert, body: alert(&notify) };
        let (version, shown) = edited(&configuration, create).await.expect("made");
        assert_eq!(shown, json!([hook(first, &hidden), hook(second, &hidden)]));
        let replace = |notify: &Value, if_version| {
            let (kind, name) = (ObjectKind::Alert, "full".to_owned());
            edited(&configuration, Edit::Replace { kind, name, body: alert(notify), if_version })
        };
        // Elsewhere a kept secret would be told to somebody else.
        let elsewhere = replace(&json!([hook("https://three.example", &hidden)]), version).await.expect_err("refused");
        assert_eq!(elsewhere, "`notify.0.webhook.secret` has no secret yet that could be kept: give one");
        // The first is taken out: the second keeps its own secret, in another place.
        let (_, shown) = replace(&json!([hook(second, &hidden)]), version).await.expect("replaced");
        assert_eq!(shown, json!([hook(second, &hidden)]));
        let export = configuration.export("acme", Secrets::Literal).await.expect("exports");
        assert!(export.contains("whsec_2") && !export.contains("whsec_1"), "{export}");
        let references = configuration.export("acme", Secrets::AsReferences).await.expect("exports");
        assert!(references.contains("${env:ASSENT_SECRET_ACME_FULL_NOTIFY_0_WEBHOOK_SECRET}"), "{references}");
        let how = ApplyOptions { take_over: true, ..ApplyOptions::once(false, false) };
        let again = configuration.apply(&ada(), &[file("acme.yaml", &references)], how).await.expect("applies");
        assert_eq!(again[0].changes, [], "an export without secrets, applied where it came from, changes nothing");
        let told = configuration.history("acme", ObjectKind::Alert, "full", None).await.expect("reads");
        assert_eq!(told.len(), 2);
        assert!(!format!("{told:?}").contains("whsec_"), "{told:?}");
    });
}

#[test]
fn an_alert_that_cannot_be_told_is_refused() {
    run(async {
        let place = Place::new();
        let configuration = rig(&place).await;
        let mut body = alert(&json!([]));
        body.insert("name".to_owned(), "mute".into());
        let refused = edited(&configuration, Edit::Create { kind: ObjectKind::Alert, body }).await;
        assert_eq!(refused, Err("alert `mute` cannot be told".to_owned()));
    });
}

fn subject(about: &str) -> AlertSubject {
    AlertSubject { workspace: "acme".to_owned(), alert: "full".to_owned(), about: about.to_owned() }
}

fn notice(number: u32) -> AlertNotice {
    let (channel, to) = (0, "webhook one.example".to_owned());
    AlertNotice {
        id: 0,
        subject: subject("hook"),
        kind: NoticeKind::Firing,
        at: NOW,
        figure: Some(f64::from(number)),
        above: 80.0,
        unit: "percent".to_owned(),
        message_id: format!("alert_{number}"),
        sends: vec![AlertSend {
            channel,
            to,
            attempts: 0,
            state: SendState::Waiting,
            at: NOW,
            left: Vec::new(),
            error: None,
        }],
    }
}

#[test]
fn findings_and_notices_survive_a_restart_and_are_bounded() {
    run(async {
        let place = Place::new();
        rig(&place).await;
        let store = place.store().await;
        let states = vec![(subject("hook"), Some("1".to_owned())), (subject("crm"), Some("2".to_owned()))];
        let ids = store.change_alerts(&AlertChanges { states, notices: vec![notice(0)] }).await.expect("kept");
        let states = vec![(subject("hook"), Some("3".to_owned())), (subject("crm"), None)];
        store.change_alerts(&AlertChanges { states, notices: Vec::new() }).await.expect("kept");
        drop(store);
        let store = place.store().await;
        assert_eq!(store.alert_states().await.expect("reads"), [(subject("hook"), "3".to_owned())]);
        let mut open = store.open_notices().await.expect("reads");
        assert_eq!(open, [AlertNotice { id: ids[0], ..notice(0) }]);
        open[0].sends[0].state = SendState::Sent;
        store.note_sends(&open[0]).await.expect("kept");
        assert_eq!(store.open_notices().await.expect("reads"), []);
        let waiting = vec![AlertNotice { figure: Some(-1.0), ..notice(1) }];
        store.change_alerts(&AlertChanges { states: Vec::new(), notices: waiting }).await.expect("kept");
        let told = |number| {
            let mut told = notice(number);
            told.sends[0].state = SendState::Sent;
            told
        };
        let many = (1..=NOTICES_MAX + 20).map(told).collect();
        store.change_alerts(&AlertChanges { states: Vec::new(), notices: many }).await.expect("kept");
        let newest = store.notices("acme", None, 3).await.expect("reads");
        let figures: Vec<_> = newest.iter().map(|notice| notice.figure).collect();
        assert_eq!(figures, [Some(520.0), Some(519.0), Some(518.0)]);
        let all = store.notices("acme", None, 2 * NOTICES_MAX).await.expect("reads");
        assert_eq!(all.len(), NOTICES_MAX as usize + 1, "the oldest go");
        assert_eq!(all.last().expect("there are some").figure, Some(-1.0), "what is still to be told stays");
        let before = store.notices("acme", Some(newest[2].id), 1).await.expect("reads");
        assert_eq!(before[0].figure, Some(517.0));
    });
}
