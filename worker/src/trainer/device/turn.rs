//! Processes that share a GPU plan one after another.
//!
//! What a device has free is free to whoever takes it. Two trials that look at the same moment would both be promised it.
//! So a trial looks, measures and takes what it was promised within its turn, which a lock on a file gives it; the kernel
//! gives it back for a process that is killed. A GPU is known by its UUID, so this holds for all processes of one user that
//! share the machine's folder for temporary files. Other users have turns of their own, for one could keep all others waiting;
//! so have containers with folders of their own.

use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, thread};

use tch::Device;

use crate::shim::device_memory;
use crate::trainer::pulse;

/// The turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _lock: Option<File>,
}

/// How often it is looked for. Planning takes seconds.
const INTERVAL: Duration = Duration::from_millis(20);

/// Longer than anybody plans. Whoever takes so long is stuck, and no reason for others to be.
const LONGEST: Duration = Duration::from_secs(300);

impl Turn {
    /// Waits until no other process plans on the device. Where there can be no lock, and on the CPU, the turn comes at once:
    /// then what is free is a promise to nobody.
    #[must_use]
    pub fn wait(device: Device) -> Self {
        let Device::Cuda(index) = device else { return Self { _lock: None } };
        let file = device_memory::uuid(index).ok().and_then(|uuid| open(&path(&uuid)));
        let since = Instant::now();
        let lock = file.and_then(|file| {
            loop {
                match file.try_lock() {
                    Ok(()) => return Some(file),
                    Err(TryLockError::WouldBlock) if since.elapsed() < LONGEST => {
                        pulse::beat();
                        thread::sleep(INTERVAL);
                    }
                    Err(_) => return None,
                }
            }
        });
        Self { _lock: lock }
    }
}

fn path(uuid: &[u8; 16]) -> PathBuf {
    let mut name = format!("batchsweep-{}-plans-on-", nix::unistd::geteuid());
    for byte in uuid {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    env::temp_dir().join(name)
}

/// The file, unless it is another user's, who made it under this name to hold it.
fn open(path: &PathBuf) -> Option<File> {
    let file = File::open(path)
        .or_else(|_| File::options().write(true).create_new(true).mode(0o600).open(path))
        .or_else(|_| File::open(path))
        .ok()?;
    let owner = file.metadata().ok()?.uid();
    (owner == nix::unistd::geteuid().as_raw()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_uuid_and_can_be_locked_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(path(&[0xab; 16]).file_name().unwrap());
        let user = nix::unistd::geteuid();
        assert!(path.ends_with(format!("batchsweep-{user}-plans-on-{}", "ab".repeat(16))));
        let (first, second) = (open(&path).unwrap(), open(&path).unwrap());
        first.lock().unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        second.try_lock().unwrap();
    }
}
