//! Where the other binaries are: next to this one, as cargo and packages put them, else on the path.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The coordinator's binary.
pub const COORDINATOR: &str = "batchsweep-coordinator";

/// The worker's binary.
pub const WORKER: &str = "batchsweep-worker";

/// The path of one of them.
///
/// # Errors
/// When it is nowhere.
pub fn find(name: &str) -> Result<PathBuf, Failure> {
    let own_folder = env::current_exe().ok().and_then(|own| folder_of(&own));
    let path: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    let found =
        own_folder.iter().chain(&path).map(|folder| folder.join(name)).find(|program| is_program(program));
    found.ok_or_else(|| {
        let beside = own_folder
            .map_or_else(String::new, |folder| format!("beside this command in {}, nor ", folder.display()));
        let package = name.trim_start_matches("batchsweep-");
        Failure::failed(format!("`{name}` is not {beside}on the PATH"))
            .hint(format!("build it with: cargo build -p {package}"))
    })
}

/// The folder of a program, links followed. One that was replaced while it runs (by a build, an upgrade) is called
/// `PATH (deleted)` by the system; the others are where it was all the same.
fn folder_of(program: &Path) -> Option<PathBuf> {
    let found = program.canonicalize().ok();
    let found = found.unwrap_or_else(|| program.to_owned());
    found.parent().filter(|folder| folder.is_dir()).map(Path::to_owned)
}

fn is_program(file: &Path) -> bool {
    nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_still_shows_where_the_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("batchsweep");
        std::fs::write(&own, "").unwrap();
        let expected = folder.path().canonicalize().unwrap();
        assert_eq!(folder_of(&own), Some(expected));
        assert_eq!(folder_of(&folder.path().join("batchsweep (deleted)")), Some(folder.path().to_owned()));
        assert_eq!(folder_of(&folder.path().join("gone/batchsweep (deleted)")), None);
    }
}
