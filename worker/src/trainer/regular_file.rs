//! The user's files, opened so that reading them ends.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a file for reading. A device may have no end, and opening a pipe waits for whoever writes to it.
///
/// # Errors
/// Where there is none, it may not be read, or it is a folder, a device, a pipe or a socket.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is a device, a pipe or a socket, not a regular file"));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let said = |path: &Path| open(path).unwrap_err().to_string();
        assert_eq!(said(&pipe), "it is a device, a pipe or a socket, not a regular file");
        assert_eq!(said(Path::new("/dev/zero")), said(&pipe));
        assert_eq!(said(folder.path()), "it is a folder, not a file");
        let link = folder.path().join("link");
        fs::write(folder.path().join("file"), "a").unwrap();
        std::os::unix::fs::symlink(folder.path().join("file"), &link).unwrap();
        assert_eq!(io::read_to_string(open(&link).unwrap()).unwrap(), "a");
    }
}
