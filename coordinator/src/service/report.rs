//! Records come in.

use domain::run::{Lease, Record};
use proto::{MAX_RECORDS, Reason, v1};
use tonic::Status;

use super::decode;
use crate::access::Caller;
use crate::access::status::{invalid, of_store};
use crate::context::Context;
use crate::metrics::METRICS;
use crate::store::{self, lease, record};

/// ReportMetrics; gives the number up to which records are stored.
pub async fn report(
    context: &Context,
    caller: &Caller,
    request: v1::ReportMetricsRequest,
) -> Result<u64, Status> {
    let lease = decode::lease(request.lease)?;
    if request.first_seq == 0 {
        return Err(invalid("first_seq", "is 0; records count from 1"));
    }
    if request.records.len() > MAX_RECORDS {
        let message = format!("{} records in one call; send at most {MAX_RECORDS}", request.records.len());
        return Err(Reason::LimitExceeded.status(message));
    }
    context.rates.rows(caller, request.records.len())?;
    let records = request.records.into_iter().map(decode::wire).collect::<Result<Vec<Record>, _>>()?;
    for record in &records {
        if let Record::Metric(point) = record {
            decode::possible("records.metric", point.check())?;
        }
    }
    let stored = async {
        match ahead(context, caller, &lease, request.first_seq, &records).await? {
            Some(acked_seq) => Ok(acked_seq),
            None => locked(context, caller, &lease, request.first_seq, &records).await,
        }
    };
    stored.await.map_err(of_store)
}

/// Stores records with the lease locked.
async fn locked(
    context: &Context,
    caller: &Caller,
    lease: &Lease,
    first_seq: u64,
    records: &[Record],
) -> store::Result<u64> {
    let mut transaction = context.store.begin().await?;
    record::take_turn(&mut transaction, lease.trial_id).await?;
    let Some(held) = lease::hold(&mut transaction, lease, caller.name(), context.lease_ttl).await? else {
        // A worker that restarted may replay what its completed attempt had stored before.
        let last_seq = first_seq.saturating_add(records.len() as u64) - 1;
        return match lease::ended(&mut transaction, lease, caller.name()).await? {
            Some(attempt) if attempt.digest.is_some() && attempt.acked_seq >= last_seq => {
                Ok(attempt.acked_seq)
            }
            _ => Err(lease::refusal(&mut transaction, lease, caller.name()).await),
        };
    };
    let before = held.acked_seq;
    let acked_seq = record::append(&mut transaction, lease, held, first_seq, records).await?;
    transaction.commit().await?;
    METRICS.records.inc_by(acked_seq - before);
    Ok(acked_seq)
}

/// Stores records while the lease stays free for heartbeats; `None`, and nothing done, where that does not do.
async fn ahead(
    context: &Context,
    caller: &Caller,
    lease: &Lease,
    first_seq: u64,
    records: &[Record],
) -> store::Result<Option<u64>> {
    let mut transaction = context.store.begin().await?;
    let appended = record::append_ahead(&mut transaction, lease, caller.name(), first_seq, records).await?;
    let Some((before, acked_seq)) = appended else { return Ok(None) };
    transaction.commit().await?;
    METRICS.records.inc_by(acked_seq - before.acked_seq);
    Ok(Some(acked_seq))
}
