//! A limit on micro-batches that has nothing to do with what fits.

use domain::AccumulationPlan;
use domain::spec::MicroBatchPolicy;

use super::planner::Plan;

/// A trial takes no larger micro-batches, whatever fits: earlier attempts at it were killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicroBatchCap {
    /// The most examples at a time.
    pub examples: u64,
    /// Why, in words.
    pub reason: String,
}

impl MicroBatchCap {
    /// The user's wish under this limit. A batch that must not be split is not.
    #[must_use]
    pub fn limit(&self, policy: MicroBatchPolicy) -> MicroBatchPolicy {
        match policy {
            MicroBatchPolicy::Auto => MicroBatchPolicy::Fixed(self.examples),
            MicroBatchPolicy::Fixed(examples) => MicroBatchPolicy::Fixed(examples.min(self.examples)),
            MicroBatchPolicy::Off => MicroBatchPolicy::Off,
        }
    }

    /// Gives this as the plan's reason, where it is one.
    pub fn explain(&self, plan: &mut Plan, wanted: MicroBatchPolicy) {
        let asked_for_less = matches!(wanted, MicroBatchPolicy::Fixed(examples) if examples <= self.examples);
        let binds = plan.split == AccumulationPlan::at_most(plan.split.batch_size(), self.examples);
        if binds && wanted != MicroBatchPolicy::Off && !asked_for_less && plan.split.accumulation_steps() > 1
        {
            plan.reason.clone_from(&self.reason);
        }
    }
}
