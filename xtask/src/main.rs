//! The workspace's own tools, run as `cargo run -p xtask -- COMMAND`. Rust instead of shell scripts where there is
//! something to get wrong, so that the tools are tested like the rest.
//!
//! `tidy` checks the rules about this repository that neither rustc nor clippy can express; see [`tidy`].

mod tidy;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(&repository()),
        _ => Err(USAGE.to_owned()),
    };
    let (text, code) = match report {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(text) => (text, ExitCode::FAILURE),
    };
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The repository's root: where this crate was compiled, which is where it is run from.
fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_owned()
}
