//! What is known of the memory that trials take, as it was last read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::run::MemoryOfKind;

use crate::store::{self, Store, memory};

/// Families that are kept in memory at most: a sweep has a few, so this is many sweeps.
const MAX_FAMILIES: usize = 1_000;

/// What was last read of families, each with how often something had been reported of it then. It only saves reading: before
/// each use the database says whether it still holds.
#[derive(Debug, Clone, Default)]
pub struct MeasuredMemory(Arc<Mutex<HashMap<String, Read>>>);

#[derive(Debug, Clone)]
struct Read {
    times_told: i64,
    memory: Vec<MemoryOfKind>,
}

impl MeasuredMemory {
    /// What is known of these families; those that nothing is known of are left out.
    ///
    /// # Errors
    /// As any query.
    pub async fn of(
        &self,
        store: &Store,
        families: &HashSet<String>,
    ) -> store::Result<HashMap<String, Vec<MemoryOfKind>>> {
        let mut connection = store.vital.acquire().await?;
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
                // Reported of once more since: then this is newer than its number, and only read again once more.
                let times_told = told.get(&family).copied().unwrap_or(0);
                kept.insert(family.clone(), Read { times_told, memory: memory.clone() });
                known.insert(family, memory);
            }
        }
        Ok(known)
    }
}
