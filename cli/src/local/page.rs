//! Where the web page of the local stack is.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::local::StateDir;

/// The file in which the coordinator says where the page is. It outlives the stack.
#[must_use]
pub fn address_file(state: &StateDir) -> PathBuf {
    state.file("page.address")
}

/// What that file says, such as `http://127.0.0.1:39021`; empty where it says nothing.
#[must_use]
pub fn address(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

/// Where to serve the page: where it was the last time, so that bookmarks and cookies go on working, else on any free port.
#[must_use]
pub fn listen(file: &Path) -> String {
    listen_again(&address(file))
}

/// Where to serve what was at this address the last time, such as `http://127.0.0.1:39021`: there, else on any free port.
#[must_use]
pub fn listen_again(last: &str) -> String {
    let last = last.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    format!("127.0.0.1:{}", last.filter(is_free).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stays_where_it_was_unless_somebody_else_is_there_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.address");
        assert_eq!(listen(&file), "127.0.0.1:0");
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let place = other.local_addr().unwrap().to_string();
        fs::write(&file, format!("http://{place}\n")).unwrap();
        assert_eq!(listen(&file), "127.0.0.1:0");
        drop(other);
        assert_eq!(listen(&file), place);
    }
}
