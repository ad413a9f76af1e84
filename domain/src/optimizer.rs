//! What each optimizer keeps between steps: part 2 of the memory.

use crate::spec::{OptimizerKind, TrainSpec};

/// Tensors of optimizer state for each parameter tensor, each as large as the parameter. Counts measured on
/// libtorch 2.13; step counters are host integers.
#[must_use]
pub fn state_tensors(train: &TrainSpec) -> u64 {
    match train.optimizer {
        OptimizerKind::Sgd => u64::from(train.momentum > 0.0),
        OptimizerKind::Adam | OptimizerKind::AdamW => 2,
        OptimizerKind::RmsProp => 1 + u64::from(train.momentum > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_counted_per_parameter() {
        let with =
            |optimizer, momentum| state_tensors(&TrainSpec { optimizer, momentum, ..TrainSpec::default() });
        assert_eq!(with(OptimizerKind::Sgd, 0.0), 0);
        assert_eq!(with(OptimizerKind::Sgd, 0.9), 1);
        assert_eq!(with(OptimizerKind::Adam, 0.0), 2);
        assert_eq!(with(OptimizerKind::AdamW, 0.0), 2);
        assert_eq!(with(OptimizerKind::RmsProp, 0.9), 2);
    }
}
