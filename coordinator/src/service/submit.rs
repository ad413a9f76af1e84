//! CreateSweep: checked by the domain, expanded to its trials, stored with them as one.

use domain::lifecycle::{SweepState, TrialStatus};
use domain::spec::SweepDraft;
use domain::units::{RequestId, SweepId, SweepWeight};
use domain::{SweepSpec, expand};
use prost::Message;
use proto::{Reason, Wire, v1};
use tonic::Status;
use uuid::Uuid;

use super::heavy::heavy;
use super::{decode, encode};
use crate::access::Caller;
use crate::access::status::{invalid, of_issues, of_store};
use crate::context::Context;
use crate::store::sweep::{self, NewSweep, TrialCounts};
use crate::store::{StoreError, search, trial, upload};

/// The longest sweep file, in bytes.
const MAX_SOURCE: usize = 1 << 20;

/// The largest sweep, in bytes as encoded: the longest grid of one axis fits.
pub const MAX_SPEC: usize = 2 << 20;

/// Checks a sweep and, unless only that was asked, queues its trials.
pub async fn create(
    context: &Context,
    caller: &Caller,
    request: v1::CreateSweepRequest,
) -> Result<v1::Sweep, Status> {
    let message = request.spec.ok_or_else(|| invalid("spec", "is missing"))?;
    if message.encoded_len() > MAX_SPEC {
        let problem = format!("the sweep takes {} bytes; {MAX_SPEC} are allowed", message.encoded_len());
        return Err(Reason::LimitExceeded.status(problem));
    }
    let draft: SweepDraft = decode::wire(message)?;
    let spec = heavy(move || SweepSpec::try_new(draft)).await?.map_err(|issues| of_issues(&issues))?;
    if request.source.len() > MAX_SOURCE || request.source.contains('\0') {
        return Err(invalid("source", &format!("is over {MAX_SOURCE} bytes, or no text")));
    }
    let weight = request.weight.map(decode::weight).transpose()?.unwrap_or_default();
    if request.validate_only {
        return Ok(checked(&spec));
    }
    let request_id = decode::parsed("request_id", &request.request_id)?;
    context.rates.submission(caller)?;
    store(context, &spec, &request.source, request_id, weight).await.map_err(of_store)
}

fn checked(spec: &SweepSpec) -> v1::Sweep {
    let pending = spec.grid.trial_count().unwrap_or(0);
    v1::Sweep {
        name: spec.name.clone().unwrap_or_default(),
        state: SweepState::Active.to_wire().into(),
        counts: Some(encode::counts(&TrialCounts { pending, ..TrialCounts::default() })),
        spec: Some(spec.to_wire()),
        weight: SweepWeight::default().get(),
        ..v1::Sweep::default()
    }
}

async fn store(
    context: &Context,
    spec: &SweepSpec,
    source: &str,
    request_id: RequestId,
    weight: SweepWeight,
) -> Result<v1::Sweep, StoreError> {
    let new = NewSweep { sweep_id: SweepId(Uuid::now_v7()), spec, source, request_id, weight };
    let mut transaction = context.store.begin().await?;
    let sweep_id = match sweep::insert(&mut transaction, &new).await? {
        Some(earlier) => earlier,
        None => {
            upload::attach(&mut transaction, new.sweep_id, &spec.uploads().collect::<Vec<_>>()).await?;
            let trials = expand(spec);
            let is_searched = spec.search.is_search();
            let status = if is_searched { TrialStatus::Undecided } else { TrialStatus::Pending };
            trial::insert_all(&mut transaction, new.sweep_id, &trials, status).await?;
            if is_searched {
                search::begin(&mut transaction, new.sweep_id, &spec.search).await?;
                search::decide(&mut transaction, new.sweep_id).await?;
            }
            context.store.notify_trials(&mut transaction).await?;
            tracing::info!(sweep_id = %new.sweep_id, trials = trials.len(), "a new sweep");
            new.sweep_id
        }
    };
    let row = sweep::get(&mut transaction, sweep_id).await?;
    transaction.commit().await?;
    context.searches.begin();
    context.claims.wake();
    encode::sweep(&row)
}
