//! Which processes serve a cluster. A pid file proves nothing: after a crash of the machine, or of a container, its pid may
//! be anybody's, also another cluster's server. What Postgres's processes do have is the data folder as their working folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, geteuid};

use crate::local::process::ProcessId;

/// Whether this system shows what its processes are at; elsewhere Postgres's own checks have to do.
#[must_use]
pub fn is_known() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// Whether the process is one of this cluster's.
#[must_use]
pub fn serves(process: ProcessId, data: &Path) -> bool {
    let Ok(folder) = fs::metadata(data) else { return false };
    as_owner(&folder, || is_at(process, &folder))
}

/// The processes of this cluster: its server's main process, and what it started.
#[must_use]
pub fn processes(data: &Path) -> Vec<ProcessId> {
    let Ok(folder) = fs::metadata(data) else { return Vec::new() };
    as_owner(&folder, || ProcessId::all().filter(|process| is_at(*process, &folder)).collect())
}

fn is_at(process: ProcessId, folder: &fs::Metadata) -> bool {
    let proc = format!("/proc/{}", process.pid);
    // Somebody's shell may be in that folder, too.
    let name = fs::read_to_string(format!("{proc}/comm")).unwrap_or_default();
    name.starts_with("postgres")
        // The folder itself rather than its path, which may be written in more than one way.
        && fs::metadata(format!("{proc}/cwd"))
            .is_ok_and(|cwd| (cwd.dev(), cwd.ino()) == (folder.dev(), folder.ino()))
        && process.is_alive()
}

/// Looks as the cluster's own user. Root in a container is usually denied CAP_SYS_PTRACE, and then may not see where a
/// process of another user is.
#[cfg(target_os = "linux")]
fn as_owner<T>(folder: &fs::Metadata, look: impl FnOnce() -> T) -> T {
    use nix::unistd::{setfsgid, setfsuid};
    if !geteuid().is_root() || folder.uid() == 0 {
        return look();
    }
    // Of this thread only. The group first: another user may not change it back.
    let group = setfsgid(Gid::from_raw(folder.gid()));
    let user = setfsuid(Uid::from_raw(folder.uid()));
    let seen = look();
    setfsuid(user);
    setfsgid(group);
    seen
}

#[cfg(not(target_os = "linux"))]
fn as_owner<T>(_folder: &fs::Metadata, look: impl FnOnce() -> T) -> T {
    look()
}
