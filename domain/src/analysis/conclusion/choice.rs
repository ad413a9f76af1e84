//! Which batch size and learning rate, and on what grounds.

use crate::analysis::best_rate::BestRate;
use crate::analysis::comparison::trials_of;
use crate::analysis::facts::Facts;
use crate::analysis::interval::Interval;
use crate::analysis::score::ScoreMetric;
use crate::analysis::spread::MANY;
use crate::analysis::target::TargetRow;
use crate::analysis::words;
use crate::statistics::median;

/// Three seeds are needed to draw a conclusion; with fewer, it is what came out best.
const SEEDS_TO_CONCLUDE: usize = 3;

/// How much sooner a batch size must be done to be preferred to one that it is level with.
const WORTH_IT: f64 = 1.2;

/// A batch size and a learning rate to train with.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The values of the other axes, in words; empty where the grid has none.
    pub group: String,
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Learning rate at its full height.
    pub learning_rate: f64,
    /// What it was chosen by.
    pub basis: Basis,
    /// The median of that over its seeds: seconds, or a score.
    pub value: f64,
    /// From the least to the most of any seed.
    pub range: Interval,
    /// How many seeds it has.
    pub seeds: usize,
    /// Whether its seeds start from the same weights: then they are no repeats.
    pub same_weights: bool,
    /// Whether it may be relied on: three seeds or more with weights of their own, its learning rate bracketed, nothing left
    /// to train.
    pub is_firm: bool,
    /// Batch sizes that are not told apart from it: their seeds overlap.
    pub level_with: Vec<u64>,
    /// Whether batch sizes were compared after equal epochs, so with unequal numbers of updates.
    pub at_equal_epochs: bool,
    /// Where it is level with the lowest score but sooner done: that batch size, its score, and how many times as
    /// long it took.
    pub instead_of: Option<(u64, f64, f64)>,
}

/// What a choice is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The least time to the target on this hardware.
    SecondsToTarget,
    /// The lowest score after the budget; among those not told apart, the one done soonest.
    Score(ScoreMetric),
}

impl Choice {
    /// Why this one, in words.
    #[must_use]
    pub fn grounds(&self) -> String {
        let after = if self.at_equal_epochs { " after equal epochs" } else { "" };
        match (self.basis, self.instead_of) {
            (Basis::SecondsToTarget, _) => {
                format!("it meets the target soonest, in {}", self.shown(words::seconds))
            }
            (Basis::Score(ScoreMetric::StepsToTarget), _) => format!(
                "it meets the target in the fewest steps, {}; times do not compare",
                self.shown(words::score)
            ),
            (Basis::Score(metric), None) => {
                format!("the lowest {}{after}, {}", metric.name(), self.shown(words::score))
            }
            (Basis::Score(metric), Some((other, lowest, times))) => format!(
                "its {}{after}, {}, is not told apart from the lowest, {} at batch size {other}, which took {} \
                 as long",
                metric.name(),
                self.shown(words::score),
                words::score(lowest),
                words::times(times)
            ),
        }
    }

    /// What it reached, in words: `validation loss 0.48 (0.47 to 0.49 over 3 seeds)`.
    pub(super) fn measured(&self) -> String {
        match self.basis {
            Basis::SecondsToTarget => {
                format!("time to the target {}", self.shown(words::seconds))
            }
            Basis::Score(metric) => {
                format!("{} {}", metric.name(), self.shown(words::score))
            }
        }
    }

    /// `0.312 (0.309 to 0.318 over 3 seeds)`, `0.312 (95 % interval 0.31 to 0.314 over 9 seeds)`, `0.312 (one seed)`.
    fn shown(&self, show: impl Fn(f64) -> String) -> String {
        let Self { range, seeds, .. } = *self;
        let value = show(self.value);
        let kind = if seeds >= MANY { "95 % interval " } else { "" };
        let from = if self.same_weights { " from the same weights" } else { "" };
        match seeds {
            0 | 1 => format!("{value} (one seed)"),
            _ if range.high.is_infinite() => {
                format!("{value} ({kind}from {} on, over {seeds} seeds{from})", show(range.low))
            }
            _ => format!(
                "{value} ({kind}{} to {} over {seeds} seeds{from})",
                show(range.low),
                show(range.high)
            ),
        }
    }

    /// Smaller is better; any time to the target is better than none.
    pub(super) fn order(&self) -> f64 {
        match self.basis {
            // Both are positive, so that their negated inverses lie below every score.
            Basis::SecondsToTarget => -1.0 / self.value.max(f64::MIN_POSITIVE),
            Basis::Score(_) => self.value,
        }
    }
}

/// The choice of a group; `None` where nothing was scored, or no learning rate was tuned.
pub(super) fn choose(facts: &Facts<'_>) -> Option<Choice> {
    if facts.comparison.is_untuned() {
        return None;
    }
    // Where the target was met at once, by any trial, how soon says little; unless trials ended there, so that
    // there is nothing else to compare.
    let ends_at_target = facts.train.is_some_and(|train| train.stop_at_target);
    let by_target = if facts.target_is_easy() && !ends_at_target { None } else { soonest(facts) };
    by_target.or_else(|| lowest(facts))
}

fn soonest(facts: &Facts<'_>) -> Option<Choice> {
    let comparison = facts.comparison;
    let best = comparison.soonest()?;
    let (learning_rate, value) = best.learning_rate.zip(best.seconds.median())?;
    let range = best.seconds.range()?;
    let level = |row: &&TargetRow| {
        row.batch_size != best.batch_size
            && row.reached > 1
            && best.reached > 1
            && row.seconds.range().is_some_and(|other| other.overlaps(&range))
    };
    let is_bracketed = best.edge.is_none() && comparison.grid.row(best.batch_size).len() > 1;
    let seeds = usize::try_from(best.reached).unwrap_or(usize::MAX);
    Some(Choice {
        group: comparison.label.clone(),
        batch_size: best.batch_size,
        learning_rate,
        basis: Basis::SecondsToTarget,
        value,
        range,
        seeds,
        same_weights: facts.has_same_weights(),
        is_firm: seeds >= SEEDS_TO_CONCLUDE
            && facts.has_repeats()
            && is_bracketed
            && comparison.best.iter().all(|best| best.is_complete)
            && !facts.is_open()
            && !facts.target_is_easy(),
        level_with: comparison.to_target.iter().filter(level).map(|row| row.batch_size).collect(),
        at_equal_epochs: false,
        instead_of: None,
    })
}

fn lowest(facts: &Facts<'_>) -> Option<Choice> {
    let comparison = facts.comparison;
    let lowest = comparison.best.iter().min_by(|left, right| left.median.total_cmp(&right.median))?;
    let are_level = |one: &BestRate, other: &BestRate| {
        one.seeds > 1 && other.seeds > 1 && one.range.overlaps(&other.range)
    };
    let on_one_device = comparison.throughput.as_ref().is_some_and(|throughput| throughput.device.is_some());
    let seconds = |best: &BestRate| {
        let trials = trials_of(facts.group, best.batch_size, best.learning_rate);
        median(&trials.into_iter().filter_map(|trial| trial.train_seconds).collect::<Vec<_>>())
    };
    let sooner = seconds(lowest).filter(|_| on_one_device).and_then(|of_lowest| {
        // A few seeds spread so wide that they touch the lowest do not make a much higher median as good.
        let is_as_good = |best: &BestRate| are_level(best, lowest) && best.median <= lowest.range.high;
        let level = comparison.best.iter().filter(|best| best.edge.is_none() && is_as_good(best));
        let timed = level.filter_map(|best| Some((best, seconds(best)?)));
        let (best, own) = timed.min_by(|left, right| left.1.total_cmp(&right.1))?;
        (of_lowest > WORTH_IT * own).then_some((best, of_lowest / own))
    });
    let chosen = sooner.map_or(lowest, |(best, _)| best);
    let level_with = comparison
        .best
        .iter()
        .filter(|best| best.batch_size != chosen.batch_size && are_level(best, chosen))
        .map(|best| best.batch_size);
    Some(Choice {
        group: comparison.label.clone(),
        batch_size: chosen.batch_size,
        learning_rate: chosen.learning_rate,
        basis: Basis::Score(comparison.grid.metric),
        value: chosen.median,
        range: chosen.range,
        seeds: chosen.seeds,
        same_weights: facts.has_same_weights(),
        is_firm: chosen.seeds >= SEEDS_TO_CONCLUDE
            && facts.has_repeats()
            && chosen.edge.is_none()
            && chosen.rates_tried > 1
            && comparison.best.iter().all(|best| best.is_complete)
            // Fewer steps of a larger batch are not better by themselves.
            && comparison.grid.metric != ScoreMetric::StepsToTarget
            && !facts.is_open(),
        level_with: level_with.collect(),
        at_equal_epochs: comparison.best.len() > 1 && facts.unequal_updates().is_some(),
        instead_of: sooner.map(|(_, times)| (lowest.batch_size, lowest.median, times)),
    })
}
