//! `tidy`: what must hold for this repository as a text, rule by rule. A rule without a check decays within months,
//! so each sentence of the house style that a program can decide stands in [`RULES`] and nowhere else.
//!
//! The check reads the files git knows and those it would add, so that a new file is judged before its commit.

mod architecture;
mod clock;
mod crates;
mod markdown;
mod names;
mod obligations;
mod size;
mod source;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use source::Tree;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 when the finding is about the file as a whole.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A rule: its name for the report and the function that finds the breaches.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule { name: "function length", check: size::functions },
    Rule { name: "file length", check: size::files },
    Rule { name: "file header", check: names::headers },
    Rule { name: "names that say nothing", check: names::vague },
    Rule { name: "clock and environment only in `server`", check: clock::injected },
    Rule { name: "banned words", check: words::banned },
    Rule { name: "crate order", check: crates::order },
    Rule { name: "crates with one owner", check: crates::owners },
    Rule { name: "manifests", check: crates::manifests },
    Rule { name: "dependencies documented", check: crates::documented },
    Rule { name: "one title per page", check: markdown::titles },
    Rule { name: "invariants have tests", check: architecture::invariants },
    Rule { name: "duties are proved", check: obligations::proved },
];

/// Checks the repository at `root`. `Ok` is the line to print; `Err` the findings, one per line.
pub(crate) fn run(root: &Path) -> Result<String, String> {
    let tree = Tree::read(root)?;
    let report: Vec<String> = RULES
        .iter()
        .flat_map(|rule| {
            let mut findings = (rule.check)(&tree);
            findings.sort();
            findings.into_iter().map(|finding| format!("{finding} [{}]", rule.name)).collect::<Vec<_>>()
        })
        .collect();
    if report.is_empty() {
        Ok(format!("tidy: {} files, {} rules, nothing found", tree.files.len(), RULES.len()))
    } else {
        Err(format!("{}\ntidy: {} findings", report.join("\n"), report.len()))
    }
}
