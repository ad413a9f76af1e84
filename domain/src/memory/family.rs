//! Which trials may share what is known of their memory, as far as it can be told before their data is opened.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::spec::{ModelSpec, TrainSpec};

/// A device and what drives it, as far as memory depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceKind {
    /// "cpu" or "cuda", whichever of several.
    pub name: String,
    /// The model, such as "AMD EPYC" or "NVIDIA H100": kernels, and with them workspaces, differ.
    pub model: String,
    /// libtorch's version.
    pub libtorch: String,
}

impl DeviceKind {
    /// The kind of a device named "cpu" or "cuda:0".
    #[must_use]
    pub fn new(device: &str, model: &str, libtorch: &str) -> Self {
        let name = device.split_once(':').map_or(device, |(name, _)| name);
        Self { name: name.to_owned(), model: model.to_owned(), libtorch: libtorch.to_owned() }
    }

    /// Where trials of this model, trained in this way by workers of one fleet, share what is known of their memory: 64 hex
    /// digits.
    ///
    /// A family holds a few kinds, which differ in what only a worker knows (the shape of the data, whether it stays on
    /// the device, threads); the worker picks the one it needs. Batch size, learning rate, seed and budget do not enter.
    #[must_use]
    pub fn family(&self, fleet: &str, model: &ModelSpec, train: &TrainSpec) -> String {
        digest(&format!("{model:?} {} on {self:?} of {fleet:?}", training(train)))
    }
}

/// What memory depends on in the way of training.
#[must_use]
pub fn training(train: &TrainSpec) -> String {
    format!(
        "loss {} precision {} optimizer {} momentum {}",
        train.loss.word(),
        train.precision.word(),
        train.optimizer.word(),
        train.momentum > 0.0,
    )
}

/// The name of what this text describes: its SHA-256 in 64 hex digits.
#[must_use]
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{OptimizerKind, Precision};

    #[test]
    fn a_family_is_told_by_all_that_a_coordinator_knows_memory_to_depend_on() {
        let device = DeviceKind::new("cuda:1", "NVIDIA H100", "2.13.0");
        let train = TrainSpec::default();
        let family = device.family("gpus", &ModelSpec::mlp(&[64]), &train);
        assert_eq!(family.len(), 64);
        assert_eq!(
            family,
            DeviceKind::new("cuda:0", "NVIDIA H100", "2.13.0").family("gpus", &ModelSpec::mlp(&[64]), &train)
        );
        let steeper = TrainSpec { weight_decay: Some(0.1), warmup_steps: 9, ..train.clone() };
        assert_eq!(family, device.family("gpus", &ModelSpec::mlp(&[64]), &steeper));

        let momentum = TrainSpec { momentum: 0.9, ..train.clone() };
        let adam = TrainSpec { optimizer: OptimizerKind::Adam, ..train.clone() };
        let double = TrainSpec { precision: Precision::Float64, ..train.clone() };
        for other in [
            device.family("others", &ModelSpec::mlp(&[64]), &train),
            device.family("gpus", &ModelSpec::mlp(&[65]), &train),
            device.family("gpus", &ModelSpec::mlp(&[64]), &momentum),
            device.family("gpus", &ModelSpec::mlp(&[64]), &adam),
            device.family("gpus", &ModelSpec::mlp(&[64]), &double),
            DeviceKind::new("cuda:0", "NVIDIA A100", "2.13.0").family("gpus", &ModelSpec::mlp(&[64]), &train),
            DeviceKind::new("cuda:0", "NVIDIA H100", "2.14.0").family("gpus", &ModelSpec::mlp(&[64]), &train),
            DeviceKind::new("cpu", "NVIDIA H100", "2.13.0").family("gpus", &ModelSpec::mlp(&[64]), &train),
        ] {
            assert_ne!(family, other);
        }
    }
}
