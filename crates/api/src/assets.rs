//! The console's files, the OpenAPI document the pages of errors and the runbooks: everything that is the same for everybody.

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::door::RESOURCE_POLICY;
use crate::error::{Code, Error, TABLE};

/// A file of the console.
struct File {
    /// Its path below `/`.
    path: &'static str,
    /// The hash of its content, quoted.
    etag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Assent</title>\
<h1>The console is not in this binary</h1><p>It was not built when the server was: run <code>make web</code>, then \
build again. The API answers all the same: <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p></html>\n";

/// Adds what needs no login.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let document = crate::document().to_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be written");
        String::new()
    });
    let json = [(CONTENT_TYPE, "application/json")];
    router
        .route("/api/openapi.json", get(move || async move { (json, document) }))
        .route("/docs/errors/{code}", get(error_page))
        .route("/docs/runbooks/{name}", get(runbook))
        .fallback(file)
}

/// The pages that notices of alerts link to, as they stand in the repository.
const RUNBOOKS: [(&str, &str); 7] = [
    ("damaged-log", include_str!("../../../docs/runbooks/damaged-log.md")),
    ("destination-down", include_str!("../../../docs/runbooks/destination-down.md")),
    ("disk-full", include_str!("../../../docs/runbooks/disk-full.md")),
    ("does-not-start", include_str!("../../../docs/runbooks/does-not-start.md")),
    ("no-choices", include_str!("../../../docs/runbooks/no-choices.md")),
    ("refusals", include_str!("../../../docs/runbooks/refusals.md")),
    ("restore", include_str!("../../../docs/runbooks/restore.md")),
];

async fn runbook(Path(name): Path<String>) -> Result<Response, Error> {
    let found = RUNBOOKS.iter().find(|(known, _)| *known == name);
    let (_, page) = found.ok_or_else(|| Error::no_such("runbook", &name))?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], *page).into_response())
}

async fn error_page(Path(code): Path<String>) -> Result<Response, Error> {
    let found = TABLE.iter().find(|(_, row)| row.code == code);
    let (_, row) = found.ok_or_else(|| Error::no_such("error code", &code))?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], row.page).into_response())
}

/// A file by its path; for a person's browser on any other path the first page, which knows its own paths.
async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let missing = || Error::new(Code::NotFound, "there is nothing under this path").into_response();
    if path.starts_with("api/") || !matches!(method, Method::GET | Method::HEAD) {
        return missing();
    }
    if let Some(file) = FILES.iter().find(|file| file.path == path) {
        return serve(file, &headers);
    }
    let wants_page =
        headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|kinds| kinds.contains("text/html"));
    if !wants_page || path.starts_with("assets/") {
        return missing();
    }
    match FILES.iter().find(|file| file.path == "index.html") {
        Some(page) => serve(page, &headers),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(ABSENT)).into_response(),
    }
}

fn serve(file: &File, asked: &HeaderMap) -> Response {
    let is_named_by_content = file.path.starts_with("assets/");
    let cache = if is_named_by_content { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = if asked.get(IF_NONE_MATCH).is_some_and(|known| known == file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if takes_gzip(asked) && file.gzip.len() < file.plain.len() {
        ([(CONTENT_ENCODING, "gzip")], file.gzip).into_response()
    } else {
        file.plain.into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(file.path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding, accept"));
    if file.path.starts_with("assets/preview-") {
        // The banner is previewed in a sandboxed frame, which has an origin of its own: this one site's script is to it
        // another site's. It is the same for everybody and says nothing.
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    }
    answer
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let value = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(',').any(|encoding| encoding.trim().split(';').next() == Some("gzip") && !encoding.contains("q=0"))
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
