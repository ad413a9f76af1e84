//! Results, on standard output and nowhere else.

use std::io::{self, ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use domain::text::printable;
use report::{Look, Sheet, Table};

use crate::failure::{Exit, Failure};

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: what fits the terminal, in human units
    Table,
    /// For programs: an array of objects, every column, numbers as numbers
    Json,
    /// For spreadsheets and data frames: every column
    Csv,
}

/// `-o`, for every verb that reads.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// Form of the result: table for people; json or csv for programs, with every column
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    #[arg(hide_possible_values = true)]
    pub format: Format,
}

/// Writes a table in the form asked for; `sheet` makes the one for people.
///
/// # Errors
/// When standard output does not take it.
pub fn table(format: Format, table: &Table, sheet: impl FnOnce(&Table) -> Sheet) -> Result<(), Failure> {
    match format {
        Format::Json => text(&report::json::render(table)),
        // On a terminal, what others have written commands nothing.
        Format::Csv if io::stdout().is_terminal() => text(&printable(&report::csv::render(table))),
        Format::Csv => text(&report::csv::render(table)),
        Format::Table => text(&sheet(table).render(look())),
    }
}

/// Writes text.
///
/// # Errors
/// When standard output does not take it. A reader that has gone, such as `head`, ends the command without a word.
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(Exit::Success),
        _ => Failure::io("cannot write the result to standard output", &error),
    })
}

/// What standard output is.
#[must_use]
pub fn look() -> Look {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(&stdout)).flatten();
    let width = size.map(|(width, _)| usize::from(width.0));
    let color = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    Look { width, color }
}
