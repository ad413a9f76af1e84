//! A coordinator without its fence, and no switch for it in the coordinator: a socket between it and Postgres rewrites
//! its statements on the way, so that the conditions on attempt and token hold for everybody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Each condition by which a query tells the attempt that holds the trial from one that held it: the query's name, the
/// condition, and what it becomes: true, with its parameters still in their places.
const CONDITIONS: [(&str, &str, &str); 9] = [
    ("lock_lease", "lease.attempt = $2", "$2::integer is not null"),
    ("lock_lease", "lease.token = $3", "$3::bytea is not null"),
    ("renew_leases", "using (trial_id, attempt, token)", "using (trial_id)"),
    ("renew_leases", "and lease.attempt = beat.attempt and lease.token = beat.token", ""),
    ("reattach_lease", "and state.attempt = $2", "and $2::integer is not null"),
    ("move_watermark", "and attempt = $2", "and $2::integer is not null"),
    ("lock_completion", "and attempt = $2", "and $2::integer is not null"),
    ("end_attempts", "and state.attempt = ending.attempt", ""),
    ("end_attempts", "and lease.attempt = ending.attempt", ""),
];

/// The code of a request for TLS, which has no type byte either.
const SSL_REQUEST: u32 = 80_877_103;

#[derive(Debug)]
pub struct Mutation {
    folder: PathBuf,
    rewritten: Arc<AtomicUsize>,
}

impl Mutation {
    /// In front of the Postgres whose socket is in `postgres`; its own socket is in a new folder in `folder`.
    pub fn start(folder: &Path, postgres: &Path) -> Self {
        let folder = folder.join("unfenced");
        std::fs::create_dir(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let upstream = postgres.join(".s.PGSQL.5432");
        let rewritten = Arc::new(AtomicUsize::new(0));
        let counter = rewritten.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, counter) = (upstream.clone(), counter.clone());
                tokio::spawn(async move {
                    if let Ok(server) = UnixStream::connect(upstream).await {
                        carry(client, server, &counter).await;
                    }
                });
            }
        });
        Self { folder, rewritten }
    }

    pub fn socket(&self) -> &Path {
        &self.folder
    }

    /// Statements that lost a condition.
    pub fn rewritten(&self) -> usize {
        self.rewritten.load(Ordering::Relaxed)
    }
}

/// Passes on both directions until one ends, the client's message by message.
async fn carry(client: UnixStream, server: UnixStream, rewritten: &AtomicUsize) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        _ = answers => {}
        _ = pass_on(&mut from_client, &mut to_server, rewritten) => {}
    }
}

async fn pass_on(
    from_client: &mut OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
    rewritten: &AtomicUsize,
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
            Some(b'P') => body = without_fence(body, rewritten),
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
fn without_fence(body: Vec<u8>, rewritten: &AtomicUsize) -> Vec<u8> {
    let mut parts = body.splitn(3, |byte| *byte == 0);
    let (Some(name), Some(statement), Some(types)) = (parts.next(), parts.next(), parts.next()) else {
        return body;
    };
    let Ok(statement) = std::str::from_utf8(statement) else { return body };
    let changed = unfenced(statement);
    if changed == statement {
        return body;
    }
    rewritten.fetch_add(1, Ordering::Relaxed);
    [name, &[0], changed.as_bytes(), &[0], types].concat()
}

/// The statement without its conditions on the attempt; a query's first line is a comment with its name.
fn unfenced(statement: &str) -> String {
    let head = statement.lines().next().unwrap_or("");
    let name = head.strip_prefix("-- ").map(|head| head.split(':').next().unwrap_or(head).trim());
    let mut changed = statement.to_owned();
    for (_, condition, always) in CONDITIONS.iter().filter(|(query, ..)| Some(*query) == name) {
        changed = changed.replace(condition, always);
    }
    changed
}

/// Were a query written otherwise one day, its condition would stay, and the mutation be weaker than it says.
#[test]
fn each_condition_stands_in_the_query_that_it_is_taken_from() {
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    for (query, condition, _) in CONDITIONS {
        let folder = if query == "move_watermark" { "record" } else { "lease" };
        let text = std::fs::read_to_string(queries.join(folder).join(format!("{query}.sql"))).unwrap();
        assert!(text.contains(condition), "{query} has no `{condition}`");
        assert!(!unfenced(&text).contains(condition), "{query} keeps `{condition}`");
    }
}
