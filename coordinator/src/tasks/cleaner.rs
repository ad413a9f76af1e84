//! The cleaner: checkpoints of trials that ended without a result are kept for `retry` for a time, and then forgotten; workers
//! remove their files. Any number of coordinators may run it at once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError, checkpoint};

/// The longest time between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks for checkpoints older than `keep` until `stop`.
pub async fn run(store: Store, keep: Duration, stop: CancellationToken) {
    let pause = keep.clamp(Duration::from_millis(200), LONGEST_PAUSE);
    loop {
        match tick(&store, keep).await {
            Ok(0) => {}
            Ok(removals) => tracing::info!(removals, "workers are asked to remove checkpoints"),
            Err(error) => tracing::warn!("old checkpoints wait: {error}"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One look. Gives how many removals workers are asked for.
///
/// # Errors
/// As any query.
pub async fn tick(store: &Store, keep: Duration) -> Result<u64, StoreError> {
    let mut transaction = store.begin().await?;
    let removals = checkpoint::condemn(&mut transaction, keep).await?;
    transaction.commit().await?;
    Ok(removals)
}
