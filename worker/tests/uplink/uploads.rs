//! Files that were sent along with a sweep, on their way to the worker that trains with them.

use std::path::Path;
use std::sync::Arc;

use domain::units::ContentHash;
use proto::v1;
use worker::agent::coordinator::{Coordinator, is_lease_lost};
use worker::agent::uploads::{UploadError, Uploads};

use crate::faulty::{Fault, Faulty, serve};

/// Three and a half pieces, none like another.
fn content() -> Vec<u8> {
    (0..(7_u32 << 17)).flat_map(u32::to_le_bytes).collect()
}

fn coordinator(faults: &[Fault]) -> Arc<Faulty> {
    let faults = std::sync::Mutex::new(faults.iter().rev().copied().collect());
    Arc::new(Faulty { faults, upload: content(), ..Faulty::default() })
}

/// A trial with a module that was sent along.
fn trial(bytes: &[u8], name: &str) -> v1::TrialSpec {
    let sha256 = ContentHash::of(bytes).to_string();
    let upload = Some(v1::Upload { name: name.to_owned(), sha256, bytes: bytes.len() as u64 });
    let module = v1::ScriptModel { path: String::new(), upload };
    let model = v1::ModelSpec { kind: Some(v1::model_spec::Kind::Torchscript(module)) };
    v1::TrialSpec { model: Some(model), ..v1::TrialSpec::default() }
}

/// The path that the trial names after its files were brought.
async fn bring(
    folder: &Path,
    coordinator: &Coordinator,
    mut trial: v1::TrialSpec,
) -> Result<String, UploadError> {
    let uploads = Uploads::new(folder.to_owned(), 1 << 30);
    uploads.bring(coordinator, &v1::Lease::default(), &mut trial).await?;
    match trial.model.unwrap().kind.unwrap() {
        v1::model_spec::Kind::Torchscript(v1::ScriptModel { path, upload: None }) => Ok(path),
        other => panic!("{other:?}"),
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn whatever_is_lost_on_the_way_a_file_arrives_whole_and_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = coordinator(&[Fault::RequestLost, Fault::TakenInPart, Fault::None, Fault::Gone]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let path = bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap();
    assert!(path.ends_with("-net.pt"), "{path}");
    assert!(std::fs::read(&path).unwrap() == content());
    let again = bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap();
    assert_eq!((again, faulty.faults.lock().unwrap().len()), (path.clone(), 1), "it was fetched again");
    // A file that was cut short on this disk is not taken for the whole one.
    std::fs::write(&path, "ab").unwrap();
    let gone = bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap_err();
    assert_eq!(gone.to_string(), "the file is gone");
    assert_eq!(bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap(), path);
    assert!(std::fs::read(&path).unwrap() == content());
    assert_eq!(count(folder.path()), 1);
}

#[tokio::test]
async fn a_file_that_is_another_than_was_sent_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (coordinator, _guard) = serve(coordinator(&[Fault::Damaged])).await;
    let damaged = bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap_err();
    assert!(matches!(damaged, UploadError::Damaged { .. }), "{damaged}");
    assert_eq!(count(folder.path()), 0);
}

#[tokio::test]
async fn a_lost_lease_ends_the_fetching() {
    let folder = tempfile::tempdir().unwrap();
    let (coordinator, _guard) = serve(coordinator(&[Fault::TakenInPart, Fault::LeaseLost])).await;
    let lost = bring(folder.path(), &coordinator, trial(&content(), "net.pt")).await.unwrap_err();
    assert!(matches!(&lost, UploadError::Refused(status) if is_lease_lost(status)), "{lost}");
    assert_eq!(count(folder.path()), 0);
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("a/b");
    let (coordinator, _guard) = serve(coordinator(&[])).await;
    let path = bring(&folder, &coordinator, trial(&content(), "/../../net.pt")).await.unwrap();
    assert_eq!(Path::new(&path).parent(), Some(&*folder));
    assert_eq!((count(&folder), count(outer.path())), (1, 1));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let (coordinator, _guard) = serve(coordinator(&[])).await;
    let refused =
        bring(Path::new("/proc/none"), &coordinator, trial(&content(), "net.pt")).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("/proc/none") && text.contains("--upload-dir"), "{text}");
}
