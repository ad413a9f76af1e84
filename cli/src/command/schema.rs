//! `schema`: the sweep file as JSON schema.

use crate::failure::{Exit, Failure};
use crate::output;
use crate::spec_file::schema;

/// Runs the verb.
///
/// # Errors
/// When standard output does not take it.
pub fn run() -> Result<Exit, Failure> {
    output::text(&schema::text())?;
    Ok(Exit::Success)
}
