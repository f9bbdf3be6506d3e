//! Workspace files: what they change, what they refuse to change.

use control::{Applied, ApplyError, ApplyOptions, Principal, Site, WorkspaceFile};
use insta::assert_snapshot;

use crate::setup::{ACME, Place, apply_how, apply_text, file, run, site, stored_key};

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
    let one = |applied: Applied| {
        let changes: Vec<String> = applied
            .changes
            .iter()
            .map(|change| format!("{} {} {}", change.action.name(), change.kind, change.name))
            .collect();
        format!(
            "{}: {}",
            applied.workspace,
            if changes.is_empty() { "unchanged".to_owned() } else { changes.join(", ") }
        )
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
    assert_snapshot!(check(&[(ACME, false)]), @"acme: create source api, create source web, create destination echo");
    assert_snapshot!(check(&[(ACME, false), (ACME, false)]), @"acme: unchanged");
    let longer = ACME.replace("sources:\n", "sources:\n  - { name: app, kind: mobile }\n");
    assert_snapshot!(check(&[(ACME, false), (&longer, false)]), @"acme: create source app");
    let other = ACME.replace("wk_server", "wk_other");
    assert_snapshot!(check(&[(ACME, false), (&other, false)]), @"acme: update source api");
}

#[test]
fn nothing_is_removed_unless_it_is_said() {
    let shorter = without_echo();
    assert_snapshot!(check(&[(ACME, false), (&shorter, false)]), @"`acme.yaml` no longer declares what workspace `acme` has: `destination echo`; put it back, or apply with `--prune` to remove it");
    assert_snapshot!(check(&[(ACME, false), (&shorter, false), (ACME, false)]), @"acme: unchanged");
    assert_snapshot!(check(&[(ACME, false), (&shorter, true)]), @"acme: delete destination echo");
}

#[test]
fn one_wrong_file_keeps_all_out() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let files = [file("a.yaml", ACME), file("b.yaml", "workspace: B")];
        let wrong = told(apply_how(&*store, &files, ApplyOptions::at_start(false)).await);
        assert_snapshot!(wrong, @"`b.yaml`: `B` is not a name: use 1 to 63 of a-z, 0-9, `-` and `_`, starting with a letter or a digit");
        let twice = [file("a.yaml", ACME), file("b.yaml", ACME)];
        let wrong = told(apply_how(&*store, &twice, ApplyOptions::at_start(false)).await);
        assert_snapshot!(wrong, @"`a.yaml` and `b.yaml` both describe workspace `acme`: put it into one file");
        assert_eq!(store.configuration().await.expect("reads").workspaces, []);
    });
}

#[test]
fn a_write_key_of_another_workspace_is_refused_before_anything_is_stored() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let apply =
            async |files: &[WorkspaceFile]| told(apply_how(&*store, files, ApplyOptions::once(false, false)).await);
        let beta = |key: &str| file("beta.yaml", &ACME.replace("acme", "beta").replace("wk_server", key));
        // Both in one go.
        let both = [file("acme.yaml", ACME), beta("wk_server")];
        assert_snapshot!(apply(&both).await, @"nothing was applied: source `acme/api` of `acme.yaml` and source `beta/api` of `beta.yaml` have the same write key `wk_s…`: change one");
        assert_eq!(store.configuration().await.expect("reads").workspaces, []);
        // One of them on record, with a key that was generated for it.
        apply(&both[..1]).await;
        let before = store.configuration().await.expect("reads");
        let generated = stored_key(&*store, "web").await;
        let refused = apply(&[beta(&generated)]).await.replace(&generated[..6], "wk_???");
        assert_snapshot!(refused, @"nothing was applied: source `acme/web` of `acme.yaml` and source `beta/api` of `beta.yaml` have the same write key `wk_???…`: change one");
        assert_eq!(store.configuration().await.expect("reads"), before);
        // A key that moves from one to the other in one go is nobody else's any more.
        let moved = [file("acme.yaml", &ACME.replace("wk_server", "wk_new")), beta("wk_server")];
        assert_snapshot!(apply(&moved).await, @"acme: update source api; beta: create source api, create source web, create destination echo");
    });
}

#[test]
fn secrets_stay_references() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let files = [file("acme.yaml", &ACME.replace("wk_server", "\"${env:API_KEY}\""))];
        let env = |name: &str| (name == "API_KEY").then(|| "wk_from_env".to_owned());
        let (by, how) = (Principal::local("test"), ApplyOptions::at_start(false));
        control::apply(Site { env: &env, ..site(&*store) }, &by, &files, how).await.expect("applies");
        assert_eq!(stored_key(&*store, "api").await, "${env:API_KEY}");
        let unset = told(apply_how(&*store, &files, how).await);
        assert_snapshot!(unset, @"`acme.yaml`: `sources[1].write_key` asks for the environment variable `API_KEY`, which is not set");
    });
}

#[test]
fn generated_write_keys_outlive_changes_of_the_file() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applies");
        let key = stored_key(&*store, "web").await;
        assert!(key.len() == 35 && key.starts_with("wk_"), "{key}");
        apply_text(&*store, &ACME.replace("kind: browser", "kind: mobile"), false).await.expect("applies");
        assert_eq!(stored_key(&*store, "web").await, key);
    });
}

/// What the file says three starts later, and what was edited in between.
#[test]
fn what_a_file_declares_is_released_when_the_file_is_not_given_any_more() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applies");
        let none = told(apply_how(&*store, &[], ApplyOptions::at_start(false)).await);
        assert_snapshot!(none, @"acme: release source api, release source web, release destination echo");
        assert_snapshot!(told(apply_how(&*store, &[], ApplyOptions::at_start(false)).await), @"");
        let again = told(apply_text(&*store, ACME, false).await);
        assert_snapshot!(again, @"acme: declare source api, declare source web, declare destination echo");
        // Another name of the same file declares the same, and takes nothing away.
        let moved = apply_how(&*store, &[file("moved.yaml", ACME)], ApplyOptions::at_start(false)).await;
        assert_snapshot!(told(moved), @"acme: declare source api, declare source web, declare destination echo");
    });
}

#[test]
fn an_applied_file_does_not_change_what_another_declares() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applies");
        let once = async |yaml: &str| {
            told(apply_how(&*store, &[file("other.yaml", yaml)], ApplyOptions::once(true, false)).await)
        };
        assert_snapshot!(once(ACME).await, @"acme: unchanged");
        assert_snapshot!(once(&ACME.replace("wk_server", "wk_other")).await, @"`other.yaml` says something else about source `api` than `acme.yaml`, which declares it: change it there");
        assert_snapshot!(once(&without_echo()).await, @"acme: unchanged");
        let longer = ACME.replace("sources:\n", "sources:\n  - { name: app, kind: mobile }\n");
        assert_snapshot!(once(&longer).await, @"acme: create source app");
        // The declaring file knows nothing of it, and leaves it.
        assert_snapshot!(told(apply_text(&*store, ACME, true).await), @"acme: unchanged");
    });
}

#[test]
fn a_dry_run_tells_and_stores_nothing() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let dry = told(apply_how(&*store, &[file("acme.yaml", ACME)], ApplyOptions::once(false, true)).await);
        assert_snapshot!(dry, @"acme: create source api, create source web, create destination echo");
        assert_eq!(store.configuration().await.expect("reads").workspaces, []);
    });
}

#[test]
fn a_destination_that_cannot_be_opened_is_not_stored() {
    assert_snapshot!(check(&[(&ACME.replace("kind: echo", "kind: broken"), false)]), @"nothing was applied: workspace `acme`, destination `echo`: there is no destination of kind `broken`");
}
