//! Specs and settings as their columns hold them: encoded as on the wire, whose rules let later versions read what earlier ones
//! stored. Nothing else of the store knows the wire.

use domain::spec::{SweepDraft, TrialSettings};
use domain::units::{SweepId, TrialId};
use prost::Message;
use proto::{Wire, v1};

use super::{Result, StoreError};

/// A checked sweep. It is read when somebody needs what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSpec(Vec<u8>);

impl EncodedSpec {
    /// This sweep, encoded.
    #[must_use]
    pub fn of(spec: &SweepDraft) -> Self {
        Self(spec.to_wire().encode_to_vec())
    }

    /// What it says.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], which names the sweep.
    pub fn read(&self, sweep_id: SweepId) -> Result<SweepDraft> {
        let what = || format!("the spec of sweep {sweep_id}");
        let message = v1::SweepSpec::decode(&*self.0).map_err(|error| StoreError::corrupt(what(), error))?;
        SweepDraft::from_wire(message).map_err(|error| StoreError::corrupt(what(), error))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for EncodedSpec {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// What a trial's cell of the grid sets. It is read when somebody trains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSettings(Vec<u8>);

impl EncodedSettings {
    /// These settings, encoded.
    #[must_use]
    pub fn of(settings: &TrialSettings) -> Self {
        Self(settings.to_wire().encode_to_vec())
    }

    /// What they say.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], which names the trial.
    pub fn read(&self, trial_id: TrialId) -> Result<TrialSettings> {
        let what = || format!("the settings of trial {trial_id}");
        let message =
            v1::TrialSettings::decode(&*self.0).map_err(|error| StoreError::corrupt(what(), error))?;
        TrialSettings::from_wire(message).map_err(|error| StoreError::corrupt(what(), error))
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for EncodedSettings {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}
