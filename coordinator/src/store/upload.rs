//! Which files were sent along with sweeps. Their bytes are not here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::spec::Upload;
use domain::units::{ContentHash, SweepId, TrialId};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::columns::{bigint, column, count, word};
use super::{Result, StoreError};

/// Notes a file whose bytes are in the store.
///
/// # Errors
/// As any query.
pub async fn keep(connection: &mut PgConnection, upload: &Upload, by: Option<&str>) -> Result<()> {
    sqlx::query_file!(
        "queries/upload/keep_upload.sql",
        upload.hash.to_string(),
        upload.name,
        bigint("file.bytes", upload.bytes)?,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Bytes of all files that this principal sent and that are kept.
///
/// # Errors
/// As any query.
pub async fn bytes_of(connection: &mut PgConnection, by: Option<&str>) -> Result<u64> {
    let bytes = sqlx::query_file_scalar!("queries/upload/bytes_of_sender.sql", by as Option<&str>);
    Ok(count(bytes.fetch_one(connection).await?))
}

/// The length of a file that was sent; `None` where none was. It stays for a while from now on.
///
/// # Errors
/// As any query.
pub async fn find(connection: &mut PgConnection, hash: ContentHash) -> Result<Option<u64>> {
    let bytes = sqlx::query_file_scalar!("queries/upload/find_upload.sql", hash.to_string());
    Ok(bytes.fetch_optional(connection).await?.map(count))
}

/// Notes which files a new sweep's trials read; they stay as long as it does.
///
/// # Errors
/// [`StoreError::UploadMissing`] when one was never sent, or is gone.
pub async fn attach(connection: &mut PgConnection, sweep_id: SweepId, uploads: &[&Upload]) -> Result<()> {
    let mut hashes: Vec<_> = uploads.iter().map(|upload| upload.hash.to_string()).collect();
    hashes.sort();
    hashes.dedup();
    if hashes.is_empty() {
        return Ok(());
    }
    let found = sqlx::query_file!("queries/upload/attach_uploads.sql", sweep_id.0, &hashes)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if found == hashes.len() as u64 {
        return Ok(());
    }
    for upload in uploads {
        if find(connection, upload.hash).await?.is_none() {
            return Err(StoreError::UploadMissing(upload.name.clone()));
        }
    }
    // The missing one has come meanwhile, too late for this sweep.
    Err(StoreError::UploadMissing(uploads.first().map(|upload| upload.name.clone()).unwrap_or_default()))
}

/// The length of a file that this trial's sweep reads; `None` where it reads no such file.
///
/// # Errors
/// As any query.
pub async fn of_trial(
    connection: &mut PgConnection,
    trial_id: TrialId,
    hash: ContentHash,
) -> Result<Option<u64>> {
    let bytes = sqlx::query_file_scalar!("queries/upload/upload_of_trial.sql", trial_id.0, hash.to_string());
    Ok(bytes.fetch_optional(connection).await?.map(count))
}

/// A file that sweeps read, and when the last of them was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    sha256: String,
    submitted_at: DateTime<Utc>,
}

/// The files that trials of these sweeps read.
///
/// # Errors
/// As any query.
pub async fn of_sweeps(connection: &mut PgConnection, sweep_ids: &[SweepId]) -> Result<Vec<Read>> {
    let sweeps = column(sweep_ids, |sweep_id| sweep_id.0);
    let rows =
        sqlx::query_file!("queries/upload/uploads_of_sweeps.sql", &sweeps).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| Read { sha256: row.sha256, submitted_at: row.submitted_at }).collect())
}

/// Forgets those of these files that no sweep reads any more, and gives their hashes and lengths. As of [`forget`], their
/// bytes are removed within the transaction.
///
/// # Errors
/// As any query.
pub async fn forget_left(connection: &mut PgConnection, read: &[Read]) -> Result<Vec<(ContentHash, u64)>> {
    let hashes = column(read, |file| file.sha256.clone());
    let submitted = column(read, |file| file.submitted_at);
    let rows = sqlx::query_file!("queries/upload/forget_left_uploads.sql", &hashes, &submitted)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((word("the hash of an upload", &row.sha256)?, count(row.bytes)))).collect()
}

/// Forgets files that no sweep reads and nobody asked for since `age`, and gives their hashes. Whoever sends one of them again
/// waits until this transaction ends, so that its bytes are removed within it.
///
/// # Errors
/// As any query.
pub async fn forget(connection: &mut PgConnection, age: Duration) -> Result<Vec<ContentHash>> {
    let age =
        PgInterval { months: 0, days: 0, microseconds: i64::try_from(age.as_micros()).unwrap_or(i64::MAX) };
    let hashes =
        sqlx::query_file_scalar!("queries/upload/forget_uploads.sql", age).fetch_all(connection).await?;
    hashes.iter().map(|hash| word("the hash of an upload", hash)).collect()
}
