//! Pause, resume, cancel and retry: the same as by the command.

use axum::extract::{Path, State};
use axum::response::Redirect;

use super::Web;
use super::refusal::Refusal;
use crate::service::steer::{Steer, steer};
use crate::store::sweep::Cancel;

type Done = Result<Redirect, Refusal>;

/// Hands out no further trial.
pub async fn pause(State(web): State<Web>, Path(sweep): Path<String>) -> Done {
    done(&web, &sweep, Steer::Pause).await
}

/// Hands out trials again.
pub async fn resume(State(web): State<Web>, Path(sweep): Path<String>) -> Done {
    done(&web, &sweep, Steer::Resume).await
}

/// Ends the sweep, its running trials too.
pub async fn cancel(State(web): State<Web>, Path(sweep): Path<String>) -> Done {
    done(&web, &sweep, Steer::Cancel(Cancel::Stop)).await
}

/// Puts failed and cancelled trials back into the queue.
pub async fn retry(State(web): State<Web>, Path(sweep): Path<String>) -> Done {
    done(&web, &sweep, Steer::Retry).await
}

async fn done(web: &Web, sweep: &str, how: Steer) -> Done {
    let (sweep, _) = steer(&web.context, sweep, how).await.map_err(|status| Refusal::of(&status))?;
    Ok(Redirect::to(&format!("/sweeps/{}", sweep.sweep_id)))
}
