//! Trials as they are handed out: with all that a worker needs to begin.

use domain::access::fleet;
use domain::memory::DeviceKind;
use domain::run::{Checkpoint, Lease, LeaseToken};
use domain::spec::TrialSettings;
use domain::units::{ContentHash, RequestId, SweepId, TrialId};

use super::Result;
use super::columns::{attempt, count, word};
use super::encoded::EncodedSettings;

/// A trial handed out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedTrial {
    /// The right to write for it.
    pub lease: Lease,
    /// The sweep that it is of.
    pub sweep_id: SweepId,
    /// Place in the grid, from 0.
    pub trial_index: u64,
    /// What its cell of the grid sets.
    pub settings: TrialSettings,
    /// The micro-batches of its attempts by workers of the same fleet that were killed by signal 9; `None` where not known.
    pub killed_at: Vec<Option<u64>>,
    /// What it goes on from: what a worker of the same fleet saved.
    pub checkpoint: Option<Checkpoint>,
    /// The fleet of the worker that has it.
    pub fleet: String,
    /// Hash of the files that the fleet trains the sweep's trials on, once it is known.
    pub data_sha256: Option<ContentHash>,
    /// Where it is trained.
    pub device: DeviceKind,
}

/// The same as it is stored. It is read outside of the transaction that hands it out, so that one which does not read back
/// keeps no other trial waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedRow {
    /// The wish that it answers.
    pub request_id: RequestId,
    pub(super) trial_id: TrialId,
    pub(super) attempt: i32,
    pub(super) token: Vec<u8>,
    pub(super) sweep_id: SweepId,
    pub(super) trial_index: i64,
    pub(super) settings: EncodedSettings,
    pub(super) killed_at: Vec<i64>,
    pub(super) killed_fleets: Vec<String>,
    pub(super) checkpoint_attempt: Option<i32>,
    pub(super) checkpoint_step: Option<i64>,
    pub(super) checkpoint_examples: Option<i64>,
    pub(super) checkpoint_last_seq: Option<i64>,
    pub(super) checkpoint_path: Option<String>,
    pub(super) checkpoint_sha256: Option<String>,
    pub(super) checkpoint_bytes: Option<i64>,
    pub(super) checkpoint_fleet: Option<String>,
    pub(super) data_sha256: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) device: String,
    pub(super) device_description: String,
    pub(super) libtorch_version: String,
}

impl LeasedRow {
    /// What it says.
    ///
    /// # Errors
    /// [`super::StoreError::Corrupt`].
    pub fn read(self) -> Result<LeasedTrial> {
        let fleet = fleet(self.principal.as_deref()).to_owned();
        // What another fleet saved may be anything.
        let checkpoint =
            self.checkpoint().transpose()?.filter(|_| self.checkpoint_fleet.as_ref() == Some(&fleet));
        let known = |at| Some(count(at)).filter(|&at| at > 0);
        let lease =
            Lease { trial_id: self.trial_id, attempt: attempt(self.attempt)?, token: LeaseToken(self.token) };
        let killed_at =
            self.killed_at.into_iter().zip(self.killed_fleets).filter(|(_, killed)| *killed == fleet);
        Ok(LeasedTrial {
            lease,
            checkpoint,
            fleet: fleet.clone(),
            sweep_id: self.sweep_id,
            trial_index: count(self.trial_index),
            settings: self.settings.read(self.trial_id)?,
            killed_at: killed_at.map(|(at, _)| known(at)).collect(),
            data_sha256: self
                .data_sha256
                .map(|hash| word("the hash of a sweep's data", &hash))
                .transpose()?,
            device: DeviceKind::new(&self.device, &self.device_description, &self.libtorch_version),
        })
    }

    /// Without a checkpoint none of its columns is there.
    fn checkpoint(&self) -> Option<Result<Checkpoint>> {
        let (number, hash) = (self.checkpoint_attempt?, self.checkpoint_sha256.as_ref()?);
        let (step, examples) = (count(self.checkpoint_step?), count(self.checkpoint_examples?));
        let (last_seq, bytes) = (count(self.checkpoint_last_seq?), count(self.checkpoint_bytes?));
        let path = self.checkpoint_path.clone()?;
        let read = || {
            let (attempt, sha256) = (attempt(number)?, word("the hash of a checkpoint", hash)?);
            Ok(Checkpoint { attempt, step, examples, last_seq, path, sha256, bytes })
        };
        Some(read())
    }
}
