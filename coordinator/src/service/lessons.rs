//! What workers found out, handed out with leases.

use std::collections::HashMap;
use std::sync::Arc;

use domain::run::MemoryOfKind;
use domain::units::SweepId;

use crate::cache::{Shared, shared};
use crate::context::Context;
use crate::store;
use crate::store::leased::LeasedTrial;

/// What is known of the memory of leased trials, one answer for each. Of several that share it, the first one has it. A trial
/// can be planned without: where this fails it is only logged, for a claim is worth more.
pub async fn of(
    context: &Context,
    trials: &[LeasedTrial],
    specs: &HashMap<SweepId, Arc<Shared>>,
) -> Vec<Vec<MemoryOfKind>> {
    if trials.is_empty() {
        return Vec::new();
    }
    let family = |trial: &LeasedTrial| {
        Ok(trial.device.family(&trial.fleet, &shared(specs, trial)?.model, &trial.settings.train))
    };
    let families: store::Result<Vec<String>> = trials.iter().map(family).collect();
    let known = async {
        let families = families?;
        let distinct = families.iter().cloned().collect();
        store::Result::Ok((families, context.known_memory.of(&context.store, &distinct).await?))
    };
    match known.await {
        Ok((families, mut known)) => {
            families.iter().map(|family| known.remove(family).unwrap_or_default()).collect()
        }
        Err(error) => {
            tracing::warn!("leases go out without what is known of memory: {error}");
            vec![Vec::new(); trials.len()]
        }
    }
}
