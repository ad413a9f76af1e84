//! The end of a sweep in words: the table, what not to conclude from it, and what to do next.

use domain::analysis::{self, Warning};
use report::{Table, human, records, results};

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
    analysis::analyze(&records::records(table), None).warnings
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
