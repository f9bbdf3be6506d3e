//! That the lake refused the log, beyond the end of the process that found it ([`lake::Refusal`]): no later start may take
//! the two for well again because the log caught up.

use std::io::Write as _;

use anyhow::Context as _;
use lake::Refusal;

use crate::engines::Layout;

/// Ends a start on a directory whose log was refused.
pub(crate) fn check(layout: &Layout) -> anyhow::Result<()> {
    let path = layout.refused();
    let told = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        told => told.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    anyhow::bail!(
        "an earlier start found: {}. What came since may be in no table. Restore a backup into a new directory; or, to go \
         on without those events in the lake, delete `{}`",
        told.trim(),
        path.display()
    )
}

/// Writes it down.
pub(crate) fn note(layout: &Layout) -> Refusal {
    let path = layout.refused();
    Refusal::told(move |error| {
        let written = std::fs::File::create(&path).and_then(|mut file| {
            file.write_all(error.to_string().as_bytes())?;
            file.sync_all()?;
            path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
        });
        if let Err(failed) = written {
            tracing::error!(%failed, %error, "that the lake refused the log is not written down: do not start again");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_once_is_refused_until_somebody_says_otherwise() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::new(directory.path());
        check(&layout).expect("nothing was found yet");
        std::fs::write(layout.refused(), "the lake has block 7").expect("written");
        let told = check(&layout).expect_err("it was refused").to_string();
        assert!(told.contains("the lake has block 7") && told.contains("delete `"), "{told}");
        std::fs::remove_file(layout.refused()).expect("somebody says otherwise");
        check(&layout).expect("it is as if nothing was");
    }
}
