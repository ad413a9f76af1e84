//! A table as CSV, as `-o csv` writes it: a header line, NULL as an empty field.

use std::borrow::Cow;
use std::fs::File;

use report::Table;
use report::csv::field;

use super::TableFile;
use super::folder::{Folder, Unfinished};
use crate::failure::Failure;

/// A CSV file in the making, written row by row.
#[derive(Debug)]
pub struct CsvFile {
    writer: ::csv::Writer<File>,
    has_header: bool,
    file: Unfinished,
}

impl CsvFile {
    /// Begins `name.csv`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(folder: &Folder, name: &str) -> Result<Self, Failure> {
        let (file, unfinished) = folder.begin(&format!("{name}.csv"))?;
        Ok(Self { writer: ::csv::Writer::from_writer(file), has_header: false, file: unfinished })
    }

    fn write<'a>(&mut self, record: impl Iterator<Item = Cow<'a, str>>) -> Result<(), Failure> {
        self.writer
            .write_record(record.map(|field| field.into_owned().into_bytes()))
            .map_err(|error| self.file.failure(&error.into()))
    }
}

impl TableFile for CsvFile {
    fn add(&mut self, rows: Table) -> Result<(), Failure> {
        if !self.has_header {
            self.write(rows.columns.iter().map(|column| Cow::Borrowed(column.name.as_str())))?;
            self.has_header = true;
        }
        for row in &rows.rows {
            let cells = rows.columns.iter().zip(row);
            self.write(cells.map(|(column, cell)| field(column.kind, cell.as_deref().unwrap_or_default())))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|error| self.file.failure(&error))?;
        self.file.finish()
    }
}
