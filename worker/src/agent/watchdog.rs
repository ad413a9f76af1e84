//! Tells a trainer that hangs from one that is slow: the one does no work at all for the time it is given.
//!
//! A trainer tells once a second that it works, and only when it did (`trainer::pulse`): a micro-batch trained, evaluated or
//! tried, a piece of data read. So a kernel that never returns, a stopped process and a dead file system all fall silent.

use std::time::Duration;

use tokio::time::Instant;

/// Watches one attempt.
#[derive(Debug)]
pub struct Watchdog {
    patience: Duration,
    heard_at: Instant,
}

impl Watchdog {
    /// Starts watching.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { patience, heard_at: Instant::now() }
    }

    /// The trainer said something.
    pub fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Waits until it has been silent for too long. Safe to drop and call again.
    pub async fn silence(&self) {
        tokio::time::sleep_until(self.heard_at + self.patience).await;
    }

    /// What to say about it.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "the trainer made no progress for {} s and was killed; where a single micro-batch takes longer, raise the \
             worker's --trainer-timeout",
            self.patience.as_secs_f64()
        )
    }
}
