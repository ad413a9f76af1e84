//! Random numbers by purpose: each is a pure function of the trial's seed, so there is no generator state to lose
//! when a step is done over, and two trials that differ only in batch size or learning rate share all of them.

/// What random numbers are for. The numbers of one purpose say nothing about those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Synthetic inputs.
    Inputs,
    /// Synthetic labels.
    Labels,
    /// The order of the examples in one epoch.
    Shuffle {
        /// From 0.
        epoch: u64,
    },
    /// What a model draws in one forward of training, as dropout does.
    Forward {
        /// The optimizer step, from 1.
        step: u64,
        /// The place of the micro-batch's first example in the epoch.
        first: u64,
    },
    /// What reading an example draws, as augmentation does.
    Example {
        /// From 0; [`EVALUATION`] for evaluation.
        epoch: u64,
        /// Which row of the data.
        row: u64,
    },
}

/// The epoch of examples that are evaluated: they are the same each time.
pub const EVALUATION: u64 = u64::MAX;

/// The seed for one purpose.
///
/// Initial weights are not among them: they come from the trial's own seed, as in a PyTorch script that begins
/// with `torch.manual_seed(seed)` and then builds the model.
#[must_use]
pub fn derive(seed: u64, purpose: Purpose) -> u64 {
    let (number, index) = match purpose {
        Purpose::Inputs => (1, 0),
        Purpose::Labels => (2, 0),
        Purpose::Shuffle { epoch } => (3, epoch),
        Purpose::Forward { step, first } => (4, mix(step).wrapping_add(first)),
        Purpose::Example { epoch, row } => (5, mix(epoch).wrapping_add(row)),
    };
    mix(mix(mix(seed).wrapping_add(number)).wrapping_add(index))
}

/// The numbers 0..`length` in a random order: Fisher and Yates's shuffle.
#[must_use]
pub fn permutation(seed: u64, length: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..length as i64).collect();
    let mut state = seed;
    for last in (1..length).rev() {
        state = state.wrapping_add(GOLDEN_GAMMA);
        // The high half of a 64 x 64 bit product is uniform enough: its bias is below length / 2^64.
        let pick = ((u128::from(finish(state)) * (last as u128 + 1)) >> 64) as usize;
        order.swap(last, pick);
    }
    order
}

/// Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (2014): SplitMix64.
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(value: u64) -> u64 {
    finish(value.wrapping_add(GOLDEN_GAMMA))
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn purposes_and_epochs_do_not_share_numbers() {
        let seeds = [
            derive(0, Purpose::Inputs),
            derive(0, Purpose::Labels),
            derive(0, Purpose::Shuffle { epoch: 0 }),
            derive(0, Purpose::Shuffle { epoch: 1 }),
            derive(1, Purpose::Inputs),
        ];
        for (i, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..i].contains(seed));
        }
    }

    #[test]
    fn every_order_of_three_is_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            *counts.entry(permutation(mix(seed), 3)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Six standard deviations of a binomial count around 1000.
        assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 175), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_permutation_holds_every_number_once(seed: u64, length in 0usize..500) {
            let mut order = permutation(seed, length);
            order.sort_unstable();
            prop_assert_eq!(order, (0..length as i64).collect::<Vec<_>>());
        }
    }
}
