//! The repository as the rules see it: each file as text, and source files parsed with tree-sitter, so that a word in
//! a comment or a string is never taken for code. Tree-sitter rather than `syn`: one mechanism for Rust and
//! TypeScript, and a file that does not parse yet still gets its findings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tree_sitter::{Language, Node, Parser};

/// The files of the repository by path (relative, `/` between parts).
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, File>,
}

/// One file with what the rules need of it.
pub(super) struct File {
    pub(super) text: String,
    /// Only for languages in [`grammar`].
    pub(super) source: Option<Source>,
}

/// A parsed source file. `code` and `comments` are as long as the text, with everything else blanked, so that a
/// position in one is a position in all.
pub(super) struct Source {
    /// Comments and the insides of strings blanked.
    pub(super) code: String,
    /// `code` with `#[cfg(test)]` modules blanked too.
    pub(super) shipped: String,
    /// Everything but comments blanked.
    pub(super) comments: String,
    pub(super) functions: Vec<Function>,
}

/// A function, from the line of its signature to the line of its closing brace.
pub(super) struct Function {
    pub(super) line: usize,
    pub(super) lines: usize,
    pub(super) name: String,
}

/// Node kinds that are functions, in both grammars.
const FUNCTIONS: &[&str] = &[
    "function_item",
    "function_declaration",
    "function_expression",
    "generator_function",
    "generator_function_declaration",
    "arrow_function",
    "method_definition",
];
const COMMENTS: &[&str] = &["line_comment", "block_comment", "comment"];
const STRINGS: &[&str] = &["string_content", "string_fragment", "char_literal", "regex_pattern"];

/// What stands behind the last dot of the file name, "" when there is none.
pub(super) fn extension(path: &str) -> &str {
    Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn grammar(path: &str) -> Option<Language> {
    match extension(path) {
        "rs" => Some(tree_sitter_rust::LANGUAGE.into()),
        "ts" => Some(tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into()),
        "tsx" | "mjs" | "js" => Some(tree_sitter_typescript::LANGUAGE_TSX.into()),
        _ => None,
    }
}

impl Tree {
    /// Reads every text file that git tracks or would track.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("cannot run `git ls-files` in `{}`: {error}", root.display()))?;
        if !listed.status.success() {
            return Err(format!("`git ls-files` failed: {}", String::from_utf8_lossy(&listed.stderr)));
        }
        let paths = String::from_utf8(listed.stdout).map_err(|_| "a file name is not UTF-8".to_owned())?;
        let read = |path: &str| Some((path.to_owned(), std::fs::read_to_string(root.join(path)).ok()?));
        // Binary files and files deleted but not yet committed do not read as text: no rule is about them.
        Ok(Self::of(paths.split('\0').filter(|path| !path.is_empty()).filter_map(read)))
    }

    /// A tree of these texts. Generated files are left out: their generator is checked instead.
    pub(super) fn of(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = texts
            .into_iter()
            .filter(|(_, text)| !text.lines().take(3).any(|line| line.contains("@generated")))
            .map(|(path, text)| {
                let source = grammar(&path).map(|language| parse(&language, &text));
                (path, File { text, source })
            })
            .collect();
        Self { files }
    }

    /// The source files among them.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &File, &Source)> {
        self.files.iter().filter_map(|(path, file)| Some((path.as_str(), file, file.source.as_ref()?)))
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }
}

/// What a walk over the syntax tree collects, as byte ranges of the text.
#[derive(Default)]
struct Spans {
    comments: Vec<std::ops::Range<usize>>,
    strings: Vec<std::ops::Range<usize>>,
    tests: Vec<std::ops::Range<usize>>,
    functions: Vec<Function>,
}

fn parse(language: &Language, text: &str) -> Source {
    let mut parser = Parser::new();
    parser.set_language(language).expect("the grammars are built for this tree-sitter");
    let tree = parser.parse(text, None).expect("parsing without a time limit always ends");
    let mut spans = Spans::default();
    collect(tree.root_node(), text, &mut spans);
    let masked: Vec<_> = spans.comments.iter().chain(&spans.strings).cloned().collect();
    let code = blank(text, &masked);
    Source {
        shipped: blank(&code, &spans.tests),
        comments: blank(text, &complement(&spans.comments, text.len())),
        code,
        functions: spans.functions,
    }
}

fn collect(node: Node<'_>, text: &str, spans: &mut Spans) {
    let kind = node.kind();
    if COMMENTS.contains(&kind) {
        spans.comments.push(node.byte_range());
    } else if STRINGS.contains(&kind) {
        spans.strings.push(node.byte_range());
    } else if FUNCTIONS.contains(&kind) {
        spans.functions.push(function(node, text));
    } else if kind == "mod_item" && is_test_only(node, text) {
        spans.tests.push(node.byte_range());
    }
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        collect(child, text, spans);
    }
}

fn function(node: Node<'_>, text: &str) -> Function {
    let name = node.child_by_field_name("name").map_or("(anonymous)", |name| &text[name.byte_range()]);
    let (first, last) = (node.start_position().row, node.end_position().row);
    Function { line: first + 1, lines: last - first + 1, name: name.to_owned() }
}

/// Whether an attribute right above the module says `cfg(test)`.
fn is_test_only(module: Node<'_>, text: &str) -> bool {
    std::iter::successors(module.prev_sibling(), Node::prev_sibling)
        .take_while(|node| node.kind() == "attribute_item" || COMMENTS.contains(&node.kind()))
        .any(|node| text[node.byte_range()].replace(' ', "").starts_with("#[cfg(test"))
}

fn complement(spans: &[std::ops::Range<usize>], end: usize) -> Vec<std::ops::Range<usize>> {
    let starts = std::iter::once(0).chain(spans.iter().map(|span| span.end));
    let ends = spans.iter().map(|span| span.start).chain(std::iter::once(end));
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

/// Replaces the spans by spaces, line breaks kept. Byte for byte, so that offsets stay valid.
fn blank(text: &str, spans: &[std::ops::Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in spans.iter().cloned().flatten() {
        if bytes[byte] != b'\n' {
            bytes[byte] = b' ';
        }
    }
    String::from_utf8(bytes).expect("spans of syntax nodes end between characters")
}

/// The places where `needle` stands in `text` as a whole (no identifier character before it, nor behind it when it
/// ends with one), as (byte offset, line from 1).
pub(super) fn occurrences<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(needle).filter_map(move |(at, found)| {
        let (before, behind) = (text[..at].chars().next_back(), text[at + found.len()..].chars().next());
        let starts = !found.starts_with(word) || !before.is_some_and(word);
        let ends = !found.ends_with(word) || !behind.is_some_and(word);
        (starts && ends).then(|| (at, text[..at].matches('\n').count() + 1))
    })
}
