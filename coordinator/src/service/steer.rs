//! Pause, resume, cancel, retry and weigh.

use domain::units::SweepWeight;
use proto::v1;
use tonic::Status;

use super::{decode, encode};
use crate::access::status::of_store;
use crate::context::Context;
use crate::store::sweep::{self, Cancel};
use crate::store::{self, resolve, steering};

/// What to do with a sweep.
#[derive(Debug, Clone, Copy)]
pub enum Steer {
    /// Hand out no further trial.
    Pause,
    /// Hand out trials again.
    Resume,
    /// End it.
    Cancel(Cancel),
    /// Put failed and cancelled trials back into the queue.
    Retry,
    /// Give it another share of the workers.
    Weigh(SweepWeight),
}

/// Steers a sweep. Gives it as it is then, and how many trials went back into the queue.
pub async fn steer(context: &Context, text: &str, how: Steer) -> Result<(v1::Sweep, u64), Status> {
    let sweep = decode::reference("sweep", text)?;
    steered(context, sweep, how).await.map_err(of_store)
}

async fn steered(context: &Context, text: &str, how: Steer) -> store::Result<(v1::Sweep, u64)> {
    let mut transaction = context.store.begin().await?;
    let sweep_id = resolve::sweep(&mut transaction, text).await?;
    let retried = match how {
        Steer::Pause => steering::set_paused(&mut transaction, sweep_id, true).await.map(|()| 0)?,
        Steer::Resume => steering::set_paused(&mut transaction, sweep_id, false).await.map(|()| 0)?,
        Steer::Cancel(how) => steering::cancel(&mut transaction, sweep_id, how).await.map(|()| 0)?,
        Steer::Weigh(weight) => steering::set_weight(&mut transaction, sweep_id, weight).await.map(|()| 0)?,
        Steer::Retry => steering::retry(&mut transaction, sweep_id).await?,
    };
    let row = sweep::get(&mut transaction, sweep_id).await?;
    context.store.notify_trials(&mut transaction).await?;
    transaction.commit().await?;
    context.claims.wake();
    context.searches.begin();
    tracing::info!(%sweep_id, retried, "{how:?}");
    Ok((encode::sweep(&row)?, retried))
}
