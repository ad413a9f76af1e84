//! The folder in which the local stack lives.

use std::env;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::local::database_user::DatabaseUser;

/// The file that is there while the stack is stopped on purpose.
const STOPPED: &str = "stopped";

/// The folders in it, but for the database's own.
const FOLDERS: [&str; 5] = ["logs", "alive", "spool", "store", "uploads"];

/// The folder and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The folder named by `--state-dir`, else `$BATCHSWEEP_STATE_DIR`, else the usual place: `/var/lib/batchsweep`
    /// for root, `$XDG_STATE_HOME/batchsweep` or `~/.local/state/batchsweep` for everybody else. Absolute, and not
    /// made yet.
    ///
    /// # Errors
    /// When none of them can be told.
    pub fn resolve(flag: Option<&Path>) -> Result<Self, Failure> {
        let from_env = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let chosen = flag.map(Path::to_owned).or_else(|| from_env("BATCHSWEEP_STATE_DIR"));
        let chosen =
            chosen.or_else(|| nix::unistd::geteuid().is_root().then(|| PathBuf::from("/var/lib/batchsweep")));
        let chosen = chosen
            .or_else(|| from_env("XDG_STATE_HOME").map(|home| home.join("batchsweep")))
            .or_else(|| from_env("HOME").map(|home| home.join(".local/state/batchsweep")));
        let chosen = chosen.ok_or_else(|| {
            Failure::usage("no folder for the local stack: HOME is not set")
                .hint("name one with --state-dir or BATCHSWEEP_STATE_DIR")
        })?;
        if chosen.as_os_str().as_bytes().contains(&b'\n') {
            return Err(Failure::usage(format!("the state folder {chosen:?} has a line break in its name"))
                .hint("Postgres cannot keep such a name; choose another folder with --state-dir or BATCHSWEEP_STATE_DIR"));
        }
        std::path::absolute(&chosen)
            .map(Self)
            .map_err(|error| Failure::io(format!("cannot use the state folder {}", chosen.display()), &error))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What belongs to the database: a folder of its user's own.
    #[must_use]
    pub fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// The database cluster.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.postgres().join("data")
    }

    /// Whether there is a database.
    #[must_use]
    pub fn has_database(&self) -> bool {
        // The version file is the first that initdb writes; the folder gets its name when initdb is through.
        self.data().join("PG_VERSION").exists()
    }

    /// Where the processes write their logs.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.0.join("logs").join(format!("{name}.log"))
    }

    /// The token of this stack's coordinator.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }

    /// A file directly in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether `down` stopped what was here: then nobody starts it again unasked.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.file(STOPPED).exists()
    }

    /// Notes that it was stopped on purpose, or is started on purpose.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn set_stopped(&self, stopped: bool) -> Result<(), Failure> {
        let file = self.file(STOPPED);
        let done = if stopped { fs::write(&file, "") } else { fs::remove_file(&file) };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::io(format!("cannot write {}", file.display()), &error))
            }
            _ => Ok(()),
        }
    }

    /// Checks that this user may write to the folder and what it holds, or make it, without making it.
    ///
    /// # Errors
    /// When this user may not.
    pub fn check_writable(&self) -> Result<(), Failure> {
        use nix::unistd::AccessFlags as May;
        let check = |path: &Path, access| {
            nix::unistd::access(path, access).map_err(|error| {
                Failure::io(format!("cannot write to {}", path.display()), &error.into())
                    .hint("choose a folder that you may write to with --state-dir or BATCHSWEEP_STATE_DIR")
            })
        };
        let existing = self.0.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        check(existing, May::W_OK | May::X_OK)?;
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            // The database's folder belongs to its own user.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && entry.path() != self.postgres() => {
                    check(&entry.path(), May::W_OK | May::X_OK)?;
                }
                Ok(kind) if kind.is_file() => check(&entry.path(), May::R_OK)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the folder and those in it, closed to other users: what is there can be read, sent and stopped by their owner
    /// alone. The database's user, where that is another one, can pass through. A folder that was there and held something is
    /// left as open as it was, but for what is ours in it.
    ///
    /// # Errors
    /// When this user may not.
    pub fn create(&self) -> Result<(), Failure> {
        let failed = |error: &io::Error| {
            Failure::io(format!("cannot make the state folder {}", self.0.display()), error)
                .hint("choose a folder that you may write to with --state-dir or BATCHSWEEP_STATE_DIR")
        };
        let missing: Vec<&Path> = self.0.ancestors().take_while(|folder| !folder.exists()).collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder).and_then(|()| open_to_pass(folder)) {
                // Another command makes it at the same time.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(&error)),
                _ => {}
            }
        }
        let is_empty = fs::read_dir(&self.0).map_err(|error| failed(&error))?.next().is_none();
        if is_empty {
            close(&self.0, DatabaseUser::needed()?.map(|user| user.gid)).map_err(|error| failed(&error))?;
        }
        for name in FOLDERS {
            let folder = self.0.join(name);
            fs::create_dir_all(&folder)
                .and_then(|()| close(&folder, None))
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// Only root lends the database another user, who has to pass through.
fn open_to_pass(folder: &Path) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let mode = fs::metadata(folder)?.permissions().mode();
    fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o711))
}

/// Closes a folder of this user's to all others, but for members of a group, who may pass through.
fn close(folder: &Path, passing: Option<u32>) -> io::Result<()> {
    if fs::metadata(folder)?.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    let mode = match passing {
        Some(gid) => {
            chown(folder, None, Some(gid))?;
            0o710
        }
        None => 0o700,
    };
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}
