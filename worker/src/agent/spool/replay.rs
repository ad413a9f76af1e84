//! Hands in what an earlier process of this machine left in its spool.

use std::fs;
use std::time::{Duration, SystemTime};

use proto::v1::{HeldState, SpooledEnd, spooled_end};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::file::{LeftBehind, SpoolFile};
use crate::agent::checkpoint::link;
use crate::agent::checkpoint::store::CheckpointStore;
use crate::agent::coordinator::Coordinator;
use crate::agent::hand_in::{self, Settled};
use crate::agent::heartbeat::Heartbeat;
use crate::agent::uplink::Uplink;

/// A file of another coordinator is removed when it is older.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Why an attempt without an end is given back.
const RESTARTED: &str =
    "the worker ended in the middle of it; what it had recorded was handed in by its next process";

/// What handing in takes.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    /// Where it goes.
    pub coordinator: &'a Coordinator,
    /// What renews the leases meanwhile.
    pub heartbeat: &'a Heartbeat,
    /// Where checkpoints of trials that have a result are no longer needed.
    pub checkpoints: &'a CheckpointStore,
}

impl Replay<'_> {
    /// Hands in each of them, with what the coordinator said of it when this worker registered; until `shutdown`. What is
    /// not handed in by then stays for the next start.
    pub async fn hand_in(
        &self,
        left: Vec<(SpoolFile, LeftBehind)>,
        held: &[HeldState],
        shutdown: &CancellationToken,
    ) {
        for (place, (file, left)) in left.into_iter().enumerate() {
            let trial = left.lease.trial_id.clone();
            let attempt = left.lease.attempt;
            match held.get(place) {
                Some(HeldState::Ours) => {}
                Some(HeldState::Lost) => {
                    tracing::warn!(
                        trial,
                        attempt,
                        records = left.records,
                        "what an earlier process recorded is dropped: the attempt is over"
                    );
                    file.delete();
                    continue;
                }
                _ => {
                    keep_for_another_coordinator(file);
                    continue;
                }
            }
            let has_end = left.end.is_some();
            tracing::info!(
                trial,
                attempt,
                records = left.records,
                has_end,
                "handing in what an earlier process recorded"
            );
            self.heartbeat.carry(Some(left.lease.clone()));
            let done = tokio::select! {
                () = self.hand_in_one(file, left) => true,
                () = shutdown.cancelled() => false,
            };
            self.heartbeat.carry(None);
            if !done {
                return;
            }
        }
    }

    async fn hand_in_one(&self, file: SpoolFile, left: LeftBehind) {
        let lease = left.lease.clone();
        let uplink =
            Uplink::start(self.coordinator.clone(), lease.clone(), Backlog::left_behind(file, &left));
        let released = || SpooledEnd { kind: Some(spooled_end::Kind::Released(RESTARTED.to_owned())) };
        let end = left.end.unwrap_or_else(released);
        let has_result = matches!(end.kind, Some(spooled_end::Kind::Finished(_)));
        let spooled = uplink.spooled();
        let settled = match uplink.finish(None).await {
            Ok(last_seq) => hand_in::end(self.coordinator, &lease, end, last_seq).await,
            Err(error) => Err(Settled::from(error)),
        };
        if has_result && settled.is_ok() {
            link::clear(self.checkpoints, &lease).await;
        }
        hand_in::conclude(settled, &lease, &spooled);
    }
}

fn keep_for_another_coordinator(file: SpoolFile) {
    let path = file.path().display().to_string();
    let modified = fs::metadata(file.path()).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if age.is_some_and(|age| age > KEPT) {
        tracing::warn!(path, "a spool file that this coordinator knows nothing of is old; removed");
        file.delete();
    } else {
        tracing::warn!(path, "a spool file that this coordinator knows nothing of is left for its own");
    }
}
