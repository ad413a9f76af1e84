//! Files on workers, and files that are sent along.

use domain::spec::{FileSource, Upload};

use crate::convert::{Wire, WireError, parsed};
use crate::v1;

/// `path` and `upload` of a section.
pub(super) fn file_to_wire(file: &FileSource) -> (String, Option<v1::Upload>) {
    match file {
        FileSource::OnWorker(path) => (path.clone(), None),
        FileSource::Upload(file) => (String::new(), Some(file.to_wire())),
    }
}

/// `path` or `upload` of a section; `field` is the latter's.
pub(super) fn file_from_wire(
    field: &'static str,
    path: String,
    sent: Option<v1::Upload>,
) -> Result<FileSource, WireError> {
    match sent {
        None => Ok(FileSource::OnWorker(path)),
        Some(_) if !path.is_empty() => Err(WireError::new(field, "excludes `path`: a file has one place")),
        Some(sent) => upload(field, sent).map(FileSource::Upload),
    }
}

/// A file that is sent along, in the field of that name.
///
/// # Errors
/// [`WireError`] when its hash is none.
pub fn upload(field: &'static str, message: v1::Upload) -> Result<Upload, WireError> {
    let v1::Upload { name, sha256, bytes } = message;
    let hash =
        parsed(field, &sha256).map_err(|error| WireError::new(field, format!("sha256 {}", error.problem)))?;
    Ok(Upload { name, hash, bytes })
}

impl Wire for Upload {
    type Message = v1::Upload;

    fn to_wire(&self) -> v1::Upload {
        v1::Upload { name: self.name.clone(), sha256: self.hash.to_string(), bytes: self.bytes }
    }

    fn from_wire(message: v1::Upload) -> Result<Self, WireError> {
        upload("upload", message)
    }
}
