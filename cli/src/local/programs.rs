//! Where the other binaries are: next to this one, as cargo and packages put them, else on the path.

use std::env;
use std::path::PathBuf;

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
    let own = env::current_exe().ok().and_then(|own| own.canonicalize().ok());
    let own_folder = own.and_then(|own| own.parent().map(PathBuf::from));
    let path: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    let found =
        own_folder.iter().chain(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| {
        let beside = own_folder
            .map_or_else(String::new, |folder| format!("beside this command in {}, nor ", folder.display()));
        let package = name.trim_start_matches("batchsweep-");
        Failure::failed(format!("`{name}` is not {beside}on the PATH"))
            .hint(format!("build it with: cargo build -p {package}"))
    })
}
