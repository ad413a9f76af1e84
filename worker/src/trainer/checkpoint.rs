//! When a trial is saved, and where to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proto::v1;

/// Saving takes at most one part in this many of the time, however often it was asked for by the clock.
const SHARE: u32 = 50;

/// How one trial is saved, and what it goes on from. The default saves nothing and goes on from nothing.
#[derive(Debug, Default)]
pub struct Checkpoints {
    folder: Option<PathBuf>,
    interval: Option<Duration>,
    every_steps: u64,
    next: Option<Instant>,
    resume: Option<PathBuf>,
    now: Arc<AtomicBool>,
}

impl Checkpoints {
    /// As the agent wants it; `now` is raised when the trial is to be saved at its next step.
    #[must_use]
    pub fn new(wanted: &v1::Checkpointing, now: Arc<AtomicBool>) -> Self {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        let interval = (wanted.interval_ms > 0).then(|| Duration::from_millis(wanted.interval_ms));
        Self {
            folder: path(&wanted.folder),
            interval,
            every_steps: wanted.every_steps,
            next: interval.and_then(|interval| Instant::now().checked_add(interval)),
            resume: path(&wanted.resume_file),
            now,
        }
    }

    /// The file to go on from; only told once.
    pub fn take_resume(&mut self) -> Option<PathBuf> {
        self.resume.take()
    }

    /// Whether somebody wants the trial to be saved now.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.folder.is_some() && self.now.load(Ordering::Relaxed)
    }

    /// Whether the trial is to be saved after this step.
    #[must_use]
    pub fn is_due(&self, step: u64) -> bool {
        let by_steps = self.every_steps > 0 && step.is_multiple_of(self.every_steps);
        let by_time = || self.next.is_some_and(|next| Instant::now() >= next);
        self.is_wanted() || self.folder.is_some() && (by_steps || by_time())
    }

    /// Where the state after this step goes; a new file each time, so that an earlier one may still be read.
    #[must_use]
    pub fn file(&self, step: u64) -> Option<PathBuf> {
        self.folder.as_deref().map(|folder: &Path| folder.join(format!("{step}.safetensors")))
    }

    /// It was saved, or could not be, in so much time: the next time by the clock is so far off that this costs little.
    pub fn done(&mut self, took: Duration) {
        self.now.store(false, Ordering::Relaxed);
        self.next = self
            .interval
            .and_then(|interval| Instant::now().checked_add(interval.max(took.saturating_mul(SHARE))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(interval_ms: u64, every_steps: u64) -> v1::Checkpointing {
        v1::Checkpointing { folder: "here".into(), interval_ms, every_steps, resume_file: String::new() }
    }

    #[test]
    fn a_trial_is_saved_by_steps_and_on_demand() {
        let now = Arc::new(AtomicBool::new(false));
        let mut checkpoints = Checkpoints::new(&wanted(0, 3), Arc::clone(&now));
        let due = |checkpoints: &Checkpoints| (1..=7).filter(|&s| checkpoints.is_due(s)).collect::<Vec<_>>();
        assert_eq!(due(&checkpoints), [3, 6]);
        now.store(true, Ordering::Relaxed);
        assert_eq!(due(&checkpoints).len(), 7);
        checkpoints.done(Duration::ZERO);
        assert_eq!(due(&checkpoints), [3, 6]);
        assert_eq!(due(&Checkpoints::default()), [] as [u64; 0]);
    }

    #[test]
    fn a_save_that_took_long_puts_the_next_one_off() {
        let mut checkpoints = Checkpoints::new(&wanted(1, 0), Arc::default());
        checkpoints.done(Duration::from_secs(60));
        assert!(checkpoints.next.unwrap() > Instant::now() + Duration::from_secs(2000));
        assert!(!checkpoints.is_due(1));
    }
}
