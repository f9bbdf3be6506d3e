//! Every path that the collector answers, in one table. Adding one means a row.
//!
//! SDKs disagree about `/v1`: some take a host and add it, some take it as part of the host (`segment.md` §1.1), so
//! each call answers with and without it. Single letters are what analytics.js sends.

use event::Call;
use http::Method;
use workspace::Sdk;

use crate::notice;

/// What answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handler {
    /// One event; the path names its call.
    One(Call),
    /// Many events, each with its own `type`.
    Batch,
    /// analytics.js about itself: taken, counted, dropped.
    SdkMetrics,
    /// One event in a query, always answered with an image.
    Pixel,
    /// What SDKs ask before they start.
    Settings,
    /// What the workspace publishes about its vendors: the notice, the declaration alone, the script that keeps them back.
    Notice(notice::Form),
    /// The source's browser SDK with the write key filled in.
    Script,
    /// What keeps the hosts of the workspace's vendors back.
    Blocking,
    /// A part of that SDK which is loaded when it is needed.
    SdkFile(Sdk),
    /// A visitor's choice, answered with the number of its receipt.
    Choose,
    /// A choice that goes along to another site.
    HandOff,
    /// The same, where it arrives.
    TakeOver,
    /// What somebody who is signed in refused on other devices.
    Elsewhere,
    /// What another consent platform holds on a page, to be compared.
    Shadow,
    /// The receipt of that number.
    Receipt,
    /// The choices as a page without a script.
    Form,
    /// That page, sent.
    FormSent,
    /// Its style.
    FormStyle,
    /// What AMP asks before it shows a prompt.
    AmpCheck,
    /// What was answered to that prompt.
    AmpChoice,
    /// That Global Privacy Control is honoured.
    Gpc,
    /// The image of a letter.
    Opened,
    /// A link of a letter.
    Clicked,
    /// Is the process alive?
    Health,
    /// Can it take events?
    Ready,
    /// Prometheus' text format.
    Metrics,
}

impl Handler {
    /// What a trace calls a request with events; `None` for what carries none. Not the path: a key may stand in it.
    pub(crate) fn traced(self) -> Option<&'static str> {
        match self {
            Self::One(Call::Track) => Some("POST /v1/track"),
            Self::One(Call::Page) => Some("POST /v1/page"),
            Self::One(Call::Identify) => Some("POST /v1/identify"),
            Self::One(Call::Screen) => Some("POST /v1/screen"),
            Self::One(Call::Group) => Some("POST /v1/group"),
            Self::One(Call::Alias) => Some("POST /v1/alias"),
            Self::Batch => Some("POST /v1/batch"),
            Self::Pixel => Some("GET /v1/pixel"),
            Self::Choose => Some("POST /v1/consent"),
            Self::Opened => Some("GET /v1/open"),
            Self::Clicked => Some("GET /v1/click"),
            Self::FormSent => Some("POST /v1/consent/form"),
            Self::AmpChoice => Some("POST /v1/consent/amp/choice"),
            Self::SdkMetrics
            | Self::Settings
            | Self::Notice(_)
            | Self::Script
            | Self::SdkFile(_)
            | Self::HandOff
            | Self::TakeOver
            | Self::Elsewhere
            | Self::Shadow
            | Self::Blocking
            | Self::Receipt
            | Self::Form
            | Self::FormStyle
            | Self::AmpCheck
            | Self::Gpc
            | Self::Health
            | Self::Ready
            | Self::Metrics => None,
        }
    }
}

/// One row: a method, a pattern (`{}` stands for one segment, which is handed to the handler), a handler.
struct Row {
    method: Method,
    pattern: &'static str,
    handler: Handler,
}

const fn post(pattern: &'static str, handler: Handler) -> Row {
    Row { method: Method::POST, pattern, handler }
}

const fn get(pattern: &'static str, handler: Handler) -> Row {
    Row { method: Method::GET, pattern, handler }
}

/// Paths that also answer with `/v1` in front.
static VERSIONED: [Row; 35] = [
    post("/t", Handler::One(Call::Track)),
    post("/track", Handler::One(Call::Track)),
    post("/b", Handler::Batch),
    post("/batch", Handler::Batch),
    post("/import", Handler::Batch),
    post("/p", Handler::One(Call::Page)),
    post("/page", Handler::One(Call::Page)),
    post("/i", Handler::One(Call::Identify)),
    post("/identify", Handler::One(Call::Identify)),
    post("/s", Handler::One(Call::Screen)),
    post("/screen", Handler::One(Call::Screen)),
    post("/g", Handler::One(Call::Group)),
    post("/group", Handler::One(Call::Group)),
    post("/a", Handler::One(Call::Alias)),
    post("/alias", Handler::One(Call::Alias)),
    post("/m", Handler::SdkMetrics),
    get("/pixel/{}", Handler::Pixel),
    get("/projects/{}/settings", Handler::Settings),
    post("/consent", Handler::Choose),
    get("/consent/form", Handler::Form),
    post("/consent/form", Handler::FormSent),
    get("/consent/form.css", Handler::FormStyle),
    post("/consent/handoff", Handler::HandOff),
    post("/consent/handoff/taken", Handler::TakeOver),
    post("/consent/elsewhere", Handler::Elsewhere),
    post("/consent/amp", Handler::AmpCheck),
    post("/consent/amp/choice", Handler::AmpChoice),
    post("/consent/shadow", Handler::Shadow),
    get("/consent/{}", Handler::Receipt),
    get("/projects/{}/notice", Handler::Notice(notice::Form::Page)),
    get("/projects/{}/notice.json", Handler::Notice(notice::Form::Facts)),
    get("/projects/{}/cookies.json", Handler::Notice(notice::Form::Cookies)),
    get("/projects/{}/block.js", Handler::Blocking),
    get("/open/{}", Handler::Opened),
    get("/click/{}", Handler::Clicked),
];

/// Paths that answer as they stand here.
static PLAIN: [Row; 8] = [
    get("/analytics.js/v1/{}/analytics.min.js", Handler::Script),
    get("/analytics.js/v1/{}/platform/analytics.min.js", Handler::Script),
    get("/analytics-next/bundles/{}", Handler::SdkFile(Sdk::Segment)),
    get("/sdk/{}", Handler::SdkFile(Sdk::Assent)),
    get("/.well-known/gpc.json", Handler::Gpc),
    get("/healthz", Handler::Health),
    get("/readyz", Handler::Ready),
    get("/metrics", Handler::Metrics),
];

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'p> {
    /// Its handler and the segment that `{}` stood for, still percent-encoded; empty when there is none.
    Handler(Handler, &'p str),
    /// The path exists for this other method.
    WrongMethod(&'static str),
    /// No such path.
    Nothing,
}

/// Finds the row of a request.
pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Found<'p> {
    let unversioned = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let versioned = VERSIONED.iter().map(|row| (row, unversioned));
    let plain = PLAIN.iter().map(|row| (row, path));
    let mut allowed = None;
    for (row, path) in versioned.chain(plain) {
        let Some(segment) = matches(row.pattern, path) else { continue };
        // hyper answers HEAD with the head of what GET gives.
        let fits = row.method == *method || (row.method == Method::GET && *method == Method::HEAD);
        if fits {
            return Found::Handler(row.handler, segment);
        }
        // Another row may take the same path with this method.
        allowed = allowed.or(Some(if row.method == Method::GET { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" }));
    }
    allowed.map_or(Found::Nothing, Found::WrongMethod)
}

fn matches<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{}") else { return (pattern == path).then_some("") };
    let segment = path.strip_prefix(before)?.strip_suffix(after)?;
    (!segment.is_empty() && !segment.contains('/')).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, expected: &Found<'_>) {
        assert_eq!(find(method, path), *expected, "{method} {path}");
    }

    #[test]
    fn every_call_answers_long_short_and_without_version() {
        for call in Call::ALL {
            let letter = &call.name()[..1];
            for path in [call.name(), letter] {
                for prefix in ["/v1/", "/"] {
                    check(&Method::POST, &format!("{prefix}{path}"), &Found::Handler(Handler::One(call), ""));
                }
            }
        }
        for path in ["/v1/batch", "/v1/b", "/v1/import", "/batch", "/b", "/import"] {
            check(&Method::POST, path, &Found::Handler(Handler::Batch, ""));
        }
        check(&Method::POST, "/v1/m", &Found::Handler(Handler::SdkMetrics, ""));
        check(&Method::POST, "/v1/consent/form", &Found::Handler(Handler::FormSent, ""));
        check(&Method::GET, "/v1/consent/form", &Found::Handler(Handler::Form, ""));
        check(&Method::POST, "/v1/consent", &Found::Handler(Handler::Choose, ""));
        check(&Method::POST, "/consent", &Found::Handler(Handler::Choose, ""));
    }

    #[test]
    fn a_segment_is_handed_on() {
        check(&Method::GET, "/v1/projects/wk/settings", &Found::Handler(Handler::Settings, "wk"));
        check(&Method::GET, "/v1/consent/0f", &Found::Handler(Handler::Receipt, "0f"));
        check(&Method::GET, "/v1/projects/wk/notice", &Found::Handler(Handler::Notice(notice::Form::Page), "wk"));
        check(&Method::GET, "/v1/projects/wk/notice.json", &Found::Handler(Handler::Notice(notice::Form::Facts), "wk"));
        check(&Method::GET, "/v1/projects/wk/block.js", &Found::Handler(Handler::Blocking, "wk"));
        check(&Method::HEAD, "/v1/pixel/track", &Found::Handler(Handler::Pixel, "track"));
        check(&Method::GET, "/analytics.js/v1/wk/analytics.min.js", &Found::Handler(Handler::Script, "wk"));
        check(&Method::GET, "/analytics.js/v1/wk/platform/analytics.min.js", &Found::Handler(Handler::Script, "wk"));
        check(
            &Method::GET,
            "/analytics-next/bundles/407.js",
            &Found::Handler(Handler::SdkFile(Sdk::Segment), "407.js"),
        );
    }

    #[test]
    fn anything_else_is_not_there() {
        for path in [
            "/",
            "",
            "/v1",
            "/v1/",
            "/v1track",
            "/v2/track",
            "/v1/v1/track",
            "/v1/track/",
            "/v1/healthz",
            "/analytics-next/bundles/../x",
            "/analytics.js/v1//analytics.min.js",
            "/v1/pixel/",
        ] {
            check(&Method::GET, path, &Found::Nothing);
        }
        check(&Method::GET, "/v1/track", &Found::WrongMethod("POST, OPTIONS"));
        check(&Method::POST, "/healthz", &Found::WrongMethod("GET, HEAD, OPTIONS"));
    }
}
