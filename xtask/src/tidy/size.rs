//! How long a function and a file may be. Both limits touch few places when they hold from the first day, and what
//! they touch is always the same: dispatch, wiring, parsing in one place.

use super::Finding;
use super::source::Tree;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

pub(super) fn functions(tree: &Tree) -> Vec<Finding> {
    let long = |path: &str, function: &super::source::Function| {
        let over = function.lines.checked_sub(FUNCTION_LINES_MAX).filter(|over| *over > 0)?;
        let message = format!(
            "`{}` has {} lines, {over} over the limit of {FUNCTION_LINES_MAX}: split it by what it does",
            function.name, function.lines,
        );
        Some(Finding::new(path, function.line, message))
    };
    tree.sources().flat_map(|(path, _, source)| source.functions.iter().filter_map(move |f| long(path, f))).collect()
}

pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    tree.sources()
        .map(|(path, file, _)| (path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| {
            Finding::new(path, 0, format!("{lines} lines; at most {FILE_LINES_MAX}: one concept each"))
        })
        .collect()
}
