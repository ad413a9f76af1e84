//! The answer for programs.

use domain::analysis::{Analysis, Edge, PlateauRule, Reach};

use super::{Row, axes, rows};

use crate::table::{Column, ColumnKind, Table};

/// The columns: their names and what they hold. `above` columns are bounds where the target was not met.
const COLUMNS: [(&str, ColumnKind); 35] = {
    use ColumnKind::{Boolean, Integer, Number, Text};
    [
        ("parameters", Text),
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("metric", Text),
        ("value", Number),
        ("value_low", Number),
        ("value_high", Number),
        ("seeds", Integer),
        ("diverged", Integer),
        ("rates_tried", Integer),
        ("plateau_low", Number),
        ("plateau_high", Number),
        ("plateau_rule", Text),
        ("refined_learning_rate", Number),
        ("refined_error_octaves", Number),
        ("edge", Text),
        ("stability_limited", Boolean),
        ("target_learning_rate", Number),
        ("target_seeds_met", Integer),
        ("target_seeds", Integer),
        ("steps_to_target", Number),
        ("steps_to_target_low", Number),
        ("steps_to_target_high", Number),
        ("steps_to_target_above", Number),
        ("examples_to_target", Number),
        ("examples_to_target_above", Number),
        ("seconds_to_target", Number),
        ("seconds_to_target_low", Number),
        ("seconds_to_target_high", Number),
        ("seconds_to_target_above", Number),
        ("perfect_scaling_steps", Number),
        ("data_efficiency", Number),
        ("seconds_per_step", Number),
        ("examples_per_second", Number),
        ("accumulated", Boolean),
    ]
};

/// One row a batch size, every number, under names that follow those of view `result`.
#[must_use]
pub fn table(analysis: &Analysis) -> Table {
    let columns = COLUMNS.iter().map(|&(name, kind)| Column { name: name.to_owned(), kind });
    let rows = rows(analysis).iter().map(|row| cells(row, analysis)).collect();
    Table { columns: columns.collect(), rows }
}

fn cells(row: &Row<'_>, analysis: &Analysis) -> Vec<Option<String>> {
    let number = |number: f64| number.is_finite().then(|| number.to_string());
    let (best, target) = (row.best, row.target);
    let steps = row.comparison.throughput.as_ref();
    let step = steps.and_then(|all| all.rows.iter().find(|step| step.batch_size == row.batch_size));
    let diverged = best.and_then(|best| row.comparison.cell_of(best)).map(|cell| cell.diverged.to_string());
    let steps_to = target.map(|target| target.steps);
    let examples_to = target.map(|target| target.examples);
    let seconds_to = target.map(|target| target.seconds);
    let cells: [Option<String>; 35] = [
        Some(axes(row.comparison).to_string()),
        Some(row.batch_size.to_string()),
        best.and_then(|best| number(best.learning_rate)),
        best.map(|_| analysis.metric.word().to_owned()),
        best.and_then(|best| number(best.median)),
        best.and_then(|best| number(best.range.low)),
        best.and_then(|best| number(best.range.high)),
        best.map(|best| best.seeds.to_string()),
        diverged,
        best.map(|best| best.rates_tried.to_string()),
        best.and_then(|best| number(best.plateau.low)),
        best.and_then(|best| number(best.plateau.high)),
        best.map(|best| match best.plateau.rule {
            PlateauRule::StandardError => "standard_error".to_owned(),
            PlateauRule::TenPercent => "ten_percent".to_owned(),
        }),
        best.and_then(|best| number(best.refined?.learning_rate)),
        best.and_then(|best| number(best.refined?.error_octaves?)),
        best.and_then(|best| {
            Some(match best.edge? {
                Edge::Low => "low".to_owned(),
                Edge::High => "high".to_owned(),
            })
        }),
        best.map(|best| best.stability_limited.to_string()),
        target.and_then(|target| number(target.learning_rate?)),
        target.map(|target| target.reached.to_string()),
        target.map(|target| target.tried.to_string()),
        steps_to.and_then(|reach| number(reach.median()?)),
        steps_to.and_then(|reach| number(reach.range()?.low)),
        steps_to.and_then(|reach| number(reach.range()?.high)),
        steps_to.and_then(|reach| number(above(reach)?)),
        examples_to.and_then(|reach| number(reach.median()?)),
        examples_to.and_then(|reach| number(above(reach)?)),
        seconds_to.and_then(|reach| number(reach.median()?)),
        seconds_to.and_then(|reach| number(reach.range()?.low)),
        seconds_to.and_then(|reach| number(reach.range()?.high)),
        seconds_to.and_then(|reach| number(above(reach)?)),
        target.and_then(|target| number(target.perfect_steps?)),
        target.and_then(|target| number(target.efficiency?)),
        step.and_then(|step| number(step.seconds)),
        step.and_then(|step| number(step.examples_per_second)),
        step.map(|step| step.accumulated.to_string()),
    ];
    cells.to_vec()
}

fn above(reach: Reach) -> Option<f64> {
    match reach {
        Reach::NotReached { above } => above,
        Reach::Reached { .. } => None,
    }
}
