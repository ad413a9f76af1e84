//! Sends the files along that a sweep names, each once: a coordinator that has one already is not sent it again.

use std::io;

use domain::Bytes;
use proto::v1::{FindUploadRequest, UploadFileRequest};
use proto::{Reason, Wire};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::coordinator::session::Session;
use crate::failure::{Exit, Failure};
use crate::spec_file::LocalFile;
use crate::talk::Talk;
use crate::tries::Tries;

/// How much is sent at a time, in bytes.
const PIECE: usize = 1 << 20;

/// Sends what is not there yet. One that breaks off is sent again from its start.
///
/// # Errors
/// When the coordinator does not take a file, stays away, or the file cannot be read.
pub async fn send_all(session: &Session, files: &[LocalFile], talk: Talk) -> Result<(), Failure> {
    for file in files {
        let mut tries = Tries::default();
        while let Err(problem) = send(session, file, talk).await {
            let status = match problem {
                Problem::File(error) => return Err(unreadable(file, &error)),
                Problem::Refused(status) => status,
            };
            if Reason::of(&status) == Some(Reason::UploadDamaged) {
                return Err(session.refused(&status));
            }
            let Some(pause) = tries.pause_after(&status) else { return Err(session.refused(&status)) };
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}

/// What keeps a file from being sent.
enum Problem {
    File(io::Error),
    Refused(Status),
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

async fn send(session: &Session, file: &LocalFile, talk: Talk) -> Result<(), Problem> {
    let mut client = session.client.clone();
    let LocalFile { path, upload } = file;
    let request = FindUploadRequest { sha256: upload.hash.to_string() };
    if client.find_upload(request).await?.into_inner().found {
        return Ok(());
    }
    talk.say(format_args!("sending {} ({})", upload.name, Bytes(upload.bytes)));
    let opened = File::open(path).await.map_err(Problem::File)?;
    let (pieces, stream) = mpsc::channel(2);
    let (broken, breaks) = oneshot::channel();
    let first = UploadFileRequest { file: Some(upload.to_wire()), data: Vec::new() };
    tokio::spawn(async move {
        if let Err(error) = read(opened, first, &pieces).await {
            let _ = broken.send(error);
        }
    });
    let sent = client.upload_file(ReceiverStream::new(stream)).await;
    // A file that could not be read to its end came too short, which is not what is wrong with it.
    match breaks.await {
        Ok(error) => Err(Problem::File(error)),
        Err(_) => Ok(sent.map(|_| ())?),
    }
}

async fn read(
    file: File,
    first: UploadFileRequest,
    pieces: &mpsc::Sender<UploadFileRequest>,
) -> io::Result<()> {
    let mut file = file;
    let mut message = first;
    // The other end is gone when the coordinator has refused the file; its answer says why.
    while pieces.send(message).await.is_ok() {
        let mut data = Vec::with_capacity(PIECE);
        if (&mut file).take(PIECE as u64).read_to_end(&mut data).await? == 0 {
            break;
        }
        message = UploadFileRequest { file: None, data };
    }
    Ok(())
}

fn unreadable(file: &LocalFile, error: &io::Error) -> Failure {
    let failure = Failure::io(format!("cannot read {}, which is sent along", file.path.display()), error);
    Failure { exit: Exit::Usage, ..failure }
}
