//! ExtendSweep: the cells of another grid, those left out that the sweep has already.

use std::collections::{BTreeMap, HashSet};

use domain::lifecycle::TrialStatus;
use domain::spec::{GridSpec, LearningRateAxis, SearchSpec, SweepDraft};
use domain::{PlannedTrial, SweepSpec, expand};
use prost::Message;
use proto::{Reason, v1};
use tonic::Status;

use super::heavy::heavy;
use super::submit::MAX_SPEC;
use super::{decode, encode};
use crate::access::Caller;
use crate::access::status::{invalid, of_issues, of_store};
use crate::context::Context;
use crate::store::{resolve, search, steering, sweep, trial};

/// Extends a sweep. Gives it as it is then, and how many trials were added.
pub async fn extend(
    context: &Context,
    caller: &Caller,
    request: v1::ExtendSweepRequest,
) -> Result<(v1::Sweep, u64), Status> {
    let text = decode::reference("sweep", &request.sweep)?.to_owned();
    let message = request.grid.ok_or_else(|| invalid("grid", "is missing"))?;
    if message.encoded_len() > MAX_SPEC {
        let problem = format!("the grid takes {} bytes; {MAX_SPEC} are allowed", message.encoded_len());
        return Err(Reason::LimitExceeded.status(problem));
    }
    let grid: GridSpec = decode::wire(message)?;
    context.rates.submission(caller)?;
    let mut transaction = context.store.begin().await.map_err(of_store)?;
    let sweep_id = resolve::sweep(&mut transaction, &text).await.map_err(of_store)?;
    steering::lock_to_extend(&mut transaction, sweep_id).await.map_err(of_store)?;
    let row = sweep::get(&mut transaction, sweep_id).await.map_err(of_store)?;
    let spec = row.spec.read(sweep_id).map_err(of_store)?;
    let counts = row.counts;
    let begun = counts.all() - counts.undecided - counts.skipped;
    if let Some(most) = spec.search.max_trials.filter(|most| begun >= *most) {
        let problem = format!(
            "its search has begun the {most} trials that `max_trials` allows, so none of these would be trained"
        );
        return Err(invalid("grid", &problem));
    }
    let places = trial::keys(&mut transaction, sweep_id).await.map_err(of_store)?;
    let rates = trial::learning_rates(&mut transaction, sweep_id).await.map_err(of_store)?;
    let (whole, new) = heavy(move || grown(&spec, &grid, &places, rates)).await??;
    if !new.is_empty() {
        let is_searched = whole.search.is_search();
        let status = if is_searched { TrialStatus::Undecided } else { TrialStatus::Pending };
        let stored = async {
            trial::insert_all(&mut transaction, sweep_id, &new, status).await?;
            sweep::grow(&mut transaction, sweep_id, &whole).await?;
            if is_searched {
                search::reopen(&mut transaction, sweep_id).await?;
                search::decide(&mut transaction, sweep_id).await?;
            }
            context.store.notify_trials(&mut transaction).await
        };
        stored.await.map_err(of_store)?;
    }
    let row = sweep::get(&mut transaction, sweep_id).await.map_err(of_store)?;
    transaction.commit().await.map_err(|error| of_store(error.into()))?;
    context.searches.begin();
    context.claims.wake();
    tracing::info!(%sweep_id, trials = new.len(), "extended");
    Ok((encode::sweep(&row).map_err(of_store)?, new.len() as u64))
}

/// The sweep with the cells of both grids, and its new trials, at the next places.
fn grown(
    spec: &SweepDraft,
    grid: &GridSpec,
    places: &BTreeMap<u64, String>,
    rates: Vec<f64>,
) -> Result<(SweepSpec, Vec<PlannedTrial>), Status> {
    let checked = |grid: GridSpec, search: SearchSpec| {
        let draft = SweepDraft { grid, search, ..spec.clone() };
        SweepSpec::try_new(draft).map_err(|issues| of_issues(&issues))
    };
    // Whether a search could go on in these cells alone is of no interest.
    let wanted = checked(grid.clone(), SearchSpec::default())?;
    let grow = |one: &GridSpec, other: &GridSpec| {
        one.with(other).map_err(|error| invalid("grid", &error.to_string()))
    };
    let mut whole = grow(&spec.grid, grid)?;
    if spec.search.extend > 0 {
        if matches!(whole.learning_rate, LearningRateAxis::Scaled { .. }) {
            let problem =
                "learning rates by a rule cannot be added where the search goes past the edges by itself";
            return Err(invalid("grid.learning_rate", problem));
        }
        // What the search has trained past the edges is a part of the grid from now on: it knows these trials by that.
        let trained = GridSpec { learning_rate: LearningRateAxis::List(rates), ..whole.clone() };
        whole = grow(&whole, &trained)?;
    }
    let whole = checked(whole, spec.search)?;
    let known: HashSet<&String> = places.values().collect();
    let mut new: Vec<PlannedTrial> = expand(&wanted);
    new.retain(|trial| !known.contains(&trial.key));
    if (places.len() + new.len()) as u64 > SweepSpec::MAX_TRIALS {
        let problem = format!(
            "the sweep would have {} trials; {} are allowed",
            places.len() + new.len(),
            SweepSpec::MAX_TRIALS
        );
        return Err(Reason::LimitExceeded.status(problem));
    }
    let next = places.last_key_value().map_or(0, |(place, _)| place + 1);
    for (place, trial) in (next..).zip(&mut new) {
        trial.index = place;
    }
    Ok((whole, new))
}
