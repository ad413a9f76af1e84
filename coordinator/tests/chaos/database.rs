//! A socket between coordinators and Postgres: it loses the reply to a commit, so that nobody can tell whether it was done,
//! and it may take the fence out of the statements on their way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::mutation::unfenced;

/// Whether the coordinators' fence is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    Up,
    Down,
}

/// The code of a request for TLS, which has no type byte either.
const SSL_REQUEST: u32 = 80_877_103;

/// Bytes taken at once.
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
pub struct Database {
    folder: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    postgres: PathBuf,
    fence: Fence,
    rewritten: AtomicUsize,
    armed: AtomicUsize,
    ordered: AtomicUsize,
    lost: AtomicUsize,
}

impl Database {
    /// In front of the Postgres whose socket is in `postgres`; its own socket is in a new folder in `folder`.
    pub fn start(folder: &Path, postgres: &Path, fence: Fence) -> Self {
        let folder = folder.join("database");
        std::fs::create_dir(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let shared = Arc::new(Shared {
            postgres: postgres.join(".s.PGSQL.5432"),
            fence,
            rewritten: AtomicUsize::new(0),
            armed: AtomicUsize::new(0),
            ordered: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        });
        let carried = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, carried.clone()));
            }
        });
        Self { folder, shared }
    }

    pub fn socket(&self) -> &Path {
        &self.folder
    }

    /// Has the reply to the next commit be lost, and its connection with it.
    pub fn arm(&self) {
        self.shared.ordered.fetch_add(1, Ordering::Relaxed);
        self.shared.armed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many of these have not happened yet.
    pub fn owed(&self) -> usize {
        self.shared.ordered.load(Ordering::Relaxed) - self.lost()
    }

    /// How often that happened.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Statements that lost a condition.
    pub fn rewritten(&self) -> usize {
        self.shared.rewritten.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Whether this one is to be hit.
    fn is_hit(&self) -> bool {
        self.armed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |armed| armed.checked_sub(1)).is_ok()
    }
}

/// Passes on both directions until one ends, the client's message by message.
async fn carry(client: UnixStream, shared: Arc<Shared>) {
    let Ok(server) = UnixStream::connect(&shared.postgres).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let loses_reply = AtomicBool::new(false);
    tokio::select! {
        _ = answer(&mut from_server, &mut to_client, &loses_reply, &shared) => {}
        _ = pass_on(&mut from_client, &mut to_server, &loses_reply, &shared) => {}
    }
    if loses_reply.load(Ordering::Relaxed) {
        // One side ended before the reply came; another commit's is lost instead.
        shared.armed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn answer(
    from_server: &mut OwnedReadHalf,
    to_client: &mut OwnedWriteHalf,
    loses_reply: &AtomicBool,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let length = from_server.read(&mut bytes).await?;
        if length > 0 && loses_reply.swap(false, Ordering::Relaxed) {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if length == 0 {
            return Ok(());
        }
        to_client.write_all(&bytes[..length]).await?;
    }
}

async fn pass_on(
    from_client: &mut OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
    loses_reply: &AtomicBool,
    shared: &Shared,
) -> std::io::Result<()> {
    // Messages before and with the start-up have no type byte (PostgreSQL documentation, 53.7).
    let mut is_started = false;
    loop {
        let kind = if is_started { Some(from_client.read_u8().await?) } else { None };
        let length = from_client.read_u32().await?;
        let mut body = vec![0; (length as usize).saturating_sub(4)];
        from_client.read_exact(&mut body).await?;
        match kind {
            None => is_started = body.get(..4) != Some(&SSL_REQUEST.to_be_bytes()),
            Some(b'P') if shared.fence == Fence::Down => body = without_fence(body, shared),
            // All replies before it have been read: it is sent only then.
            Some(b'Q') if body.starts_with(b"COMMIT") && shared.is_hit() => {
                loses_reply.store(true, Ordering::Relaxed);
            }
            Some(_) => {}
        }
        if let Some(kind) = kind {
            to_server.write_u8(kind).await?;
        }
        to_server.write_u32(u32::try_from(body.len() + 4).unwrap()).await?;
        to_server.write_all(&body).await?;
    }
}

/// A `Parse` message: a name, the statement, and the types of its parameters; only the statement changes.
fn without_fence(body: Vec<u8>, shared: &Shared) -> Vec<u8> {
    let mut parts = body.splitn(3, |byte| *byte == 0);
    let (Some(name), Some(statement), Some(types)) = (parts.next(), parts.next(), parts.next()) else {
        return body;
    };
    let Ok(statement) = std::str::from_utf8(statement) else { return body };
    let changed = unfenced(statement);
    if changed == statement {
        return body;
    }
    shared.rewritten.fetch_add(1, Ordering::Relaxed);
    [name, &[0], changed.as_bytes(), &[0], types].concat()
}
