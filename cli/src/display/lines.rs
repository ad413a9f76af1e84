//! One line as each trial ends, for logs and pipes.

use std::collections::HashSet;

use proto::v1::WatchSweepResponse;
use report::{Table, human};

use super::trials;
use crate::talk;

/// What has been told.
#[derive(Debug, Default)]
pub struct Lines {
    told: HashSet<String>,
    all: u64,
}

impl Lines {
    /// A new state of the sweep.
    pub fn update(&mut self, state: &WatchSweepResponse) {
        (self.all, _) = trials(state.sweep.as_ref().and_then(|sweep| sweep.counts.as_ref()));
    }

    /// How many trials have been told.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.told.len() as u64
    }

    /// Tells the trials that have ended since.
    pub fn ended(&mut self, results: &Table) {
        for row in 0..results.rows.len() {
            let status = results.text(row, "status").unwrap_or_default();
            let index = results.text(row, "trial_index").unwrap_or_default();
            if !matches!(status, "" | "pending" | "running") && self.told.insert(index.to_owned()) {
                let ended = self.told.len();
                talk::line(format_args!("[{ended}/{}] {}", self.all, line(results, row, status)));
            }
        }
    }
}

fn line(results: &Table, row: usize, status: &str) -> String {
    let mut line = format!(
        "batch size {}, learning rate {}: {status}",
        results.text(row, "batch_size").unwrap_or("?"),
        results.number(row, "learning_rate").map_or_else(|| "?".to_owned(), human::exact),
    );
    if let Some(steps) = results.whole(row, "steps") {
        line.push_str(&format!(", {}", human::count(steps, "step")));
    }
    if let Some(loss) = results.number(row, "train_set_loss") {
        line.push_str(&format!(", train-set loss {}", human::significant(loss, 4)));
    }
    if let Some(accuracy) = results.number(row, "final_validation_accuracy") {
        line.push_str(&format!(", validation accuracy {}", human::percent(accuracy)));
    }
    if let Some(seconds) = results.number(row, "train_seconds") {
        line.push_str(&format!(", {}", human::seconds(seconds)));
    }
    line
}
