//! Each duty in `docs/obligations.md` names a test, and the test names the duty, or it says which party outside it depends
//! on. The table's rows, in order:
//!
//! ```text
//! | 3 | Refusing is as easy as accepting | `tests/consent/banner.test.mjs::accept, reject and choose are equal` |
//! | 8 | … | outside: the operator, who … |
//! ```
//!
//! A test names its duties in a comment right above it: `// Obligations 3, 15.`

use super::Finding;
use super::source::Tree;

const PAGE: &str = "docs/obligations.md";
/// The rows of the reference's table of requirements.
const DUTIES: usize = 26;
/// Duties that may depend on somebody outside.
const OUTSIDE_MAX: usize = 6;
/// How far above its test the comment may begin.
const ABOVE_MAX: usize = 4;

/// A row: where it is, its number, its last cell.
struct Row<'a> {
    line: usize,
    duty: usize,
    proof: &'a str,
}

pub(super) fn proved(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "missing: it says which test holds the product to each duty")];
    };
    let rows: Vec<Row<'_>> = page.lines().enumerate().filter_map(row).collect();
    let mut findings: Vec<Finding> = (1..=DUTIES)
        .filter(|duty| rows.iter().filter(|row| row.duty == *duty).count() != 1)
        .map(|duty| Finding::new(PAGE, 0, format!("duty {duty} must have one row")))
        .collect();
    let is_outside = |row: &&Row<'_>| row.proof.starts_with("outside:");
    let outside = rows.iter().filter(is_outside).count();
    if outside > OUTSIDE_MAX {
        findings.push(Finding::new(PAGE, 0, format!("{outside} duties depend on others, {OUTSIDE_MAX} at most may")));
    }
    for row in rows.iter().filter(|row| !is_outside(row)) {
        let mut named = row.proof.split('`').skip(1).step_by(2).peekable();
        if named.peek().is_none() {
            findings.push(Finding::new(PAGE, row.line, "no test: name one as `path::name`, or say `outside: who`"));
        }
        findings
            .extend(named.filter_map(|one| broken(tree, row.duty, one)).map(|why| Finding::new(PAGE, row.line, why)));
    }
    findings
}

fn row((at, line): (usize, &str)) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').map(str::trim).collect();
    let (duty, proof) = (cells.first()?.parse().ok()?, cells.last()?);
    Some(Row { line: at + 1, duty, proof })
}

/// What is wrong with one `path::name`, if anything.
fn broken(tree: &Tree, duty: usize, named: &str) -> Option<String> {
    let Some((path, name)) = named.split_once("::") else {
        return Some(format!("`{named}` is not `path::name`"));
    };
    let Some(text) = tree.text(path) else { return Some(format!("no file `{path}`")) };
    let lines: Vec<&str> = text.lines().collect();
    let is_there = |at: &usize| lines[*at].contains(name);
    let Some(at) = (0..lines.len()).find(is_there) else { return Some(format!("no test `{name}` in `{path}`")) };
    let names_it = lines[at.saturating_sub(ABOVE_MAX)..at].iter().any(|line| duties(line).any(|one| one == duty));
    (!names_it).then(|| format!("`{name}` does not name duty {duty}: write `Obligation {duty}.` above it"))
}

/// The duties that a line of a comment names.
fn duties(line: &str) -> impl Iterator<Item = usize> {
    let is_comment = line.trim_start().starts_with("//");
    let behind = line.split_once("Obligation").filter(|_| is_comment).map(|(_, behind)| behind).unwrap_or_default();
    let numbers = behind.trim_start_matches('s').split('.').next().unwrap_or_default();
    numbers.split(',').filter_map(|one| one.trim().parse().ok())
}
