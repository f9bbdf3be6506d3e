//! Workspace files: what they change, what they refuse to change.

use control::{Applied, ApplyError, Outcome, WorkspaceFile};
use insta::assert_snapshot;

use crate::setup::{ACME, NOW, Place, apply_text, no_env, run};

/// Applies texts one after the other and tells what the last one did.
fn check(texts: &[(&str, bool)]) -> String {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let mut last = String::new();
        for (yaml, prune) in texts {
            last = told(apply_text(&*store, yaml, *prune).await);
        }
        last
    })
}

fn told(result: Result<Vec<Applied>, ApplyError>) -> String {
    let one = |applied: Applied| match applied.outcome {
        Outcome::Unchanged => format!("{}: unchanged", applied.workspace),
        Outcome::Changed { added, removed } => format!("{}: added {added:?}, removed {removed:?}", applied.workspace),
    };
    match result {
        Ok(applied) => applied.into_iter().map(one).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    }
}

fn without_echo() -> String {
    ACME.lines().filter(|line| !line.contains("echo") && !line.contains("destinations")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_says_what_it_changed() {
    assert_snapshot!(check(&[(ACME, false)]), @r#"acme: added ["destination echo", "source api", "source web"], removed []"#);
    assert_snapshot!(check(&[(ACME, false), (ACME, false)]), @"acme: unchanged");
    let longer = ACME.replace("sources:\n", "sources:\n  - { name: app, kind: mobile }\n");
    assert_snapshot!(check(&[(ACME, false), (&longer, false)]), @r#"acme: added ["source app"], removed []"#);
    let other = ACME.replace("wk_server", "wk_other");
    assert_snapshot!(check(&[(ACME, false), (&other, false)]), @"acme: added [], removed []");
}

#[test]
fn nothing_is_removed_unless_it_is_said() {
    let shorter = without_echo();
    assert_snapshot!(check(&[(ACME, false), (&shorter, false)]), @"`acme.yaml` no longer declares what workspace `acme` has: `destination echo`; put it back, or apply with `--prune` to remove it");
    assert_snapshot!(check(&[(ACME, false), (&shorter, false), (ACME, false)]), @"acme: unchanged");
    assert_snapshot!(check(&[(ACME, false), (&shorter, true)]), @r#"acme: added [], removed ["destination echo"]"#);
}

#[test]
fn one_wrong_file_keeps_all_out() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let file = |path: &str, yaml: &str| WorkspaceFile { path: path.to_owned(), yaml: yaml.to_owned() };
        let files = [file("a.yaml", ACME), file("b.yaml", "workspace: B")];
        let wrong = told(control::apply(&*store, &files, false, &no_env, NOW).await);
        assert_snapshot!(wrong, @"`b.yaml`: `B` is not a name: use 1 to 63 of a-z, 0-9, `-` and `_`, starting with a letter or a digit");
        let twice = [file("a.yaml", ACME), file("b.yaml", ACME)];
        let wrong = told(control::apply(&*store, &twice, false, &no_env, NOW).await);
        assert_snapshot!(wrong, @"`a.yaml` and `b.yaml` both describe workspace `acme`: put it into one file");
        assert!(store.workspaces().await.expect("reads").is_empty());
    });
}

#[test]
fn a_write_key_of_another_workspace_is_refused_before_anything_is_stored() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let file = |path: &str, yaml: String| WorkspaceFile { path: path.to_owned(), yaml };
        let apply = async |files: &[WorkspaceFile]| told(control::apply(&*store, files, false, &no_env, NOW).await);
        let beta = |key: &str| file("beta.yaml", ACME.replace("acme", "beta").replace("wk_server", key));
        // Both in one go.
        let both = [file("acme.yaml", ACME.to_owned()), beta("wk_server")];
        assert_snapshot!(apply(&both).await, @"nothing was applied: source `acme/api` of `acme.yaml` and source `beta/api` of `beta.yaml` have the same write key `wk_s…`: change one");
        assert!(store.workspaces().await.expect("reads").is_empty());
        // One of them on record, with a key that was generated for it.
        apply(&both[..1]).await;
        let before = store.workspaces().await.expect("reads");
        let generated = before[0].generated_keys["web"].expose().clone();
        let refused = apply(&[beta(&generated)]).await.replace(&generated[..6], "wk_???");
        assert_snapshot!(refused, @"nothing was applied: source `acme/web` of `acme.yaml` and source `beta/api` of `beta.yaml` have the same write key `wk_???…`: change one");
        assert_eq!(store.workspaces().await.expect("reads"), before);
        // A key that moves from one to the other in one go is nobody else's any more.
        let moved = [file("acme.yaml", ACME.replace("wk_server", "wk_new")), beta("wk_server")];
        assert_snapshot!(apply(&moved).await, @r#"acme: added [], removed []; beta: added ["destination echo", "source api", "source web"], removed []"#);
    });
}

#[test]
fn secrets_stay_references() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let yaml = ACME.replace("wk_server", "\"${env:API_KEY}\"");
        let file = WorkspaceFile { path: "acme.yaml".to_owned(), yaml: yaml.clone() };
        let env = |name: &str| (name == "API_KEY").then(|| "wk_from_env".to_owned());
        control::apply(&*store, std::slice::from_ref(&file), false, &env, NOW).await.expect("applies");
        assert_eq!(store.workspaces().await.expect("reads")[0].yaml, yaml);
        let unset = told(control::apply(&*store, &[file], false, &no_env, NOW).await);
        assert_snapshot!(unset, @"`acme.yaml`: `sources[1].write_key` asks for the environment variable `API_KEY`, which is not set");
    });
}

#[test]
fn generated_write_keys_outlive_changes_of_the_file() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applies");
        let before = store.workspaces().await.expect("reads").remove(0).generated_keys;
        assert_eq!(before.keys().collect::<Vec<_>>(), ["web"]);
        let key = before["web"].expose();
        assert!(key.len() == 35 && key.starts_with("wk_"), "{key}");
        apply_text(&*store, &ACME.replace("wk_server", "wk_other"), false).await.expect("applies");
        assert_eq!(store.workspaces().await.expect("reads").remove(0).generated_keys, before);
    });
}
