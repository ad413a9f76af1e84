//! Replays the search on grids of finished trials, beside the full grid, random search and Optuna; `bench/search/run` calls it.

mod grid;
mod noise;
mod optuna;
mod perturbed;
mod replay;
mod table;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use domain::spec::{Goal, SearchSpec};

use grid::Grid;
use replay::Outcome;

/// Replay the search on grids of finished trials
#[derive(Debug, Parser)]
struct Arguments {
    /// A table with the columns parameters, tokens, batch_size, learning_rate, and smooth_loss or loss; what shares parameters
    /// and tokens is one grid
    #[arg(long, value_name = "FILE.csv")]
    grids: Option<PathBuf>,
    /// Print the figures of ours only, as one JSON object
    #[arg(long)]
    json: bool,
    /// Leave Optuna out
    #[arg(long)]
    only_ours: bool,
    /// Trials at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,
    /// The most trials that a search for the best cell may begin
    #[arg(long)]
    max_trials: Option<u64>,
    /// Draw each seed of each cell anew, and let seeds decide
    #[arg(long, conflicts_with = "json")]
    noise: bool,
    /// Standard deviations of a seed, in percent of the loss
    #[arg(long, value_delimiter = ',', default_values_t = [0.1, 0.3, 0.5, 1.0])]
    percent: Vec<f64>,
    /// How often each grid is drawn
    #[arg(long, default_value_t = 200)]
    repeats: u64,
    /// Replay other grids made of these, and made-up ones
    #[arg(long, conflicts_with = "json")]
    perturbed: bool,
    /// A Python that has Optuna
    #[arg(long, requires = "script")]
    python: Option<PathBuf>,
    /// The script that uses Optuna
    #[arg(long)]
    script: Option<PathBuf>,
}

/// The figures that are kept with the project: Step Law's dense language models (arXiv 2503.04715), as published.
const KEPT: &[u8] = include_bytes!("../step-law.csv");

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (grids, small) = read(&arguments)?;
    if small > 0 {
        eprintln!("bench: {small} grids with fewer than 3 batch sizes or 6 learning rates are left out");
    }
    if grids.is_empty() {
        bail!("there is no grid to replay");
    }
    if arguments.noise {
        return table::noise(&grids, &arguments.percent, arguments.repeats);
    }
    if arguments.perturbed {
        return table::perturbed(&grids, usize::from(arguments.workers));
    }
    let rows = ours(&grids, Goal::Rows, &arguments);
    let best = ours(&grids, Goal::Best, &arguments);
    if arguments.json {
        println!("{}", table::json(&rows, &best));
        return Ok(());
    }
    let optuna = match (&arguments.python, &arguments.script) {
        (Some(python), Some(script)) if !arguments.only_ours => optuna::run(python, script, &grids)?,
        _ => Vec::new(),
    };
    table::print(&grids, &rows, &best, &optuna);
    Ok(())
}

fn read(arguments: &Arguments) -> Result<(Vec<Grid>, usize)> {
    match &arguments.grids {
        None => grid::read(KEPT),
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            grid::read(file).with_context(|| format!("{} is no table of grids", path.display()))
        }
    }
}

fn ours(grids: &[Grid], goal: Goal, arguments: &Arguments) -> Vec<Outcome> {
    let max_trials = arguments.max_trials.filter(|_| goal == Goal::Best);
    let spec = SearchSpec { goal, max_trials, ..SearchSpec::default() };
    grids.iter().map(|grid| Outcome::of(grid, spec, usize::from(arguments.workers))).collect()
}
