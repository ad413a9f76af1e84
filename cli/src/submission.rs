//! Submits a sweep, once, however often it has to be tried.

use domain::units::SweepWeight;
use proto::Wire;
use proto::reason::retry_delay;
use proto::v1::{CancelSweepRequest, CreateSweepRequest, Sweep};

use crate::coordinator::session::Session;
use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::talk::Talk;
use crate::tries::Tries;
use crate::uploading;

/// Submits the sweep. A lost answer is asked for again under the same request id, so that there is one sweep.
///
/// # Errors
/// When the coordinator refuses it, or stays away, and when a file cannot be sent.
pub async fn submit(
    session: &Session,
    spec: &SpecFile,
    weight: Option<SweepWeight>,
    talk: Talk,
) -> Result<Sweep, Failure> {
    uploading::send_all(session, &spec.uploads, talk).await?;
    let request = CreateSweepRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        spec: Some(spec.sweep.to_wire()),
        source: spec.text.clone(),
        validate_only: false,
        weight: weight.map(SweepWeight::get),
    };
    let mut tries = Tries::default();
    loop {
        let status = match session.client.clone().create_sweep(request.clone()).await {
            Ok(response) => {
                let sweep = response.into_inner().sweep;
                let sweep =
                    sweep.ok_or_else(|| Failure::failed("the coordinator answered without a sweep"))?;
                let is_known = sweep.spec.as_ref().is_some_and(|spec| spec.search.is_some());
                let is_lost = spec.sweep.search.is_search() && !is_known;
                return if is_lost { withdraw(session, sweep).await } else { Ok(sweep) };
            }
            Err(status) => status,
        };
        let Some(pause) = tries.pause_after(&status) else { return Err(session.refused(&status)) };
        if retry_delay(&status).is_some() {
            talk.say(status.message());
        }
        tokio::time::sleep(pause).await;
    }
}

/// Ends a sweep whose `[search]` the coordinator did not understand: it would train every cell.
async fn withdraw(session: &Session, sweep: Sweep) -> Result<Sweep, Failure> {
    let request = CancelSweepRequest { sweep: sweep.sweep_id.clone(), drain: false };
    let cancelled = session.client.clone().cancel_sweep(request).await;
    cancelled.map_err(|status| session.refused(&status))?;
    let message = "the coordinator is of a version without [search] and would train every cell";
    Err(Failure::failed(format!("{message}, so sweep {} was cancelled", sweep.sweep_id))
        .hint("upgrade the coordinator, or leave [search] out"))
}
