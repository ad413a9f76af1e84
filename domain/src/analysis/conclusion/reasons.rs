//! What speaks for a choice, and what else was learnt.

use super::{Choice, Sentence, SentenceKind, say};
use crate::analysis::best_rate::{BestRate, PlateauRule};
use crate::analysis::comparison::{Comparison, trials_of};
use crate::analysis::critical::{OVERHEAD, Verdict};
use crate::analysis::facts::Facts;
use crate::analysis::interval::Interval;
use crate::analysis::rate_slope::{LINEAR, RateSlope, SQUARE_ROOT};
use crate::analysis::words;

/// A slope is worth telling when its interval is narrower than the distance between level and linear.
const TELLING: f64 = 1.0;

/// A refined rate is worth telling when it is so many doublings away from the best one tried.
const WORTH_MOVING: f64 = 0.1;

/// A curve of step times is worth telling when it is no further off than this share.
const GOOD_FIT: f64 = 0.25;

pub(super) fn reasons(facts: &Facts<'_>, choice: Option<&Choice>) -> Vec<Sentence> {
    let comparison = facts.comparison;
    let of_choice = choice.map(|choice| about_choice(facts, choice)).unwrap_or_default();
    let learnt = [
        rate_slope(comparison),
        critical(comparison),
        noise_scale(facts),
        step_time(comparison),
        soonest(comparison, choice),
        memory(comparison),
    ];
    let texts = of_choice.into_iter().chain(learnt.into_iter().flatten());
    texts.map(|text| say(SentenceKind::Reason, text)).collect()
}

fn about_choice(facts: &Facts<'_>, choice: &Choice) -> Vec<String> {
    let mut texts = Vec::new();
    if !choice.level_with.is_empty() {
        texts.push(format!(
            "No detectable difference to {}: their seeds overlap.",
            words::batch_sizes(&choice.level_with)
        ));
    }
    let best =
        facts.comparison.best_of(choice.batch_size).filter(|best| best.learning_rate == choice.learning_rate);
    texts.extend(best.into_iter().flat_map(about_rate));
    let trials = trials_of(facts.group, choice.batch_size, choice.learning_rate);
    let split = trials
        .iter()
        .find_map(|trial| trial.micro_batch.zip(trial.accumulation_steps).filter(|(_, steps)| *steps > 1));
    texts.extend(split.map(|(micro_batch, steps)| {
        format!("It was trained by gradient accumulation, in {steps} micro-batches of up to {micro_batch} examples.")
    }));
    texts
}

fn about_rate(best: &BestRate) -> Vec<String> {
    let mut texts = Vec::new();
    let plateau = best.plateau;
    if plateau.low < plateau.high {
        let rule = match plateau.rule {
            PlateauRule::StandardError => "within one standard error",
            PlateauRule::TenPercent => "within 1.1 times its median",
        };
        texts.push(format!(
            "Learning rates from {} to {} do about as well there ({rule}).",
            words::exact(plateau.low),
            words::exact(plateau.high)
        ));
    }
    if let Some(refined) = best.refined
        && (refined.learning_rate / best.learning_rate).log2().abs() > WORTH_MOVING
    {
        let error = refined.error_octaves.map_or_else(
            || "without seeds, how near is not known".to_owned(),
            |error| format!("standard error {} doublings", words::about(error)),
        );
        texts.push(format!(
            "Between the rates tried, a parabola puts the best learning rate near {} ({error}).",
            words::about(refined.learning_rate)
        ));
    }
    if best.stability_limited {
        texts.push(
            "Every larger learning rate diverged: it is stability that limits it. Keep a margin, or try \
             `warmup_steps`."
                .to_owned(),
        );
    }
    texts
}

fn rate_slope(comparison: &Comparison) -> Option<String> {
    let slope = comparison
        .rate_slopes
        .all
        .filter(|slope| slope.batch_sizes > 2 && slope.interval.high - slope.interval.low < TELLING)?;
    Some(format!(
        "The best learning rate goes with the batch size to the power {} (95 % interval {} to {}): {}.",
        words::about(slope.slope),
        words::about(slope.interval.low),
        words::about(slope.interval.high),
        rules(&slope)
    ))
}

fn rules(slope: &RateSlope) -> &'static str {
    match (slope.agrees_with(LINEAR), slope.agrees_with(SQUARE_ROOT)) {
        (true, true) => "both the linear rule (1) and the square-root rule (1/2) agree with that",
        (true, false) => "the linear rule (1) agrees with that, the square-root rule (1/2) does not",
        (false, true) => "the square-root rule (1/2) agrees with that, the linear rule (1) does not",
        (false, false) => "neither the linear rule (1) nor the square-root rule (1/2) agrees with that",
    }
}

fn critical(comparison: &Comparison) -> Option<String> {
    let critical = comparison.critical.as_ref()?;
    let Verdict::Identified { critical_batch_size } = critical.verdict else { return None };
    let interval = critical.interval.map_or_else(String::new, |interval| {
        format!(" (95 % interval {} to {})", words::about(interval.low), words::about(interval.high))
    });
    let overhead = critical.at_overhead.map_or_else(String::new, |size| {
        let smallest = critical.points.iter().map(|point| point.batch_size).fold(f64::INFINITY, f64::min);
        format!(
            " By another definition, steps within {:.0} % of perfect scaling from {smallest}, it is {}.",
            100.0 * OVERHEAD,
            words::about(size)
        )
    });
    Some(format!(
        "The critical batch size, E_min / S_min, is about {}{interval}: there, steps and examples are twice \
         their least, and larger batches mostly cost examples.{overhead}",
        words::about(critical_batch_size)
    ))
}

/// A guess at the critical batch size from gradients alone (`McCandlish` et al. 2018): the two agree to a factor of
/// about ten.
fn noise_scale(facts: &Facts<'_>) -> Option<String> {
    let is_sgd = facts.group.trials.iter().all(|trial| trial.optimizer == "sgd");
    let scales = facts.of_best_cells(|trial| trial.gradient_noise_scale).into_iter().map(|(_, scale)| scale);
    let range = Interval::spanning(scales).filter(|_| is_sgd)?;
    let value = match (words::about(range.low), words::about(range.high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    };
    Some(format!(
        "The gradient noise scale at the best learning rates is {value} examples: a guess at the critical \
         batch size, good to a factor of about ten."
    ))
}

fn step_time(comparison: &Comparison) -> Option<String> {
    let line = comparison.throughput.as_ref()?.line.filter(|line| line.residual < GOOD_FIT)?;
    let half = line.half_saturation_batch();
    (half >= 1.0).then(|| {
        format!(
            "A step takes {} and a second more for every {} examples. At a batch of {}{}, half of its time \
             is the fixed part; well above that, larger batches hardly raise the throughput.",
            words::seconds(line.overhead_seconds),
            words::many(line.examples_per_second),
            words::about(half),
            beyond(comparison, half)
        )
    })
}

/// What to add to a batch size that no trial had a neighbour of.
fn beyond(comparison: &Comparison, batch: f64) -> &'static str {
    let sizes = comparison.grid.batch_sizes();
    let largest = sizes.last().is_some_and(|&largest| batch > largest as f64);
    let smallest = sizes.first().is_some_and(|&smallest| batch < smallest as f64);
    if largest || smallest { " (outside of the batch sizes tried)" } else { "" }
}

fn soonest(comparison: &Comparison, choice: Option<&Choice>) -> Option<String> {
    let predicted = comparison.predicted_time_optimal_batch()?;
    let measured = comparison.soonest()?.batch_size;
    choice.map(|_| {
        format!(
            "From both curves, the time to the target is least near a batch of {}{}; measured, it was at {measured}.",
            words::about(predicted),
            beyond(comparison, predicted)
        )
    })
}

fn memory(comparison: &Comparison) -> Option<String> {
    let memory = comparison.memory.as_ref()?;
    let accumulated = memory.smallest_accumulated?;
    let whole = memory
        .largest_whole
        .map_or_else(String::new, |whole| format!("Up to batch size {whole} batches were trained whole; "));
    let from = format!("from batch size {accumulated} on, gradients were accumulated over micro-batches");
    let fits = memory.budget_bytes.zip(memory.line).and_then(|(budget, line)| {
        let largest = line.largest_within(budget).filter(|_| line.residual < GOOD_FIT)?;
        Some(format!(
            " By the measured peaks, about {largest} examples fit in {}.",
            words::bytes(budget as f64)
        ))
    });
    let text = if whole.is_empty() { words::sentence(&from) } else { format!("{whole}{from}.") };
    Some(text + &fits.unwrap_or_default())
}
