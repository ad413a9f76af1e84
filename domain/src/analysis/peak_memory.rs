//! Peak memory against the micro-batch, `peak = a + c m`, and where batches stop fitting whole.
//!
//! `a` is what does not grow: parameters, gradients, optimizer state, resident data; `c` what one more example
//! takes: its inputs and activations. The planner before a trial does better ([`crate::memory`]); this is what the
//! measured peaks of a sweep say in two numbers.

use std::collections::BTreeMap;

use super::group::Group;
use super::line::{Line, Weighted};

/// Memory of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct PeakMemory {
    /// Largest micro-batch and peak in bytes, each micro-batch once with its largest peak, smallest first.
    pub points: Vec<(u64, u64)>,
    /// The line through them; `None` below two micro-batches.
    pub line: Option<MemoryLine>,
    /// The least memory limit in force, in bytes; `None` without one.
    pub budget_bytes: Option<u64>,
    /// The largest batch size that was trained whole.
    pub largest_whole: Option<u64>,
    /// The smallest batch size that was split.
    pub smallest_accumulated: Option<u64>,
    /// The smallest batch size of which not even one example at a time fits.
    pub smallest_infeasible: Option<u64>,
}

/// `peak = fixed_bytes + bytes_per_example * micro-batch`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryLine {
    /// `a`: bytes that do not grow with the micro-batch.
    pub fixed_bytes: f64,
    /// `c`: bytes of one more example.
    pub bytes_per_example: f64,
    /// Root mean square of measured over fitted bytes, less one. Large where the peak is no straight line.
    pub residual: f64,
}

impl MemoryLine {
    /// Bytes at a micro-batch.
    #[must_use]
    pub fn bytes(&self, micro_batch: u64) -> f64 {
        self.fixed_bytes + self.bytes_per_example * micro_batch as f64
    }

    /// The largest micro-batch within a limit, by the line; 0 where not even `a` fits, `None` where nothing grows.
    #[must_use]
    pub fn largest_within(&self, bytes: u64) -> Option<u64> {
        let room = (bytes as f64 - self.fixed_bytes).max(0.0);
        (self.bytes_per_example > 0.0).then(|| (room / self.bytes_per_example).floor() as u64)
    }
}

/// The memory of a group; `None` where no trial has a peak or did not fit.
#[must_use]
pub fn peak_memory(group: &Group<'_>) -> Option<PeakMemory> {
    let mut points: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut whole, mut accumulated) = (Vec::new(), Vec::new());
    for trial in &group.trials {
        if let Some((micro_batch, peak)) = trial.micro_batch.zip(trial.peak_memory_bytes) {
            let largest = points.entry(micro_batch).or_default();
            *largest = peak.max(*largest);
        }
        match trial.accumulation_steps {
            Some(1) => whole.push(trial.batch_size),
            Some(2..) => accumulated.push(trial.batch_size),
            _ => {}
        }
    }
    let infeasible =
        group.trials.iter().filter(|trial| trial.status == crate::lifecycle::TrialStatus::Infeasible);
    let smallest_infeasible = infeasible.map(|trial| trial.batch_size).min();
    if points.is_empty() && smallest_infeasible.is_none() {
        return None;
    }
    let points: Vec<(u64, u64)> = points.into_iter().collect();
    Some(PeakMemory {
        line: line(&points),
        points,
        budget_bytes: group.trials.iter().filter_map(|trial| trial.memory_budget_bytes).min(),
        largest_whole: whole.into_iter().max(),
        smallest_accumulated: accumulated.into_iter().min(),
        smallest_infeasible,
    })
}

/// Least squares on relative deviations: kilobytes of small batches count as much as gigabytes of large ones.
fn line(points: &[(u64, u64)]) -> Option<MemoryLine> {
    let points: Vec<Weighted> = points
        .iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|&(micro_batch, bytes)| Weighted {
            x: micro_batch as f64,
            y: bytes as f64,
            weight: (bytes as f64).powi(-2),
        })
        .collect();
    let fitted = Line::fit(&points)?;
    let squares: f64 = points.iter().map(|point| (point.y / fitted.at(point.x) - 1.0).powi(2)).sum();
    Some(MemoryLine {
        fixed_bytes: fitted.intercept,
        bytes_per_example: fitted.slope,
        residual: (squares / points.len() as f64).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::TrialRecord;
    use crate::lifecycle::TrialStatus;
    use proptest::prelude::*;

    fn trial(batch_size: u64, micro_batch: u64, peak: u64) -> TrialRecord {
        TrialRecord {
            micro_batch: Some(micro_batch),
            accumulation_steps: Some(batch_size.div_ceil(micro_batch)),
            peak_memory_bytes: Some(peak),
            memory_budget_bytes: Some(64 << 20),
            ..TrialRecord::new(batch_size, 0.1, 0, TrialStatus::Succeeded)
        }
    }

    fn of(records: &[TrialRecord]) -> Option<PeakMemory> {
        peak_memory(&Group { axes: &[], trials: records.iter().collect() })
    }

    #[test]
    fn the_line_goes_over_micro_batches_not_batches() {
        let peak = |micro_batch: u64| 1_000_000 + 500_000 * micro_batch;
        let records = [trial(32, 32, peak(32)), trial(64, 64, peak(64)), trial(1024, 128, peak(128))];
        let found = of(&records).unwrap();
        let line = found.line.unwrap();
        assert!((line.fixed_bytes - 1e6).abs() < 1.0 && (line.bytes_per_example - 5e5).abs() < 1e-3);
        assert!(line.residual < 1e-9 && (line.bytes(10) - 6e6).abs() < 1.0);
        assert_eq!((found.largest_whole, found.smallest_accumulated), (Some(64), Some(1024)));
        assert_eq!(line.largest_within(found.budget_bytes.unwrap()), Some(132));
        assert_eq!(line.largest_within(10), Some(0));
    }

    #[test]
    fn what_does_not_fit_at_all_is_told() {
        let infeasible = TrialRecord::new(64, 0.1, 0, TrialStatus::Infeasible);
        let found = of(&[infeasible]).unwrap();
        assert_eq!((found.smallest_infeasible, found.line), (Some(64), None));
        assert_eq!(of(&[TrialRecord::new(64, 0.1, 0, TrialStatus::Running)]), None);
    }

    #[test]
    fn one_micro_batch_gives_no_line() {
        assert_eq!(of(&[trial(32, 32, 100), trial(64, 32, 110)]).unwrap().line, None);
        assert_eq!(of(&[trial(32, 32, 100), trial(64, 32, 110)]).unwrap().points, [(32, 110)]);
    }

    proptest! {
        #[test]
        fn the_largest_that_fits_fits_and_the_next_does_not(
            fixed in 1u64..1_000_000_000, per_example in 1u64..10_000_000, limit in 1u64..10_000_000_000,
        ) {
            let line = MemoryLine { fixed_bytes: fixed as f64, bytes_per_example: per_example as f64, residual: 0.0 };
            let largest = line.largest_within(limit).unwrap();
            prop_assert!(largest == 0 || line.bytes(largest) <= limit as f64);
            prop_assert!(line.bytes(largest + 1) > limit as f64);
        }
    }
}
