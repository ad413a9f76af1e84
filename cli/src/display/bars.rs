//! Live bars: one a running trial, and a total with the time left.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::v1::{Phase, RunningTrial, WatchSweepResponse};
use report::human;

use super::remaining::Remaining;
use super::{most, trials};

/// More bars than this would scroll: the rest is in the total.
const MOST: usize = 16;

/// The total counts in thousandths of the sweep's work.
const TOTAL: u64 = 1_000;

/// The bars on screen.
#[derive(Debug)]
pub struct Bars {
    screen: MultiProgress,
    total: ProgressBar,
    trials: HashMap<String, ProgressBar>,
    remaining: Remaining,
}

impl Bars {
    /// An empty screen; `None` where standard error cannot redraw a line: no terminal, or a dumb one.
    #[must_use]
    pub fn new() -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let screen = MultiProgress::with_draw_target(target);
        let total = screen.add(ProgressBar::new(TOTAL));
        total.set_style(style("{prefix:.bold}  {bar:24.cyan/dim}  {msg}"));
        Some(Self { screen, total, trials: HashMap::new(), remaining: Remaining::default() })
    }

    /// Draws a new state.
    pub fn update(&mut self, state: &WatchSweepResponse) {
        let running: Vec<&RunningTrial> = state.running.iter().take(MOST).collect();
        self.trials.retain(|id, bar| {
            let stays = running.iter().any(|trial| trial.trial_id == *id);
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
        let grid = state.sweep.as_ref().and_then(|sweep| sweep.spec.as_ref()?.grid.as_ref());
        let has_repeats = grid.is_some_and(|grid| grid.seed.len() > 1);
        for trial in running {
            let bar = self.trials.entry(trial.trial_id.clone()).or_insert_with(|| {
                let bar = self.screen.insert_before(&self.total, ProgressBar::new(0));
                bar.set_style(style("  {prefix}  {bar:16.green/dim}  {msg}"));
                bar
            });
            draw(bar, trial, has_repeats);
        }
        let counts = state.sweep.as_ref().and_then(|sweep| sweep.counts).unwrap_or_default();
        let ended = trials(Some(&counts)).1 - counts.skipped;
        let left = self.remaining.estimate(state.progress, Instant::now());
        let most = most(state.sweep.as_ref());
        let trials = if most == "1" { "trial" } else { "trials" };
        self.total.set_prefix(format!("{ended} of {most} {trials}"));
        self.total.set_position((state.progress.clamp(0.0, 1.0) * TOTAL as f64) as u64);
        self.total.set_message(
            left.map_or_else(String::new, |left| format!("about {} left", human::roughly(left))),
        );
    }

    /// Prints a line above the bars.
    pub fn print(&self, line: &str) {
        let plain = anstream::AutoStream::choice(&io::stderr()) == anstream::ColorChoice::Never;
        let line = if plain { anstream::adapter::strip_str(line).to_string() } else { line.to_owned() };
        // Not `suspend`, which panics on a terminal that is gone.
        let _ = self.screen.println(line);
    }

    /// Takes the bars away.
    pub fn clear(&mut self) {
        // Clearing the screen as a whole leaves no line behind.
        let _ = self.screen.clear();
        self.screen.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn draw(bar: &ProgressBar, trial: &RunningTrial, has_repeats: bool) {
    let progress = trial.progress.unwrap_or_default();
    let seed = if has_repeats { format!(" seed {:<3}", trial.seed) } else { String::new() };
    bar.set_prefix(format!(
        "batch size {:<6} learning rate {:<8}{seed}",
        trial.batch_size,
        human::exact(trial.learning_rate)
    ));
    bar.set_length(progress.total_steps.max(1));
    bar.set_position(progress.step.min(progress.total_steps));
    let loss =
        progress.train_loss.map(|loss| format!("  loss {}", human::significant(loss, 4))).unwrap_or_default();
    let doing = match progress.phase() {
        Phase::Training | Phase::Evaluating => format!("{}/{}{loss}", progress.step, progress.total_steps),
        Phase::Preparing | Phase::Unspecified => "preparing".to_owned(),
    };
    let again = if trial.attempt > 1 { format!("  attempt {}", trial.attempt) } else { String::new() };
    bar.set_message(format!("{doing}{again}"));
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; were one wrong, a plain bar would be drawn.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}
