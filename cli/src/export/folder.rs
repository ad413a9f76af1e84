//! The folder of an export: made where there is none, and never written over something else.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;

/// What tells an export's folder from any other.
const LABEL: &str = "export.json";

/// A folder that an export may write to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a folder for the export of one sweep in one format: a new one, an empty one, or that of the same export before.
    ///
    /// # Errors
    /// When it holds anything else, and when it cannot be made.
    pub fn open(path: &Path, sweep_id: &str, format: &str) -> Result<Self, Failure> {
        let shown = path.display();
        fs::create_dir_all(path)
            .map_err(|error| Failure::io(format_args!("cannot make the folder {shown}"), &error))?;
        let is_empty = fs::read_dir(path)
            .map(|mut entries| entries.next().is_none())
            .map_err(|error| Failure::io(format_args!("cannot read the folder {shown}"), &error))?;
        let label = json!({ "sweep_id": sweep_id, "format": format });
        if !is_empty && read_label(&path.join(LABEL)).is_none_or(|found| found != label) {
            return Err(Failure::usage(format!(
                "{shown} holds other files than the {format} export of this sweep"
            ))
            .hint("name an empty or a new folder with --out"));
        }
        fs::write(path.join(LABEL), format!("{label:#}\n"))
            .map_err(|error| Failure::io(format_args!("cannot write {shown}/{LABEL}"), &error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Begins a file, which is seen under its name only once it is whole.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self, name: &str) -> Result<(File, Unfinished), Failure> {
        let path = self.path.join(name);
        let partial = self.path.join(format!("{name}.partial"));
        let make = || {
            partial.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::create(&partial)
        };
        let file = make().map_err(|error| cannot_write(&path, &error))?;
        Ok((file, Unfinished { path, partial }))
    }
}

/// A file that is not yet whole.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    partial: PathBuf,
}

impl Unfinished {
    /// Why the file cannot be written.
    pub fn failure(&self, error: &io::Error) -> Failure {
        cannot_write(&self.path, error)
    }

    /// Gives the whole file its name.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn finish(&self) -> Result<(), Failure> {
        fs::rename(&self.partial, &self.path).map_err(|error| self.failure(&error))
    }
}

/// What is left of a file that did not become whole goes.
impl Drop for Unfinished {
    fn drop(&mut self) {
        // After `finish` there is none.
        let _ = fs::remove_file(&self.partial);
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io(format_args!("cannot write {}", path.display()), error);
    if error.kind() == ErrorKind::StorageFull {
        failure.hint("make room, or name another folder")
    } else {
        failure
    }
}

fn read_label(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_a_new_an_empty_and_its_own_folder_is_written_to() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        for _ in 0..2 {
            Folder::open(&path, "one", "csv").unwrap();
        }
        assert!(Folder::open(&path, "two", "csv").is_err(), "another sweep's");
        assert!(Folder::open(&path, "one", "parquet").is_err(), "another format's");
        let other = outer.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("thesis.tex"), "").unwrap();
        let failure = Folder::open(&other, "one", "csv").unwrap_err();
        assert_eq!(failure.exit, crate::failure::Exit::Usage);
        assert!(failure.message.contains("holds other files"), "{}", failure.message);
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_seen_once_it_is_whole() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path(), "one", "csv").unwrap();
        let path = outer.path().join("run/results.csv");
        let (mut file, unfinished) = folder.begin("run/results.csv").unwrap();
        file.write_all(b"a").unwrap();
        assert!(!path.exists());
        unfinished.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a");
        // One that breaks off leaves the old file, and nothing else.
        drop(folder.begin("run/results.csv").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"a");
        assert_eq!(fs::read_dir(outer.path().join("run")).unwrap().count(), 1);
    }
}
