//! The four parts in which memory is always told.

use std::fmt;

use crate::architecture::{Layer, buffer_elements, parameter_elements};
use crate::optimizer::state_tensors;
use crate::spec::TrainSpec;
use crate::units::Bytes;

/// The parts that do not grow with the micro-batch; known to the byte before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaticParts {
    /// Part 1, first half: weights and biases (and buffers, where a model has them).
    pub parameter_bytes: u64,
    /// Part 1, second half: one gradient element for each trainable element.
    pub gradient_bytes: u64,
    /// Part 2: momentum, moments.
    pub optimizer_state_bytes: u64,
}

impl StaticParts {
    /// What training these layers takes besides the batch and the activations.
    #[must_use]
    pub fn predict(layers: &[Layer], train: &TrainSpec) -> Self {
        let element = train.precision.parameter_bytes();
        let trained = parameter_elements(layers) * element;
        Self {
            parameter_bytes: trained + buffer_elements(layers) * element,
            gradient_bytes: trained,
            optimizer_state_bytes: trained * state_tensors(train),
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.parameter_bytes + self.gradient_bytes + self.optimizer_state_bytes
    }
}

/// A trial's peak device memory in its four parts, and the training data that is kept on the device beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryParts {
    /// Parts 1 and 2.
    pub fixed: StaticParts,
    /// Part 3: one micro-batch as the model sees it, inputs and targets.
    pub batch_bytes: u64,
    /// Part 4: what backward needs kept, and workspace; the rest of the peak.
    pub activation_bytes: u64,
    /// Training data kept on the device; 0 when it is streamed from the host.
    pub resident_data_bytes: u64,
}

impl MemoryParts {
    /// The sum of all parts, in bytes.
    #[must_use]
    pub fn total(self) -> u64 {
        self.fixed.total() + self.batch_bytes + self.activation_bytes + self.resident_data_bytes
    }
}

/// `parameters + gradients 176 B, optimizer state 0 B, batch 1.5 KiB, activations 768 B`
impl fmt::Display for MemoryParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "parameters + gradients {}, optimizer state {}, batch {}, activations {}",
            Bytes(self.fixed.parameter_bytes + self.fixed.gradient_bytes),
            Bytes(self.fixed.optimizer_state_bytes),
            Bytes(self.batch_bytes),
            Bytes(self.activation_bytes),
        )?;
        if self.resident_data_bytes > 0 {
            write!(f, ", data on the device {}", Bytes(self.resident_data_bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{DataShape, InputShape, Target, Task};
    use crate::spec::OptimizerKind;

    #[test]
    fn the_seed_example_is_predicted_to_the_byte() {
        let layers = [Layer::Flatten, Layer::Linear { inputs: 10, outputs: 2 }];
        let train = TrainSpec::default();
        let fixed = StaticParts::predict(&layers, &train);
        assert_eq!((fixed.parameter_bytes, fixed.gradient_bytes, fixed.optimizer_state_bytes), (88, 88, 0));
        let data = DataShape {
            train_examples: 1000,
            validation_examples: 0,
            inputs: InputShape::only(vec![10]),
            target: Target::classes(2),
        };
        let task = Task::new(&data.target, &train).unwrap();
        assert_eq!(task.example_bytes(&data, train.precision), 48);
        let adam = TrainSpec { optimizer: OptimizerKind::Adam, ..train };
        assert_eq!(StaticParts::predict(&layers, &adam).optimizer_state_bytes, 176);
    }

    #[test]
    fn parts_are_told_in_words() {
        let parts = MemoryParts {
            fixed: StaticParts { parameter_bytes: 88, gradient_bytes: 88, optimizer_state_bytes: 0 },
            batch_bytes: 1536,
            activation_bytes: 768,
            resident_data_bytes: 0,
        };
        assert_eq!(
            parts.to_string(),
            "parameters + gradients 176 B, optimizer state 0 B, batch 1.5 KiB, activations 768 B"
        );
        assert_eq!(parts.total(), 176 + 1536 + 768);
    }
}
