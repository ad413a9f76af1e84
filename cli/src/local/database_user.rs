//! Who runs the database. Postgres refuses to run as root, so root lends it the `postgres` system user.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use nix::unistd::{User, geteuid};

use crate::failure::Failure;

/// A system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUser {
    /// The login name, such as `postgres`.
    pub name: String,
    /// The numeric user id, for the process to run as.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
}

impl DatabaseUser {
    /// The user to switch to; `None` when this one will do.
    ///
    /// # Errors
    /// When this is root and there is no user `postgres`.
    pub fn needed() -> Result<Option<Self>, Failure> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = User::from_name("postgres").ok().flatten().ok_or_else(|| {
            Failure::failed("Postgres refuses to run as root, and there is no system user `postgres` to run it as")
                .hint("run batchsweep as an ordinary user, or make one: useradd --system --shell /usr/sbin/nologin postgres")
        })?;
        Ok(Some(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }
}

/// Checks that this user has a name, which Postgres asks for when a database is made. Root lends it a user that has one.
///
/// # Errors
/// When there is none, as in a container that was started with a number for its user.
pub fn check_has_name() -> Result<(), Failure> {
    let uid = geteuid();
    // A system that cannot be asked is no reason to give up: Postgres asks again.
    if uid.is_root() || !matches!(User::from_uid(uid), Ok(None)) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "this user has the number {uid} but no name, and Postgres makes no database without one"
    ))
    .hint(format!(
        "give it one: echo 'batchsweep:x:{uid}:{}::/:/usr/sbin/nologin' >> /etc/passwd; or run as a user that has a name",
        nix::unistd::getegid()
    )))
}

/// Makes a folder that only the database's user can enter.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else.
pub fn make_private(folder: &Path, user: Option<&DatabaseUser>) -> Result<(), Failure> {
    let doing = || format!("cannot prepare the folder {}", folder.display());
    fs::create_dir_all(folder).map_err(|error| Failure::io(doing(), &error))?;
    let owner = user.map_or_else(|| geteuid().as_raw(), |user| user.uid);
    let found = fs::symlink_metadata(folder).map_err(|error| Failure::io(doing(), &error))?;
    if !found.is_dir() || (found.uid() != owner && !geteuid().is_root()) {
        return Err(Failure::failed(format!("{} belongs to somebody else", folder.display()))
            .hint("choose another folder with --state-dir or BATCHSWEEP_STATE_DIR"));
    }
    if found.uid() != owner {
        chown(folder, Some(owner), user.map(|user| user.gid))
            .map_err(|error| Failure::io(doing(), &error))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(|error| Failure::io(doing(), &error))
}

/// Checks that another user can get to a folder through all those above it.
///
/// # Errors
/// Names the first that keeps it out.
pub fn check_reach(folder: &Path, user: Option<&DatabaseUser>) -> Result<(), Failure> {
    let Some(user) = user else { return Ok(()) };
    let may_enter = |metadata: &fs::Metadata| {
        let bit = match metadata {
            found if found.uid() == user.uid => 0o100,
            found if found.gid() == user.gid => 0o010,
            _ => 0o001,
        };
        metadata.mode() & bit != 0
    };
    // From the top, so that the first closed door is named.
    let above: Vec<&Path> = folder.ancestors().skip(1).collect();
    match above.iter().rev().find(|folder| fs::metadata(folder).is_ok_and(|found| !may_enter(&found))) {
        None => Ok(()),
        Some(closed) => Err(Failure::failed(format!(
            "Postgres runs as the user `{}`, who cannot enter {}",
            user.name,
            closed.display()
        ))
        .hint(format!(
            "open it with: chmod o+x {}; or choose another folder with --state-dir or BATCHSWEEP_STATE_DIR",
            closed.display()
        ))),
    }
}
