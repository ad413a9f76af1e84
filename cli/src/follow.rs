//! Follows a sweep to its end, also over a coordinator that is started again meanwhile.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proto::v1::{Sweep, SweepState, View, WatchSweepRequest, WatchSweepResponse};
use tonic::Status;

use crate::coordinator::session::Session;
use crate::coordinator::{refusal, rows};
use crate::display::{Display, trials};
use crate::failure::{Exit, Failure};

/// A coordinator that is away for longer than this is not coming back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Trials that wait for longer than this while no worker is there are worth a word.
const ALONE: Duration = Duration::from_secs(1);

/// The same while there is one, but it takes none.
const IDLE: Duration = Duration::from_secs(15);

const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Follows the sweep and shows how far it is; gives its last state. A sweep that was set aside is at its end as well: see
/// [`is_set_aside`].
///
/// # Errors
/// When there is no such sweep, or the coordinator stays away.
pub async fn to_the_end(
    session: &Session,
    sweep: &str,
    display: &RefCell<Display>,
) -> Result<Sweep, Failure> {
    let mut away_since: Option<Instant> = None;
    loop {
        match watch(session, sweep, display, &mut away_since).await {
            Ok(Some(last)) => return Ok(last),
            // The stream ended, but the sweep has not: the coordinator is shutting down.
            Ok(None) => {}
            Err(status) if refusal::is_passing(&status) => {
                if away_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(session.refused(&status));
                }
            }
            Err(status) => return Err(session.refused(&status)),
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

/// The exit code of a command that waited for a sweep.
#[must_use]
pub fn exit(sweep: &Sweep) -> Exit {
    let has_failed = sweep.counts.is_some_and(|counts| counts.failed > 0);
    if has_failed || is_set_aside(sweep) { Exit::Failed } else { Exit::Success }
}

async fn watch(
    session: &Session,
    sweep: &str,
    display: &RefCell<Display>,
    away_since: &mut Option<Instant>,
) -> Result<Option<Sweep>, Status> {
    let mut client = session.client.clone();
    let mut states = client.watch_sweep(WatchSweepRequest { sweep: sweep.to_owned() }).await?.into_inner();
    let mut last: Option<Sweep> = None;
    let mut results_again_at = Instant::now();
    loop {
        let mut next = std::pin::pin!(states.message());
        let state = tokio::select! {
            state = &mut next => state?,
            why = nothing_goes_on(session, last.as_ref()), if last.as_ref().is_some_and(waits_for_a_worker) => {
                display.borrow().note(&why);
                next.await?
            }
        };
        let Some(state) = state else { return Ok(last.filter(has_ended)) };
        *away_since = None;
        show(session, &state, display, &mut results_again_at).await;
        last = state.sweep;
        if last.as_ref().is_some_and(is_set_aside) {
            return Ok(last);
        }
    }
}

/// Says after a while why nothing goes on.
async fn nothing_goes_on(session: &Session, sweep: Option<&Sweep>) -> String {
    tokio::time::sleep(ALONE).await;
    if let Some(sweep) = sweep
        && let Some(lack) = session.presence.lack(&session.client, sweep).await
    {
        return format!("trials wait: {lack}; start one with: {}", lack.remedy());
    }
    tokio::time::sleep(IDLE - ALONE).await;
    "trials wait, but no worker takes one; see who is there with: batchsweep workers".to_owned()
}

/// Trials are handed out, but none is taken.
fn waits_for_a_worker(sweep: &Sweep) -> bool {
    let counts = sweep.counts.unwrap_or_default();
    sweep.state() == SweepState::Active && counts.pending > 0 && counts.running == 0
}

/// Between two looks at all results lies so many times what one takes: of a sweep of 100,000 trials it takes seconds.
const REST: u32 = 4;

async fn show(
    session: &Session,
    state: &WatchSweepResponse,
    display: &RefCell<Display>,
    results_again_at: &mut Instant,
) {
    display.borrow_mut().update(state);
    let Some(sweep) = &state.sweep else { return };
    let counts = sweep.counts.unwrap_or_default();
    let ended = trials(Some(&counts)).1 - counts.skipped;
    let start = Instant::now();
    let is_time = start >= *results_again_at || has_ended(sweep);
    if is_time && display.borrow().wants_ended(ended) {
        // Shown with the next state, if not now.
        if let Ok(results) = rows::list(&mut session.client.clone(), View::Result, &sweep.sweep_id, "").await
        {
            display.borrow_mut().ended(&results);
        }
        *results_again_at = Instant::now() + start.elapsed() * REST;
    }
}

/// It was paused because attempt after attempt failed, and nothing goes on before somebody has looked at it.
#[must_use]
pub fn is_set_aside(sweep: &Sweep) -> bool {
    !sweep.pause_reason.is_empty() && sweep.counts.unwrap_or_default().running == 0
}

/// No trial is left that could change.
#[must_use]
pub fn has_ended(sweep: &Sweep) -> bool {
    sweep.state() == SweepState::Finished
}

#[cfg(test)]
mod tests {
    use proto::v1::TrialCounts;

    use super::*;

    #[test]
    fn a_sweep_that_was_set_aside_is_at_its_end_once_nothing_runs() {
        let paused = |reason: &str, running| Sweep {
            pause_reason: reason.to_owned(),
            counts: Some(TrialCounts { pending: 30, running, ..TrialCounts::default() }),
            ..Sweep::default()
        };
        let reason = "10 attempts in a row failed";
        assert!(is_set_aside(&paused(reason, 0)) && !is_set_aside(&paused(reason, 1)));
        assert_eq!(exit(&paused(reason, 0)), Exit::Failed);
        // Whoever paused it will resume it.
        assert!(!is_set_aside(&paused("", 0)));
        assert_eq!(exit(&paused("", 0)), Exit::Success);
    }
}
