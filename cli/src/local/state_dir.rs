//! The folder in which the local stack lives.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

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

    /// Checks that this user may write to the folder, or make it, without making it.
    ///
    /// # Errors
    /// When this user may not.
    pub fn check_writable(&self) -> Result<(), Failure> {
        let existing = self.0.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        nix::unistd::access(existing, nix::unistd::AccessFlags::W_OK).map_err(|error| {
            Failure::io(format!("cannot write to {}", existing.display()), &error.into())
                .hint("choose a folder that you may write to with --state-dir or BATCHSWEEP_STATE_DIR")
        })
    }

    /// Makes the folder and its logs.
    ///
    /// # Errors
    /// When this user may not.
    pub fn create(&self) -> Result<(), Failure> {
        fs::create_dir_all(self.0.join("logs")).map_err(|error| {
            Failure::io(format!("cannot make the state folder {}", self.0.display()), &error)
                .hint("choose a folder that you may write to with --state-dir or BATCHSWEEP_STATE_DIR")
        })
    }
}
