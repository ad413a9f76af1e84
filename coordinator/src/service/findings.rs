//! What workers find out that others can use: taken in, and told to those who plan.

use std::collections::HashSet;

use domain::memory::{DeviceKind, training};
use domain::{SweepSpec, expand};
use proto::{Reason, from_wire, v1};
use tonic::Status;

use super::decode::is_sha256;
use super::status::{invalid, of_issues, of_store, of_wire};
use super::{Context, decode};
use crate::access::Caller;
use crate::store::lease::{self, LeaseKey};
use crate::store::memory::{self, Finder};
use crate::store::record::storable;
use crate::store::{self, StoreError, sweep, trial};

/// Kinds of trial and steps of each in one report at most: a trial measures a few dozen steps of one or two kinds.
const MAX_KINDS: usize = 64;
const MAX_STEPS: usize = 1_024;

/// ReportFindings. Nothing is written without the lease.
pub async fn report(
    context: &Context,
    caller: &Caller,
    request: v1::ReportFindingsRequest,
) -> Result<v1::ReportFindingsResponse, Status> {
    let key = decode::lease(request.lease.as_ref())?;
    let mut findings = request.findings.ok_or_else(|| invalid("findings", "is missing"))?;
    check(&findings)?;
    for known in &mut findings.memory {
        known.description = storable(&known.description);
    }
    let data_sha256 = store(context, caller, &key, &findings).await.map_err(of_store)?;
    Ok(v1::ReportFindingsResponse { data_sha256: data_sha256.unwrap_or_default() })
}

fn check(findings: &v1::Findings) -> Result<(), Status> {
    if !findings.data_sha256.is_empty() && !is_sha256(&findings.data_sha256) {
        return Err(invalid("findings.data_sha256", "is not 64 hex digits"));
    }
    let steps = |steps: &Option<v1::KnownSteps>| {
        steps.as_ref().map_or(0, |steps| steps.measured.len() + steps.failed.len())
    };
    for known in &findings.memory {
        if !is_sha256(&known.kind) {
            return Err(invalid("findings.memory.kind", "is not 64 hex digits"));
        }
        if steps(&known.whole) + steps(&known.accumulated) > MAX_STEPS {
            return Err(Reason::LimitExceeded.status(format!("more than {MAX_STEPS} steps of one kind")));
        }
    }
    if findings.memory.len() > MAX_KINDS {
        return Err(Reason::LimitExceeded.status(format!("more than {MAX_KINDS} kinds in one report")));
    }
    Ok(())
}

/// Gives the hash of the data that the sweep's trials are trained on.
async fn store(
    context: &Context,
    caller: &Caller,
    key: &LeaseKey,
    findings: &v1::Findings,
) -> store::Result<Option<String>> {
    let mut transaction = context.store.begin().await?;
    let Some(finder) = memory::finder(&mut transaction, key).await? else {
        return Err(lease::refusal(&mut transaction, key, caller.name()).await);
    };
    let mut data_sha256 = finder.data_sha256.clone();
    if data_sha256.is_none() && !findings.data_sha256.is_empty() {
        // Before the lease is locked, as the order of locks has it; without the lease it is undone.
        data_sha256 =
            sweep::keep_data_sha256(&mut transaction, finder.sweep_id, &findings.data_sha256).await?;
    }
    if lease::hold(&mut transaction, key, caller.name(), context.lease_ttl).await?.is_none() {
        return Err(lease::refusal(&mut transaction, key, caller.name()).await);
    }
    if !findings.memory.is_empty() {
        memory::merge(&mut transaction, &family_of_finder(key, &finder)?, &findings.memory).await?;
    }
    transaction.commit().await?;
    Ok(data_sha256)
}

fn family_of_finder(key: &LeaseKey, finder: &Finder) -> store::Result<String> {
    let device = DeviceKind::new(&finder.device, &finder.device_description, &finder.libtorch_version);
    let spec = sweep::decode_spec(finder.sweep_id, &finder.spec)?;
    family(&device, &spec, (key.trial_id, &finder.settings))
}

/// Which family a stored trial is of, on such a device.
pub fn family(
    device: &DeviceKind,
    spec: &v1::SweepSpec,
    (trial_id, settings): (uuid::Uuid, &[u8]),
) -> store::Result<String> {
    let corrupt = |error| StoreError::corrupt(format!("what trial {trial_id} trains"), error);
    let settings = trial::decode_settings(trial_id, settings)?;
    let model = from_wire::model(spec.model.clone().unwrap_or_default()).map_err(corrupt)?;
    let settings = from_wire::settings(settings).map_err(corrupt)?;
    Ok(device.family(&model, &settings.train))
}

/// ListKnownMemory.
pub async fn list(
    context: &Context,
    request: v1::ListKnownMemoryRequest,
) -> Result<v1::ListKnownMemoryResponse, Status> {
    let message = request.spec.ok_or_else(|| invalid("spec", "is missing"))?;
    let draft = from_wire::sweep(message).map_err(|error| of_wire(&error))?;
    let spec = SweepSpec::try_new(draft).map_err(|issues| of_issues(&issues))?;
    let device = DeviceKind::new(&request.device, &request.device_description, &request.libtorch_version);
    let mut seen = HashSet::new();
    let families: Vec<String> = expand(&spec)
        .iter()
        .map(|trial| &trial.settings.train)
        .filter(|train| seen.insert(training(train)))
        .map(|train| device.family(&spec.model, train))
        .collect();
    let known = async {
        let mut connection = context.store.requests.acquire().await?;
        memory::known(&mut connection, &families).await
    };
    let known = known.await.map_err(of_store)?;
    Ok(v1::ListKnownMemoryResponse { memory: known.into_values().flatten().collect() })
}
