//! `assent apply`: workspace files into the state of a data directory, whether a server runs on it or not. A running
//! server takes the change up within two seconds.

use std::io::Write as _;

use anyhow::Context as _;
use control::{ApplyOptions, Change, Principal, Site, Sqlite};
use event::Clock;

use crate::cli::Apply;
use crate::engines::{Layout, read_workspaces};
use crate::kinds::Registry;

/// Applies and prints what changed.
pub(crate) async fn run(apply: &Apply, clock: &dyn Clock) -> anyhow::Result<()> {
    let files = read_workspaces(&apply.files)?;
    let layout = Layout::new(&apply.data_dir);
    std::fs::create_dir_all(&layout.root)
        .with_context(|| format!("cannot make the data directory `{}`", layout.root.display()))?;
    let store = Sqlite::open(&layout.state()).await?;
    let env = |name: &str| std::env::var(name).ok();
    let site = Site { store: &store, env: &env, kinds: &Registry, now: clock.now() };
    let how = ApplyOptions { take_over: apply.take_over, ..ApplyOptions::once(apply.prune, apply.dry_run) };
    let applied = control::apply(site, &Principal::local("command line"), &files, how).await;
    store.close().await;
    let mut out = std::io::stdout().lock();
    for one in applied? {
        if one.changes.is_empty() {
            writeln!(out, "workspace {}: nothing changed", one.workspace)?;
        }
        for change in &one.changes {
            write_change(&mut out, &one.workspace, change)?;
        }
    }
    if apply.dry_run {
        writeln!(out, "nothing was stored: this was a dry run")?;
    }
    Ok(())
}

fn write_change(out: &mut impl std::io::Write, workspace: &str, change: &Change) -> std::io::Result<()> {
    writeln!(out, "workspace {workspace}: {} {} {}", change.action.name(), change.kind, change.name)?;
    for (sign, value) in [('-', &change.before), ('+', &change.after)] {
        if let Some(value) = value {
            writeln!(out, "  {sign} {value}")?;
        }
    }
    Ok(())
}
