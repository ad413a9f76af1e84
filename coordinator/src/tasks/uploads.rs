//! Removes files that were sent along and that no sweep reads: the sweep was refused, or never sent.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::uploads::{self, Uploads};

/// How long a file waits for its sweep.
const AGE: Duration = Duration::from_secs(86_400);

/// How often they are looked for.
const PAUSE: Duration = Duration::from_secs(3_600);

/// Looks for them until `stop`.
pub async fn run(store: Store, kept: Arc<Uploads>, stop: CancellationToken) {
    loop {
        match uploads::forget(&store, &kept, AGE).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed files that were sent along and that no sweep reads"),
            Err(status) => tracing::warn!("files that no sweep reads stay: {}", status.message()),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
