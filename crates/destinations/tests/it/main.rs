//! One conformance test for all destinations: the registry times the fixtures.
//!
//! A fixture is `{settings, events, expect_request, answers}`, or `{settings, expect_error}`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use consent::{Gate, Held, Permitted, Refusal, Told};
use delivery::response::{Verdict, Verdicts};
use delivery::{Attempt, Deletion, Kind, Mapped, SubjectKeys};
use destinations::registry::{DESTINATIONS, find};
use egress::{Answer, Request};
use event::{Call, Fingerprint, Millis, Pii};
use serde_json::{Value, json};

const NOW: Millis = Millis(1_795_298_400_000);

fn permitted<T>(item: T) -> Permitted<T> {
    egress::about_nobody(item).expect("required is always granted").0
}

fn request_as_json(request: &Request) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    match request {
        Request::Http(http) => {
            let headers: BTreeMap<_, _> =
                http.headers.iter().map(|(name, value)| (name.to_string(), value.expose().clone())).collect();
            assert_eq!(headers.len(), http.headers.len(), "a header stands there twice: {headers:?}");
            let (method, url) = (http.method.as_str(), http.url.as_str());
            json!({"http": {"method": method, "url": url, "headers": headers, "body": text(&http.body)}})
        }
        Request::File(file) => {
            let (directory, lines, max) = (&file.directory, text(&file.lines), file.file_bytes_max);
            json!({"file": {"directory": directory, "lines": lines, "file_bytes_max": max}})
        }
        Request::Echo(echo) => {
            let bodies: Vec<_> = echo.bodies.iter().map(|body| text(body)).collect();
            json!({"echo": {"name": &*echo.name, "bodies": bodies}})
        }
    }
}

/// What becomes of the events of a request: one event alone is not halved.
fn outcome(verdict: Verdict, events: usize) -> &'static str {
    match verdict {
        Verdict::Split(_) if events == 1 => "rejected",
        Verdict::Delivered => "delivered",
        Verdict::Retry { .. } => "retry",
        Verdict::Split(_) => "split",
        Verdict::Pause(_) => "paused",
        Verdict::Rejected(_) => "rejected",
    }
}

fn check(kind: &Kind, path: &Path) {
    let text = fs::read_to_string(path).expect("a fixture");
    let fixture: Value = serde_json::from_str(&text).expect("JSON");
    let settings = fixture["settings"].as_object().expect("settings");
    let opened = (kind.open)(&"under-test".parse().expect("a name"), settings);
    if let Some(expected) = fixture["expect_error"].as_str() {
        assert_eq!(opened.map(|_| ()).expect_err("refused").to_string(), expected, "{}", path.display());
        return;
    }
    let destination = opened.expect("valid settings");
    assert_eq!(destination.kind().slug, kind.slug);
    let of = |event: &Value, key: &str| event[key].as_str().expect("a string").to_owned();
    let events = fixture["events"].as_array().expect("events");
    let events: Vec<_> = events.iter().map(|event| (of(event, "messageId"), of(event, "json"))).collect();
    let batch: Vec<_> = events
        .iter()
        .map(|(id, json)| permitted(Mapped { message_id: id, call: Call::Track, received_at: NOW, json }))
        .collect();
    let request = destination.request(&batch, Attempt { number: 2, now: NOW }).expect("expressible");
    assert_eq!(request_as_json(&request), fixture["expect_request"], "{}", path.display());
    for answer in fixture["answers"].as_array().expect("answers") {
        let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
        let verdicts = destination.classify(&Answer::of(status.try_into().expect("a status")), NOW);
        let Verdicts::All(verdict) = verdicts else { continue };
        assert_eq!(answer["outcome"], outcome(verdict, batch.len()), "{} {status}", path.display());
    }
    let secrets = settings.get("secret").and_then(Value::as_str).unwrap_or("\0");
    assert!(!format!("{destination:?}").contains(secrets), "{} prints its secret", path.display());
    let keys = SubjectKeys { identifiers: Vec::new(), user_ids: Vec::new(), anonymous_ids: Vec::new() };
    if let Deletion::Unsupported { reason } = destination.deletion(&permitted(keys)) {
        assert!(reason.len() > 20, "{}: say why and what to do", kind.slug);
    }
}

/// The refusal of a person, as the gate permits telling it.
fn told() -> Permitted<Told> {
    let gate = Gate::new(&workspace::ConsentRules::default());
    let person = [Fingerprint([1; 16])];
    gate.apply(&person, Held::refusing(gate.rules().categories.key("performance")));
    let refusal = Refusal {
        message_id: "withdrawal-1".to_owned(),
        anonymous_id: None,
        user_id: Some(Pii::new("u-1".to_owned())),
        refused: vec!["performance".to_owned()],
        made_at: NOW,
    };
    gate.tell(&refusal, &person, NOW).expect("is refused")
}

/// What is told comes as an event would, so that a receiver needs to read nothing new.
#[test]
fn a_refusal_is_told_in_the_shape_of_events() {
    let told = told();
    let open = |kind: &str, settings: Value| {
        let settings = settings.as_object().expect("settings").clone();
        let opened = (find(kind).expect("a kind").open)(&"under-test".parse().expect("a name"), &settings);
        opened.expect("valid settings")
    };
    let json = told.get().json();
    let batch = json!({"url": "https://example.com/", "batch": {"events_max": 9}});
    for (kind, settings, expected) in [
        ("echo", json!({}), json.to_owned()),
        ("file", json!({"directory": "/tmp/events"}), format!("{json}\n")),
        ("webhook", json!({"url": "https://example.com/"}), json.to_owned()),
        ("webhook", batch, format!("[{json}]")),
    ] {
        let destination = open(kind, settings);
        let attempt = Attempt { number: 2, now: NOW };
        let request = request_as_json(&destination.withdrawal(&told, attempt));
        let event = [permitted(Mapped { message_id: "withdrawal-1", call: Call::Track, received_at: NOW, json })];
        let of_an_event = request_as_json(&destination.request(&event, attempt).expect("expressible"));
        assert_eq!(request, of_an_event, "{kind}");
        assert!(request.to_string().contains(&json!(expected).to_string()), "{kind}: {request}");
    }
}

#[test]
fn every_destination_does_what_its_fixtures_say() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for kind in DESTINATIONS {
        let folder = fixtures.join(kind.slug);
        let paths: Vec<_> =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        assert!(!paths.is_empty(), "{} has no fixture", kind.slug);
        for path in &paths {
            check(kind, path);
        }
        assert!(find(kind.slug).is_some_and(|found| std::ptr::eq(found, kind)));
        assert!(kind.docs.len() > 40 && !kind.purposes.is_empty(), "{}", kind.slug);
    }
}
