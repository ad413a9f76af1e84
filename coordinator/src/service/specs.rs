//! What sweeps have in common for all their trials, read and decoded once for each sweep, as it never changes: a sweep's
//! spec lists every value of its grid, and a lease needs none of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use proto::v1;
use uuid::Uuid;

use crate::store::claim::LeasedRow;
use crate::store::{self, Store, StoreError, sweep};

/// Sweeps that are kept in memory at most.
const MAX_SWEEPS: usize = 1_000;

/// The spec of a lease's sweep, among those of [`Specs::of`].
///
/// # Errors
/// [`StoreError::Corrupt`] where there is none.
pub fn shared<'a>(
    specs: &'a HashMap<Uuid, Arc<v1::SweepSpec>>,
    row: &LeasedRow,
) -> store::Result<&'a v1::SweepSpec> {
    let missing = || StoreError::corrupt(format!("trial {}", row.trial_id), "its sweep is gone");
    specs.get(&row.sweep_id).map(Arc::as_ref).ok_or_else(missing)
}

/// Specs without their grids, by sweep.
#[derive(Debug, Clone, Default)]
pub struct Specs(Arc<Mutex<HashMap<Uuid, Arc<v1::SweepSpec>>>>);

impl Specs {
    /// Those of the sweeps of these leases.
    ///
    /// # Errors
    /// As any query; [`store::StoreError::Corrupt`].
    pub async fn of(
        &self,
        store: &Store,
        rows: &[LeasedRow],
    ) -> store::Result<HashMap<Uuid, Arc<v1::SweepSpec>>> {
        let wanted: HashSet<Uuid> = rows.iter().map(|row| row.sweep_id).collect();
        let mut specs = self.kept(&wanted);
        let unread: Vec<Uuid> = wanted.into_iter().filter(|sweep| !specs.contains_key(sweep)).collect();
        if !unread.is_empty() {
            let mut connection = store.vital.acquire().await?;
            for (sweep_id, spec) in sweep::specs(&mut connection, &unread).await? {
                let spec = Arc::new(v1::SweepSpec { grid: None, ..spec });
                self.keep(sweep_id, spec.clone());
                specs.insert(sweep_id, spec);
            }
        }
        Ok(specs)
    }

    fn kept(&self, wanted: &HashSet<Uuid>) -> HashMap<Uuid, Arc<v1::SweepSpec>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.iter().filter_map(|sweep| Some((*sweep, kept.get(sweep)?.clone()))).collect()
    }

    fn keep(&self, sweep_id: Uuid, spec: Arc<v1::SweepSpec>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_SWEEPS {
            kept.clear();
        }
        kept.insert(sweep_id, spec);
    }
}
