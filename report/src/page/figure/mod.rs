//! A figure: drawings, the numbers behind them, and the SQL that gives those.

pub mod heatmap;

pub mod loss_by_rate;

pub mod best_rate;

pub mod curves;

pub mod steps_to_target;

pub mod pareto;

pub mod memory;

pub mod throughput;

mod tiles;

use crate::plot::Chart;
use crate::table::{Column, ColumnKind, Table};

/// A figure of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is called within the page.
    pub id: String,
    /// The heading that it has, or would have, on the page.
    pub title: String,
    /// What to see in it.
    pub caption: String,
    /// The drawing; where there are several, one is shown at a time.
    pub views: Vec<View>,
    /// The numbers drawn, under the names of [`Self::sql`].
    pub table: Table,
    /// The statement whose rows are [`Self::table`].
    pub sql: String,
}

/// One drawing of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What it is chosen by; empty where there is one only.
    pub label: String,
    /// What is drawn, as data; its size is chosen later.
    pub chart: Chart,
}

/// A figure that there are no numbers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The heading that it has, or would have, on the page.
    pub title: String,
    /// Why, and what would give them.
    pub why: String,
}

impl Absent {
    fn new(title: &str, why: &str) -> Self {
        Self { title: title.to_owned(), why: why.to_owned() }
    }
}

impl View {
    fn only(chart: Chart) -> Vec<Self> {
        vec![Self { label: String::new(), chart }]
    }
}

/// A number as a cell; what is not finite is NULL.
fn number(value: Option<f64>) -> Option<String> {
    value.filter(|value| value.is_finite()).map(|value| value.to_string())
}

fn whole(value: u64) -> Option<String> {
    Some(value.to_string())
}

fn table(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Option<String>>>) -> Table {
    let columns = columns.iter().map(|&(name, kind)| Column { name: name.to_owned(), kind }).collect();
    Table { columns, rows }
}
