//! The gradient noise scale: how large a batch must be before its gradient is more signal than noise.
//!
//! McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1. For a batch of n examples the mean gradient g_n has
//! `E|g_n|^2 = |G|^2 + tr(S)/n`, with G the true gradient and S the covariance of a single example's. Two sizes b < B
//! of the same step give both terms without bias:
//!
//! - `|G|^2 = (B |g_B|^2 - b |g_b|^2) / (B - b)`,
//! - `tr(S) = (|g_b|^2 - |g_B|^2) / (1/b - 1/B)`,
//!
//! and the noise scale is `tr(S) / |G|^2`, in examples. Of one step the estimates are of no use by themselves: they are
//! averaged over steps first, numerator and denominator apart, and then divided.

/// Squared gradient norms of one step, at two numbers of examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseSample {
    /// Examples of the smaller part, at least 1.
    pub part: u64,
    /// Squared norm of the part's mean gradient.
    pub part_square: f64,
    /// Examples of the whole batch, more than the part.
    pub batch: u64,
    /// Squared norm of the batch's mean gradient.
    pub batch_square: f64,
}

/// The noise scale with a confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseScale {
    /// In examples.
    pub value: f64,
    /// Lower end of the 95 % confidence interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Steps that were averaged.
    pub samples: usize,
}

/// Fewer steps say nothing.
const FEWEST: usize = 8;

impl NoiseSample {
    /// `(|G|^2, tr(S))` of this step alone; unbiased, and far off.
    #[must_use]
    fn estimates(&self) -> (f64, f64) {
        let (part, batch) = (self.part as f64, self.batch as f64);
        let signal = (batch * self.batch_square - part * self.part_square) / (batch - part);
        let noise = (self.part_square - self.batch_square) / (1.0 / part - 1.0 / batch);
        (signal, noise)
    }
}

/// The noise scale over some steps, by the ratio of means. Examples are drawn without replacement from
/// `train_examples`, so the measured |G|^2 is too small by `tr(S) / train_examples`; that is added back.
///
/// The interval is a jackknife's on the logarithm. `None`, "not determined", when there are fewer than 8 steps, or when
/// signal or noise is not positive, also with any one step left out.
#[must_use]
pub fn noise_scale(samples: &[NoiseSample], train_examples: u64) -> Option<NoiseScale> {
    if samples.len() < FEWEST {
        return None;
    }
    let estimates: Vec<_> = samples.iter().map(NoiseSample::estimates).collect();
    let (signals, noises) = estimates.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let log_ratio = |signals: f64, noises: f64| {
        let ratio = noises / (signals + noises / train_examples as f64);
        (noises > 0.0 && ratio > 0.0 && ratio.is_finite()).then(|| ratio.ln())
    };
    let whole = log_ratio(signals, noises)?;
    let without_one: Vec<f64> = estimates
        .iter()
        .map(|(signal, noise)| log_ratio(signals - signal, noises - noise))
        .collect::<Option<_>>()?;
    let n = without_one.len() as f64;
    let mean = without_one.iter().sum::<f64>() / n;
    let variance = (n - 1.0) / n * without_one.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let reach = t_quantile(samples.len() - 1) * variance.sqrt();
    Some(NoiseScale {
        value: whole.exp(),
        low: (whole - reach).exp(),
        high: (whole + reach).exp(),
        samples: samples.len(),
    })
}

/// The 97.5 % quantile of Student's t, to 1 % (Cornish-Fisher expansion around the normal one).
fn t_quantile(degrees: usize) -> f64 {
    let (z, v) = (1.959_964_f64, degrees as f64);
    z + (z.powi(3) + z) / (4.0 * v) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pseudo-random standard normal numbers.
    struct Normal(u64);

    impl Normal {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        }

        fn next(&mut self) -> f64 {
            (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
        }
    }

    /// Steps of a model with `dimensions` parameters: gradient (1, 0, 0, ...) and noise of standard deviation `sd` in
    /// every dimension. The noise scale is `dimensions * sd^2`.
    fn steps(
        count: usize,
        dimensions: usize,
        sd: f64,
        (part, batch): (u64, u64),
        seed: u64,
    ) -> Vec<NoiseSample> {
        let mut normal = Normal(seed);
        let mut one = || {
            let (mut part_square, mut batch_square) = (0.0, 0.0);
            for dimension in 0..dimensions {
                let truth = if dimension == 0 { 1.0 } else { 0.0 };
                // Means over the part, and over the rest of the batch.
                let first = truth + normal.next() * sd / (part as f64).sqrt();
                let rest = truth + normal.next() * sd / ((batch - part) as f64).sqrt();
                let whole = (first * part as f64 + rest * (batch - part) as f64) / batch as f64;
                part_square += first * first;
                batch_square += whole * whole;
            }
            NoiseSample { part, part_square, batch, batch_square }
        };
        (0..count).map(|_| one()).collect()
    }

    #[test]
    fn without_noise_in_the_norms_the_two_terms_come_out_exactly() {
        // |G|^2 = 4, tr(S) = 120.
        let square = |n: u64| 4.0 + 120.0 / n as f64;
        let sample = NoiseSample { part: 8, part_square: square(8), batch: 32, batch_square: square(32) };
        let (signal, noise) = sample.estimates();
        assert!((signal - 4.0).abs() < 1e-12 && (noise - 120.0).abs() < 1e-9);
        let found = noise_scale(&[sample; 10], u64::MAX).unwrap();
        assert!((found.value - 30.0).abs() < 1e-9 && (found.high / found.low - 1.0).abs() < 1e-6);
        // Of a training set of 120 examples a whole pass has no noise left: |G|^2 is 4 + 120/120.
        assert!((noise_scale(&[sample; 10], 120).unwrap().value - 24.0).abs() < 1e-9);
    }

    #[test]
    fn the_interval_holds_the_truth_about_19_times_in_20() {
        // 50 parameters with deviation 2: a noise scale of 200.
        let held = (0..400)
            .filter(|&seed| {
                let samples = steps(40, 50, 2.0, (16, 128), 977 * seed + 1);
                noise_scale(&samples, u64::MAX).is_some_and(|found| found.low <= 200.0 && 200.0 <= found.high)
            })
            .count();
        assert!((360..=396).contains(&held), "{held} of 400");
    }

    #[test]
    fn too_few_steps_or_a_gradient_lost_in_noise_give_no_number() {
        assert_eq!(noise_scale(&steps(7, 50, 2.0, (16, 128), 1), 1000), None);
        // With next to no signal the estimate of |G|^2 is as often negative as not.
        let lost =
            (0..40).filter(|&seed| noise_scale(&steps(10, 200, 1000.0, (1, 2), seed), u64::MAX).is_none());
        assert!(lost.count() > 20);
    }

    #[test]
    fn quantiles_of_students_t_are_those_of_the_tables() {
        for (degrees, expected) in [(7, 2.365), (15, 2.131), (30, 2.042), (1000, 1.962)] {
            assert!((t_quantile(degrees) / expected - 1.0).abs() < 0.01, "{degrees}");
        }
    }

    proptest! {
        #[test]
        fn scaling_all_gradients_changes_nothing(factor in 1e-6f64..1e6, seed: u64) {
            let samples = steps(20, 30, 1.0, (8, 64), seed);
            let scaled: Vec<_> = samples.iter().map(|sample| NoiseSample {
                part_square: sample.part_square * factor,
                batch_square: sample.batch_square * factor,
                ..*sample
            }).collect();
            match (noise_scale(&samples, 5000), noise_scale(&scaled, 5000)) {
                (Some(a), Some(b)) => prop_assert!((a.value / b.value - 1.0).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
