//! How many steps a batch size needs: `S(B) = S_min + E_min / B`.
//!
//! That is the same statement as `(S/S_min - 1)(E/E_min - 1) = 1` with `E = B S` (`McCandlish` et al. 2018, eq.
//! 2.11): small batches need `E_min` examples and `E_min / B` steps, large ones `S_min` steps and `S_min B`
//! examples, and at the critical batch size `B_crit = E_min / S_min` both are twice their least.

/// The two numbers of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyperbola {
    /// `S_min`: optimizer steps that no batch size can save.
    pub least_steps: f64,
    /// `E_min`: examples that no batch size can save.
    pub least_examples: f64,
    /// Root mean square of `ln S - ln S(B)`: how far the points lie from the curve, as a share.
    pub log_residual: f64,
}

/// Batch size (examples in a step) and the steps it took to the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepsPoint {
    /// Examples in a step.
    pub batch_size: f64,
    /// Optimizer steps to the target.
    pub steps: f64,
}

impl Hyperbola {
    /// Least squares on `ln S`, as `McCandlish` et al. (2018) and Zhang et al. (2025) fit it: equal weight to equal
    /// shares, so that the many steps of small batches don't drown the rest. Needs three different batch sizes;
    /// `None` for less, and for numbers that are not positive and finite.
    ///
    /// Written as `ln S = ln S_min + ln(1 + c / B)` with `c = B_crit`, the best `S_min` for a given `c` is a mean, so
    /// that one unknown is left: `ln c` is scanned over the batch sizes and ten thousand times beyond, then the
    /// zero of the derivative is found by bisection.
    #[must_use]
    pub fn fit(points: &[StepsPoint]) -> Option<Self> {
        let usable = |value: f64| value.is_finite() && value > 0.0;
        let mut sizes: Vec<f64> = points.iter().map(|point| point.batch_size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        if sizes.len() < 3 || !points.iter().all(|point| usable(point.batch_size) && usable(point.steps)) {
            return None;
        }
        const BEYOND: f64 = 1e4;
        const SCANNED: u32 = 96;
        let (low, high) = ((sizes[0] / BEYOND).ln(), (sizes[sizes.len() - 1] * BEYOND).ln());
        let place = |index: u32| low + (high - low) * f64::from(index) / f64::from(SCANNED);
        let best = (0..=SCANNED).map(|index| (index, squares(points, place(index))));
        let (best, _) = best.min_by(|left, right| left.1.total_cmp(&right.1))?;
        let critical = bisect(points, place(best.saturating_sub(1)), place((best + 1).min(SCANNED))).exp();
        let least_steps = mean(points.iter().map(|point| intercept(point, critical))).exp();
        Some(Self {
            least_steps,
            least_examples: least_steps * critical,
            log_residual: (squares(points, critical.ln()) / points.len() as f64).sqrt(),
        })
    }

    /// `B_crit = E_min / S_min`.
    #[must_use]
    pub fn critical_batch_size(&self) -> f64 {
        self.least_examples / self.least_steps
    }

    /// Steps at a batch size.
    #[must_use]
    pub fn steps(&self, batch_size: f64) -> f64 {
        self.least_steps + self.least_examples / batch_size
    }

    /// Zhang et al. (2025): the largest batch size whose steps are at most `1 + overhead` times those of perfect
    /// scaling from `reference`, that is `overhead * E_min / S_min + (1 + overhead) * reference`. They use an
    /// overhead of 0.2 and a reference of 256.
    #[must_use]
    pub fn batch_size_at_overhead(&self, overhead: f64, reference: f64) -> f64 {
        overhead * self.critical_batch_size() + (1.0 + overhead) * reference
    }
}

/// `ln S_min` as this point alone has it.
fn intercept(point: &StepsPoint, critical: f64) -> f64 {
    point.steps.ln() - (critical / point.batch_size).ln_1p()
}

fn squares(points: &[StepsPoint], log_critical: f64) -> f64 {
    let critical = log_critical.exp();
    let center = mean(points.iter().map(|point| intercept(point, critical)));
    points.iter().map(|point| (intercept(point, critical) - center).powi(2)).sum()
}

/// Half the derivative of [`squares`], sign turned.
fn descent(points: &[StepsPoint], log_critical: f64) -> f64 {
    let critical = log_critical.exp();
    let center = mean(points.iter().map(|point| intercept(point, critical)));
    points
        .iter()
        .map(|point| (intercept(point, critical) - center) * critical / (critical + point.batch_size))
        .sum()
}

/// Where the squares are least between two places around their least scanned value.
fn bisect(points: &[StepsPoint], mut low: f64, mut high: f64) -> f64 {
    // 2^-60 of the distance between two scanned places is below the rounding of any of them.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if descent(points, middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(sizes: &[f64], steps: &[f64]) -> Vec<StepsPoint> {
        let pairs = sizes.iter().zip(steps);
        pairs.map(|(&batch_size, &steps)| StepsPoint { batch_size, steps }).collect()
    }

    /// Steps to a fixed loss at batch sizes 64, 128, ... 16384, published by Zhang et al. (2025) with their code; the
    /// expected numbers are an independent fit by `scipy.optimize.curve_fit`.
    #[test]
    fn the_published_curves_of_zhang_et_al_are_reproduced() {
        let sizes: Vec<f64> = (0..9).map(|power| 64.0 * 2f64.powi(power)).collect();
        let published = [
            (
                [46000.0, 23000.0, 13282.0, 7000.0, 3840.0, 2528.0, 1917.0, 1600.0, 1600.0],
                [1293.827, 2_834_258.1, 2191.0, 745.32],
            ),
            (
                [96000.0, 49000.0, 24000.0, 12000.0, 7128.0, 4350.0, 2940.0, 2400.0, 2300.0],
                [1752.421, 5_677_478.8, 3240.0, 955.16],
            ),
            (
                [196_000.0, 90000.0, 46000.0, 23400.0, 13300.0, 7224.0, 4980.0, 3400.0, 2879.0],
                [2095.350, 11_383_269.9, 5433.0, 1393.73],
            ),
        ];
        for (steps, expected) in published {
            let fit = Hyperbola::fit(&points(&sizes, &steps)).unwrap();
            let critical = fit.critical_batch_size();
            let found =
                [fit.least_steps, fit.least_examples, critical, fit.batch_size_at_overhead(0.2, 256.0)];
            for ((found, expected), tolerance) in found.iter().zip(expected).zip([1e-6, 1e-6, 2e-4, 1e-5]) {
                assert!((found / expected - 1.0).abs() < tolerance, "{found} is not {expected}");
            }
            assert!((0.04..0.06).contains(&fit.log_residual), "{}", fit.log_residual);
        }
    }

    /// Shallue et al. (2019), Simple CNN, digitised from the published figures: each number good to about 5 %, and so
    /// are the fits.
    #[test]
    fn the_curves_of_shallue_et_al_have_the_expected_critical_batch_sizes() {
        let sizes = [2.0, 8.0, 32.0, 128.0, 512.0, 2048.0, 8192.0, 32768.0, 55000.0];
        let fashion = [23700.0, 6100.0, 1730.0, 490.0, 296.0, 165.0, 151.0, 165.0, 150.0];
        let digits = [31400.0, 9000.0, 2360.0, 676.0, 303.0, 177.0, 194.0, 162.0, 124.0];
        for (steps, expected) in [(fashion, [155.0, 4.7e4, 306.0]), (digits, [154.0, 6.7e4, 438.0])] {
            let fit = Hyperbola::fit(&points(&sizes, &steps)).unwrap();
            let found = [fit.least_steps, fit.least_examples, fit.critical_batch_size()];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 0.03, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn at_the_critical_batch_size_steps_and_examples_are_twice_their_least() {
        let fit = Hyperbola { least_steps: 100.0, least_examples: 25_600.0, log_residual: 0.0 };
        assert_eq!(fit.critical_batch_size(), 256.0);
        assert_eq!(fit.steps(256.0), 200.0);
        assert_eq!(fit.steps(256.0) * 256.0, 2.0 * 25_600.0);
    }

    #[test]
    fn two_batch_sizes_or_no_numbers_give_no_curve() {
        assert_eq!(Hyperbola::fit(&points(&[1.0, 2.0], &[10.0, 5.0])), None);
        assert_eq!(Hyperbola::fit(&points(&[1.0, 1.0, 2.0], &[10.0, 9.0, 5.0])), None);
        assert_eq!(Hyperbola::fit(&points(&[1.0, 2.0, 4.0], &[10.0, f64::INFINITY, 5.0])), None);
        assert_eq!(Hyperbola::fit(&points(&[1.0, 2.0, 4.0], &[10.0, 0.0, 5.0])), None);
        assert_eq!(Hyperbola::fit(&[]), None);
    }

    #[test]
    fn perfect_scaling_puts_the_critical_batch_size_far_beyond_the_grid() {
        let fit = Hyperbola::fit(&points(&[8.0, 16.0, 32.0, 64.0], &[800.0, 400.0, 200.0, 100.0])).unwrap();
        assert!(fit.critical_batch_size() > 64.0 * 1000.0);
        assert!((fit.least_examples / 6400.0 - 1.0).abs() < 1e-3);
        let flat = Hyperbola::fit(&points(&[8.0, 16.0, 32.0], &[50.0, 50.0, 50.0])).unwrap();
        assert!(flat.critical_batch_size() < 8.0 / 1000.0);
    }

    proptest! {
        #[test]
        fn a_curve_is_found_again_from_its_own_points(
            least_steps in 10f64..1e5, critical in 4f64..4096.0, count in 4i32..12,
        ) {
            let truth = Hyperbola { least_steps, least_examples: least_steps * critical, log_residual: 0.0 };
            let sizes: Vec<f64> = (0..count).map(|power| 3f64.powi(power)).collect();
            let steps: Vec<f64> = sizes.iter().map(|&size| truth.steps(size)).collect();
            let fit = Hyperbola::fit(&points(&sizes, &steps)).unwrap();
            prop_assert!((fit.least_examples / truth.least_examples - 1.0).abs() < 1e-4);
            prop_assert!((fit.critical_batch_size() / critical - 1.0).abs() < 1e-4);
            prop_assert!(fit.log_residual < 1e-6);
        }

        #[test]
        fn scaling_all_steps_scales_the_curve_and_leaves_the_critical_batch_size(
            steps in prop::collection::vec(1f64..1e6, 5), factor in 0.01f64..100.0,
        ) {
            let sizes = [1.0, 4.0, 16.0, 64.0, 256.0];
            let scaled: Vec<f64> = steps.iter().map(|steps| steps * factor).collect();
            let one = Hyperbola::fit(&points(&sizes, &steps)).unwrap();
            let other = Hyperbola::fit(&points(&sizes, &scaled)).unwrap();
            prop_assert!((other.log_residual - one.log_residual).abs() < 1e-6);
            prop_assert!((other.least_steps / (one.least_steps * factor) - 1.0).abs() < 1e-3);
        }
    }
}
