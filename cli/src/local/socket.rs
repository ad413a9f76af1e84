//! The folder of the database's socket. A socket's path may have 107 bytes at most, so a deep state folder gets a short
//! one under /tmp. (Not under $XDG_RUNTIME_DIR: that goes when the user logs out, and `up` outlives a login.)

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::local::StateDir;
use crate::local::database_user::DatabaseUser;

/// `sun_path` of `sockaddr_un` without its final 0.
const LONGEST_SOCKET_PATH: usize = 107;

/// Postgres names its socket after the port, which here only tells sockets of one folder apart.
pub const PORT: u16 = 5432;

/// The socket's name in its folder.
#[must_use]
pub fn file_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// The folder for the socket of the cluster in this state folder, always the same.
#[must_use]
pub fn folder(state: &StateDir) -> PathBuf {
    let usual = state.postgres().join("run");
    if fits(&usual) {
        return usual;
    }
    let mut hasher = DefaultHasher::new();
    state.path().hash(&mut hasher);
    let user = nix::unistd::geteuid();
    PathBuf::from(format!("/tmp/batchsweep-{user}-{:016x}", hasher.finish()))
}

/// Checks that the folder belongs to the database's user, where it is there already: one under /tmp may be anybody's.
///
/// # Errors
/// When it belongs to somebody else.
pub fn check(state: &StateDir, user: Option<&DatabaseUser>) -> Result<(), Failure> {
    let folder = folder(state);
    let owner = user.map_or_else(|| nix::unistd::geteuid().as_raw(), |user| user.uid);
    match fs::symlink_metadata(&folder) {
        Ok(found) if !found.is_dir() || found.uid() != owner => {
            Err(Failure::failed(format!("{} belongs to somebody else", folder.display()))
                .hint("choose another folder with --state-dir or BATCHSWEEP_STATE_DIR"))
        }
        _ => Ok(()),
    }
}

fn fits(folder: &Path) -> bool {
    folder.join(file_name()).as_os_str().as_bytes().len() <= LONGEST_SOCKET_PATH
}

/// The connection string of a role, as libpq, sqlx and every driver built on them read it.
#[must_use]
pub fn url(folder: &Path, role: &str) -> String {
    format!("postgresql:///batchsweep?host={}&user={role}", percent_encoded(folder.as_os_str().as_bytes()))
}

fn percent_encoded(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    bytes
        .iter()
        .map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_state_folder_gets_a_short_socket() {
        let deep = PathBuf::from(format!("/{}", "deep/".repeat(30)));
        let state = StateDir::resolve(Some(&deep)).unwrap();
        assert!(fits(&folder(&state)), "{}", folder(&state).display());
        assert_eq!(folder(&state), folder(&state));
        let shallow = StateDir::resolve(Some(Path::new("/var/lib/batchsweep"))).unwrap();
        assert_eq!(folder(&shallow), Path::new("/var/lib/batchsweep/postgres/run"));
    }

    #[test]
    fn odd_characters_are_encoded() {
        assert_eq!(url(Path::new("/a b/ü"), "me"), "postgresql:///batchsweep?host=/a%20b/%C3%BC&user=me");
    }
}
