//! What workers found out, handed out with leases.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::memory::DeviceKind;
use proto::v1;
use uuid::Uuid;

use super::findings::family;
use super::{Context, specs};
use crate::store::claim::LeasedRow;
use crate::store::{self, StoreError, memory};

/// What was last read of families, each with how often it had been told of then. It only saves reading: before each use
/// the database says whether it still stands.
#[derive(Debug, Clone, Default)]
pub struct ReadBefore(Arc<Mutex<HashMap<String, Read>>>);

#[derive(Debug, Clone)]
struct Read {
    times_told: i64,
    memory: Vec<v1::KnownMemory>,
}

/// Families that are kept in memory at most: a sweep has a few, so this is many sweeps.
const MAX_FAMILIES: usize = 1_000;

impl ReadBefore {
    async fn known(
        &self,
        context: &Context,
        families: &HashSet<String>,
    ) -> store::Result<HashMap<String, Vec<v1::KnownMemory>>> {
        let mut connection = context.store.vital.acquire().await?;
        let asked: Vec<String> = families.iter().cloned().collect();
        let told = memory::times_told(&mut connection, &asked).await?;
        let mut known = HashMap::new();
        let mut unread = Vec::new();
        for (family, times) in &told {
            let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(family).cloned();
            match before {
                Some(read) if read.times_told == *times => drop(known.insert(family.clone(), read.memory)),
                _ => unread.push(family.clone()),
            }
        }
        if !unread.is_empty() {
            let read = memory::known(&mut connection, &unread).await?;
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() + read.len() > MAX_FAMILIES {
                kept.clear();
            }
            for (family, memory) in read {
                // Told of once more since: then this is newer than its number, and only read again once more.
                let times_told = told.get(&family).copied().unwrap_or(0);
                kept.insert(family.clone(), Read { times_told, memory: memory.clone() });
                known.insert(family, memory);
            }
        }
        Ok(known)
    }
}

/// Adds to leased trials what is known of their memory. Of several that share it, the first one carries it. A trial can
/// be planned without: where this fails it is only logged, for a claim is worth more.
pub async fn add(
    context: &Context,
    rows: &[LeasedRow],
    specs: &HashMap<Uuid, Arc<v1::SweepSpec>>,
    trials: &mut [v1::LeasedTrial],
) {
    if rows.is_empty() {
        return;
    }
    let of_row = |row: &LeasedRow| {
        let device = DeviceKind::new(&row.device, &row.device_description, &row.libtorch_version);
        family(&device, specs::shared(specs, row)?, (row.trial_id, &row.settings))
    };
    let families: store::Result<Vec<String>> = rows.iter().map(of_row).collect();
    let known = async {
        let families = families?;
        let distinct = families.iter().cloned().collect();
        Ok::<_, StoreError>((families, context.known_memory.known(context, &distinct).await?))
    };
    match known.await {
        Ok((families, mut known)) => {
            for (trial, family) in trials.iter_mut().zip(families) {
                trial.memory = known.remove(&family).unwrap_or_default();
            }
        }
        Err(error) => tracing::warn!("leases go out without what is known of memory: {error}"),
    }
}
