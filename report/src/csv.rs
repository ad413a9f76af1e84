//! A table as CSV (RFC 4180, with a header line): what pandas, Polars and spreadsheets read.

use crate::table::Table;

/// All columns and rows; NULL is an empty field.
#[must_use]
pub fn render(table: &Table) -> String {
    let header = table.columns.iter().map(|column| column.name.as_str());
    let rows =
        table.rows.iter().map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect());
    write(header.collect(), rows).unwrap_or_default()
}

/// Writing to memory fails only on rows of unequal length, and a table has none.
fn write<'a>(header: Vec<&'a str>, rows: impl Iterator<Item = Vec<&'a str>>) -> Option<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).ok()?;
    for row in rows {
        writer.write_record(row).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, ColumnKind};

    #[test]
    fn null_is_an_empty_field_and_commas_are_quoted() {
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
        let table = Table {
            columns: vec![column("status"), column("error")],
            rows: vec![
                vec![Some("succeeded".to_owned()), None],
                vec![Some("failed".to_owned()), Some("no file \"x\", no data\nat all".to_owned())],
            ],
        };
        insta::assert_snapshot!(render(&table), @r#"
        status,error
        succeeded,
        failed,"no file ""x"", no data
        at all"
        "#);
    }
}
