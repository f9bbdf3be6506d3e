//! What each call requires, and that nothing is lost on the way through.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const RECEIVED: Received<'static> = Received {
    at: Millis(1_763_762_400_000),
    message_id: "generated",
    sent_at: None,
    ip: Some("203.0.113.0"),
    user_agent: None,
};

fn check(json: &str) -> String {
    match Event::parse(json, None) {
        Ok(event) => event.write(&RECEIVED),
        Err(discard) => discard.code().to_owned(),
    }
}

#[test]
fn a_track_call_is_written_with_its_four_times() {
    assert_snapshot!(
        check(r#"{"type":"track","event":"Order","userId":"u1","properties":{"total":1.50},"odd":[1],"writeKey":"wk",
            "timestamp":"2025-11-21T21:59:50Z","sentAt":"2025-11-21T21:59:55Z","context":{"ip":"198.51.100.77"}}"#),
        @r#"{"type":"track","messageId":"generated","userId":"u1","timestamp":"2025-11-21T21:59:55.000Z","originalTimestamp":"2025-11-21T21:59:50.000Z","sentAt":"2025-11-21T21:59:55.000Z","receivedAt":"2025-11-21T22:00:00.000Z","event":"Order","properties":{"total":1.50},"odd":[1],"context":{"ip":"198.51.100.0"}}"#
    );
}

#[test]
fn a_time_nobody_can_read_is_kept_and_not_used() {
    assert_snapshot!(
        check(r#"{"type":"page","anonymousId":"a","timestamp":"soon"}"#),
        @r#"{"type":"page","messageId":"generated","anonymousId":"a","timestamp":"2025-11-21T22:00:00.000Z","originalTimestamp":"soon","receivedAt":"2025-11-21T22:00:00.000Z","context":{"ip":"203.0.113.0"}}"#
    );
}

#[test]
fn each_missing_or_wrong_field_has_its_code() {
    for (json, code) in [
        (r#"{"type":"track","event":"E"}"#, "no_user_anon_id"),
        (r#"{"type":"track","event":"E","userId":""}"#, "no_user_anon_id"),
        (r#"{"type":"track","event":"E","userId":7}"#, "id_not_string"),
        (r#"{"type":"track","userId":"u"}"#, "event_not_defined"),
        (r#"{"type":"track","userId":"u","event":7}"#, "event_not_string"),
        (r#"{"type":"track","userId":"u","event":"E","properties":[]}"#, "properties_not_object"),
        (r#"{"type":"identify","userId":"u","traits":"x"}"#, "traits_not_object"),
        (r#"{"type":"page","userId":"u","name":""}"#, "name_not_string"),
        (r#"{"type":"screen","userId":"u","name":1}"#, "name_not_string"),
        (r#"{"type":"page","userId":"u","category":1}"#, "category_not_string"),
        (r#"{"type":"group","userId":"u"}"#, "id_required"),
        (r#"{"type":"group","userId":"u","groupId":""}"#, "id_not_string"),
        (r#"{"type":"alias","userId":"u"}"#, "id_required"),
        (r#"{"type":"alias","previousId":"p"}"#, "id_required"),
        (r#"{"type":"alias","previousId":3,"userId":"u"}"#, "id_not_string"),
        (r#"{"type":"nonsense","userId":"u"}"#, "bad_request"),
        (r#"{"type":9,"userId":"u"}"#, "bad_request"),
        (r#"{"type":"page","userId":"u","context":5}"#, "bad_request"),
        (r#"{"type":"page","userId":"u","integrations":[]}"#, "bad_request"),
        (r#"{"type":"page","userId":"u","messageId":5}"#, "message_id_invalid"),
        (
            r#"{"type":"page","userId":"u","context":{"device":{"advertisingId":5}}}"#,
            "device_advertisingid_should_be_string",
        ),
    ] {
        assert_eq!(check(json), code, "{json}");
    }
    let long = format!(r#"{{"type":"page","userId":"u","messageId":"{}"}}"#, "x".repeat(101));
    assert_eq!(check(&long), "message_id_invalid");
    let large = format!(r#"{{"type":"page","userId":"u","properties":{{"p":"{}"}}}}"#, "x".repeat(33 * 1024));
    assert_eq!(check(&large), "event_too_large");
}

#[test]
fn a_choice_must_say_what_was_chosen() {
    for (consent, code) in [
        ("null", "consent_categorypreferences_should_exist"),
        ("{}", "consent_categorypreferences_should_exist"),
        (r#"{"categoryPreferences":null}"#, "consent_categorypreferences_should_exist"),
        (r#"{"categoryPreferences":[]}"#, "consent_categorypreferences_fields_should_be_object"),
        (r#"{"categoryPreferences":{"a":1}}"#, "consent_categorypreferences_fields_should_be_bool"),
        (r#"{"categoryPreferences":{"a":true},"version":"2"}"#, "consent_version_should_be_number"),
    ] {
        let json =
            format!(r#"{{"type":"track","event":"{CONSENT_EVENT}","userId":"u","context":{{"consent":{consent}}}}}"#);
        assert_eq!(check(&json), code, "{consent}");
    }
    let good = format!(
        r#"{{"type":"track","event":"{CONSENT_EVENT}","userId":"u","context":{{"consent":{{"categoryPreferences":{{"a":false}},"version":2}}}}}}"#
    );
    assert!(Event::parse(&good, None).expect("valid").is_choice());
}

#[test]
fn the_route_names_the_call() {
    let event = Event::parse(r#"{"userId":"u","type":"track"}"#, Some(Call::Page)).expect("a page needs no event");
    assert_eq!(event.call(), Call::Page);
}

proptest! {
    /// Whatever else an event holds comes out as it went in.
    #[test]
    fn unknown_fields_survive(
        extra in proptest::collection::btree_map("x[a-z]{1,8}", "[ -~]{0,20}|ä\u{1F600}", 0..8),
        number in any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()),
    ) {
        let mut object = serde_json::json!({
            "type": "track", "event": "E", "anonymousId": "a", "messageId": "m",
            "properties": {"nested": extra, "number": number}, "context": {"deep": {"list": [1, null, {}]}},
        });
        for (key, value) in &extra {
            object[key] = value.clone().into();
        }
        let text = object.to_string();
        // Compared as read back: serde_json's reading of a float may differ from the float in its last bit.
        let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let written = Event::parse(&text, None).expect("valid").write(&RECEIVED);
        let mut again: serde_json::Value = serde_json::from_str(&written).expect("still JSON");
        for added in ["timestamp", "receivedAt"] {
            again.as_object_mut().expect("an object").remove(added);
        }
        again["context"].as_object_mut().expect("an object").remove("ip");
        prop_assert_eq!(again, object);
    }

    /// An event that went through once goes through again unchanged, but for the time of receipt.
    #[test]
    fn writing_is_stable(name in "[^\u{0}]{1,40}", id in "[!-~]{1,40}") {
        let text = serde_json::json!({"type": "track", "event": name, "userId": id, "timestamp": "2025-11-21T21:00:00Z",
            "originalTimestamp": "2025-11-21T21:00:00Z"}).to_string();
        let once = Event::parse(&text, None).expect("valid").write(&RECEIVED);
        let twice = Event::parse(&once, None).expect("still valid").write(&RECEIVED);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_survived(text in ".*") {
        prop_assert!(Event::parse(&text, None).is_err());
    }
}
