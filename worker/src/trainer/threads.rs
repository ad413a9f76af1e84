//! How many threads a trial computes with.

use domain::architecture::{Layer, multiply_adds};

/// Multiply-adds of a forward for which one more thread is worth waking. A step of less than this is over before
/// threads have met: on two cores that other programs use too, an MLP 784-64-10 at batch size 32 was measured to take
/// 0.3 ms a step on one thread and 0.4 to 1.4 ms on two.
const WORTH_A_THREAD: u64 = 1 << 23;

/// Threads for batches of `examples` examples: at most `available`, fewer where the work is small.
///
/// A pure function of the trial, not of the load: sums are taken in an order that depends on it, and so do the last
/// bits of a result.
#[must_use]
pub fn threads_for(layers: &[Layer], features: &[u64], examples: u64, available: u64) -> u64 {
    let work = multiply_adds(layers, features).saturating_mul(examples);
    (work / WORTH_A_THREAD).clamp(1, available.max(1))
}

#[cfg(test)]
mod tests {
    use domain::architecture::layers;
    use domain::problem::{DataShape, InputShape, Target, Task};
    use domain::spec::ModelSpec;

    use super::*;

    fn threads(model: ModelSpec, features: &[u64], examples: u64) -> u64 {
        let shape = DataShape {
            train_examples: 1,
            validation_examples: 0,
            inputs: InputShape::only(features.to_vec()),
            target: Target::classes(10),
        };
        let task = Task::Classification { classes: 10 };
        threads_for(&layers(&model, &shape, &task).unwrap().unwrap(), features, examples, 8)
    }

    #[test]
    fn small_steps_stay_on_one_thread_and_large_ones_take_all() {
        assert_eq!(threads(ModelSpec::Linear, &[10], 1024), 1);
        let mlp = || ModelSpec::mlp(&[64]);
        assert_eq!(threads(mlp(), &[1, 28, 28], 32), 1);
        assert_eq!(threads(mlp(), &[1, 28, 28], 512), 3);
        let cnn = ModelSpec::cnn(&[16, 32], &[64]);
        assert_eq!(threads(cnn, &[1, 28, 28], 128), 8);
    }
}
