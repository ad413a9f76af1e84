//! How long a step takes: `t(B) = t0 + B / r`, a fixed part and one that grows with the batch.
//!
//! At the half-saturation batch `B_hw = r t0` the device spends half its time on the fixed part: below it larger
//! batches are nearly free, above it they cost what they weigh. With the steps to a target `S_min + E_min / B` the
//! time to it is least at `sqrt(B_crit B_hw)`: the minimum of `(S_min + E_min / B)(t0 + B / r)`.

use std::collections::BTreeMap;

use super::group::Group;
use super::interval::Interval;
use super::line::{Line, Weighted};
use super::record::TrialRecord;
use crate::statistics::median;

/// Step times of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Throughput {
    /// One row a batch size, smallest first.
    pub rows: Vec<StepTime>,
    /// The line through batch sizes trained whole; `None` below three of them, and where time does not grow with
    /// the batch.
    pub line: Option<StepTimeLine>,
    /// The device all of it was measured on; `None` where there were several, or none is told.
    pub device: Option<String>,
}

/// How long a step of one batch size took.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Examples that a step really saw.
    pub examples_in_step: u64,
    /// Median seconds of a step over its trials.
    pub seconds: f64,
    /// From the fastest to the slowest trial.
    pub range: Interval,
    /// `examples_in_step / seconds`.
    pub examples_per_second: f64,
    /// Whether the batch was split: then the device never saw it whole, and it is not on the line.
    pub accumulated: bool,
}

/// `t(B) = overhead_seconds + B / examples_per_second`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTimeLine {
    /// `t0`: what a step takes however small the batch; not below 0.
    pub overhead_seconds: f64,
    /// `r`: examples in a second once the fixed part does not matter.
    pub examples_per_second: f64,
    /// Root mean square of the measured over the fitted time, less one.
    pub residual: f64,
}

impl StepTimeLine {
    /// `B_hw = r t0`.
    #[must_use]
    pub fn half_saturation_batch(&self) -> f64 {
        self.examples_per_second * self.overhead_seconds
    }

    /// Seconds of a step.
    #[must_use]
    pub fn seconds(&self, batch_size: f64) -> f64 {
        self.overhead_seconds + batch_size / self.examples_per_second
    }

    /// `sqrt(B_crit B_hw)`: where the time to a target is least.
    #[must_use]
    pub fn time_optimal_batch(&self, critical_batch_size: f64) -> f64 {
        (critical_batch_size * self.half_saturation_batch()).sqrt()
    }
}

/// The step times of a group; `None` where no trial took a step. Timings of unlike devices are not put on one line.
#[must_use]
pub fn throughput(group: &Group<'_>) -> Option<Throughput> {
    let mut sizes: BTreeMap<u64, Vec<(&TrialRecord, f64)>> = BTreeMap::new();
    for trial in &group.trials {
        if let Some(seconds) = step_seconds(trial) {
            sizes.entry(trial.batch_size).or_default().push((trial, seconds));
        }
    }
    let device = one_device(sizes.values().flatten().map(|(trial, _)| *trial));
    let rows: Vec<StepTime> = sizes.into_values().filter_map(|trials| step_time(&trials)).collect();
    if rows.is_empty() {
        return None;
    }
    let line = device.as_ref().and_then(|_| line(&rows));
    Some(Throughput { rows, line, device })
}

fn step_seconds(trial: &TrialRecord) -> Option<f64> {
    let (steps, seconds) = trial.steps.zip(trial.train_seconds)?;
    (steps > 0 && seconds > 0.0 && seconds.is_finite()).then(|| seconds / steps as f64)
}

fn one_device<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> Option<String> {
    let mut names: Vec<&str> = trials.map(|trial| trial.device.as_deref().unwrap_or_default()).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [name] if !name.is_empty() => Some(name.to_owned()),
        _ => None,
    }
}

fn step_time(trials: &[(&TrialRecord, f64)]) -> Option<StepTime> {
    let seconds: Vec<f64> = trials.iter().map(|(_, seconds)| *seconds).collect();
    let (first, _) = trials.first()?;
    let (middle, examples) = (median(&seconds)?, first.examples_in_step());
    Some(StepTime {
        batch_size: first.batch_size,
        examples_in_step: examples,
        seconds: middle,
        range: Interval::spanning(seconds)?,
        examples_per_second: examples as f64 / middle,
        accumulated: trials.iter().any(|(trial, _)| trial.accumulation_steps.is_some_and(|steps| steps > 1)),
    })
}

/// Least squares on relative deviations, so that the many short steps of small batches count as much as the long
/// ones.
fn line(rows: &[StepTime]) -> Option<StepTimeLine> {
    let points: Vec<Weighted> = rows
        .iter()
        .filter(|row| !row.accumulated)
        .map(|row| Weighted { x: row.examples_in_step as f64, y: row.seconds, weight: row.seconds.powi(-2) })
        .collect();
    let mut sizes: Vec<f64> = points.iter().map(|point| point.x).collect();
    sizes.dedup();
    if sizes.len() < 3 {
        return None;
    }
    let fitted = Line::fit(&points)?;
    let (overhead_seconds, per_example) = if fitted.intercept >= 0.0 {
        (fitted.intercept, fitted.slope)
    } else {
        // Time cannot start below 0: the best line through the origin.
        let over =
            |value: fn(&Weighted) -> f64| points.iter().map(|point| point.weight * value(point)).sum::<f64>();
        (0.0, over(|point| point.x * point.y) / over(|point| point.x * point.x))
    };
    let line = StepTimeLine { overhead_seconds, examples_per_second: per_example.recip(), residual: 0.0 };
    let squares: f64 = points.iter().map(|point| (point.y / line.seconds(point.x) - 1.0).powi(2)).sum();
    (per_example > 0.0).then(|| StepTimeLine { residual: (squares / points.len() as f64).sqrt(), ..line })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::lifecycle::TrialStatus;
    use proptest::prelude::*;

    /// A trial of 100 steps that took `seconds` each.
    pub fn timed(batch_size: u64, seconds: f64) -> TrialRecord {
        TrialRecord {
            steps: Some(100),
            train_seconds: Some(100.0 * seconds),
            device: Some("cpu".to_owned()),
            ..TrialRecord::new(batch_size, 0.1, 0, TrialStatus::Succeeded)
        }
    }

    fn of(records: &[TrialRecord]) -> Option<Throughput> {
        throughput(&Group { axes: &[], trials: records.iter().collect() })
    }

    #[test]
    fn a_fixed_part_and_a_rate_are_found_again() {
        // 2 ms and 64,000 examples a second: half-saturation at 128.
        let records = [8, 32, 128, 512, 2048].map(|size| timed(size, 0.002 + size as f64 / 64_000.0));
        let found = of(&records).unwrap();
        let line = found.line.unwrap();
        assert!((line.half_saturation_batch() - 128.0).abs() < 1e-6, "{line:?}");
        assert!(line.residual < 1e-9);
        assert!((line.time_optimal_batch(512.0) - 256.0).abs() < 1e-6);
        assert!((found.rows[2].examples_per_second - 32_000.0).abs() < 1e-6);
        assert_eq!(found.device.as_deref(), Some("cpu"));
    }

    #[test]
    fn an_accumulated_batch_has_a_time_and_no_place_on_the_line() {
        let mut records = [8, 32, 128, 512].map(|size| timed(size, 0.002 + size as f64 / 64_000.0));
        records[3].accumulation_steps = Some(4);
        records[3].train_seconds = Some(900.0);
        let found = of(&records).unwrap();
        assert!(found.rows[3].accumulated);
        assert!((found.line.unwrap().half_saturation_batch() - 128.0).abs() < 1e-6);
    }

    #[test]
    fn two_batch_sizes_or_two_devices_give_no_line() {
        assert_eq!(of(&[timed(8, 0.1), timed(16, 0.2)]).unwrap().line, None);
        let other = TrialRecord { device: Some("cuda:0".to_owned()), ..timed(32, 0.1) };
        let mixed = of(&[timed(8, 0.1), timed(16, 0.2), other]).unwrap();
        assert_eq!((mixed.line, mixed.device), (None, None));
        let level = of(&[timed(8, 0.3), timed(16, 0.2), timed(32, 0.1)]).unwrap();
        assert_eq!(level.line, None, "time that falls with the batch is no such line");
    }

    #[test]
    fn trials_that_took_no_step_have_no_time() {
        assert_eq!(of(&[TrialRecord::new(8, 0.1, 0, TrialStatus::Infeasible)]), None);
    }

    proptest! {
        #[test]
        fn the_fixed_part_is_never_negative(seconds in prop::collection::vec(1e-6f64..10.0, 3..8)) {
            let records: Vec<TrialRecord> =
                seconds.iter().enumerate().map(|(index, &seconds)| timed(8 << index, seconds)).collect();
            if let Some(line) = of(&records).unwrap().line {
                prop_assert!(line.overhead_seconds >= 0.0 && line.examples_per_second > 0.0);
                prop_assert!(line.half_saturation_batch() >= 0.0);
            }
        }

        #[test]
        fn no_batch_is_faster_than_the_predicted_one(
            overhead in 1e-4f64..1.0, rate in 1.0f64..1e5, critical in 1f64..1e4, other in 1f64..1e6,
        ) {
            let line = StepTimeLine { overhead_seconds: overhead, examples_per_second: rate, residual: 0.0 };
            let time = |size: f64| (1.0 + critical / size) * line.seconds(size);
            prop_assert!(time(line.time_optimal_batch(critical)) <= time(other) * (1.0 + 1e-9));
        }
    }
}
