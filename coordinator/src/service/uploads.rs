//! Files that people send along with sweeps, and that workers fetch.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::spec::Upload;
use domain::units::ContentHash;
use proto::{Reason, convert, v1};
use storage::{StorageError, Writer};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::decode;
use crate::access::Caller;
use crate::access::status::{invalid, of_store, of_wire, shutting_down};
use crate::context::Context;
use crate::store::{lease, upload};
use crate::uploads::{path, unreadable};

/// The longest piece of a file in one message, in bytes.
const MAX_PIECE: usize = 4 << 20;

/// How long a piece may keep a file waiting that is half here.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of a file goes to a worker at a time.
const PIECE: usize = 1 << 20;

/// A stream of a file's pieces.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<v1::FetchUploadResponse, Status>> + Send>>;

/// Whether a file is here, whole.
pub async fn find(context: &Context, request: &v1::FindUploadRequest) -> Result<bool, Status> {
    let hash: ContentHash = decode::parsed("sha256", &request.sha256)?;
    let mut transaction = context.store.begin().await.map_err(of_store)?;
    let Some(bytes) = upload::find(&mut transaction, hash).await.map_err(of_store)? else { return Ok(false) };
    transaction.commit().await.map_err(|error| of_store(error.into()))?;
    context.uploads.has(hash, bytes).await
}

/// Takes a file in.
pub async fn take(
    context: &Context,
    caller: &Caller,
    mut pieces: Streaming<v1::UploadFileRequest>,
) -> Result<(), Status> {
    let first = pieces.message().await?.ok_or_else(|| invalid("file", "is missing in the first message"))?;
    let file = first.file.ok_or_else(|| invalid("file", "is missing in the first message"))?;
    let file = convert::upload("file", file).map_err(|error| of_wire(&error))?;
    if !Upload::is_name(&file.name) {
        return Err(invalid("file.name", "is no file name of 1 to 128 bytes"));
    }
    let limits = context.uploads.limits();
    if file.bytes > limits.file {
        let (bytes, limit) = (domain::Bytes(file.bytes), domain::Bytes(limits.file));
        let message = format!(
            "{} has {bytes}; this coordinator takes files of up to {limit} (--max-upload)\nhint: put it on the workers, and \
             use `path`",
            file.name
        );
        return Err(Reason::LimitExceeded.status(message));
    }
    let kept = async {
        let mut connection = context.store.requests.acquire().await?;
        upload::bytes_of(&mut connection, caller.name()).await
    };
    let kept = kept.await.map_err(of_store)?;
    let Some(_coming) = context.uploads.reserve(caller.name(), kept, file.bytes) else {
        let [file, kept, quota] = [file.bytes, kept, limits.quota].map(domain::Bytes);
        return Err(Reason::LimitExceeded.status(format!(
            "{file} more would be over your share of this coordinator's store: {kept} of {quota} are kept, others may be on \
             their way (--upload-quota)\nhint: files go with the sweeps that read them: batchsweep rm SWEEP"
        )));
    };
    let storage = context.uploads.storage().await?;
    let mut writer = storage.writer(&path(file.hash)).map_err(|error| of_storage(&file, &error))?;
    if let Err(status) = receive(&file, &mut writer, first.data, &mut pieces).await {
        writer.abort().await;
        return Err(status);
    }
    writer.finish_as(file.hash, file.bytes).await.map_err(|error| of_storage(&file, &error))?;
    note(context, caller, &file).await
}

async fn receive(
    file: &Upload,
    writer: &mut Writer,
    first: Vec<u8>,
    pieces: &mut Streaming<v1::UploadFileRequest>,
) -> Result<(), Status> {
    let mut piece = first;
    loop {
        if piece.len() > MAX_PIECE {
            return Err(Reason::LimitExceeded.status(format!("a piece may have {} MiB", MAX_PIECE >> 20)));
        }
        if writer.bytes() + piece.len() as u64 > file.bytes {
            return Err(Reason::UploadDamaged.status(format!(
                "{} is longer than announced ({} bytes): did it change while it was sent?",
                file.name, file.bytes
            )));
        }
        writer.write(piece.into()).await.map_err(|error| of_storage(file, &error))?;
        let next = tokio::time::timeout(PATIENCE, pieces.message()).await;
        match next
            .map_err(|_| Status::deadline_exceeded(format!("no piece of {} came in time", file.name)))??
        {
            None => return Ok(()),
            Some(next) if next.file.is_some() => {
                return Err(invalid("file", "comes in the first message only"));
            }
            Some(next) => piece = next.data,
        }
    }
}

/// Notes a file whose bytes are there. Whoever was just removing an older copy of it has finished by then, perhaps with this
/// one.
async fn note(context: &Context, caller: &Caller, file: &Upload) -> Result<(), Status> {
    let mut transaction = context.store.begin().await.map_err(of_store)?;
    upload::keep(&mut transaction, file, caller.name()).await.map_err(of_store)?;
    if !context.uploads.has(file.hash, file.bytes).await? {
        return Err(Status::aborted(format!("{} was removed as it came; send it again", file.name)));
    }
    transaction.commit().await.map_err(|error| of_store(error.into()))?;
    tracing::info!(name = file.name, sha256 = %file.hash, bytes = file.bytes, "a file was sent along");
    Ok(())
}

/// Gives a file to the holder of a lease of a trial that reads it.
pub async fn give(
    context: &Context,
    caller: &Caller,
    request: v1::FetchUploadRequest,
) -> Result<Pieces, Status> {
    let lease = decode::lease(request.lease)?;
    let hash: ContentHash = decode::parsed("sha256", &request.sha256)?;
    let allowed = async {
        let mut transaction = context.store.begin().await?;
        if lease::peek(&mut transaction, &lease, caller.name()).await?.is_none() {
            return Err(lease::refusal(&mut transaction, &lease, caller.name()).await);
        }
        upload::of_trial(&mut transaction, lease.trial_id, hash).await
    };
    let Some(bytes) = allowed.await.map_err(of_store)? else {
        let message = format!("the trial's sweep was sent no file with SHA-256 {hash}");
        return Err(Reason::UploadMissing.status(message));
    };
    if !context.uploads.has(hash, bytes).await? {
        let message = "the file that was sent along is gone from the coordinator's store\nhint: submit the sweep again; where \
                       several coordinators serve one address they need one --upload-store";
        return Err(Reason::UploadMissing.status(message));
    }
    let storage = context.uploads.storage().await?;
    let found = storage.read(&path(hash)).await.map_err(|error| unreadable(&error))?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(send(found, sender, context.drain.clone()));
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

async fn send(
    mut found: impl Stream<Item = Result<Bytes, StorageError>> + Unpin,
    sender: mpsc::Sender<Result<v1::FetchUploadResponse, Status>>,
    drain: CancellationToken,
) {
    let mut piece = BytesMut::with_capacity(PIECE);
    loop {
        let next = tokio::select! {
            next = found.next() => next,
            () = drain.cancelled() => {
                let _ = sender.send(Err(shutting_down())).await;
                return;
            }
        };
        let is_last = next.is_none();
        match next {
            Some(Ok(bytes)) => piece.extend_from_slice(&bytes),
            Some(Err(error)) => {
                let _ = sender.send(Err(unreadable(&error))).await;
                return;
            }
            None => {}
        }
        if piece.len() >= PIECE || (is_last && !piece.is_empty()) {
            let data = piece.split().to_vec();
            if sender.send(Ok(v1::FetchUploadResponse { data })).await.is_err() {
                return;
            }
        }
        if is_last {
            return;
        }
    }
}

fn of_storage(file: &Upload, error: &StorageError) -> Status {
    match error {
        StorageError::Damaged { .. } | StorageError::Length { .. } => Reason::UploadDamaged.status(format!(
            "{} did not arrive as announced: {error}; did it change while it was sent?",
            file.name
        )),
        other => {
            tracing::warn!(name = file.name, "a file that was sent along cannot be kept: {other}");
            Reason::StoreUnavailable.status(format!(
                "the coordinator cannot keep {}: {other}\nhint: make room in its store, or put the file on the workers, and \
                 use `path`",
                file.name
            ))
        }
    }
}
