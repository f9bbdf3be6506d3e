//! The files of one destination, used on threads that may wait for a disk.
//!
//! A write to a busy disk takes milliseconds, a sync on a slow one a second. On the runtime's own threads that would
//! hold up every other destination and the collector; here it holds up the one whose files they are. One piece of
//! work at a time, in the order asked for: a result is in the file before the state that builds on it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cursor::Folded;
use crate::ownership;
use crate::result_log::{ResultLog, ResultLogError};
use crate::spill::Spill;

/// What a destination writes.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) results: ResultLog,
    pub(crate) spill: Spill,
}

/// The files, or nothing while (and after) a thread lost them.
#[derive(Debug)]
pub(crate) struct Recorder {
    files: Option<Files>,
    directory: PathBuf,
}

impl Recorder {
    /// Opens the files of a directory. One courier at a time has them: the work of one that was just ended may still
    /// be running. What another making of its name left there goes ([`crate::ownership`]).
    pub(crate) async fn open(directory: &Path, made_in: i64) -> Result<(Self, Option<Folded>), ResultLogError> {
        const TRIES: u32 = 500;
        let mut tries = 0;
        loop {
            let path = directory.to_owned();
            let opened = tokio::task::spawn_blocking(move || {
                ownership::claim(&path, made_in).map_err(|error| failed(&path, error))?;
                ResultLog::open(&path)
            });
            let opened = opened.await;
            match opened.unwrap_or_else(|_| Err(ended(directory))) {
                Err(ResultLogError::Busy { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok((results, folded)) => {
                    let files = Some(Files { results, spill: Spill::new(directory) });
                    return Ok((Self { files, directory: directory.to_owned() }, folded));
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether the next state must be a whole one.
    pub(crate) fn is_checkpoint_due(&self) -> bool {
        self.files.as_ref().is_none_or(|files| files.results.is_checkpoint_due())
    }

    /// Whether a thread that had the files panicked. They are closed then, and can be opened again.
    pub(crate) fn has_lost_its_files(&self) -> bool {
        self.files.is_none()
    }

    /// Does some work with the files on a thread for it.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Files) -> Result<T, ResultLogError> + Send + 'static,
    ) -> Result<T, ResultLogError> {
        let mut files = self.files.take().ok_or_else(|| ended(&self.directory))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut files);
            (files, result)
        });
        let (files, result) = done.await.map_err(|_| ended(&self.directory))?;
        self.files = Some(files);
        result
    }
}

fn ended(directory: &Path) -> ResultLogError {
    failed(directory, io::Error::other("the thread that had its files ended; they are opened again"))
}

fn failed(directory: &Path, error: io::Error) -> ResultLogError {
    ResultLogError::Io { path: directory.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_disk_thread_is_noticed_and_the_files_can_be_opened_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut recorder, _) = Recorder::open(directory.path(), 0).await.expect("opens");
        assert!(recorder.on_disk(|_| Ok(())).await.is_ok() && !recorder.has_lost_its_files());
        let work = |_: &mut Files| -> Result<(), ResultLogError> { panic!("a test") };
        assert!(recorder.on_disk(work).await.is_err() && recorder.has_lost_its_files());
        assert!(recorder.on_disk(|_| Ok(())).await.is_err());
        assert!(Recorder::open(directory.path(), 0).await.is_ok());
    }
}
