//! Submits a sweep, once, however often it has to be tried.

use std::time::Duration;

use proto::reason::retry_delay;
use proto::to_wire;
use proto::v1::{CreateSweepRequest, Sweep};

use crate::coordinator::refusal;
use crate::coordinator::session::Session;
use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::talk::Talk;

/// Submits the sweep. A lost answer is asked for again under the same request id, so that there is one sweep.
///
/// # Errors
/// When the coordinator refuses it, or stays away.
pub async fn submit(session: &Session, spec: &SpecFile, talk: Talk) -> Result<Sweep, Failure> {
    const TRIES: u32 = 20;
    const WAITS: u32 = 5;
    const LONGEST_WAIT: Duration = Duration::from_secs(60);
    let request = CreateSweepRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        spec: Some(to_wire::sweep(&spec.sweep)),
        source: spec.text.clone(),
        validate_only: false,
    };
    let (mut tries, mut waits) = (0, 0);
    loop {
        tries += 1;
        match session.client.clone().create_sweep(request.clone()).await {
            Ok(response) => {
                let sweep = response.into_inner().sweep;
                return sweep.ok_or_else(|| Failure::failed("the coordinator answered without a sweep"));
            }
            // A coordinator that takes only so many a minute says when it takes the next.
            Err(status) if waits < WAITS && retry_delay(&status).is_some() => {
                waits += 1;
                let delay = retry_delay(&status).unwrap_or_default().min(LONGEST_WAIT);
                talk.say(format_args!("{}", status.message()));
                tokio::time::sleep(delay).await;
            }
            Err(status) if tries < TRIES && refusal::is_passing(&status) => {
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            Err(status) => return Err(session.refused(&status)),
        }
    }
}
