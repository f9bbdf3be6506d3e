//! Copies of a data directory, made while the server runs, and brought back.
//!
//! # Why the copy is consistent
//!
//! Nothing stops while a backup is made, so its parts are of different moments. What makes them one is their order: a part
//! that speaks of another is copied before it. Then everything that is spoken of is there, and what came between the two
//! moments is only more of it, which every reader handles already because a crash leaves the same.
//!
//! | Copied | Speaks of | So that |
//! |---|---|---|
//! | 1. lake: cursor, then tables | how far it is in `processed`; fingerprints | it claims nothing that is not in the copied `processed`, and lands the rest from there |
//! | 2. results of deliveries | how far each destination is in `processed` | what was sent after this moment is sent again, nothing is passed over |
//! | 3. index of message ids | how far it is in `processed` and `raw` | it is never ahead of `processed`, or it would be thrown away |
//! | 4. stream `processed` | the `raw` position behind each record; subjects | its tail, the pipeline's cursor, stands in the copied `raw` or before it |
//! | 5. stream `raw` | keys | what the pipeline had not handled, it handles after the restore |
//! | 6. state | nothing of the above by position | every key, identifier and subject that a part names is in it; choices are newer than events, which only denies more |
//!
//! No cursor is ahead of what it points into, so no event that is appended after a restore gets a position that somebody
//! believes to be done with. Positions go on where the copied streams end.
//!
//! Each part is whole in itself: a table at one version; results as a prefix of each file, as a crash could leave them; the
//! index by the file that names its runs, read again until it stood still; of the streams, whole blocks
//! ([`eventlog::file::copy`]); the state as one transaction of SQLite.
//!
//! From before the first part to after the last nothing is deleted that the later ones still need ([`crate::hold`]): else
//! `processed` could lose what the copied lake has not got, and `raw` what the copied `processed` has not got. The released
//! positions of the streams are left out, because they are of the moment and not of the copy.
//!
//! What it costs: a destination that was made while the backup was made begins, after a restore, with what comes then.

mod copier;
mod manifest;
mod parts;
mod restore;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use event::Clock;

use crate::cli;
use crate::engines::Layout;
use crate::hold::Hold;
use crate::lake_place;

use self::copier::{Copier, sync_directory};
use self::manifest::{MANIFEST, Manifest};

pub(crate) use self::restore::{refuse_half, run as restore};

/// Beside the directory of a backup that is being made, so that only such a one is ever removed. Beside and not in it: whatever
/// is killed in whichever moment, what is unfinished has its mark, since that comes first and goes last.
const UNFINISHED: &str = ".unfinished";

/// Makes a backup.
pub(crate) async fn run(asked: &cli::Backup, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let layout = Layout::new(&asked.data_dir);
    refuse_half(&layout)?;
    anyhow::ensure!(
        layout.state().try_exists()?,
        "`{}` is not a data directory of Assent: there is no `state.db` in it",
        asked.data_dir.display()
    );
    let partial = begin(&asked.to)?;
    let begun_at = clock.now();
    let mut copier = Copier::new(&partial);
    let hold = Hold::of(&layout).take().context(
        "cannot lock `hold` in the data directory, which keeps the server from deleting what the backup needs: if it is \
         not there, start this release on the directory once",
    )?;
    let lake = lake_place::read(&layout)?.map(|record| record.at.url);
    let tables = parts::copy_all(&layout, &mut copier).await?;
    drop(hold);
    let manifest = Manifest::new((begun_at, clock.now()), (lake, tables), copier.into_files());
    manifest.write(&partial)?;
    sync_directory(&partial)?;
    std::fs::rename(&partial, &asked.to)
        .with_context(|| format!("cannot give the backup its name `{}`", asked.to.display()))?;
    sync_directory(parent(&asked.to))?;
    let mark = beside(&asked.to, UNFINISHED);
    if let Err(error) = std::fs::remove_file(&mark) {
        tracing::warn!(%error, mark = %mark.display(), "the backup is whole; a mark of it stays, which may be deleted");
    }
    manifest.tell("backed up", &asked.to, &mut std::io::stdout().lock())?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the directory under its name of the meantime. What an earlier backup of that name left unfinished goes.
fn begin(to: &Path) -> anyhow::Result<PathBuf> {
    let told = || format!("cannot make the backup `{}`", to.display());
    anyhow::ensure!(
        !to.try_exists().with_context(told)?,
        "`{}` is there already: a backup is made into a new directory",
        to.display()
    );
    let (partial, mark) = (beside(to, ".partial"), beside(to, UNFINISHED));
    let is_there = partial.try_exists().with_context(told)?;
    anyhow::ensure!(
        !is_there || mark.try_exists().with_context(told)?,
        "`{}` is there already and is no unfinished backup: give the backup another name, or that another place",
        partial.display()
    );
    if is_there {
        std::fs::remove_dir_all(&partial).with_context(told)?;
    }
    std::fs::write(&mark, MANIFEST).with_context(told)?;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&partial)
        .with_context(|| format!("cannot make `{}` for the backup", partial.display()))?;
    Ok(partial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_backup_left_goes_and_nothing_else_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let to = directory.path().join("backup");
        let partial = begin(&to).expect("a place");
        let inside = partial.join("part");
        std::fs::write(&inside, "half").expect("a file");
        assert_eq!(begin(&to).expect("its own goes"), partial);
        assert!(!inside.try_exists().expect("a look"));
        std::fs::remove_file(beside(&to, UNFINISHED)).expect("the mark");
        std::fs::write(&inside, "somebody's").expect("a file");
        for _ in 0..2 {
            let refused = begin(&to).expect_err("it is somebody's").to_string();
            assert!(refused.contains("no unfinished backup"), "{refused}");
        }
        assert!(inside.try_exists().expect("a look"));
    }
}
