//! When a trial is saved, and where to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Saving takes at most one part in this many of the time, however often it was asked for by the clock.
const SHARE: u32 = 50;

/// How a trial is to be saved, and what it goes on from. The default saves nothing and goes on from nothing.
#[derive(Debug, Clone, Default)]
pub struct Checkpointing {
    /// The folder for the files; `None` to save nothing.
    pub folder: Option<PathBuf>,
    /// At the first step after so long since the last time; `None` for never.
    pub interval: Option<Duration>,
    /// At every step that is a multiple of this; 0 for never.
    pub every_steps: u64,
    /// The file to go on from; `None` to start from the beginning.
    pub resume_file: Option<PathBuf>,
}

/// When a trial in progress is saved, and where to.
#[derive(Debug)]
pub struct Checkpoints {
    wanted: Checkpointing,
    next: Option<Instant>,
    now: Arc<AtomicBool>,
}

impl Checkpoints {
    /// As they are wanted; `now` is raised when the trial is to be saved at its next step.
    #[must_use]
    pub fn new(wanted: Checkpointing, now: Arc<AtomicBool>) -> Self {
        let next = wanted.interval.and_then(|interval| Instant::now().checked_add(interval));
        Self { wanted, next, now }
    }

    /// Whether somebody wants the trial to be saved now.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.folder.is_some() && self.now.load(Ordering::Relaxed)
    }

    /// Whether the trial is to be saved after this step.
    #[must_use]
    pub fn is_due(&self, step: u64) -> bool {
        let by_steps = self.wanted.every_steps > 0 && step.is_multiple_of(self.wanted.every_steps);
        let by_time = || self.next.is_some_and(|next| Instant::now() >= next);
        self.is_wanted() || self.wanted.folder.is_some() && (by_steps || by_time())
    }

    /// Where the state after this step goes; a new file each time, so that an earlier one may still be read.
    #[must_use]
    pub fn file(&self, step: u64) -> Option<PathBuf> {
        self.wanted.folder.as_deref().map(|folder: &Path| folder.join(format!("{step}.safetensors")))
    }

    /// It was saved, or could not be, in so much time: the next time by the clock is so far off that this costs little.
    pub fn done(&mut self, took: Duration) {
        self.now.store(false, Ordering::Relaxed);
        self.next = self
            .wanted
            .interval
            .and_then(|interval| Instant::now().checked_add(interval.max(took.saturating_mul(SHARE))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(interval: Option<Duration>, every_steps: u64) -> Checkpointing {
        Checkpointing { folder: Some("here".into()), interval, every_steps, resume_file: None }
    }

    #[test]
    fn a_trial_is_saved_by_steps_and_on_demand() {
        let now = Arc::new(AtomicBool::new(false));
        let mut checkpoints = Checkpoints::new(wanted(None, 3), Arc::clone(&now));
        let due = |checkpoints: &Checkpoints| (1..=7).filter(|&s| checkpoints.is_due(s)).collect::<Vec<_>>();
        assert_eq!(due(&checkpoints), [3, 6]);
        now.store(true, Ordering::Relaxed);
        assert_eq!(due(&checkpoints).len(), 7);
        checkpoints.done(Duration::ZERO);
        assert_eq!(due(&checkpoints), [3, 6]);
        assert_eq!(due(&Checkpoints::new(Checkpointing::default(), Arc::default())), [] as [u64; 0]);
    }

    #[test]
    fn a_save_that_took_long_puts_the_next_one_off() {
        let mut checkpoints = Checkpoints::new(wanted(Some(Duration::from_millis(1)), 0), Arc::default());
        checkpoints.done(Duration::from_secs(60));
        assert!(checkpoints.next.unwrap() > Instant::now() + Duration::from_secs(2000));
        assert!(!checkpoints.is_due(1));
    }
}
