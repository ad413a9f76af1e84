//! What a sweep was trained on, in a line: files, examples, classes, shape. Each trial writes it into its log.

use crate::sql::quoted;
use crate::table::Table;

/// How the line begins in the log.
const SIGN: &str = "data: ";

/// The statement that finds the line of the sweep's first trial that has one.
#[must_use]
pub fn sql(sweep_id: &str) -> String {
    let sweep = quoted(sweep_id);
    format!(
        "select text from batchsweep.log where sweep_id = {sweep} and level = 'info' and text like '{SIGN}%' limit 1"
    )
}

/// The line without its sign; `None` before any trial has written one.
#[must_use]
pub fn read(found: &Table) -> Option<String> {
    found.text(0, "text").and_then(|line| line.strip_prefix(SIGN)).map(str::to_owned)
}
