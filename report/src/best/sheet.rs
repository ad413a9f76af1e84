//! The answer for people.

use domain::analysis::{Analysis, CellState, Edge, Reach, ScoreMetric};
use domain::spec::Value;

use super::{Row, range_of, rows};
use crate::human;
use crate::sheet::{Cell, Sheet, SheetColumn, Tone};

/// One row a batch size: its best learning rate, what does about as well, what it reached and what that took.
#[must_use]
pub fn sheet(analysis: &Analysis) -> Sheet {
    let axes: Vec<&str> = analysis
        .comparisons
        .first()
        .map(|first| first.axes.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    let score = analysis.metric.name().replacen(' ', "\n", 1);
    let mut columns: Vec<SheetColumn> =
        axes.iter().map(|axis| SheetColumn::words(&axis.replacen('_', "\n", 1), 0)).collect();
    columns.extend([
        SheetColumn::numbers("batch\nsize", 0),
        SheetColumn::numbers("best\nrate", 0),
        SheetColumn::words("about\nas good", 3),
        SheetColumn::numbers(&score, 0),
        SheetColumn::words("over its\nseeds", 4),
        SheetColumn::numbers("steps to\ntarget", 1),
        SheetColumn::numbers("examples\nto target", 6),
        SheetColumn::numbers("time to\ntarget", 2),
        SheetColumn::numbers("data\nefficiency", 7),
        SheetColumn::numbers("examples\nper second", 8),
        SheetColumn::words("note", 5),
    ]);
    let rows = rows(analysis).iter().map(|row| cells(row, &axes)).collect();
    Sheet { columns, rows }.without_empty_columns()
}

fn cells(row: &Row<'_>, axes: &[&str]) -> Vec<Cell> {
    let axis = |name: &&str| {
        let value = row.comparison.axes.iter().find(|(own, _)| own == name).map(|(_, value)| value);
        Cell::from(value.map(word).unwrap_or_default())
    };
    let by_steps = row.comparison.grid.metric == ScoreMetric::StepsToTarget;
    let loss =
        |score: f64| if by_steps { human::whole(score.round() as u64) } else { human::significant(score, 4) };
    let of_best =
        |text: &dyn Fn(&domain::analysis::BestRate) -> String| row.best.map(text).unwrap_or_default().into();
    let throughput = row.comparison.throughput.as_ref();
    let step = throughput.and_then(|all| all.rows.iter().find(|step| step.batch_size == row.batch_size));
    let reach = |reach: Option<&Reach>, show: fn(f64) -> String| {
        Cell::from(reach.map(|reach| reached(reach, show)).unwrap_or_default())
    };
    let whole = |number: f64| human::whole(number.round() as u64);
    let rest = [
        row.batch_size.to_string().into(),
        of_best(&|best| human::exact(best.learning_rate)),
        of_best(&|best| match best.plateau {
            plateau if plateau.low < plateau.high => {
                format!("{} to {}", human::exact(plateau.low), human::exact(plateau.high))
            }
            _ => String::new(),
        }),
        // Told by the column of its own.
        of_best(&|best| if by_steps { String::new() } else { loss(best.median) }),
        of_best(&|best| range_of(best, loss)),
        reach(row.target.map(|target| &target.steps), whole),
        reach(row.target.map(|target| &target.examples), human::prefixed),
        reach(row.target.map(|target| &target.seconds), human::seconds),
        row.target
            .and_then(|target| target.efficiency)
            .map(|share| human::significant(share, 2))
            .unwrap_or_default()
            .into(),
        step.map(|step| human::prefixed(step.examples_per_second)).unwrap_or_default().into(),
        note(row),
    ];
    axes.iter().map(axis).chain(rest).collect()
}

/// A median, or the bound where the target was not met.
fn reached(reach: &Reach, show: fn(f64) -> String) -> String {
    match *reach {
        Reach::Reached { median, .. } => show(median),
        Reach::NotReached { above: Some(above) } => format!("> {}", show(above)),
        Reach::NotReached { above: None } => "never".to_owned(),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Word(word) => word.clone(),
        Value::Number(number) => human::exact(*number),
        other => other.to_string(),
    }
}

/// What to know of this row before relying on it.
fn note(row: &Row<'_>) -> Cell {
    let odd = |text: &str| Cell { text: text.to_owned(), tone: Tone::Odd };
    let Some(best) = row.best else {
        let cells = row.comparison.grid.row(row.batch_size);
        let has = |state: CellState| cells.iter().any(|cell| cell.state() == state);
        let states = [
            (CellState::Open, Cell { text: "not ended".to_owned(), tone: Tone::Faint }),
            (CellState::Missed, odd("target not met")),
            (CellState::NotFinite, odd("loss not finite")),
            (CellState::Stopped, odd("ended early")),
            (CellState::Diverged, odd("diverged at every rate")),
            (CellState::Infeasible, odd("does not fit in memory")),
            (CellState::Failed, Cell { text: "failed or cancelled".to_owned(), tone: Tone::Bad }),
        ];
        let left_out = Cell { text: "left out by the search".to_owned(), tone: Tone::Faint };
        return states.into_iter().find(|(state, _)| has(*state)).map_or(left_out, |(_, cell)| cell);
    };
    let of_other_rate =
        row.target.and_then(|target| target.learning_rate).filter(|rate| *rate != best.learning_rate);
    match (best.edge, of_other_rate) {
        (Some(Edge::Low), _) => odd("smallest rate tried"),
        (Some(Edge::High), _) => odd("largest rate tried"),
        (None, _) if best.rates_tried == 1 => odd("only rate tried"),
        (None, _) if best.stability_limited => odd("larger rates diverged"),
        (None, None) if row.comparison.grid.is_searched() => "between two worse rates".to_owned().into(),
        (None, Some(rate)) => format!("target soonest at rate {}", human::exact(rate)).into(),
        (None, None) => Cell::default(),
    }
}
