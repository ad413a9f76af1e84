//! What a killed process left of files on their way into a folder.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Whoever uses a folder holds a shared lock on this file in it, until the process ends.
const IN_USE: &str = ".in-use";

/// While others use the folder too, a file that has not grown for so long is on its way no more.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Removes remains, and holds the folder for this process. Where no other process has it, all are removed; else those that
/// have not grown for an hour. Where there can be no lock, only those.
///
/// # Errors
/// What the file system says.
pub fn hold(folder: &Path) -> io::Result<File> {
    let lock =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o660).open(folder.join(IN_USE))?;
    let is_alone = lock.try_lock().is_ok();
    let removed = remove(folder, if is_alone { Duration::ZERO } else { ABANDONED });
    // Taken anew, it is given up for a moment: a process that comes in between finds no remains to remove.
    lock.lock_shared()?;
    removed.map(|()| lock)
}

fn remove(folder: &Path, age: Duration) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path(), age)?;
        } else if is_remains(&entry) && is_older(&entry, age) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// As `object_store` names a file until it is whole: its name, `#` and a number. No name of ours has a `#`.
fn is_remains(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name.to_str()
        .and_then(|name| name.rsplit_once('#'))
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn is_older(entry: &DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|found| found.modified());
    modified.is_ok_and(|modified| {
        SystemTime::now().duration_since(modified).is_ok_and(|passed| passed >= age) || age.is_zero()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_removed_where_nobody_else_uses_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = folder.path().join("uploads");
        fs::create_dir(&uploads).unwrap();
        let write = |name: &str| fs::write(uploads.join(name), "half").unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(&uploads)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        write("0a1b");
        write("0a1b#1");
        write("2c3d#12");
        let first = hold(folder.path()).unwrap();
        assert_eq!(names(), ["0a1b"]);

        // On its way in the first process, while a second one comes.
        write("4e5f#1");
        let second = hold(folder.path()).unwrap();
        assert_eq!(names(), ["0a1b", "4e5f#1"]);
        let old = File::options().write(true).open(uploads.join("4e5f#1")).unwrap();
        old.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        let third = hold(folder.path()).unwrap();
        assert_eq!(names(), ["0a1b"]);

        write("4e5f#1");
        drop((first, second, third));
        hold(folder.path()).unwrap();
        assert_eq!(names(), ["0a1b"]);
    }
}
