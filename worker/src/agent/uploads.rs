//! Files that were sent along with sweeps, on this worker: fetched from the coordinator once, known by their hash, and kept
//! for the trials to come while there is room.

use std::fs::{self, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use domain::spec::Upload;
use domain::units::ContentHasher;
use proto::convert::upload;
use proto::v1;
use tonic::Status;

use super::coordinator::{Coordinator, passes_by_itself};

/// What a file is called that is not whole yet; the rest of its name is its own.
const PARTIAL: &str = "partial";

/// How long a piece of a file may keep the worker waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file that a trial asked for so lately is not removed to make room: its trainer may be about to read it.
const IN_USE: Duration = Duration::from_secs(600);

/// What a worker that was killed left of a file is removed after so long.
const ABANDONED: Duration = Duration::from_secs(86_400);

/// Why a file is not here.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The coordinator does not give it.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
    /// The trial names it in a way that makes no sense.
    #[error("{0}")]
    Unreadable(#[from] proto::WireError),
    /// This machine cannot keep it.
    #[error("cannot keep {name} in {}: {source}; make room, or name another folder with --upload-dir", .folder.display())]
    Disk {
        /// The file.
        name: String,
        /// Where to.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What came is another file.
    #[error(
        "{name} came with SHA-256 {found}, not {expected}: the coordinator's copy is damaged; submit the sweep again"
    )]
    Damaged {
        /// The file.
        name: String,
        /// As the sweep names it.
        expected: String,
        /// As it came.
        found: String,
    },
}

/// The folder of such files.
#[derive(Debug, Clone)]
pub struct Uploads {
    folder: PathBuf,
    limit: u64,
}

impl Uploads {
    /// Opens a folder, which is made when a first file comes; older files give way where all together take more than `limit`
    /// bytes.
    #[must_use]
    pub fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit }
    }

    /// Brings the files that a trial needs and that were sent along; afterwards it names them as files of this machine. Waits
    /// for a coordinator that is out of reach.
    ///
    /// # Errors
    /// [`UploadError`]: no waiting helps.
    pub async fn bring(
        &self,
        coordinator: &Coordinator,
        lease: &v1::Lease,
        spec: &mut v1::TrialSpec,
    ) -> Result<(), UploadError> {
        for (field, path, sent) in places(spec) {
            if let Some(sent) = sent.take() {
                *path = self.path_of(coordinator, lease, upload(field, sent)?).await?;
            }
        }
        Ok(())
    }

    async fn path_of(
        &self,
        coordinator: &Coordinator,
        lease: &v1::Lease,
        upload: Upload,
    ) -> Result<String, UploadError> {
        // The coordinator has checked the name; a worker does not rely on that with its own files.
        let name = if Upload::is_name(&upload.name) { &upload.name } else { "upload" };
        let file = self.folder.join(format!("{}-{name}", upload.hash));
        if fs::metadata(&file).is_ok_and(|found| found.len() == upload.bytes) {
            touch(&file);
        } else {
            tracing::info!(
                trial = lease.trial_id,
                name,
                bytes = upload.bytes,
                "fetching a file sent with the sweep"
            );
            let backoff = ExponentialBuilder::default().with_jitter().with_max_delay(Duration::from_secs(5));
            (|| self.fetch(coordinator, lease, &upload, &file))
                .retry(backoff.without_max_times())
                .when(|error| matches!(error, UploadError::Refused(status) if passes_by_itself(status)))
                .notify(|error, delay| tracing::warn!(?delay, "{error}; fetching it again"))
                .await?;
        }
        Ok(file.to_string_lossy().into_owned())
    }

    async fn fetch(
        &self,
        coordinator: &Coordinator,
        lease: &v1::Lease,
        upload: &Upload,
        file: &Path,
    ) -> Result<(), UploadError> {
        let on_disk =
            |source| UploadError::Disk { name: upload.name.clone(), folder: self.folder.clone(), source };
        let refused = |status| UploadError::Refused(Box::new(status));
        self.make_room(upload.bytes).map_err(on_disk)?;
        let partial = self.folder.join(format!("{}.{PARTIAL}", uuid::Uuid::new_v4()));
        let mut to = Partial { file: fs::File::create_new(&partial).map_err(on_disk)?, path: partial };
        let request = v1::FetchUploadRequest { lease: Some(lease.clone()), sha256: upload.hash.to_string() };
        let mut pieces =
            in_time(coordinator.client().fetch_upload(request)).await.map_err(refused)?.into_inner();
        let mut hasher = ContentHasher::default();
        while let Some(piece) = in_time(pieces.message()).await.map_err(refused)? {
            hasher.update(&piece.data);
            to.file.write_all(&piece.data).map_err(on_disk)?;
        }
        let found = hasher.finish();
        if found != upload.hash {
            let (expected, found) = (upload.hash.to_string(), found.to_string());
            return Err(UploadError::Damaged { name: upload.name.clone(), expected, found });
        }
        to.file.sync_all().map_err(on_disk)?;
        fs::rename(&to.path, file).map_err(on_disk)
    }

    /// Removes what was used longest ago until so many bytes more are within the limit, as far as that is possible.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let now = SystemTime::now();
        let age = |time: io::Result<SystemTime>| {
            time.ok().and_then(|time| now.duration_since(time).ok()).unwrap_or_default()
        };
        let (mut kept, mut total) = (Vec::new(), 0_u64);
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let Ok(found) = entry.metadata() else { continue };
            let is_partial = entry.path().extension().is_some_and(|extension| extension == PARTIAL);
            if is_partial && age(found.modified()) > ABANDONED {
                remove(&entry.path());
            } else if !is_partial {
                total = total.saturating_add(found.len());
                kept.push((age(found.accessed()), found.len(), entry.path()));
            }
        }
        kept.sort_by_key(|(age, ..)| std::cmp::Reverse(*age));
        for (age, length, path) in kept {
            if total.saturating_add(bytes) <= self.limit || age < IN_USE {
                break;
            }
            tracing::info!(path = %path.display(), "removed to make room for another file");
            remove(&path);
            total -= length;
        }
        Ok(())
    }
}

/// A file that goes unless it was given its name.
struct Partial {
    file: fs::File,
    path: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is none.
        let _ = fs::remove_file(&self.path);
    }
}

/// Notes that a file is in use. Not by its time of change, which says that its content is another.
fn touch(file: &Path) {
    let noted = fs::File::open(file)
        .and_then(|file| file.set_times(FileTimes::new().set_accessed(SystemTime::now())));
    if let Err(error) = noted {
        tracing::debug!(path = %file.display(), "its last use cannot be noted: {error}");
    }
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!(path = %file.display(), "cannot be removed: {error}");
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded(format!("nothing came within {PATIENCE:?}"))))
}

/// Where a description names a file: the field for a file that was sent along, the path, and what was sent.
fn places(
    spec: &mut v1::TrialSpec,
) -> impl Iterator<Item = (&'static str, &mut String, &mut Option<v1::Upload>)> {
    use v1::{data_spec::Source, model_spec::Kind};
    let data = spec.data.as_mut().and_then(|data| match data.source.as_mut()? {
        Source::Safetensors(data) | Source::Npz(data) => {
            Some(("data.upload", &mut data.path, &mut data.upload))
        }
        Source::Python(code) => Some(("data.upload", &mut code.path, &mut code.upload)),
        Source::Synthetic(_) | Source::Idx(_) | Source::Cifar10(_) | Source::Cifar100(_) => None,
    });
    let model = spec.model.as_mut().and_then(|model| match model.kind.as_mut()? {
        Kind::Torchscript(model) => Some(("model.upload", &mut model.path, &mut model.upload)),
        Kind::Python(model) => Some(("model.upload", &mut model.path, &mut model.upload)),
        Kind::Linear(_) | Kind::Mlp(_) | Kind::Cnn(_) | Kind::Resnet(_) => None,
    });
    data.into_iter().chain(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, bytes: usize, age: Duration) {
        let path = folder.join(name);
        fs::write(&path, vec![0; bytes]).unwrap();
        let then = SystemTime::now() - age;
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        fs::File::open(path).unwrap().set_times(times).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_used_longest_ago_gives_way_and_what_is_in_use_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let hours = |hours: u64| Duration::from_secs(3_600 * hours);
        for (name, age) in [("new", hours(0)), ("older", hours(2)), ("oldest", hours(3)), ("old", hours(1))] {
            file(folder.path(), name, 10, age);
        }
        let uploads = Uploads::new(folder.path().to_owned(), 40);
        uploads.make_room(0).unwrap();
        assert_eq!(names(folder.path()), ["new", "old", "older", "oldest"]);
        uploads.make_room(15).unwrap();
        assert_eq!(names(folder.path()), ["new", "old"]);
        uploads.make_room(1_000).unwrap();
        assert_eq!(names(folder.path()), ["new"]);
    }

    #[test]
    fn what_a_killed_worker_left_goes_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "a.partial", 10, ABANDONED + Duration::from_secs(60));
        file(folder.path(), "b.partial", 10, Duration::from_secs(60));
        Uploads::new(folder.path().to_owned(), 5).make_room(1).unwrap();
        assert_eq!(names(folder.path()), ["b.partial"]);
    }

    #[test]
    fn a_file_in_use_is_noted_and_keeps_its_time_of_change() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "file", 1, Duration::from_secs(3_600));
        let path = folder.path().join("file");
        let before = fs::metadata(&path).unwrap();
        touch(&path);
        let after = fs::metadata(&path).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert!(after.accessed().unwrap() > before.accessed().unwrap() + Duration::from_secs(3_000));
    }
}
