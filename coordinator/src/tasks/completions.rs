//! The completion loop: one task that stores the results that came in while it stored the ones before, all in one
//! transaction. A result that comes alone waits for nobody; a hundred at once cost Postgres little more than one.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::store::completion::{self, Completion};
use crate::store::{Store, StoreError};

/// Results in one transaction at most.
const BATCH: usize = 128;

/// A result and who waits for the word that it is stored.
#[derive(Debug)]
struct Brought {
    completion: Completion,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Where results are put in line.
#[derive(Debug, Clone)]
pub struct Completions {
    line: mpsc::Sender<Brought>,
}

impl Completions {
    /// Starts the loop; it ends with the last of those who could bring something.
    #[must_use]
    pub fn start(store: Store, ttl: Duration) -> Self {
        let (line, arrivals) = mpsc::channel(1_024);
        tokio::spawn(run(store, ttl, arrivals));
        Self { line }
    }

    /// Stores a result; done when it is committed.
    ///
    /// # Errors
    /// As [`completion::complete`].
    pub async fn complete(&self, completion: Completion) -> Result<(), StoreError> {
        let ended = || StoreError::Unavailable(sqlx::Error::WorkerCrashed);
        let (reply, answer) = oneshot::channel();
        self.line.send(Brought { completion, reply }).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn run(store: Store, ttl: Duration, mut arrivals: mpsc::Receiver<Brought>) {
    let mut brought = Vec::with_capacity(BATCH);
    while arrivals.recv_many(&mut brought, BATCH).await > 0 {
        let (completions, mut replies): (Vec<_>, Vec<_>) =
            brought.drain(..).map(|one| (one.completion, Some(one.reply))).unzip();
        match together(&store, &completions).await {
            Ok(done) => {
                for place in done {
                    // A caller that is gone asks again and finds it done.
                    let _ = replies[place].take().map(|reply| reply.send(Ok(())));
                }
            }
            Err(StoreError::Unavailable(error)) => {
                tracing::warn!("{} results wait for the database: {error}", completions.len());
                for reply in replies.into_iter().flatten() {
                    let _ = reply.send(Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)));
                }
                continue;
            }
            // One of them is at fault: alone it harms no other.
            Err(error) => tracing::warn!("{} results are stored one by one: {error}", completions.len()),
        }
        for (completion, reply) in completions.into_iter().zip(replies) {
            if let Some(reply) = reply {
                let store = store.clone();
                tokio::spawn(async move { reply.send(alone(&store, &completion, ttl).await) });
            }
        }
    }
}

async fn together(store: &Store, completions: &[Completion]) -> Result<Vec<usize>, StoreError> {
    let mut transaction = store.begin_vital().await?;
    let done = completion::complete_held(&mut transaction, completions).await?;
    transaction.commit().await?;
    Ok(done)
}

async fn alone(store: &Store, completion: &Completion, ttl: Duration) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    completion::complete(&mut transaction, completion, ttl).await?;
    Ok(transaction.commit().await?)
}
