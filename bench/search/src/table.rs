//! The figures, as Markdown and as JSON.

use anyhow::Result;
use domain::analysis::random::Random;
use domain::spec::{Goal, SearchSpec};
use domain::statistics::median;
use serde_json::{Value, json};

use crate::grid::Grid;
use crate::noise;
use crate::optuna::Sampled;
use crate::perturbed::variants;
use crate::replay::{Outcome, regret};

/// Random cells that random search draws, and how often.
const RANDOM: (usize, u64) = (40, 100);

/// The figures of ours, by the names that `bench/README.md` lists.
pub fn json(rows: &[Outcome], best: &[Outcome]) -> Value {
    json!({
        "rows": { "grids": rows.len(), "trials": mean(&trials(rows)), "worst_row_regret": largest(&regrets(rows)) },
        "best": { "grids": best.len(), "trials": mean(&trials(best)), "regret": largest(&regrets(best)) },
    })
}

/// All methods, one a line.
pub fn print(grids: &[Grid], rows: &[Outcome], best: &[Outcome], optuna: &[Sampled]) {
    let cells: Vec<f64> = grids.iter().map(|grid| grid.cells() as f64).collect();
    println!("# The search: {} grids of finished trials\n", grids.len());
    println!("| method | trials: mean (least to most) | regret: median | largest | mean trials' durations |");
    println!("| --- | --: | --: | --: | --: |");
    line("full grid", &cells, &[0.0], mean(&cells));
    line("ours, `rows`: the worst row", &trials(rows), &regrets(rows), mean(&times(rows)));
    line("ours, `best`", &trials(best), &regrets(best), mean(&times(best)));
    let drawn = random(grids);
    line("random", &[RANDOM.0 as f64], &drawn, RANDOM.0 as f64);
    for sampled in optuna {
        let name = format!("Optuna, {}", sampled.sampler);
        line(&name, &[sampled.trials as f64], &sampled.regrets, sampled.trials as f64);
    }
}

fn line(name: &str, trials: &[f64], regrets: &[f64], time: f64) {
    let (least, most) = (trials.iter().copied().fold(f64::INFINITY, f64::min), largest(trials));
    let range = if least < most { format!(" ({least:.0} to {most:.0})") } else { String::new() };
    println!(
        "| {name} | {:.1}{range} | {} | {} | {time:.1} |",
        mean(trials),
        percent(median(regrets).unwrap_or(f64::NAN)),
        percent(largest(regrets))
    );
}

/// The regret of random cells without repetition.
fn random(grids: &[Grid]) -> Vec<f64> {
    let mut regrets = Vec::new();
    for grid in grids {
        for seed in 0..RANDOM.1 {
            let mut random = Random::new(seed);
            let mut cells = grid.space(1).grid();
            let drawn: Vec<_> = (0..RANDOM.0.min(cells.len()))
                .map(|_| cells.swap_remove(random.below(cells.len())))
                .collect();
            regrets.push(regret(grid, drawn));
        }
    }
    regrets
}

/// What seeds that decide cost, and how often they name a good cell.
pub fn noise(grids: &[Grid], percents: &[f64], repeats: u64) -> Result<()> {
    println!("# Seeds that decide: {} grids, each drawn {repeats} times\n", grids.len());
    println!(
        "| goal | seeds, % | named within {} | trials | of three seeds everywhere | regret: median | 95 % | largest |",
        percent(noise::CLOSE)
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: |");
    for goal in [Goal::Best, Goal::Rows] {
        for &deviation in percents {
            let noisy = noise::run(grids, goal, deviation / 100.0, repeats);
            let last = noisy.regrets.len().saturating_sub(1);
            let at = |share: f64| percent(noisy.regrets[(last as f64 * share).round() as usize]);
            println!(
                "| `{}` | {deviation} | {:.1} % | {:.1} | {:.0} % | {} | {} | {} |",
                goal.word(),
                100.0 * noisy.close as f64 / noisy.regrets.len() as f64,
                noisy.trials,
                100.0 * noisy.trials / noisy.everywhere,
                at(0.5),
                at(0.95),
                at(1.0)
            );
        }
    }
    Ok(())
}

/// How ours does on other grids.
pub fn perturbed(grids: &[Grid], workers: usize) -> Result<()> {
    println!("# Other grids, {workers} at once\n");
    println!("| grids | goal | trials | regret: median | largest | above 0.2 % |");
    println!("| --- | --- | --: | --: | --: | --: |");
    for variant in variants(grids) {
        for goal in [Goal::Rows, Goal::Best] {
            let spec = SearchSpec { goal, ..SearchSpec::default() };
            let outcomes: Vec<Outcome> =
                variant.grids.iter().map(|grid| Outcome::of(grid, spec, workers)).collect();
            let regrets = regrets(&outcomes);
            println!(
                "| {} | `{}` | {:.1} | {} | {} | {} of {} |",
                variant.name,
                goal.word(),
                mean(&trials(&outcomes)),
                percent(median(&regrets).unwrap_or(f64::NAN)),
                percent(largest(&regrets)),
                regrets.iter().filter(|regret| **regret > 0.002).count(),
                regrets.len()
            );
        }
    }
    Ok(())
}

fn trials(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.trials as f64).collect()
}

fn regrets(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.regret).collect()
}

fn times(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.time).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
