//! What the parts tell of their work, as OpenTelemetry spans to the operator's own receiver.
//!
//! Spans are made when the work is done, with its real times, and sampled then; so without `otlp_endpoint` nothing is made,
//! and with it a piece of work that is not sampled costs a clock's look and a call. They go in batches, by a thread of the
//! library's own, as protobuf over HTTP; when the receiver does not keep up they are dropped, not the events.
//!
//! The requests pass `egress` like all others. Its rules for addresses do not hold for them: whoever writes the server's
//! settings may name any machine, unlike whoever edits a workspace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use egress::{Echoes, Egress, HttpRequest, Request};
use event::{Done, Fact, Secret, Tracer, Work};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use url::Url;

use crate::settings::Settings;

/// The path that the protocol gives to traces.
const TRACES: &str = "/v1/traces";
/// The longest that a batch of spans may take.
const EXPORT_TIMEOUT_MS: u64 = 10_000;
/// How long a stop waits for the last batch.
const LAST_BATCH_WITHIN: Duration = Duration::from_secs(3);

/// Tracing, where it is on.
pub(crate) struct Spans {
    /// For the parts of the path.
    pub(crate) tracer: Tracer,
    provider: Option<SdkTracerProvider>,
}

impl Spans {
    /// As the settings say. Call it inside the runtime.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let Some(endpoint) = &settings.otlp_endpoint else {
            return Ok(Self { tracer: Tracer::default(), provider: None });
        };
        let ratio = settings.otlp_sample_ratio;
        anyhow::ensure!((0.0..=1.0).contains(&ratio), "`otlp_sample_ratio` is {ratio}: it must be between 0 and 1");
        let url = traces_url(endpoint.secret())?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url.as_str())
            .with_timeout(Duration::from_millis(EXPORT_TIMEOUT_MS))
            .with_http_client(Out::new())
            .build()
            .context("traces cannot be set up")?;
        let service = Resource::builder().with_service_name("assent");
        let service = service.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::TraceIdRatioBased(ratio))
            .with_resource(service.build())
            .with_batch_exporter(exporter)
            .build();
        let spans = provider.tracer("assent");
        Ok(Self { tracer: Tracer::new(move |done| record(&spans, done)), provider: Some(provider) })
    }

    /// Sends what is left.
    pub(crate) async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_BATCH_WITHIN)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// An endpoint without a path means that of the protocol.
fn traces_url(endpoint: &Secret<String>) -> anyhow::Result<Url> {
    let parsed: Result<Url, _> = endpoint.expose().parse();
    // Not repeated: it may hold a password.
    let mut url = parsed.map_err(|error| anyhow::anyhow!("`otlp_endpoint` is not a URL: {error}"))?;
    let is_web = matches!(url.scheme(), "http" | "https");
    anyhow::ensure!(is_web, "`otlp_endpoint` must begin with `http://` or `https://`: spans go as protobuf over HTTP");
    if url.path() == "/" {
        url.set_path(TRACES);
    }
    Ok(url)
}

/// Makes the span of a piece of work that is done now, if it is sampled.
fn record(spans: &SdkTracer, done: &Done<'_>) {
    let parent = match done.parent.map(parent) {
        // Whoever asked does not want this to be traced.
        Some(Some(parent)) if !parent.is_sampled() => return,
        Some(Some(parent)) => Context::new().with_remote_span_context(parent),
        Some(None) | None => Context::new(),
    };
    let ended = SystemTime::now();
    let facts = done.facts.iter().map(|(key, fact)| match fact {
        Fact::Text(text) => KeyValue::new(*key, (*text).to_owned()),
        Fact::Number(number) => KeyValue::new(*key, *number),
    });
    let builder = SpanBuilder::from_name(done.name.to_owned())
        .with_kind(match done.work {
            Work::Answered => SpanKind::Server,
            Work::Inside => SpanKind::Internal,
            Work::Asked => SpanKind::Client,
        })
        .with_start_time(ended.checked_sub(done.took).unwrap_or(ended))
        .with_attributes(facts);
    let mut span = spans.build_with_context(builder, &parent);
    if done.is_failed {
        span.set_status(Status::error(""));
    }
    span.end_with_timestamp(ended);
}

/// The span of a [`traceparent`](https://www.w3.org/TR/trace-context/); `None` for what is none.
fn parent(header: &str) -> Option<SpanContext> {
    let mut parts = header.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// The way of a batch of spans: through `egress`, on the server's runtime, because the library's thread has none.
#[derive(Debug)]
struct Out {
    egress: Arc<Egress>,
    runtime: Handle,
    /// Said once, not once per batch.
    is_failing: AtomicBool,
}

impl Out {
    fn new() -> Self {
        let options =
            egress::Options { allow_private: true, timeout_ms: EXPORT_TIMEOUT_MS, ..egress::Options::default() };
        let egress = Arc::new(Egress::new(options, Arc::new(Echoes::default())));
        Self { egress, runtime: Handle::current(), is_failing: AtomicBool::new(false) }
    }

    /// The library drops what is not taken and says nothing.
    fn say(&self, answer: &Result<egress::Answer, HttpError>) {
        let why = match answer {
            Ok(answer) if answer.status.is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status)),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.is_failing.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(why) if !was_failing => {
                tracing::warn!(why, "the receiver of `otlp_endpoint` does not take spans: they are dropped");
            }
            None if was_failing => tracing::info!("the receiver of `otlp_endpoint` takes spans again"),
            Some(_) | None => {}
        }
    }

    async fn post(&self, request: http::Request<Bytes>) -> Result<egress::Answer, HttpError> {
        let (head, body) = request.into_parts();
        let headers = head.headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap_or_default().to_owned();
            (name.clone(), Secret::new(value))
        });
        let (url, headers) = (head.uri.to_string().parse::<Url>()?, headers.collect());
        let request = Request::Http(HttpRequest { method: head.method, url, headers, body });
        // Spans tell of nobody: names of configured things, codes and numbers.
        let (request, gate) = egress::about_nobody(request).ok_or("the gate did not let spans pass")?;
        let egress = Arc::clone(&self.egress);
        Ok(self.runtime.spawn(async move { egress.send(request, &gate).await }).await??)
    }
}

#[async_trait]
impl HttpClient for Out {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let answer = self.post(request).await;
        self.say(&answer);
        let answer = answer?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_as_the_standard_has_it() {
        let sampled = |header: &str| parent(header).map(|parent| (parent.trace_id().to_string(), parent.is_sampled()));
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736".to_owned();
        assert_eq!(sampled("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), Some((trace.clone(), true)));
        assert_eq!(sampled("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"), Some((trace, false)));
        for none in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-zzf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(sampled(none), None, "{none}");
        }
    }

    #[test]
    fn an_endpoint_without_a_path_gets_that_of_the_protocol() {
        let url = |text: &str| traces_url(&Secret::new(text.to_owned())).map(|url| url.to_string());
        assert_eq!(url("http://127.0.0.1:4318").expect("a URL"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(url("https://otel.example/in?k=1").expect("a URL"), "https://otel.example/in?k=1");
        let refused = url("grpc://u:hush@otel.example").expect_err("refused").to_string();
        assert!(refused.starts_with("`otlp_endpoint` must begin with") && !refused.contains("hush"), "{refused}");
    }
}
