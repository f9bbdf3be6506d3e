//! Pages have one title, so that a generated index and a reader agree on what a page is called.

use super::Finding;
use super::source::{Tree, extension};

/// The lines of a page that are not inside a fenced block, with their numbers from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

pub(super) fn titles(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|(path, _)| extension(path) == "md");
    pages
        .filter_map(|(path, file)| {
            let titles: Vec<usize> =
                prose(&file.text).filter(|(_, line)| line.starts_with("# ")).map(|(line, _)| line).collect();
            match titles.as_slice() {
                [_] => None,
                [] => Some(Finding::new(path, 0, "no title: a page has one line that starts with `# `")),
                [_, second, ..] => Some(Finding::new(path, *second, "a second title: a page has one `# `")),
            }
        })
        .collect()
}
