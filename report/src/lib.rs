//! From results to what people read and programs parse: tables, CSV, JSON, as strings. Pure: a table comes in, text
//! goes out; nothing here knows where rows come from or where the text goes.
//!
//! In reading order:
//! - [`json`] and [`csv`]: all of it, for programs,
//! - [`sheet`]: columns of text that fit a terminal,
//! - [`wrap`]: sentences that fit a terminal,
//! - [`human`]: numbers as people read them,
//! - [`rows`]: any table as a sheet,
//! - [`results`]: what a sweep found, as a sheet,
//! - [`records`]: the same rows for the analysis, [`gather`]: all the way to it,
//! - [`data_line`]: what it was trained on,
//! - [`heatmap`] and [`conclusion`]: its grid in a terminal, and what it comes to,
//! - [`best`]: what to train with, a row a batch size, and [`compare`]: several sweeps side by side,
//! - [`plan`]: what a sweep would take, as a sheet,
//! - [`plot`]: plots as SVG,
//! - [`page`]: the report on a sweep.

pub mod json;

pub mod csv;

mod shades;

pub mod sheet;

pub mod wrap;

pub mod human;

pub mod rows;

pub mod results;

pub mod records;

mod sql;

mod evaluations;

pub mod data_line;

pub mod gather;

pub mod heatmap;

pub mod conclusion;

pub mod best;

pub mod compare;

pub mod plan;

pub mod plot;

pub mod page;

pub use domain::table::{self, Column, ColumnKind, Table};
pub use sheet::{Look, Sheet};
