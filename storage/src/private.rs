//! Who may read what this process writes.

use nix::sys::stat::{Mode, umask};

/// From now on, files and folders that this process makes are closed to users outside of its group. What the group may is
/// as it was: workers of several users may share a folder.
pub fn close_to_others() {
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(before | Mode::S_IRWXO);
}
