//! Work on all trials of a sweep, of which there may be a hundred thousand: off the threads that answer calls, and few at a
//! time, so that heartbeats never wait for it.

use std::time::Duration;

use proto::Reason;
use tokio::sync::Semaphore;
use tonic::Status;

/// At once; each takes a core for as long as it runs.
static TURNS: Semaphore = Semaphore::const_new(2);

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does it when its turn comes.
///
/// # Errors
/// [`Reason::LimitExceeded`] where too many wait.
pub async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    let Ok(Ok(_turn)) = tokio::time::timeout(PATIENCE, TURNS.acquire()).await else {
        let message = "too many sweeps are being looked at; ask again later";
        return Err(Reason::LimitExceeded.status_later(message, PATIENCE));
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Reason::Internal.status(format!("the work on a sweep broke off: {error}")))
}
