//! Sweeps made up by a formula: what the views would give of them.

use domain::spec::{Target, TargetMetric, TrainSpec};
use report::gather::Gathering;
use report::page::{Report, SweepFacts};
use report::{Column, ColumnKind, Table};

/// The columns that the report reads.
const COLUMNS: [(&str, ColumnKind); 35] = [
    ("trial_id", ColumnKind::Text),
    ("trial_index", ColumnKind::Integer),
    ("status", ColumnKind::Text),
    ("batch_size", ColumnKind::Integer),
    ("learning_rate", ColumnKind::Number),
    ("optimizer", ColumnKind::Text),
    ("seed", ColumnKind::Integer),
    ("parameters", ColumnKind::Text),
    ("micro_batch", ColumnKind::Integer),
    ("accumulation_steps", ColumnKind::Integer),
    ("device", ColumnKind::Text),
    ("worker", ColumnKind::Text),
    ("steps", ColumnKind::Integer),
    ("examples", ColumnKind::Integer),
    ("epochs", ColumnKind::Number),
    ("train_set_loss", ColumnKind::Number),
    ("last_epoch_train_loss", ColumnKind::Number),
    ("train_loss_std", ColumnKind::Number),
    ("final_validation_loss", ColumnKind::Number),
    ("final_validation_accuracy", ColumnKind::Number),
    ("steps_to_target", ColumnKind::Integer),
    ("examples_to_target", ColumnKind::Integer),
    ("seconds_to_target", ColumnKind::Number),
    ("train_seconds", ColumnKind::Number),
    ("examples_per_second", ColumnKind::Number),
    ("peak_memory_bytes", ColumnKind::Integer),
    ("resident_data_bytes", ColumnKind::Integer),
    ("parameter_bytes", ColumnKind::Integer),
    ("gradient_bytes", ColumnKind::Integer),
    ("optimizer_state_bytes", ColumnKind::Integer),
    ("batch_bytes", ColumnKind::Integer),
    ("activation_bytes", ColumnKind::Integer),
    ("memory_budget_bytes", ColumnKind::Integer),
    ("oom_count", ColumnKind::Integer),
    ("error", ColumnKind::Text),
];

/// A trial as it ended.
#[derive(Debug, Clone)]
pub struct Trial {
    pub batch_size: u64,
    pub learning_rate: f64,
    pub seed: u64,
    pub status: &'static str,
    /// Another axis of the grid, as JSON.
    pub axis: Option<(&'static str, String)>,
    /// Whether the sweep has a target.
    pub has_target: bool,
    pub error: Option<String>,
}

impl Trial {
    pub fn new(batch_size: u64, learning_rate: f64, seed: u64) -> Self {
        let status = if learning_rate > 0.05 * batch_size as f64 { "diverged" } else { "succeeded" };
        Self { batch_size, learning_rate, seed, status, axis: None, has_target: false, error: None }
    }

    fn cell(&self, index: usize, name: &str) -> Option<String> {
        let size = self.batch_size as f64;
        let best = 0.002 * size;
        let octaves = (self.learning_rate / best).log2();
        // A valley in the learning rate, a little deeper for small batches, and a little apart by seed.
        let loss = 0.4 + 0.02 * octaves.powi(2) + 0.01 * size.log2() + 0.004 * self.seed as f64;
        let is_result = matches!(self.status, "succeeded" | "diverged");
        let came_through = self.status == "succeeded";
        let steps = (20_000.0 / size).ceil();
        let to_target = 40.0 + 8_000.0 / size + 10.0 * octaves.abs() + self.seed as f64;
        let met = self.has_target && came_through && to_target < steps;
        let step_seconds = 1e-4 + size / 1e6;
        let parts = [8_000.0, 8_000.0, 0.0, 48.0 * size.min(512.0), 400.0 * size.min(512.0)];
        let number = |number: f64| Some(number.to_string());
        let of_result = |value: f64| number(value).filter(|_| is_result);
        let of_success = |value: f64| number(value).filter(|_| came_through);
        let of_target = |value: f64| number(value).filter(|_| met);
        match name {
            "trial_id" => Some(format!("trial-{index}")),
            "trial_index" => Some(index.to_string()),
            "status" => Some(self.status.to_owned()),
            "batch_size" => Some(self.batch_size.to_string()),
            "learning_rate" => number(self.learning_rate),
            "optimizer" => Some("sgd".to_owned()),
            "seed" => Some(self.seed.to_string()),
            "parameters" => Some(self.parameters()),
            "micro_batch" => of_result(size.min(512.0)),
            "accumulation_steps" => of_result((size / 512.0).ceil()),
            "device" | "worker" => Some("cpu".to_owned()).filter(|_| is_result),
            "steps" => of_result(steps),
            "examples" => of_result(20_000.0),
            "epochs" => of_result(4.0),
            "train_set_loss" | "last_epoch_train_loss" => of_success(loss),
            "train_loss_std" => of_success(0.5 / size.sqrt()),
            "steps_to_target" => of_target(to_target.round()),
            "examples_to_target" => of_target(to_target.round() * size),
            "seconds_to_target" => of_target(to_target.round() * step_seconds),
            "train_seconds" => of_result(steps * step_seconds),
            "examples_per_second" => of_result(size / step_seconds),
            "peak_memory_bytes" => of_result(parts.iter().sum()),
            "parameter_bytes" => of_result(parts[0]),
            "gradient_bytes" => of_result(parts[1]),
            "optimizer_state_bytes" | "resident_data_bytes" => of_result(parts[2]),
            "batch_bytes" => of_result(parts[3]),
            "activation_bytes" => of_result(parts[4]),
            "memory_budget_bytes" => of_result(262_144.0),
            "oom_count" => of_result(0.0),
            "error" => self.error.clone(),
            _ => None,
        }
    }

    fn parameters(&self) -> String {
        let axis =
            self.axis.as_ref().map_or_else(String::new, |(name, value)| format!(r#""{name}":{value},"#));
        format!(
            r#"{{"batch_size":{},"learning_rate":{},{axis}"seed":{}}}"#,
            self.batch_size, self.learning_rate, self.seed
        )
    }
}

/// All cells of a grid.
pub fn grid(batch_sizes: &[u64], learning_rates: &[f64], seeds: u64) -> Vec<Trial> {
    let mut trials = Vec::new();
    for &batch_size in batch_sizes {
        for &learning_rate in learning_rates {
            trials.extend((0..seeds).map(|seed| Trial::new(batch_size, learning_rate, seed)));
        }
    }
    trials
}

/// Rows of view `result`.
pub fn results(trials: &[Trial]) -> Table {
    let columns = COLUMNS.iter().map(|&(name, kind)| Column { name: name.to_owned(), kind });
    let row =
        |(index, trial): (usize, &Trial)| COLUMNS.iter().map(|(name, _)| trial.cell(index, name)).collect();
    Table { columns: columns.collect(), rows: trials.iter().enumerate().map(row).collect() }
}

/// A report without curves.
pub fn report(facts: SweepFacts, trials: &[Trial]) -> Report {
    aimed(facts, trials, None)
}

/// A report of trials that were trained to a train-set loss, without curves.
pub fn aimed(facts: SweepFacts, trials: &[Trial], below: Option<f64>) -> Report {
    let target = below.map(|below| Target { metric: TargetMetric::TrainSetLoss, below });
    trained(facts, trials, TrainSpec { target, ..TrainSpec::default() })
}

/// A report of trials that were trained in this way, without curves.
pub fn trained(facts: SweepFacts, trials: &[Trial], train: TrainSpec) -> Report {
    let results = results(trials);
    let gathered = Gathering::new(results, Some(train)).analyze(&Table::default());
    Report::new(facts, gathered, Table::default())
}

/// The same report with curves of so many points.
pub fn drawn(report: Report, trials: &[Trial], points: u64) -> Report {
    let curves = report.curve_queries().iter().map(|query| curves(trials, query, points)).collect();
    report.with_curves(curves)
}

/// Facts of a finished sweep.
pub fn facts() -> SweepFacts {
    SweepFacts {
        sweep_id: "019ab3c4-0000-7000-8000-000000000000".to_owned(),
        name: "made-up".to_owned(),
        state: "finished".to_owned(),
        created_at: "2026-11-24T03:12:45.123456Z".to_owned(),
        finished_at: "2026-11-24T03:14:00Z".to_owned(),
        source: "[grid]\nbatch_size = [8]\n".to_owned(),
        written_at: "2026-11-24T04:00:00Z".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// The trials that a curve query asks for.
pub fn asked(query: &str) -> Vec<usize> {
    let list = query.split_once("trial_index in (").unwrap().1.split_once(')').unwrap().0;
    list.split(", ").map(|index| index.parse().unwrap()).collect()
}

/// The answer to a curve query: two names for each of its trials, thinned to so many points.
pub fn curves(trials: &[Trial], query: &str, points: u64) -> Table {
    let columns = [
        ("trial_index", ColumnKind::Integer),
        ("name", ColumnKind::Text),
        ("step", ColumnKind::Integer),
        ("examples", ColumnKind::Integer),
        ("seconds", ColumnKind::Number),
        ("mean", ColumnKind::Number),
        ("lowest", ColumnKind::Number),
        ("highest", ColumnKind::Number),
    ];
    let mut rows = Vec::new();
    for index in asked(query) {
        let size = trials[index].batch_size as f64;
        for name in ["train_loss", "train_set_loss"] {
            for point in 1..=points {
                let step = (1.1f64.powf(point as f64) + point as f64).round();
                let mean = 0.4 + 1.5 / (1.0 + step * size.sqrt() / 50.0);
                let spread = if name == "train_loss" { 0.3 / size.sqrt() } else { 0.0 };
                let numbers = [step, step * size, step * 1e-3, mean, mean - spread, mean + spread];
                let head = [index.to_string(), name.to_owned()].into_iter();
                rows.push(head.chain(numbers.map(|number| number.to_string())).map(Some).collect());
            }
        }
    }
    Table { columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec(), rows }
}
