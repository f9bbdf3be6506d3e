//! Each invariant in ARCHITECTURE.md names the test that fails when it breaks. The notation, one invariant per list
//! item under the heading `## Invariants`:
//!
//! ```text
//! - **Nothing leaves without a `Permitted`.** … (test: crates/consent/tests/it/gate.rs::ungated_egress_does_not_compile)
//! ```
//!
//! An item may name several, separated by commas.

use super::Finding;
use super::markdown::prose;
use super::source::{Tree, occurrences};

const PAGE: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Invariants";

/// A list item: the line it starts on and its whole text.
struct Item {
    line: usize,
    text: String,
}

pub(super) fn invariants(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "missing: it is the first page a reader opens")];
    };
    let items = items(page);
    if items.is_empty() {
        return vec![Finding::new(PAGE, 0, format!("no list under `{HEADING}`"))];
    }
    items.iter().flat_map(|item| check(tree, item)).collect()
}

fn items(page: &str) -> Vec<Item> {
    let section = prose(page)
        .skip_while(|(_, line)| !line.starts_with(HEADING))
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("# ") && !line.starts_with("## "));
    let mut items: Vec<Item> = Vec::new();
    for (line, text) in section {
        if text.starts_with("- ") {
            items.push(Item { line, text: text.to_owned() });
        } else if let (Some(item), true) = (items.last_mut(), text.starts_with("  ")) {
            item.text.push(' ');
            item.text.push_str(text.trim());
        }
    }
    items
}

fn check(tree: &Tree, item: &Item) -> Vec<Finding> {
    let finding = |message: String| Finding::new(PAGE, item.line, message);
    let Some((_, rest)) = item.text.split_once("(test: ") else {
        return vec![finding("an invariant without a test: end it with `(test: path::name)`".to_owned())];
    };
    let named = rest.split(')').next().unwrap_or(rest).split(',').map(|one| one.trim().trim_matches('`'));
    named.filter_map(|one| missing(tree, one).map(finding)).collect()
}

/// What is wrong with one `path::name`, if anything.
fn missing(tree: &Tree, named: &str) -> Option<String> {
    let Some((path, name)) = named.rsplit_once("::") else {
        return Some(format!("`{named}` is not `path::name`"));
    };
    let Some(source) = tree.files.get(path).and_then(|file| file.source.as_ref()) else {
        return Some(format!("no source file `{path}`"));
    };
    let declared = occurrences(&source.code, &format!("fn {name}")).next().is_some();
    (!declared).then(|| format!("no test `{name}` in `{path}`"))
}
