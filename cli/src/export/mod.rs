//! A sweep as files for notebooks.
//!
//! - [`folder`]: the folder that they go to, and whether it may be written,
//! - [`csv`] and [`parquet`]: a table as a file,
//! - [`tensorboard`]: a trial as a run; [`events`]: its messages, [`record_file`]: their framing.

pub mod folder;

pub mod csv;

pub mod parquet;

pub mod tensorboard;

pub mod events;

pub mod record_file;

use report::Table;

use crate::failure::Failure;

/// A file that a table is written to, page by page.
pub trait TableFile {
    /// Adds rows; every call brings the same columns.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn add(&mut self, rows: Table) -> Result<(), Failure>;

    /// Writes what is still to be written.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn finish(&mut self) -> Result<(), Failure>;
}
