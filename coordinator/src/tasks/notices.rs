//! Hints from other coordinators that trials wait, through Postgres's NOTIFY. A lost hint costs a second, so nothing
//! here need be exact.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use crate::store::{Store, TRIALS_CHANNEL};

/// How long to wait before listening again after an error.
const PAUSE: Duration = Duration::from_secs(2);

/// Passes hints on until `stop`.
pub async fn run(store: Store, claims: Claims, stop: CancellationToken) {
    loop {
        let listening = async {
            let error = listen(&store, &claims).await;
            tracing::debug!("not listening for hints: {error}");
            tokio::time::sleep(PAUSE).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = listening => {}
        }
    }
}

async fn listen(store: &Store, claims: &Claims) -> sqlx::Error {
    let mut listener = match PgListener::connect_with(&store.vital).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if let Err(error) = listener.listen(TRIALS_CHANNEL).await {
        return error;
    }
    loop {
        // `None` tells of a lost connection, and so perhaps of a lost hint: reason enough to look.
        match listener.try_recv().await {
            Ok(_) => claims.wake(),
            Err(error) => return error,
        }
    }
}
