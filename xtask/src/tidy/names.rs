//! What a file is called and how it opens.

use super::Finding;
use super::source::{Tree, extension, occurrences};

/// A module so named collects what belongs elsewhere: name it by its concern.
const VAGUE: &[&str] = &["common", "helper", "helpers", "misc", "types", "util", "utils"];

pub(super) fn vague(tree: &Tree) -> Vec<Finding> {
    let in_path = tree.sources().filter_map(|(path, _, _)| {
        let part =
            path.split('/').map(|part| part.split('.').next().unwrap_or(part)).find(|part| VAGUE.contains(part))?;
        Some(Finding::new(path, 0, format!("`{part}` says nothing: name it by what it is about")))
    });
    let inline = tree.sources().filter(|(path, _, _)| extension(path) == "rs").flat_map(|(path, _, source)| {
        VAGUE.iter().flat_map(move |name| {
            let declaration = format!("mod {name}");
            let lines: Vec<usize> = occurrences(&source.code, &declaration).map(|(_, line)| line).collect();
            lines.into_iter().map(move |line| {
                Finding::new(path, line, format!("`{declaration}` says nothing: name it by its concern"))
            })
        })
    });
    in_path.chain(inline).collect()
}

pub(super) fn headers(tree: &Tree) -> Vec<Finding> {
    tree.sources()
        .filter(|(path, file, _)| extension(path) == "rs" && !file.text.starts_with("//! "))
        .map(|(path, _, _)| Finding::new(path, 1, "open the file with `//! ` and what it is for"))
        .collect()
}
