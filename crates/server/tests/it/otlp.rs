//! Spans at a real receiver of OTLP, which reads the protobuf: what is traced, whose trace it belongs to, and that nothing of
//! an event is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use testkit::vendor::{Reply, Vendor};

use crate::harness::{Server, binary, event, eventually, path, workspace};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const WITHIN: Duration = Duration::from_mins(1);

/// All spans that arrived.
fn spans(receiver: &Vendor) -> Vec<Span> {
    let received = receiver.received().into_iter().map(|request| {
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        ExportTraceServiceRequest::decode(request.body).expect("an export")
    });
    let resources = received.flat_map(|export| export.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn facts(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Option<Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let of = span.attributes.iter();
    of.map(|fact| (fact.key.clone(), text(&fact.value.as_ref().and_then(|value| value.value.clone())))).collect()
}

fn hex(bytes: &[u8]) -> String {
    let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:0digits$x}", digits = 2 * bytes.len())
}

#[tokio::test]
async fn the_work_of_the_path_is_traced_and_tells_of_nobody() {
    let (receiver, hook) = (Vendor::start([Reply::status(200)]).await, Vendor::start([Reply::status(200)]).await);
    let directory = tempfile::tempdir().expect("a directory");
    let settings = directory.path().join("settings.yaml");
    let endpoint = receiver.url().replace("/hook", "");
    std::fs::write(&settings, format!("otlp_endpoint: {endpoint}\notlp_sample_ratio: 1\n")).expect("written");
    let mut command = binary();
    command.arg("serve");
    let more = ["--config", path(&settings)];
    let data_dir = directory.path().join("data");
    let server = Server::start_as(command, &data_dir, &workspace(&hook.url(), ""), &more).await;
    let send = async |id: &str, parent: &str| {
        let headers = [("authorization", "Basic d2tfd2ViOg=="), ("traceparent", parent)];
        let answer = server.client().send("POST", "/v1/track", &headers, &event(id, "visitor-1")).await;
        assert_eq!(answer.expect("an answer").status, 200);
    };
    send("traced", &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    // Whoever asked does not want it.
    send("untraced", "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-00").await;
    let wanted = ["POST /v1/track", "pipeline batch", "delivery attempt", "lake commit"];
    eventually("every part is traced", WITHIN, || {
        let names: BTreeSet<String> = spans(&receiver).into_iter().map(|span| span.name).collect();
        if wanted.iter().all(|name| names.contains(*name)) { Ok(()) } else { Err(names) }
    })
    .await;
    let all = spans(&receiver);
    let requests: Vec<&Span> = all.iter().filter(|span| span.name == "POST /v1/track").collect();
    assert_eq!(requests.len(), 1, "the other was not to be traced");
    assert_eq!(
        (hex(&requests[0].trace_id), hex(&requests[0].parent_span_id)),
        (TRACE.to_owned(), "00f067aa0ba902b7".to_owned())
    );
    assert_eq!(facts(requests[0])["http.response.status_code"], "200");
    assert!(requests[0].end_time_unix_nano > requests[0].start_time_unix_nano);
    let attempt = all.iter().find(|span| span.name == "delivery attempt").expect("one");
    let known = facts(attempt);
    let facts = ["assent.workspace", "assent.destination", "assent.outcome", "http.response.status_code"];
    assert_eq!(facts.map(|key| known[key].as_str()), ["acme", "hook", "delivered", "200"]);
    for request in receiver.received() {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        for never in ["visitor-1", "traced", "Tested", "127.0.0.1", "/hook", "wk_web"] {
            assert!(!text.contains(never), "{never} is in a span");
        }
    }
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}
