//! Where the system keeps Postgres's server programs. Debian keeps them off the path, one folder a major version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// The server programs of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Where `initdb` and `postgres` are.
    pub folder: PathBuf,
    /// Such as "15.14".
    pub version: String,
    /// Such as 15.
    pub major: u32,
}

impl Binaries {
    /// The programs to use: of `major` where a cluster of that version exists, else the newest.
    ///
    /// # Errors
    /// When there are none, or `$BATCHSWEEP_PG_BIN` holds none.
    pub fn find(major: Option<u32>) -> Result<Self, Failure> {
        if let Some(folder) =
            env::var_os("BATCHSWEEP_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from)
        {
            return Self::in_folder(&folder).ok_or_else(|| {
                Failure::failed(format!(
                    "BATCHSWEEP_PG_BIN is {}, which holds no `postgres`",
                    folder.display()
                ))
                .hint(
                    "set it to the folder of Postgres's server programs, such as /usr/lib/postgresql/15/bin",
                )
            });
        }
        let found: Vec<Self> = candidates().iter().filter_map(|folder| Self::in_folder(folder)).collect();
        let same = found.iter().find(|binaries| Some(binaries.major) == major).cloned();
        // `pg_config` names one folder on purpose; it comes first, and stays so among equals.
        same.or_else(|| found.into_iter().rev().max_by_key(|binaries| binaries.major)).ok_or_else(|| {
            Failure::failed("no PostgreSQL server found on this machine")
                .hint("install one: apt-get install postgresql; or name its folder in BATCHSWEEP_PG_BIN")
        })
    }

    /// One of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let needed = ["postgres", "initdb"];
        if !needed.iter().all(|name| folder.join(name).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        // `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self { folder: folder.to_owned(), version: version.to_owned(), major: digits.parse().ok()? })
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && let Ok(text) = String::from_utf8(output.stdout)
    {
        folders.push(PathBuf::from(text.trim()));
    }
    for parent in ["/usr/lib/postgresql", "/usr/local/lib/postgresql"] {
        let versions = fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    for parent in ["/opt/homebrew/opt", "/usr/local/opt"] {
        let kegs = fs::read_dir(parent).into_iter().flatten().flatten();
        let postgres = kegs.filter(|keg| keg.file_name().to_string_lossy().starts_with("postgresql"));
        folders.extend(postgres.map(|keg| keg.path().join("bin")));
    }
    folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    folders.sort_by_key(|folder| folder.as_os_str().is_empty());
    folders
}
