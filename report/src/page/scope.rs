//! The trials of one section, and the SQL that selects them.

use std::collections::BTreeSet;

use domain::analysis::{Cell, CellState, Comparison, Grid, Group, ScoreMetric};
use domain::spec::Value;
use serde_json::{Map, Value as Json};

use crate::human;
use crate::plot::{Axis, Ink, Spacing, Unit};
use crate::sql::quoted;
use crate::table::Table;

/// The axes that are compared; all others set groups apart.
const COMPARED: [&str; 3] = ["batch_size", "learning_rate", "seed"];

/// One group of comparable trials.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The sweep's id, a UUID.
    pub sweep_id: &'a str,
    /// Which section it is, from 0.
    pub index: usize,
    /// Its trials, which agree in all axes but three.
    pub group: &'a Group<'a>,
    /// What the analysis says of them.
    pub comparison: &'a Comparison,
    /// All batch sizes of the sweep, smallest first: each has one colour on the whole page.
    pub sizes: &'a [u64],
    /// The path of the sweep's live page, where this is for it.
    pub live: Option<&'a str>,
}

impl Scope<'_> {
    /// The values of the axes that set it apart.
    #[must_use]
    pub fn label(&self) -> String {
        self.comparison.label.clone()
    }

    /// The id of a figure on the page.
    #[must_use]
    pub fn id(&self, figure: &str) -> String {
        if self.index == 0 { figure.to_owned() } else { format!("{figure}-{}", self.index + 1) }
    }

    /// The colour of a batch size.
    #[must_use]
    pub fn ink(&self, batch_size: u64) -> Ink {
        Ink::Series(self.sizes.iter().position(|&size| size == batch_size).unwrap_or(0))
    }

    /// Whether trials ended at their target, so that the steps to it are the score: those of different batch sizes do not
    /// compare, as large batches take fewer whatever the learning rate.
    #[must_use]
    pub fn is_by_steps(&self) -> bool {
        self.grid().metric == ScoreMetric::StepsToTarget
    }

    /// What the score is, as the beginning of a sentence: `Validation loss after the last step`.
    #[must_use]
    pub fn score_phrase(&self) -> &'static str {
        match self.grid().metric {
            ScoreMetric::ValidationLoss => "Validation loss after the last step",
            ScoreMetric::ValidationError => "Validation error after the last step",
            ScoreMetric::TrainSetLoss => "Train-set loss after the last step",
            ScoreMetric::StepsToTarget => "Optimizer steps to the target",
        }
    }

    /// A score with so many significant digits; steps are whole, give or take a median of two.
    #[must_use]
    pub fn score_text(&self, score: f64, digits: usize) -> String {
        if self.is_by_steps() { human::exact(score) } else { human::significant(score, digits) }
    }

    /// Smallest first.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<u64> {
        self.grid().batch_sizes()
    }

    /// The cells with a median.
    pub fn scored(&self) -> impl Iterator<Item = (&Cell, f64)> {
        let scored = self.grid().cells.iter().filter(|cell| cell.state() == CellState::Scored);
        scored.filter_map(|cell| Some((cell, cell.median?)))
    }

    /// Every pair of batch size and learning rate.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.comparison.grid
    }

    /// The rows of view `result` that belong to this section.
    #[must_use]
    pub fn rows(&self, results: &Table) -> Vec<usize> {
        let indices: BTreeSet<u64> = self.group.trials.iter().map(|trial| trial.trial_index).collect();
        let is_one =
            |row: &usize| results.whole(*row, "trial_index").is_some_and(|index| indices.contains(&index));
        (0..results.rows.len()).filter(is_one).collect()
    }

    /// The axis of batch sizes, marked at those that were tried.
    #[must_use]
    pub fn batch_axis(&self, span: (f64, f64)) -> Axis {
        let sizes = self.batch_sizes().into_iter().map(|size| size as f64);
        Axis::new("batch size (examples per step)", Spacing::Log2, Unit::Count, span).marked(sizes.collect())
    }

    /// The span of the batch sizes with air around it.
    #[must_use]
    pub fn batch_span(&self) -> (f64, f64) {
        Spacing::Log2.span(self.batch_sizes().into_iter().map(|size| size as f64), 0.06)
    }

    /// A statement with its places filled: `{trials}` selects the section's rows of view `result`, `{sweep}` is the
    /// sweep's id and `{score}` what is compared.
    #[must_use]
    pub fn sql(&self, template: &str) -> String {
        let sweep = quoted(self.sweep_id);
        let axes: Map<String, Json> =
            self.comparison.axes.iter().map(|(name, value)| (name.clone(), json(value))).collect();
        let mut trials = format!("sweep_id = {sweep}");
        if !axes.is_empty() {
            let compared = COMPARED.map(quoted).join(", ");
            let axes = quoted(&Json::Object(axes).to_string());
            trials.push_str(&format!("\n    and parameters::jsonb - array[{compared}] = {axes}"));
        }
        let score = match self.grid().metric {
            ScoreMetric::ValidationLoss => "final_validation_loss",
            ScoreMetric::ValidationError => "1 - final_validation_accuracy",
            ScoreMetric::TrainSetLoss => "train_set_loss",
            ScoreMetric::StepsToTarget => "steps_to_target::float8",
        };
        let unscored = "status = 'succeeded' and score is null";
        let (not_finite, missed) = if self.is_by_steps() { ("false", unscored) } else { (unscored, "false") };
        let template = template.trim_end().replace("{not_finite}", not_finite).replace("{missed}", missed);
        template.replace("{score}", score).replace("{sweep}", &sweep).replace("{trials}", &trials)
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Integer(whole) => Json::from(*whole),
        Value::Number(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Word(word) => Json::from(word.as_str()),
    }
}
