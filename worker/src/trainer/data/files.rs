//! The files of a data set, read one after another, with a digest of what is in them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use super::DataError;
use super::identity::FileIdentity;
use super::unpacked::Unpacked;
use crate::trainer::digest::Hashed;
use crate::trainer::regular_file;
use domain::units::{ContentHash, ContentHasher};

/// Refuses what would unpack to more than this: no data set for one machine is as large.
pub(super) const MAX_BYTES: u64 = 1 << 38;

/// Reads files, and knows afterwards what was read.
#[derive(Debug, Default)]
pub(super) struct Files {
    hasher: ContentHasher,
    identities: Vec<FileIdentity>,
}

/// What was read: its contents, and which files they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// SHA-256 of the contents (unpacked) of all files, in the order in which they were read; `None` where nothing distinguishes the
    /// data from other data.
    pub sha256: Option<ContentHash>,
    /// The files as they were before they were read.
    pub files: Vec<FileIdentity>,
}

/// One of the files, unpacked if it ends in .gz.
pub(super) type Contents<'a> = Hashed<'a, Box<dyn Read>>;

impl Files {
    /// The contents of a file from its beginning.
    ///
    /// # Errors
    /// [`DataError::Unreadable`].
    pub fn open(&mut self, path: &Path) -> Result<Contents<'_>, DataError> {
        let file = regular_file::open(path).map_err(|source| unreadable(path, source))?;
        // Before the first byte: what is written while it is read makes it another file afterwards.
        self.identities.push(FileIdentity::of(path).map_err(|source| unreadable(path, source))?);
        let stream: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
            Box::new(Unpacked::new(BufReader::with_capacity(1 << 16, file)))
        } else {
            Box::new(file)
        };
        Ok(Hashed::new(stream, &mut self.hasher))
    }

    /// A file that is read in any order; all of it counts.
    ///
    /// # Errors
    /// [`DataError::Unreadable`].
    pub fn whole(&mut self, path: &Path) -> Result<File, DataError> {
        let failed = |source| unreadable(path, source);
        let mut file = regular_file::open(path).map_err(failed)?;
        self.identities.push(FileIdentity::of(path).map_err(failed)?);
        io::copy(&mut Hashed::new(&mut file, &mut self.hasher), &mut io::sink()).map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }

    /// What was read, once all of it was.
    pub fn origin(self) -> Origin {
        Origin { sha256: Some(self.hasher.finish()), files: self.identities }
    }
}

/// The file of this name in the folder, plain or gzipped.
pub(super) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> DataError {
    let help = "check that the worker may read it".to_owned();
    DataError::Unreadable { path: path.display().to_string(), source, help }
}

pub(super) fn malformed(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::Malformed { path: path.display().to_string(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn the_digest_is_that_of_the_contents_one_after_another_packed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "ab").unwrap();
        let mut packed =
            GzEncoder::new(File::create(folder.path().join("b.gz")).unwrap(), Compression::default());
        packed.write_all(b"c").unwrap();
        packed.finish().unwrap();
        let mut files = Files::default();
        let mut text = String::new();
        for name in ["a", "b"] {
            let path = find(folder.path(), name).unwrap();
            files.open(&path).unwrap().read_to_string(&mut text).unwrap();
        }
        assert_eq!(text, "abc");
        // The example of FIPS 180-2.
        assert_eq!(
            files.origin().sha256.unwrap().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(find(folder.path(), "c"), None);
    }
}
