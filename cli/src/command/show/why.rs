//! `show --why`: what the search of a sweep decided on a cell, and because of which results.

use std::str::FromStr;

use domain::table::Table;
use proto::v1::View;
use report::{human, rows as sheets};

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, Format};

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// All trials of a cell.
    Cell {
        /// Examples per optimizer step.
        batch_size: u64,
        /// As the tables print it.
        learning_rate: f64,
    },
    /// The trial at this place in the grid.
    Trial(u64),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write BATCH_SIZE@LEARNING_RATE, such as 32@0.1, or the index of a trial".to_owned();
        match text.split_once('@') {
            Some((size, rate)) => Ok(Self::Cell {
                batch_size: size.trim().parse().map_err(|_| form())?,
                learning_rate: rate.trim().parse().map_err(|_| form())?,
            }),
            None => text.trim().parse().map(Self::Trial).map_err(|_| form()),
        }
    }
}

/// Prints the decisions.
///
/// # Errors
/// When there is no such sweep or cell, the sweep has no search, or there is no coordinator.
pub async fn run(sweep: &str, wanted: &Wanted, format: Format, context: &Context) -> Result<Exit, Failure> {
    let (decisions, trials) = session::with(context, Purpose::Stored, async |session| {
        let refused = |status| session.refused(&status);
        let mut client = session.client.clone();
        let decisions = rows::list(&mut client, View::Decision, sweep, "").await.map_err(refused)?;
        Ok((decisions, rows::list(&mut client, View::Trial, sweep, "").await.map_err(refused)?))
    })
    .await?;
    let trials = of(wanted, trials);
    if trials.rows.is_empty() {
        let failure = Failure::failed(format!("sweep {sweep} has no such cell"));
        return Err(failure.hint(format!("see its cells with: batchsweep trials {sweep}")));
    }
    if decisions.rows.is_empty() {
        return Err(Failure::failed(format!(
            "sweep {sweep} has no [search]: every cell of its grid is trained"
        )));
    }
    let decisions = of(wanted, decisions);
    let hidden = ["sweep_id", "sweep_name", "trial_id", "decision_index", "parameters", "reason"];
    output::table(format, &decisions, |table| sheets::readable(table, &hidden))?;
    let is_undecided = |row: &usize| trials.text(*row, "status") == Some("undecided");
    let undecided = (0..trials.rows.len()).filter(is_undecided).count();
    if undecided > 0 {
        let trials = human::count(undecided as u64, "trial");
        context.talk.say(format_args!("{trials} of this cell: not decided yet, the search goes on"));
    }
    Ok(Exit::Success)
}

/// The rows of what is asked about.
fn of(wanted: &Wanted, mut table: Table) -> Table {
    let is_wanted = |row: usize| match *wanted {
        Wanted::Trial(index) => table.whole(row, "trial_index") == Some(index),
        Wanted::Cell { batch_size, learning_rate } => {
            let rate = table.number(row, "learning_rate");
            table.whole(row, "batch_size") == Some(batch_size)
                && rate.is_some_and(|rate| is_shown_as(rate, learning_rate))
        }
    };
    let wanted: Vec<bool> = (0..table.rows.len()).map(is_wanted).collect();
    let mut wanted = wanted.into_iter();
    table.rows.retain(|_| wanted.next().unwrap_or(false));
    table
}

/// Whether a rate is the one that somebody typed, who may have read it rounded to three digits.
fn is_shown_as(rate: f64, typed: f64) -> bool {
    (rate / typed - 1.0).abs() < 0.005
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_named_by_its_axes_or_a_trial_of_it() {
        assert_eq!("32@0.1".parse(), Ok(Wanted::Cell { batch_size: 32, learning_rate: 0.1 }));
        assert_eq!("7".parse(), Ok(Wanted::Trial(7)));
        for text in ["", "32@", "@0.1", "32 0.1", "-1", "32@x"] {
            assert!(text.parse::<Wanted>().unwrap_err().contains("32@0.1"), "{text}");
        }
        assert!(is_shown_as(0.0316228, 0.0316) && !is_shown_as(0.1, 0.102));
    }
}
