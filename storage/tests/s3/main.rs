//! Buckets, against a server of the same protocol.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

mod server;

use std::fs;

use domain::units::ContentHash;
use server::{Bucket, SECRET};
use storage::{Storage, StorageError};

/// Longer than what goes at a time, so that it goes in parts.
fn long() -> String {
    (0..(20 << 20) / 8).map(|number| format!("{number:08}")).collect()
}

#[tokio::test]
async fn a_bucket_keeps_fetches_lists_and_removes_as_a_folder_does() {
    let bucket = Bucket::serve(None).await;
    let storage = Storage::open_with("s3://models/of/ours", bucket.right()).await.unwrap();
    assert_eq!(bucket.files(""), 0, "what was written to see whether that is allowed stays");
    assert!(!format!("{storage:?}").contains(SECRET), "{storage:?}");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    for text in ["short".to_owned(), long()] {
        fs::write(&from, &text).unwrap();
        for path in ["a/1", "a/2", "b/1"] {
            storage.put(path, &from).await.unwrap();
        }
        assert_eq!(bucket.files("of/ours"), 3);
        assert_eq!(storage.length("a/1").await.unwrap(), Some(text.len() as u64));
        let sha256 = ContentHash::of(text.as_bytes()).to_string();
        storage.fetch("a/1", &sha256, &to).await.unwrap();
        assert!(fs::read(&to).unwrap() == text.as_bytes());
        let other = ContentHash::of(b"other").to_string();
        let damaged = storage.fetch("a/1", &other, &to).await.unwrap_err();
        assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");

        let mut found = storage.list("a").await.unwrap();
        found.sort();
        assert_eq!(found, ["a/1", "a/2"]);
        for path in ["a/1", "a/2", "b/1"] {
            storage.delete(path).await.unwrap();
            storage.delete(path).await.unwrap();
            assert_eq!(storage.length(path).await.unwrap(), None);
        }
        let gone = storage.fetch("a/1", &sha256, &to).await.unwrap_err();
        assert!(matches!(gone, StorageError::Missing(_)), "{gone}");
    }
    assert_eq!(bucket.files("of/ours"), 0);
}

#[tokio::test]
async fn a_file_that_is_given_up_half_way_is_not_in_the_bucket() {
    let bucket = Bucket::serve(None).await;
    let storage = Storage::open_with("s3://models", bucket.right()).await.unwrap();
    let text = long();
    let mut writer = storage.writer("file").unwrap();
    for piece in text.as_bytes().chunks(1 << 20) {
        writer.write(piece.to_vec().into()).await.unwrap();
    }
    let other = ContentHash::of(b"other");
    let refused = writer.finish_as(other, text.len() as u64).await.unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { .. }), "{refused}");
    assert_eq!(storage.length("file").await.unwrap(), None);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_told_at_the_start() {
    let bucket = Bucket::serve(None).await;
    let wrong = Storage::open_with("s3://models", bucket.variables("wrong")).await.unwrap_err();
    assert!(
        wrong.contains("refuses (SignatureDoesNotMatch)") && wrong.contains("AWS_SECRET_ACCESS_KEY"),
        "{wrong}"
    );
    assert!(!wrong.contains('<'), "{wrong}");
    let nameless = Storage::open_with("s3://", bucket.right()).await.unwrap_err();
    assert!(nameless.contains("s3://BUCKET"), "{nameless}");
    let mut unallowed = bucket.right();
    unallowed.retain(|(name, _)| name != "AWS_ALLOW_HTTP");
    let plain = Storage::open_with("s3://models", unallowed).await.unwrap_err();
    assert!(plain.contains("plain text") && plain.contains("AWS_ALLOW_HTTP=true"), "{plain}");
}
