//! Random numbers for resampling: seeded, so that the same results give the same intervals everywhere.

/// `SplitMix64` (Steele, Lea & Flood 2014): 64 bits of state, passes the usual batteries, four lines. Resampling
/// needs no more; nothing here is secret.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator; equal seeds give equal sequences.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`, 0 for a bound of 0. By multiplication (Lemire 2019); its bias is below
    /// `bound / 2^64`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        // The upper 53 bits are all that an f64 holds.
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// As many items as there are, drawn with replacement: one bootstrap sample.
    pub fn resample<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        (0..items.len()).map(|_| items[self.below(items.len())].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The reference implementation's first outputs for the seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn every_item_is_drawn_about_equally_often() {
        let mut random = Random::new(7);
        let mut counts = [0; 5];
        (0..50_000).for_each(|_| counts[random.below(5)] += 1);
        // Five standard deviations of a binomial count.
        assert!(counts.iter().all(|count| (9_550..10_450).contains(count)), "{counts:?}");
    }

    #[test]
    fn units_fill_their_range_evenly() {
        let mut random = Random::new(7);
        let units: Vec<f64> = (0..10_000).map(|_| random.unit()).collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        // Five standard deviations of the mean: 5 / sqrt(12 * 10,000).
        assert!((units.iter().sum::<f64>() / 1e4 - 0.5).abs() < 0.0145);
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        assert!(Random::new(1).resample::<u8>(&[]).is_empty());
    }
}
