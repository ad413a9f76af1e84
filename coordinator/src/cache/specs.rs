//! What sweeps have in common for all their trials, read and decoded once for each sweep, as it never changes: a sweep's
//! spec lists every value of its grid, and a lease needs none of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::spec::{DataSpec, MemorySpec, ModelSpec};
use domain::units::SweepId;

use crate::store::leased::LeasedTrial;
use crate::store::{self, Store, StoreError, sweep};

/// Sweeps that are kept in memory at most.
const MAX_SWEEPS: usize = 1_000;

/// What all trials of a sweep share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// Where the examples come from.
    pub data: DataSpec,
    /// What is trained.
    pub model: ModelSpec,
    /// How much memory a trial may take.
    pub memory: MemorySpec,
}

/// What a trial shares with its sweep's others, among those of [`Specs::of`].
///
/// # Errors
/// [`StoreError::Corrupt`] where there is nothing.
pub fn shared<'a>(
    specs: &'a HashMap<SweepId, Arc<Shared>>,
    trial: &LeasedTrial,
) -> store::Result<&'a Shared> {
    let missing = || StoreError::corrupt(format!("trial {}", trial.lease.trial_id), "its sweep is gone");
    specs.get(&trial.sweep_id).map(Arc::as_ref).ok_or_else(missing)
}

/// By sweep.
#[derive(Debug, Clone, Default)]
pub struct Specs(Arc<Mutex<HashMap<SweepId, Arc<Shared>>>>);

impl Specs {
    /// Those of the sweeps of these leases.
    ///
    /// # Errors
    /// As any query; [`StoreError::Corrupt`].
    pub async fn of(
        &self,
        store: &Store,
        trials: &[LeasedTrial],
    ) -> store::Result<HashMap<SweepId, Arc<Shared>>> {
        let wanted: HashSet<SweepId> = trials.iter().map(|trial| trial.sweep_id).collect();
        let mut specs = self.kept(&wanted);
        let unread: Vec<SweepId> = wanted.into_iter().filter(|sweep| !specs.contains_key(sweep)).collect();
        if !unread.is_empty() {
            let mut connection = store.vital.acquire().await?;
            for (sweep_id, spec) in sweep::specs(&mut connection, &unread).await? {
                let spec = spec.read(sweep_id)?;
                let shared = Arc::new(Shared { data: spec.data, model: spec.model, memory: spec.memory });
                self.keep(sweep_id, shared.clone());
                specs.insert(sweep_id, shared);
            }
        }
        Ok(specs)
    }

    fn kept(&self, wanted: &HashSet<SweepId>) -> HashMap<SweepId, Arc<Shared>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.iter().filter_map(|sweep| Some((*sweep, kept.get(sweep)?.clone()))).collect()
    }

    fn keep(&self, sweep_id: SweepId, shared: Arc<Shared>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_SWEEPS {
            kept.clear();
        }
        kept.insert(sweep_id, shared);
    }
}
