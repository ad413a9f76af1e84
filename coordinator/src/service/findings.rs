//! What workers find out that others can use: taken in, and given to those who plan.

use std::collections::HashSet;

use domain::access::fleet;
use domain::memory::{DeviceKind, training};
use domain::run::{Findings, Lease};
use domain::spec::SweepDraft;
use domain::units::ContentHash;
use domain::{SpecIssue, SweepSpec, expand};
use proto::{Reason, Wire, v1};
use tonic::Status;

use super::decode;
use super::heavy::heavy;
use crate::access::Caller;
use crate::access::status::{invalid, of_issues, of_store};
use crate::context::Context;
use crate::store::memory::{self, Finder};
use crate::store::{self, lease, sweep};

/// Kinds of trial and steps of each in one report at most: a trial measures a few dozen steps of one or two kinds.
const MAX_KINDS: usize = 64;
const MAX_STEPS: usize = 1_024;

/// ReportFindings. Nothing is written without the lease.
pub async fn report(
    context: &Context,
    caller: &Caller,
    request: v1::ReportFindingsRequest,
) -> Result<v1::ReportFindingsResponse, Status> {
    let lease = decode::lease(request.lease)?;
    let message = request.findings.ok_or_else(|| invalid("findings", "is missing"))?;
    check(&message)?;
    let findings = decode::wire(message)?;
    let data_sha256 = store(context, caller, &lease, &findings).await.map_err(of_store)?;
    let data_sha256 = data_sha256.map(|hash| hash.to_string()).unwrap_or_default();
    Ok(v1::ReportFindingsResponse { data_sha256 })
}

/// Whether there is not too much of it.
fn check(findings: &v1::Findings) -> Result<(), Status> {
    let steps = |steps: &Option<v1::KnownSteps>| {
        steps.as_ref().map_or(0, |steps| steps.measured.len() + steps.failed.len())
    };
    if findings.memory.len() > MAX_KINDS {
        return Err(Reason::LimitExceeded.status(format!("more than {MAX_KINDS} kinds in one report")));
    }
    if findings.memory.iter().any(|known| steps(&known.whole) + steps(&known.accumulated) > MAX_STEPS) {
        return Err(Reason::LimitExceeded.status(format!("more than {MAX_STEPS} steps of one kind")));
    }
    Ok(())
}

/// Gives the hash of the data that the sweep's trials are trained on.
async fn store(
    context: &Context,
    caller: &Caller,
    lease: &Lease,
    findings: &Findings,
) -> store::Result<Option<ContentHash>> {
    let mut transaction = context.store.begin().await?;
    let fleet = fleet(caller.name());
    let Some(finder) = memory::finder(&mut transaction, lease, fleet).await? else {
        return Err(lease::refusal(&mut transaction, lease, caller.name()).await);
    };
    let data_sha256 = match (finder.data_sha256, findings.data_sha256) {
        // Before the lease is locked, as the order of locks has it; without the lease it is undone.
        (None, Some(found)) => {
            sweep::keep_data_sha256(&mut transaction, finder.sweep_id, fleet, found).await?
        }
        (kept, _) => kept,
    };
    if lease::hold(&mut transaction, lease, caller.name(), context.lease_ttl).await?.is_none() {
        return Err(lease::refusal(&mut transaction, lease, caller.name()).await);
    }
    if !findings.memory.is_empty() {
        memory::merge(&mut transaction, &family(lease, &finder, fleet)?, &findings.memory).await?;
    }
    transaction.commit().await?;
    Ok(data_sha256)
}

/// Which family the trial of a finder is of.
fn family(lease: &Lease, finder: &Finder, fleet: &str) -> store::Result<String> {
    let spec = finder.spec.read(finder.sweep_id)?;
    let settings = finder.settings.read(lease.trial_id)?;
    Ok(finder.device.family(fleet, &spec.model, &settings.train))
}

/// The families of a sweep's trials on this kind of device of a fleet.
fn families(draft: SweepDraft, device: &DeviceKind, fleet: &str) -> Result<Vec<String>, Vec<SpecIssue>> {
    let spec = SweepSpec::try_new(draft)?;
    let mut seen = HashSet::new();
    let trials = expand(&spec);
    let kinds = trials.iter().map(|trial| &trial.settings.train).filter(|train| seen.insert(training(train)));
    Ok(kinds.map(|train| device.family(fleet, &spec.model, train)).collect())
}

/// ListKnownMemory: what the caller's own fleet measured.
pub async fn list(
    context: &Context,
    caller: &Caller,
    request: v1::ListKnownMemoryRequest,
) -> Result<v1::ListKnownMemoryResponse, Status> {
    let draft: SweepDraft = decode::required("spec", request.spec)?;
    let device = DeviceKind::new(&request.device, &request.device_description, &request.libtorch_version);
    let fleet = fleet(caller.name()).to_owned();
    let families =
        heavy(move || families(draft, &device, &fleet)).await?.map_err(|issues| of_issues(&issues))?;
    let known = async {
        let mut connection = context.store.requests.acquire().await?;
        memory::known(&mut connection, &families).await
    };
    let known = known.await.map_err(of_store)?;
    Ok(v1::ListKnownMemoryResponse { memory: known.values().flatten().map(Wire::to_wire).collect() })
}
