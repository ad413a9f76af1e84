//! The circuit breaker of a sweep. A sweep file that cannot work, or data that is not there, makes every attempt fail; three
//! tries for each of a thousand trials would find out nothing more than the first ones. So a sweep is paused once attempt
//! after attempt has failed and none brought a result in between, and the reason stands beside it.
//!
//! Attempts are counted in the transactions that end them; the pause is one of its own, as it locks the sweep, which comes
//! before all else. Were the coordinator to die in between, the next failure would pause the sweep.

use domain::lifecycle;
use domain::units::{SweepId, TrialId};
use sqlx::PgConnection;

use super::columns::{column, count};
use super::{Result, sweep};

/// The longest part of an error that the reason repeats, in characters.
const LONGEST_ERROR: usize = 300;

/// What a failed attempt says of its sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The sweep, where it may have to be paused: [`open`] knows.
    pub suspect: Option<SweepId>,
    /// Whether the fault is held to be the sweep's, not its worker's.
    pub is_sweeps_fault: bool,
}

/// Counts a failed attempt of this trial.
///
/// # Errors
/// As any query.
pub async fn note_failure(connection: &mut PgConnection, trial_id: TrialId) -> Result<Noted> {
    let noted = sqlx::query_file!("queries/sweep/note_failure.sql", trial_id.0).fetch_one(connection).await?;
    let failures = noted.failures_in_a_row.unsigned_abs();
    let is_suspect = failures >= lifecycle::MAX_FAILURES_IN_A_ROW;
    Ok(Noted {
        suspect: is_suspect.then_some(noted.sweep_id.into()),
        is_sweeps_fault: lifecycle::is_sweeps_fault(failures, count(noted.workers)),
    })
}

/// Notes that these trials have a result.
///
/// # Errors
/// As any query.
pub async fn note_results(connection: &mut PgConnection, trial_ids: &[TrialId]) -> Result<()> {
    let trials = column(trial_ids, |trial_id| trial_id.0);
    sqlx::query_file!("queries/sweep/note_results.sql", &trials).execute(connection).await?;
    Ok(())
}

/// Pauses a sweep because attempt after attempt failed, the last one with this error; whether it did. One that somebody
/// has paused, resumed or cancelled meanwhile, or that has brought a result or ended, is left alone.
///
/// # Errors
/// As any query.
pub async fn open(connection: &mut PgConnection, sweep_id: SweepId, error: &str) -> Result<bool> {
    let sweep = sweep::lock(connection, sweep_id).await?;
    let failures = sqlx::query_file_scalar!("queries/sweep/failures_in_a_row.sql", sweep_id.0)
        .fetch_optional(&mut *connection)
        .await?
        .map_or(0, i32::unsigned_abs);
    let goes_on = !sweep.is_finished && sweep.cancelled.is_none() && !sweep.is_paused;
    if !goes_on || !lifecycle::is_set_aside(failures, sweep.waiting) {
        return Ok(false);
    }
    let reason = reason(failures, error);
    sqlx::query_file!("queries/sweep/set_paused.sql", sweep_id.0, true, reason).execute(connection).await?;
    tracing::warn!(%sweep_id, "paused: {reason}");
    Ok(true)
}

/// Begins to count anew, as somebody wants the sweep to go on.
///
/// # Errors
/// As any query.
pub async fn close(connection: &mut PgConnection, sweep_id: SweepId) -> Result<()> {
    sqlx::query_file!("queries/sweep/forget_failures.sql", sweep_id.0).execute(connection).await?;
    Ok(())
}

fn reason(failures: u32, error: &str) -> String {
    let line = error.lines().find(|line| !line.trim().is_empty()).unwrap_or("no error told").trim();
    let said: String = line.chars().take(LONGEST_ERROR).collect();
    let more = if said.len() < line.len() { "…" } else { "" };
    format!("{failures} attempts in a row failed, the last with: {said}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line_and_not_endless() {
        assert_eq!(
            reason(10, "\nno file x.safetensors\nmore"),
            "10 attempts in a row failed, the last with: no file x.safetensors"
        );
        let long = reason(10, &"é".repeat(1_000));
        assert!(long.ends_with("é…") && long.chars().count() < 400, "{long}");
    }
}
