//! A table as Parquet, typed as the views are: INT64, DOUBLE, BOOLEAN, UTF-8 text, and points in time as microseconds
//! in UTC. Every column may be NULL.

use std::fs::File;
use std::io;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};
use chrono::DateTime;
use report::{Column, ColumnKind, Table};

use super::TableFile;
use super::folder::{Folder, Unfinished};
use crate::failure::Failure;

/// Rows that are held until they are written together.
const GROUP_ROWS: usize = 1 << 16;

/// A Parquet file in the making; at most one group of rows and one page are held in memory.
#[derive(Debug)]
pub struct ParquetFile {
    held: Table,
    /// Until the columns are known.
    target: Option<File>,
    writer: Option<SerializedFileWriter<File>>,
    file: Unfinished,
}

impl ParquetFile {
    /// Begins `name.parquet`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(folder: &Folder, name: &str) -> std::result::Result<Self, Failure> {
        let (file, unfinished) = folder.begin(&format!("{name}.parquet"))?;
        Ok(Self { held: Table::default(), target: Some(file), writer: None, file: unfinished })
    }

    fn write(&mut self) -> Result<()> {
        if let Some(file) = self.target.take() {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_created_by(concat!("batchsweep ", env!("CARGO_PKG_VERSION")).to_owned());
            let schema = schema(&self.held.columns)?;
            self.writer = Some(SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?);
        }
        let Some(writer) = self.writer.as_mut().filter(|_| !self.held.rows.is_empty()) else { return Ok(()) };
        let mut group = writer.next_row_group()?;
        for (index, column) in self.held.columns.iter().enumerate() {
            if let Some(mut target) = group.next_column()? {
                let cells = self.held.rows.iter().map(|row| row.get(index)?.as_deref());
                write_column(&mut target, column, cells)?;
                target.close()?;
            }
        }
        group.close()?;
        self.held.rows.clear();
        Ok(())
    }

    fn failure(&self, error: &ParquetError) -> Failure {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
        match source {
            Some(error) => self.file.failure(error),
            None => self.file.failure(&io::Error::other(error.to_string())),
        }
    }
}

impl TableFile for ParquetFile {
    fn add(&mut self, rows: Table) -> std::result::Result<(), Failure> {
        self.held.columns = rows.columns;
        self.held.rows.extend(rows.rows);
        if self.held.rows.len() >= GROUP_ROWS {
            self.write().map_err(|error| self.failure(&error))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> std::result::Result<(), Failure> {
        self.write().map_err(|error| self.failure(&error))?;
        if let Some(mut writer) = self.writer.take() {
            writer.finish().map_err(|error| self.failure(&error))?;
        }
        self.file.finish()
    }
}

fn schema(columns: &[Column]) -> Result<TypePtr> {
    let fields = columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            ColumnKind::Integer => (PhysicalType::INT64, None),
            ColumnKind::Number => (PhysicalType::DOUBLE, None),
            ColumnKind::Boolean => (PhysicalType::BOOLEAN, None),
            ColumnKind::Timestamp => {
                (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
            }
            ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(&column.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        field.build().map(Arc::new)
    });
    let fields = fields.collect::<Result<_>>()?;
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

fn write_column<'a>(
    target: &mut SerializedColumnWriter<'_>,
    column: &Column,
    cells: impl Iterator<Item = Option<&'a str>>,
) -> Result<()> {
    match column.kind {
        ColumnKind::Integer => values::<Int64Type>(target, column, cells, |text| text.parse().ok()),
        ColumnKind::Number => values::<DoubleType>(target, column, cells, |text| text.parse().ok()),
        ColumnKind::Boolean => values::<BoolType>(target, column, cells, |text| match text {
            "true" | "t" => Some(true),
            "false" | "f" => Some(false),
            _ => None,
        }),
        ColumnKind::Timestamp => values::<Int64Type>(target, column, cells, |text| {
            DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros())
        }),
        ColumnKind::Text => {
            values::<ByteArrayType>(target, column, cells, |text| Some(ByteArray::from(text)))
        }
    }
}

fn values<'a, T: DataType>(
    target: &mut SerializedColumnWriter<'_>,
    column: &Column,
    cells: impl Iterator<Item = Option<&'a str>>,
    parse: impl Fn(&str) -> Option<T::T>,
) -> Result<()> {
    // One level a row: whether there is a value. The values follow without gaps.
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        if let Some(text) = cell {
            values.push(parse(text).ok_or_else(|| {
                ParquetError::General(format!("`{text}` does not fit into column `{}`", column.name))
            })?);
        }
    }
    target.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::{Field, RowAccessor};

    use super::*;

    fn cell(text: Option<&str>) -> Option<String> {
        text.map(str::to_owned)
    }

    fn table(count: usize) -> Table {
        let column = |name: &str, kind: ColumnKind| Column { name: name.to_owned(), kind };
        let row = |index: usize| {
            vec![
                cell(Some(&(9_007_199_254_740_993 + index as i64).to_string())),
                cell((!index.is_multiple_of(3)).then_some("0.30000000000000004")),
                cell(Some(if index.is_multiple_of(2) { "true" } else { "false" })),
                cell(Some("2026-11-24T09:48:34.123456+02:00")),
                cell((index % 2 == 1).then_some("é, \"quoted\"")),
            ]
        };
        Table {
            columns: vec![
                column("steps", ColumnKind::Integer),
                column("loss", ColumnKind::Number),
                column("will_retry", ColumnKind::Boolean),
                column("started_at", ColumnKind::Timestamp),
                column("error", ColumnKind::Text),
            ],
            rows: (0..count).map(row).collect(),
        }
    }

    fn written(pages: Vec<Table>) -> SerializedFileReader<File> {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path(), "one", "parquet").unwrap();
        let mut file = ParquetFile::begin(&folder, "results").unwrap();
        for page in pages {
            file.add(page).unwrap();
        }
        file.finish().unwrap();
        SerializedFileReader::new(File::open(outer.path().join("results.parquet")).unwrap()).unwrap()
    }

    #[test]
    fn every_type_reads_back_as_it_was_to_the_last_digit() {
        let reader = written(vec![table(2), table(1)]);
        assert_eq!(reader.metadata().num_row_groups(), 1);
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(std::result::Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].get_long(0).unwrap(), 9_007_199_254_740_993);
        assert_eq!(rows[1].get_double(1).unwrap(), 0.1 + 0.2);
        assert!(rows[0].get_bool(2).unwrap() && !rows[1].get_bool(2).unwrap());
        let fields: Vec<_> = rows[1].get_column_iter().map(|(_, field)| field.clone()).collect();
        // 07:48:34 in UTC.
        assert_eq!(fields[3], Field::TimestampMicros(1_795_506_514_123_456));
        assert_eq!(rows[1].get_string(4).unwrap(), "é, \"quoted\"");
        let nulls: Vec<_> = rows[0].get_column_iter().map(|(_, field)| *field == Field::Null).collect();
        assert_eq!(nulls, [false, true, false, false, true]);
    }

    #[test]
    fn many_rows_are_written_in_groups_and_none_at_all_too() {
        let pages = (0..14).map(|_| table(10_000)).collect();
        let reader = written(pages);
        assert_eq!(reader.metadata().num_row_groups(), 2);
        assert_eq!(reader.metadata().file_metadata().num_rows(), 140_000);
        let empty = written(vec![table(0)]);
        assert_eq!(empty.metadata().file_metadata().num_rows(), 0);
        assert_eq!(empty.metadata().file_metadata().schema_descr().num_columns(), 5);
    }

    #[test]
    fn a_cell_that_does_not_fit_its_column_is_told() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path(), "one", "parquet").unwrap();
        let mut file = ParquetFile::begin(&folder, "results").unwrap();
        let mut page = table(1);
        page.rows[0][0] = cell(Some("many"));
        file.add(page).unwrap();
        let failure = file.finish().unwrap_err();
        assert!(failure.message.contains("`many` does not fit into column `steps`"), "{}", failure.message);
    }
}
