//! The demo site: one page with Assent's SDK, as three regions see it, and tags that wait for their category.

use collector::Page;

const CSP: &str =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Its files.
pub(crate) fn pages() -> Vec<Page> {
    [
        ("/demo", "text/html; charset=utf-8", include_str!("demo/index.html")),
        ("/demo/demo.css", "text/css; charset=utf-8", include_str!("demo/demo.css")),
        ("/demo/demo.js", "text/javascript; charset=utf-8", include_str!("demo/demo.js")),
        ("/demo/tag.js", "text/javascript; charset=utf-8", include_str!("demo/tag.js")),
    ]
    .map(|(path, kind, body)| Page { path, kind, body, policy: CSP })
    .into()
}
