//! How the server is started.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::Binaries;
use super::leftovers::clear;
use super::server::{NAME, stop_signal};
use crate::local::database_user::DatabaseUser;
use crate::local::launch::{Before, Launch};
use crate::local::{StateDir, life, socket};

/// How the server is started. As a child of our own rather than by `pg_ctl`, so that it can be watched.
#[must_use]
pub fn launch(
    state: &StateDir,
    binaries: &Binaries,
    user: Option<DatabaseUser>,
    dies_with_us: bool,
) -> Launch {
    let setting = |text: &str| [OsString::from("-c"), OsString::from(text)];
    let settings = [
        // The socket is the only way in, and its folder is the lock on the door.
        setting("listen_addresses="),
        [OsString::from("-c"), socket_setting(&socket::folder(state))],
        setting(&format!("port={}", socket::PORT)),
        setting("timezone=UTC"),
        setting("cluster_name=batchsweep"),
        // The log of a small database is small, and so is the state folder. Twice the 16 MiB of a segment is the least.
        setting("min_wal_size=32MB"),
        setting("max_wal_size=96MB"),
        // A statement of a reader may sort much; the disk is for results.
        setting("temp_file_limit=2GB"),
        // Every query here is short: compiling one takes longer than running it.
        setting("jit=off"),
    ];
    Launch {
        program: binaries.program("postgres"),
        arguments: ["-D".into(), state.data().into_os_string()]
            .into_iter()
            .chain(settings.into_iter().flatten())
            .collect(),
        log: state.log("postgres"),
        life: life::file(state, NAME),
        before: Some(Before { state: state.clone(), step: clear }),
        user,
        dies_with_us: dies_with_us.then_some(stop_signal()),
    }
}

/// The setting is a list, in which quotes keep a path with commas or spaces whole, and a quote is written twice.
fn socket_setting(folder: &Path) -> OsString {
    let mut setting = b"unix_socket_directories=\"".to_vec();
    for &byte in folder.as_os_str().as_bytes() {
        setting.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    setting.push(b'"');
    OsString::from_vec(setting)
}
