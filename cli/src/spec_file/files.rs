//! What the paths in a sweep file mean, and the files that are sent along.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::spec::{FileSource, Upload};
use domain::units::{ContentHash, ContentHasher};

use super::nearest::nearest;
use super::reader::{Field, Reader, Section};
use super::source::SourceId;

/// Where relative paths of a sweep file start from. What the file says starts from the file's folder, what `--set` says from
/// the working folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The file's folder, absolute.
    pub file_folder: PathBuf,
    /// Where this command was called, absolute.
    pub working_folder: PathBuf,
    /// Who is going to read the files.
    pub readers: Readers,
}

/// Who reads the files that a sweep file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Workers somewhere: `path` stays as it is, `upload` is sent along.
    Workers,
    /// Workers on this machine: `path` is a file of this machine, `upload` is sent along.
    LocalWorkers,
    /// This command alone: both are files of this machine.
    ThisCommand,
}

/// A file of this machine that is sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Where to read its bytes.
    pub path: PathBuf,
    /// What the sweep says of it: name, hash and length.
    pub upload: Upload,
}

/// The files of one sweep file, as they are met.
#[derive(Debug)]
pub(super) struct Files<'a> {
    paths: &'a Paths,
    /// Those that are sent along.
    pub sent: Vec<LocalFile>,
}

impl<'a> Files<'a> {
    pub(super) fn new(paths: &'a Paths) -> Self {
        Self { paths, sent: Vec::new() }
    }

    /// Reads `path`.
    pub(super) fn path(
        &self,
        section: &mut Section<'_>,
        reader: &mut Reader,
        example: &'static str,
    ) -> String {
        let field = section.require("path", example);
        self.on_worker(field.as_ref(), reader)
    }

    /// Reads `path` or `upload`.
    pub(super) fn file(
        &mut self,
        section: &mut Section<'_>,
        reader: &mut Reader,
        example: &'static str,
    ) -> FileSource {
        let Some(upload) = section.take("upload") else {
            return FileSource::OnWorker(self.path(section, reader, example));
        };
        if let Some(path) = section.take("path") {
            let title = format!("`{}` and `{}` exclude each other", path.path, upload.path);
            let help = "`path` is a file on the workers, `upload` one that is sent along from here";
            reader.refused::<()>(&path, title, Some(help.to_owned()));
        }
        self.upload(&upload, reader).unwrap_or_else(|| FileSource::OnWorker("unread".to_owned()))
    }

    fn on_worker(&self, field: Option<&Field<'_>>, reader: &mut Reader) -> String {
        let Some(field) = field else { return "unread".to_owned() };
        let Some(path) = reader.text(field) else { return "unread".to_owned() };
        if path.is_empty() || self.paths.readers == Readers::Workers {
            return path;
        }
        self.here(field, &path).to_string_lossy().into_owned()
    }

    fn upload(&mut self, field: &Field<'_>, reader: &mut Reader) -> Option<FileSource> {
        let text = reader.text(field)?;
        if text.is_empty() {
            let help = "name a file, from the folder of the sweep file".to_owned();
            return reader.refused(field, format!("`{}` is empty", field.path), Some(help));
        }
        let path = self.here(field, &text);
        if self.paths.readers == Readers::ThisCommand {
            return Some(FileSource::OnWorker(path.to_string_lossy().into_owned()));
        }
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| Upload::is_name(name));
        let Some(name) = name else {
            let title = format!("{text:?} does not end in a file name of at most 128 bytes");
            return reader.refused(field, title, None);
        };
        match measure(&path) {
            Ok((hash, bytes)) => {
                let upload = Upload { name: name.to_owned(), hash, bytes };
                if self.sent.iter().all(|file| file.upload.hash != hash) {
                    self.sent.push(LocalFile { path, upload: upload.clone() });
                }
                Some(FileSource::Upload(upload))
            }
            Err(error) => {
                let help = match beside(&path) {
                    Some(near) if error.kind() == io::ErrorKind::NotFound => {
                        format!("did you mean {near:?}?")
                    }
                    _ => format!("it is looked for as {}", path.display()),
                };
                reader.refused(field, format!("cannot read {text:?}: {}", plain(&error)), Some(help))
            }
        }
    }

    /// A path as one of this machine.
    fn here(&self, field: &Field<'_>, path: &str) -> PathBuf {
        let is_of_file = field.node.place.source == SourceId::FILE;
        if is_of_file { self.paths.file_folder.join(path) } else { self.paths.working_folder.join(path) }
    }
}

fn measure(path: &Path) -> io::Result<(ContentHash, u64)> {
    // Before it is opened: a device may have no end, and opening a pipe waits for whoever writes to it.
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is a device, a pipe or a socket, not a regular file"));
    }
    let mut file = File::open(path)?;
    let (mut hasher, mut piece) = (ContentHasher::default(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => {
                let bytes = hasher.bytes();
                return Ok((hasher.finish(), bytes));
            }
            read => hasher.update(&piece[..read]),
        }
    }
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder, not a file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    }
}

/// The name in the same folder that is most like this one.
fn beside(path: &Path) -> Option<String> {
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests;
