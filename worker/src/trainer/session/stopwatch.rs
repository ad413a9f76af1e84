//! Training time: what is spent in steps, not in planning or evaluation.

use std::time::{Duration, Instant};

/// Counts the time spent in training steps.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    counted: Duration,
    running_since: Option<Instant>,
}

impl Stopwatch {
    /// One that has counted so much already.
    pub(super) fn counted(counted: Duration) -> Self {
        Self { counted, running_since: None }
    }

    /// What it has counted; it must not be running.
    pub(super) fn time(&self) -> Duration {
        self.counted
    }

    pub(super) fn start(&mut self) {
        self.running_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn stop(&mut self) {
        self.counted += self.running_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.counted + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())).as_secs_f64()
    }

    /// Whether no step was begun yet.
    pub(super) fn is_unused(&self) -> bool {
        self.counted.is_zero() && self.running_since.is_none()
    }
}
