//! The end of a sweep in words: the table, what not to conclude from it, and what to do next.

use domain::warnings::{self, TrialFacts, Warning};
use report::{Table, human, results};

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::talk::{Talk, warning};

/// Writes the results of a sweep; for people also the remarks and the warnings, set apart on standard error.
///
/// # Errors
/// When standard output does not take it.
pub fn write(table: &Table, format: Format, talk: Talk) -> Result<(), Failure> {
    output::table(format, table, results::sheet)?;
    if format != Format::Table || talk == Talk::Quiet {
        return Ok(());
    }
    let hidden = results::sheet(table).hidden_at(output::look().width);
    if hidden > 0 {
        talk.say(format_args!(
            "({} did not fit; -o csv and -o json have all)",
            human::count(hidden as u64, "column")
        ));
    }
    let remarks = results::remarks(table);
    let warnings = warnings_of(table);
    if !remarks.is_empty() || !warnings.is_empty() {
        talk.say("");
    }
    few(&remarks).iter().for_each(|remark| talk.say(remark));
    for Warning { id, message } in warnings {
        talk.say(warning(format_args!("{message} [{id}]")));
    }
    Ok(())
}

/// What must not be concluded from a table of results.
#[must_use]
pub fn warnings_of(table: &Table) -> Vec<Warning> {
    let facts: Vec<TrialFacts> = (0..table.rows.len()).filter_map(|row| facts(table, row)).collect();
    warnings::warnings(&facts)
}

fn facts(table: &Table, row: usize) -> Option<TrialFacts> {
    let axes = results::parameters(table, row);
    let others = axes.keys().filter(|name| !["batch_size", "learning_rate", "seed"].contains(&name.as_str()));
    let group: Vec<String> =
        others.map(|name| format!("{name}={}", results::axis_text(&axes, name))).collect();
    Some(TrialFacts {
        group: group.join(" "),
        batch_size: table.whole(row, "batch_size")?,
        learning_rate: table.number(row, "learning_rate")?,
        status: table.text(row, "status")?.parse().ok()?,
        steps: table.whole(row, "steps").unwrap_or(0),
        examples: table.whole(row, "examples").unwrap_or(0),
        epochs: table.number(row, "epochs").unwrap_or(0.0),
        score: table.number(row, "final_validation_loss").or_else(|| table.number(row, "train_set_loss")),
    })
}

/// The first few of many.
fn few(remarks: &[String]) -> Vec<String> {
    const MOST: usize = 8;
    let mut shown: Vec<String> = remarks.iter().take(MOST).cloned().collect();
    if remarks.len() > MOST {
        shown.push(format!("and {} more; all are in the column `error` of -o csv", remarks.len() - MOST));
    }
    shown
}
