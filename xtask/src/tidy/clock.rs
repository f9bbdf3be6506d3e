//! Time, environment and command line are injected: a library that reads them itself cannot be simulated. Clippy's
//! `disallowed-methods` cannot exempt one crate, so the rule stands here.

use super::Finding;
use super::source::{Tree, extension, occurrences};

struct Injected {
    path: &'static str,
    instead: &'static str,
}

const INJECTED: &[Injected] = &[
    Injected { path: "SystemTime::now", instead: "take a clock as a parameter" },
    Injected { path: "Instant::now", instead: "take a clock as a parameter, or write `tokio::time::Instant::now`" },
    Injected { path: "Timestamp::now", instead: "take a clock as a parameter" },
    Injected { path: "Zoned::now", instead: "take a clock as a parameter" },
    Injected { path: "std::env", instead: "take the value as a parameter" },
    Injected { path: "env::var", instead: "take the value as a parameter" },
    Injected { path: "env::args", instead: "take the value as a parameter" },
];

/// Only the binary, and what never ships, may read them.
const EXEMPT: &[&str] = &["crates/server/", "crates/testkit/", "xtask/", "fuzz/"];
const EXEMPT_PARTS: &[&str] = &["/tests/", "/tests.rs", "/examples/", "/benches/", "/build.rs"];

/// Timers of the runtime stop with a paused test clock, so they are no hidden input.
const PAUSABLE: &str = "tokio::time::";

pub(super) fn injected(tree: &Tree) -> Vec<Finding> {
    let held = |path: &str| {
        extension(path) == "rs"
            && !EXEMPT.iter().any(|prefix| path.starts_with(prefix))
            && !EXEMPT_PARTS.iter().any(|part| path.contains(part))
    };
    let mut findings = Vec::new();
    for (path, _, source) in tree.sources().filter(|(path, _, _)| held(path)) {
        for Injected { path: read, instead } in INJECTED {
            let hidden = occurrences(&source.shipped, read).filter(|(at, _)| {
                let before = &source.shipped[..*at];
                // `std::env::var` is found once, as `std::env`.
                !before.ends_with(PAUSABLE) && (read.starts_with("std::") || !before.ends_with("std::"))
            });
            let message = format!("`{read}` outside `server`: {instead}");
            findings.extend(hidden.map(|(_, line)| Finding::new(path, line, message.clone())));
        }
    }
    findings
}
