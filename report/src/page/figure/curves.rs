//! Loss curves of the best learning rate of each batch size, by step, by example and by second.

use std::collections::BTreeSet;

use domain::analysis::{BestRate, ScoreMetric, TrialRecord};
use domain::spec::TargetMetric;

use super::{Absent, Figure, View};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Shape, Spacing, Swatch, Unit};
use crate::sql::quoted;
use crate::table::Table;

/// Lines that an eye can follow.
const MOST_LINES: usize = 16;

/// What the horizontal axis counts.
struct Counted {
    /// What it is chosen by.
    label: &'static str,
    column: &'static str,
    axis: &'static str,
    unit: Unit,
}

const VIEWS: [Counted; 3] = [
    Counted { label: "by step", column: "step", axis: "optimizer steps", unit: Unit::Count },
    Counted { label: "by example", column: "examples", axis: "training examples seen", unit: Unit::Count },
    Counted { label: "by second", column: "seconds", axis: "training time", unit: Unit::Seconds },
];

/// The statement whose rows are the curves of both figures.
#[must_use]
pub fn sql(scope: &Scope<'_>) -> String {
    sql_of(scope, &["train_loss", evaluated(scope)])
}

fn sql_of(scope: &Scope<'_>, names: &[&str]) -> String {
    let indices: Vec<String> =
        shown(scope).iter().map(|(record, _)| record.trial_index.to_string()).collect();
    let indices = if indices.is_empty() { "null".to_owned() } else { indices.join(", ") };
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let sql = scope.sql(include_str!("../sql/curves.sql"));
    sql.replace("{names}", &names.join(", ")).replace("{indices}", &indices)
}

/// The figures: of the step losses, and of the evaluations.
pub fn figures(scope: &Scope<'_>, rows: &Table) -> [Result<Figure, Absent>; 2] {
    let is_alone = scope.group.trials.len() == 1;
    let steps = Plan {
        name: "train_loss",
        id: "curves",
        title: "Training loss curves",
        caption: if is_alone {
            "Step losses: the mean over a stretch of steps, and where there is room a band for their range."
        } else {
            "Step losses at the best learning rate of each batch size: the mean over a stretch of steps, and where there is room a \
             band for their range. Small batches are noisy because each loss is that of a few examples."
        },
    };
    let name = evaluated(scope);
    let evaluations = Plan {
        name,
        id: "evaluated-curves",
        title: if name == "validation_loss" { "Validation loss curves" } else { "Train-set loss curves" },
        caption: if is_alone {
            "The loss at its evaluations, over the same examples each time."
        } else {
            "The loss of the same trials at their evaluations, over the same examples each time: a fair comparison at any moment."
        },
    };
    [steps, evaluations].map(|plan| figure(scope, rows, &plan))
}

/// What a figure of curves is to be.
struct Plan {
    /// Name of the metric.
    name: &'static str,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
}

fn figure(scope: &Scope<'_>, rows: &Table, plan: &Plan) -> Result<Figure, Absent> {
    let curves = curves(scope, rows, plan.name);
    if curves.iter().all(|curve| curve.points.len() < 2) {
        return Err(Absent::new(plan.title, "There is no curve of two points or more."));
    }
    let has_others = curves.iter().any(|curve| !curve.is_best);
    let drawn: Vec<&TrialRecord> = curves.iter().map(|curve| curve.record).collect();
    let others = match scope.comparison.best.first().map(|best| best.seeds) {
        _ if has_others => " Grey lines are the other learning rates.",
        Some(2..) if drawn.len() == scope.comparison.best.len() => {
            " Each line is the seed with the middle score."
        }
        Some(2..) => " Each line is a seed.",
        _ => "",
    };
    let views = VIEWS
        .iter()
        .map(|counted| View { label: counted.label.to_owned(), chart: chart(scope, &curves, plan, counted) });
    Ok(Figure {
        id: scope.id(plan.id),
        title: plan.title.to_owned(),
        caption: format!("{}{others}", plan.caption),
        views: views.collect(),
        table: of_name(rows, plan.name),
        sql: sql_of(scope, &[plan.name]),
    })
}

/// The curve of evaluations that the sweep has.
fn evaluated(scope: &Scope<'_>) -> &'static str {
    let aimed_at = scope.comparison.target.map(|target| target.metric);
    match (scope.grid().metric, aimed_at) {
        (ScoreMetric::TrainSetLoss, _) | (ScoreMetric::StepsToTarget, Some(TargetMetric::TrainSetLoss)) => {
            "train_set_loss"
        }
        _ => "validation_loss",
    }
}

/// The trials whose curves are drawn, and whether they are of a best cell. All trials of a small sweep; else all seeds of
/// the best cells; where these are too many, of each best cell the seed with the middle score.
fn shown<'a>(scope: &Scope<'a>) -> Vec<(&'a TrialRecord, bool)> {
    // One that stands alone is no worse than another, however it ended.
    let is_alone = scope.group.trials.len() == 1;
    let is_best = |record: &TrialRecord| {
        let best = scope.comparison.best_of(record.batch_size);
        is_alone || best.is_some_and(|best| best.learning_rate == record.learning_rate)
    };
    let trials: Vec<_> = scope.group.trials.iter().map(|&record| (record, is_best(record))).collect();
    if trials.len() <= MOST_LINES {
        return trials;
    }
    let best: Vec<_> = trials.into_iter().filter(|(_, is_best)| *is_best).collect();
    if best.len() <= MOST_LINES {
        return best;
    }
    let middle: BTreeSet<(u64, u64)> =
        scope.comparison.best.iter().filter_map(|best| middle_seed(scope, best)).collect();
    best.into_iter().filter(|(record, _)| middle.contains(&(record.batch_size, record.seed))).collect()
}

/// Batch size and seed of the middle score of a best cell.
fn middle_seed(scope: &Scope<'_>, best: &BestRate) -> Option<(u64, u64)> {
    let mut scores = scope.comparison.cell_of(best)?.scores.clone();
    scores.sort_by(|left, right| left.1.total_cmp(&right.1));
    Some((best.batch_size, scores.get(scores.len().checked_sub(1)? / 2)?.0))
}

struct Curve<'a> {
    record: &'a TrialRecord,
    is_best: bool,
    points: Vec<Point>,
}

#[derive(Clone, Copy)]
struct Point {
    step: f64,
    examples: f64,
    seconds: f64,
    mean: f64,
    lowest: f64,
    highest: f64,
}

impl Point {
    fn at(&self, column: &str) -> f64 {
        match column {
            "step" => self.step,
            "examples" => self.examples,
            _ => self.seconds,
        }
    }
}

fn curves<'a>(scope: &Scope<'a>, rows: &Table, name: &str) -> Vec<Curve<'a>> {
    let mut curves: Vec<Curve<'a>> = shown(scope)
        .into_iter()
        .map(|(record, is_best)| Curve { record, is_best, points: Vec::new() })
        .collect();
    for row in (0..rows.rows.len()).filter(|&row| rows.text(row, "name") == Some(name)) {
        let number = |name| rows.number(row, name);
        let point = || {
            Some(Point {
                step: number("step")?,
                examples: number("examples")?,
                seconds: number("seconds")?,
                mean: number("mean")?,
                lowest: number("lowest")?,
                highest: number("highest")?,
            })
        };
        // What was evaluated before the first step has no place on a logarithmic axis.
        let point = || point().filter(|point| point.step > 0.0);
        let index = rows.whole(row, "trial_index");
        let curve = curves.iter_mut().find(|curve| Some(curve.record.trial_index) == index);
        if let Some((curve, point)) = curve.zip(point()) {
            curve.points.push(point);
        }
    }
    // Where no cell came through, none is less than another.
    let none_is_best = curves.iter().all(|curve| !curve.is_best);
    curves.iter_mut().for_each(|curve| curve.is_best |= none_is_best);
    // The best lie on top of the others.
    curves.sort_by_key(|curve| curve.is_best);
    curves
}

fn of_name(rows: &Table, name: &str) -> Table {
    let column = rows.column("name");
    let is_it =
        |row: &&Vec<Option<String>>| column.is_some_and(|column| row[column].as_deref() == Some(name));
    Table { columns: rows.columns.clone(), rows: rows.rows.iter().filter(is_it).cloned().collect() }
}

fn chart(scope: &Scope<'_>, curves: &[Curve<'_>], plan: &Plan, counted: &Counted) -> Chart {
    let column = counted.column;
    let best = curves.iter().filter(|curve| curve.is_best).count();
    let mut layers = Vec::new();
    for curve in curves {
        let ink = if curve.is_best { scope.ink(curve.record.batch_size) } else { Ink::Faint };
        let points: Vec<_> = curve.points.iter().map(|point| (point.at(column), point.mean)).collect();
        let has_range = curve.points.iter().any(|point| point.lowest < point.highest);
        // A band for each of many lines would hide them all.
        if curve.is_best && has_range && best <= 8 {
            let band = curve.points.iter().map(|point| (point.at(column), point.lowest, point.highest));
            layers.push(Layer::new(Shape::Band(band.collect()), ink));
        }
        let strong = curve.is_best && best <= 8;
        let tip = format!(
            "batch size {}, learning rate {}, seed {}",
            curve.record.batch_size,
            human::exact(curve.record.learning_rate),
            curve.record.seed
        );
        layers.push(Layer::new(Shape::Line { points, dash: Dash::Solid, strong }, ink).tip(tip));
    }
    // Bands under all lines.
    layers.sort_by_key(|layer| !matches!(layer.shape, Shape::Band(_)));
    let mut keys: Vec<Key> = scope
        .batch_sizes()
        .into_iter()
        .filter(|size| curves.iter().any(|curve| curve.is_best && curve.record.batch_size == *size))
        .map(|size| Key::new(Swatch::Line(Dash::Solid), scope.ink(size), size.to_string()))
        .collect();
    if let Some(first) = keys.first_mut() {
        first.label = format!("batch size {}", first.label);
    }
    if best < curves.len() {
        keys.push(Key::new(Swatch::Line(Dash::Solid), Ink::Faint, "other learning rates"));
    }
    // The others may leave the frame, so that these keep their room.
    let means = || {
        curves
            .iter()
            .filter(|curve| curve.is_best)
            .flat_map(|curve| curve.points.iter().map(|point| point.mean))
    };
    let (low, high) = means().fold((f64::MAX, f64::MIN), |(low, high), mean| (low.min(mean), high.max(mean)));
    let spacing = if low > 0.0 && high > 8.0 * low { Spacing::Log10 } else { Spacing::Linear };
    let places = curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.at(column)));
    Chart {
        id: scope.id(&format!("{}-{column}", plan.id)),
        title: format!("{} {}", plan.title, counted.label),
        description: "One line for each trial; the numbers are in the table below the plot.".to_owned(),
        x: Axis::new(counted.axis, Spacing::Log10, counted.unit, Spacing::Log10.span(places, 0.01)),
        y: Axis::new("loss", spacing, Unit::Plain, spacing.span(means(), 0.06)),
        layers,
        keys,
        ramp: None,
    }
}
