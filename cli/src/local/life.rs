//! A lock that a process holds for life: the system frees it as the process ends, whatever ends it, before the process is
//! a zombie and whoever reaps it. Unlike a process id it is never somebody else's, and it is seen across containers that
//! share the folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::local::StateDir;

/// The file that the process called `name` holds, such as `coordinator`.
#[must_use]
pub fn file(state: &StateDir, name: &str) -> PathBuf {
    state.file("alive").join(name)
}

/// Whether a living process holds it.
#[must_use]
pub fn is_held(file: &Path) -> bool {
    // A shared lock, so that two who ask at once do not take each other for the holder.
    let Ok(file) = File::open(file) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Takes it for this process; `None` where another one holds it.
///
/// # Errors
/// When the file cannot be made or locked.
pub fn try_take(file: &Path) -> Result<Option<File>, Failure> {
    let failed = |error: &io::Error| Failure::io(format!("cannot lock {}", file.display()), error);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(file);
    let open = open.map_err(|error| failed(&error))?;
    match open.try_lock() {
        Ok(()) => Ok(Some(open)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// Takes it for a process that is about to start and gets it handed on. Somebody who asks whether it is held may be in the way
/// for a moment.
///
/// # Errors
/// When another process holds it, and when the file cannot be made.
pub fn take(file: &Path) -> Result<File, Failure> {
    const PATIENCE: Duration = Duration::from_millis(500);
    let start = Instant::now();
    loop {
        match try_take(file)? {
            Some(held) => return Ok(held),
            None if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            None => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                return Err(Failure::failed(format!(
                    "a {name} of this state folder runs already: it holds {}",
                    file.display()
                ))
                .hint("it may be in another container that shares the folder; stop it there, or choose another folder with --state-dir"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn it_is_held_for_as_long_as_the_process_lives_that_got_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alive/sleeper");
        assert!(!is_held(&path));
        let held = take(&path).unwrap();
        let mut sleeper = Command::new("sleep").arg("1000").stdin(Stdio::from(held)).spawn().unwrap();
        assert!(is_held(&path));
        assert!(try_take(&path).unwrap().is_none());
        assert!(take(&path).unwrap_err().message.contains("a sleeper of this state folder runs already"));
        sleeper.kill().unwrap();
        // Free before anybody reaps it.
        let start = Instant::now();
        while is_held(&path) {
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        sleeper.wait().unwrap();
    }
}
