//! Words that stand for work not done or a check switched off.

use super::Finding;
use super::source::{Source, Tree, occurrences};

#[derive(Clone, Copy)]
enum Where {
    Code,
    Comment,
}

struct Banned {
    word: &'static str,
    place: Where,
    reason: &'static str,
}

const fn code(word: &'static str, reason: &'static str) -> Banned {
    Banned { word, place: Where::Code, reason }
}

const fn comment(word: &'static str, reason: &'static str) -> Banned {
    Banned { word, place: Where::Comment, reason }
}

const UNFINISHED: &str = "finish it, or leave it out and say so in the plan";
const SWITCHED_OFF: &str = "a test that does not run proves nothing: mend or delete it";
const SILENCED: &str = "mend what the checker found";

const BANNED: &[Banned] = &[
    code("todo!", UNFINISHED),
    code("unimplemented!", UNFINISHED),
    code("dbg!", "use `tracing`"),
    code("#[ignore", SWITCHED_OFF),
    code("#[should_panic", "assert on the error, which says what went wrong"),
    code("test.skip", SWITCHED_OFF),
    code("test.todo", SWITCHED_OFF),
    code("test.only", SWITCHED_OFF),
    code("skip: true", SWITCHED_OFF),
    comment("FIXME", UNFINISHED),
    comment("TODO", UNFINISHED),
    comment("XXX", UNFINISHED),
    comment("@ts-ignore", SILENCED),
    comment("@ts-nocheck", SILENCED),
    comment("eslint-disable", SILENCED),
];

pub(super) fn banned(tree: &Tree) -> Vec<Finding> {
    tree.sources().flat_map(|(path, _, source)| in_file(path, source)).collect()
}

fn in_file(path: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Banned { word, place, reason } in BANNED {
        let text = match place {
            Where::Code => &source.code,
            Where::Comment => &source.comments,
        };
        findings
            .extend(occurrences(text, word).map(|(_, line)| Finding::new(path, line, format!("`{word}`: {reason}"))));
    }
    findings
}
