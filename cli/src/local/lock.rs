//! File locks: one command starts or stops at a time, and nobody stops what others still use. The system frees them
//! when a command dies, whatever kills it.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::time::Duration;

use crate::failure::Failure;
use crate::local::StateDir;
use crate::talk::Talk;

const STEP: Duration = Duration::from_millis(10);

/// After so long, waiting is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lock, free again when dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Waits for the right to start or stop parts of the stack.
///
/// # Errors
/// When the lock file cannot be made.
pub async fn change(state: &StateDir, talk: Talk) -> Result<Lock, Failure> {
    let file = open(state, "change.lock")?;
    wait(&file, File::try_lock, talk, "waiting for another batchsweep command that is starting or stopping")
        .await?;
    Ok(Lock(file))
}

/// Says that this command uses the stack; many may.
///
/// # Errors
/// When the lock file cannot be made.
pub async fn using(state: &StateDir, talk: Talk) -> Result<Lock, Failure> {
    let file = open(state, "use.lock")?;
    wait(&file, File::try_lock_shared, talk, "waiting for another batchsweep command that is stopping")
        .await?;
    Ok(Lock(file))
}

/// Waits until no other command uses the stack. The caller's own [`using`] must be dropped first.
///
/// # Errors
/// When the lock file cannot be made.
pub async fn unused(state: &StateDir, talk: Talk) -> Result<Lock, Failure> {
    let file = open(state, "use.lock")?;
    wait(&file, File::try_lock, talk, "waiting for other batchsweep commands that still use this stack")
        .await?;
    Ok(Lock(file))
}

fn open(state: &StateDir, name: &str) -> Result<File, Failure> {
    let path = state.file(name);
    // Whoever can open it can hold it, and keep everybody waiting.
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let closed = opened.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)).map(|()| file));
    closed.map_err(|error| {
        Failure::io(format!("cannot open {}", path.display()), &error)
            .hint("choose a folder that you may write to with --state-dir or BATCHSWEEP_STATE_DIR")
    })
}

async fn wait(
    file: &File,
    attempt: impl Fn(&File) -> Result<(), TryLockError>,
    talk: Talk,
    message: &str,
) -> Result<(), Failure> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(Failure::io("cannot lock the state folder", &error));
            }
        }
        tokio::time::sleep(STEP).await;
        waited += STEP;
        if waited == PATIENCE {
            talk.say(message);
        }
    }
}
