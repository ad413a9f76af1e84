use std::fs;
use std::path::PathBuf;

use domain::units::ContentHash;

use super::*;

async fn open() -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&folder.path().join("store").to_string_lossy()).await.unwrap();
    (folder, storage)
}

fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let file = folder.path().join("file");
    fs::write(&file, text).unwrap();
    file
}

fn hash(text: &str) -> ContentHash {
    ContentHash::of(text.as_bytes())
}

fn sha256(text: &str) -> String {
    hash(text).to_string()
}

#[tokio::test]
async fn what_was_put_is_fetched_and_what_is_damaged_or_gone_is_not() {
    let (folder, storage) = open().await;
    storage.put("a/b", &file(&folder, "text")).await.unwrap();
    let to = folder.path().join("fetched");
    storage.fetch("a/b", &sha256("text"), &to).await.unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "text");
    let damaged = storage.fetch("a/b", &sha256("another"), &to).await.unwrap_err();
    assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");
    let gone = storage.fetch("a/c", "", &to).await.unwrap_err();
    assert!(matches!(gone, StorageError::Missing(_)), "{gone}");
    assert_eq!(storage.length("a/b").await.unwrap(), Some(4));
    assert_eq!(storage.list("a").await.unwrap(), ["a/b"]);
    storage.delete("a/b").await.unwrap();
    storage.delete("a/b").await.unwrap();
    assert_eq!(storage.length("a/b").await.unwrap(), None);
}

#[tokio::test]
async fn a_large_file_is_put_in_parts() {
    let (folder, storage) = open().await;
    let text: String = (0..3 * PART / 8 + 5).map(|number| format!("{number:08}")).collect();
    storage.put("large", &file(&folder, &text)).await.unwrap();
    let to = folder.path().join("fetched");
    storage.fetch("large", &sha256(&text), &to).await.unwrap();
    assert!(fs::read(&to).unwrap() == text.as_bytes());
}

#[tokio::test]
async fn what_is_not_what_was_announced_is_not_kept() {
    let (_folder, storage) = open().await;
    let long = vec![b'x'; PART + 1];
    for content in [&b"text"[..], &long] {
        let text = String::from_utf8(content.to_vec()).unwrap();
        let writing = async |hash: ContentHash, bytes| {
            let mut writer = storage.writer("file").unwrap();
            for piece in content.chunks(1 << 20) {
                writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            writer.finish_as(hash, bytes).await
        };
        let right = content.len() as u64;
        let short = writing(hash(&text), right + 1).await.unwrap_err();
        assert!(matches!(short, StorageError::Length { .. }), "{short}");
        let other = writing(hash("other"), right).await.unwrap_err();
        assert!(matches!(other, StorageError::Damaged { .. }), "{other}");
        assert_eq!(storage.length("file").await.unwrap(), None);
        writing(hash(&text), right).await.unwrap();
        assert_eq!(storage.length("file").await.unwrap(), Some(right));
        storage.delete("file").await.unwrap();
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_store() {
    let (folder, storage) = open().await;
    let secret = file(&folder, "secret");
    for path in ["../file", "checkpoints/../../file"] {
        let refused =
            storage.fetch(path, &sha256("secret"), &folder.path().join("fetched")).await.unwrap_err();
        assert!(matches!(refused, StorageError::Path(_)), "{refused}");
        assert!(matches!(storage.delete(path).await, Err(StorageError::Path(_))));
        assert!(matches!(storage.writer(path), Err(StorageError::Path(_))));
    }
    assert!(secret.exists());
}

#[tokio::test]
async fn a_store_is_a_place_that_can_be_written() {
    let problem = Storage::open("gopher://bucket/models").await.unwrap_err();
    assert!(problem.contains("gopher://") && problem.contains("s3://"), "{problem}");
    assert!(Storage::open("/proc/nowhere").await.is_err());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/new", folder.path().display());
    Storage::open(&url).await.unwrap();
    let left = fs::read_dir(folder.path().join("new")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), [".in-use"]);
}
